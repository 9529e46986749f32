"""The commands that train: the whole run, and its two stages one by one."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cae
from cae.apps.glyphs import missing_glyphs_told
from cae.apps.occupied import read_finished_run
from cae.apps.progress import TrainingProgress
from cae.apps.screen import answer_json, answers, tell, tell_warning
from cae.apps.settings import Plan, Request, find_source, make_plan, tell_pictures
from cae.apps.stopping import StopRequest
from cae.apps.tables import make_places_table, make_results_table, make_training_table
from cae.config import ENCODER_KEYS
from cae.data.splits import describe_splits, drop_labelled, make_splits
from cae.errors import CheckpointError, StoppedError
from cae.presets import split_setting
from cae.report.names import name_data

# PyTorch and Matplotlib come in with the functions that need them, so that a mistake in the
# arguments or the data is told within a second.


def run(request: Request, *, as_json: bool) -> None:
    """Run the whole experiment, or show it if it is there already."""
    plan = make_plan(request)
    folder = plan.folder
    evaluation = None if request.fresh else read_finished_run(plan)
    if evaluation is not None:
        tell(f"{folder.root}: this run is already complete; --fresh runs it again")
        make_splits(plan.dataset, plan.config.data)  # for its warnings, which hold for the scores
    else:
        _tell_plan(plan)
        with folder.lock(), _training(request) as (progress, keeping):
            result = cae.run(
                plan.config,
                plan.dataset,
                out=folder.root,
                name=folder.name,
                runtime=plan.runtime,
                progress=progress,
                keeping=keeping,
                fresh=request.fresh,
            )
            with missing_glyphs_told(plan.dataset.train.class_names):
                cae.draw_run(folder, result.evaluation, result.reconstructions, result.mistakes)
        evaluation = result.evaluation
    if as_json:
        answer_json({**evaluation, "paths": _list_paths(folder)})
        return
    answers.print(make_results_table(evaluation))
    _show_places(
        folder,
        _find_plots(folder),
        following=f"cae predict PICTURE --model {_quote(folder.model(folder.classifier).json)}",
    )


def pretrain(request: Request) -> None:
    """Train an autoencoder and write it."""
    plan = make_plan(request)
    from cae.report.figures.run_plots import draw_training

    folder = plan.folder
    splits = make_splits(plan.dataset, plan.config.data)
    _tell_plan(plan)
    with folder.lock(), _training(request) as (progress, keeping):
        trained = cae.pretrain_into(
            folder,
            splits,
            plan.config.autoencoder,
            runtime=plan.runtime,
            progress=progress,
            keeping=keeping,
            fresh=request.fresh,
        )
        with missing_glyphs_told():
            plots = draw_training(folder, folder.autoencoder)
    answers.print(make_training_table(trained.fit, stage="autoencoder", data=splits.source))
    _show_places(
        folder,
        plots,
        following=f"cae finetune --encoder {_quote(folder.model(folder.encoder).json)} "
        f"--data {_quote(request.source)} --out {_quote(folder.root)}{_repeat_options(request)}",
    )


def finetune(request: Request, *, encoder: Path | None) -> None:
    """Train a classifier on the encoder at `encoder`, or from scratch if None, and write it."""
    saved = None if encoder is None else _read_encoder(encoder)
    given = request.source
    if saved is not None:
        if request.source == "auto":
            request = replace(request, source=find_source(saved, purpose="train on"))
        request = replace(
            request, autoencoder=saved.autoencoder_config, sections=("data", "classifier")
        )
    plan = make_plan(request)
    from cae.report.figures.run_plots import draw_training

    folder, config = plan.folder, plan.config
    weights = None if saved is None else _load_encoder_weights(saved)
    splits = make_splits(plan.dataset, plan.config.data)
    if saved is None:
        _tell_untrained(request.settings)
    else:
        _compare_data(saved, splits)
    _tell_plan(plan)
    with folder.lock(), _training(request) as (progress, keeping):
        trained = cae.finetune_into(
            folder,
            splits,
            config.autoencoder,
            config.classifier,
            encoder_weights=weights,
            encoder_sha256=None if saved is None else saved.weights_sha256,
            runtime=plan.runtime,
            progress=progress,
            keeping=keeping,
            fresh=request.fresh,
        )
        with missing_glyphs_told():
            plots = draw_training(folder, folder.classifier)
    answers.print(make_training_table(trained.fit, stage="classifier", data=splits.source))
    _show_places(
        folder,
        plots,
        following=f"cae evaluate {_quote(folder.model(folder.classifier).json)}"
        + ("" if given == "auto" else f" --data {_quote(given)}")
        + "".join(f" {word}" for word in _repeat_skipping(request)),
    )


@contextmanager
def _training(request: Request) -> Generator[tuple[TrainingProgress, cae.Keeping]]:
    """Show what is trained in the block, and let a signal stop it after a step."""
    try:
        with TrainingProgress() as progress, StopRequest(is_training=progress.is_training) as stop:
            yield progress, cae.Keeping(request.save_every, stop)
    except StoppedError as error:
        if request.fresh:
            error.args = (f"{error} if given without --fresh",)
        raise


def _tell_plan(plan: Plan) -> None:
    runtime = plan.runtime
    tell(
        f"{name_data(plan.dataset.source)} on {runtime.device} in {runtime.precision}, into "
        f"{plan.folder.root}"
    )
    tell_pictures(plan.dataset)


def _read_encoder(path: Path) -> cae.SavedModel:
    saved = cae.read_model(path)
    if saved.kind == "classifier":
        raise CheckpointError(
            f"{path}: is a classifier; give an encoder_*.json or autoencoder_*.json file instead"
        )
    return saved


def _load_encoder_weights(saved: cae.SavedModel) -> Any:
    model = cae.load_model(saved)
    return getattr(model, "encoder", model).state_dict()


def _compare_data(saved: cae.SavedModel, splits: cae.Splits) -> None:
    """Warn if the encoder was pretrained on other images than the classifier is trained on."""
    about = drop_labelled(describe_splits(splits))
    if saved.about.get("data") != about["data"]:
        tell_warning(
            f"{saved.path} was pretrained on {saved.about.get('data')}, not on {about['data']}; "
            "if the two share pictures, it may have seen validation and test images"
        )
    elif drop_labelled(saved.about).get("split") != about["split"]:
        tell_warning(
            f"{saved.path} was pretrained on another split of {about['data']}: it may have seen "
            "the validation images"
        )


def _tell_untrained(settings: Sequence[str]) -> None:
    """Warn of settings that only the training of an autoencoder would heed, where there is none.

    They are not refused: the preset's value may not fit the size of the images that is set.
    """
    unheeded = cae.AutoencoderConfig.model_fields.keys() - ENCODER_KEYS
    shared = cae.ClassifierConfig.model_fields
    for section, key in map(split_setting, settings):
        if key in unheeded and (section == "autoencoder" or (not section and key not in shared)):
            tell_warning(f"autoencoder: {key} has no effect while no autoencoder is trained")


def _show_places(folder: cae.RunFolder, plots: Sequence[Path], *, following: str) -> None:
    answers.print(make_places_table(folder, plots))
    # In one line, whatever the width: it is there to be copied.
    answers.print(f"\n  Next, for example:\n  {following}\n", soft_wrap=True)


def _repeat_options(request: Request) -> str:
    """Return those of the given options that the next stage needs too."""
    given = [(split_setting(setting), setting) for setting in request.settings]
    # How long and at which rate a stage trains is its own; how small images may be is not.
    shared = ("low_resolution_epochs", "low_resolution_side")
    known = cae.DataConfig.model_fields
    repeated = [
        setting
        for (section, key), setting in given
        if (section in ("", "data") and key in known) or (not section and key in shared)
    ]
    words = [
        *(["--preset", request.preset] if request.preset else []),
        *(["--seed", str(request.seed)] if request.seed is not None else []),
        *(["--name", request.name] if request.name else []),
        *_repeat_skipping(request),
        *(word for setting in repeated for word in ("--set", setting)),
    ]
    return "".join(f" {_quote(word)}" for word in words)


def _repeat_skipping(request: Request) -> list[str]:
    return ["--skip-damaged"] if request.skip_damaged else []


def _quote(value: str | Path) -> str:
    return shlex.quote(str(value))


def _find_plots(folder: cae.RunFolder) -> list[Path]:
    return [path for path in folder.plots if path.exists()]


def _list_paths(folder: cae.RunFolder) -> dict[str, Any]:
    models = (folder.autoencoder, folder.encoder, folder.classifier)
    return {
        "out": str(folder.root),
        "evaluation": str(folder.evaluation),
        "models": [str(folder.model(model).json) for model in models],
        "history": [
            str(folder.history(model)) for model in (folder.autoencoder, folder.classifier)
        ],
        "plots": [str(path) for path in _find_plots(folder)],
    }
