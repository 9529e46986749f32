"""The configuration and the folder of a run, made from what a user gives on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import cae
from cae.apps.progress import Loading
from cae.apps.screen import tell, tell_loudly
from cae.apps.tables import describe_pictures
from cae.config import StageConfig, dump, parse_section
from cae.data.sources import find_picture_folder
from cae.data.splits import find_thinned_classes
from cae.errors import ConfigError
from cae.presets import parse_value, split_setting
from cae.run_folder import require_run_name

RUNS = Path("runs")
# What --data can name without a path.
BUILT_IN = ("cifar10", "digits")

_DEFAULT_PRESET = "quick"
_DIGITS_PRESET = "digits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a user asks of a training command.

    Attributes:
        command: its name, for messages.
        sections: the sections of the configuration that the command uses.
        source, skip_damaged: which data, for `load_dataset`.
        preset: None for the one that suits the data.
        settings: `key=value` each, applied to the preset after `fixed` and `seed`.
        fixed: settings that the command itself makes.
        autoencoder: the configuration of the encoder to build on; None for the preset's.
        seed: the seed of every section; None leaves the seeds unchanged.
        device, precision: for `choose_runtime`.
        out: folder of the run; None for one under runs/, whose name ends with `out_ending`.
        name: of the models; None for the preset's.
        fresh: start over, and replace what is there.
        save_every: seconds between two saved states of a training.
    """

    command: str
    sections: tuple[str, ...] = ("data", "autoencoder", "classifier")
    source: str
    skip_damaged: bool = False
    preset: str | None
    settings: Sequence[str]
    fixed: Sequence[str] = ()
    autoencoder: cae.AutoencoderConfig | None = None
    seed: int | None
    device: str
    precision: str
    out: Path | None
    out_ending: str = ""
    name: str | None
    fresh: bool
    save_every: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A request with everything decided, its data loaded."""

    config: cae.RunConfig
    dataset: cae.Dataset
    folder: cae.RunFolder
    runtime: cae.Runtime


def make_plan(request: Request) -> Plan:
    """Return what to do for `request`; nothing is written yet.

    The configuration is looked at before the data, which may take a download, and the device
    last, which takes PyTorch.

    Raises:
        ConfigError: a preset, setting, name or device that cannot be used.
        DataError: the data cannot be loaded.
    """
    if request.name is not None:
        require_run_name(request.name)
    presets = [request.preset] if request.preset else [_DEFAULT_PRESET]
    if not request.preset and request.source in ("auto", "digits"):
        presets.append(_DIGITS_PRESET)
    configs: dict[str, cae.RunConfig] = {}
    refused: dict[str, ConfigError] = {}
    for preset in presets:
        try:
            configs[preset] = read_config(request, preset)
        except ConfigError as error:
            refused[preset] = error
    if not configs:
        raise refused[presets[0]]
    require_outside(request.out or RUNS, request.source)
    first = configs.get(presets[0])
    dataset = load_data(
        request.source,
        None if first is None else first.autoencoder.image_shape,
        skip_damaged=request.skip_damaged,
    )
    with Loading():
        runtime = cae.choose_runtime(device=request.device, precision=request.precision)
    preset = request.preset or (_DIGITS_PRESET if dataset.source == "digits" else _DEFAULT_PRESET)
    if preset in refused:
        raise refused[preset]
    config = configs[preset]
    if not find_thinned_classes(dataset, config.data):
        config = read_config(request, preset, is_thinned=False)
        if config != configs[preset]:
            tell("no class is thinned: what the preset does to make up for thinning is left out")
    out = request.out or RUNS / f"{dataset.source}-{preset}{request.out_ending}"
    return Plan(
        config=config,
        dataset=dataset,
        folder=cae.RunFolder(out, request.name or preset),
        runtime=runtime,
    )


def require_outside(out: Path, source: str) -> None:
    """Refuse to write where a user's own pictures are read: plots would be taken for a class.

    Args:
        out: the folder to write into, or one above it.
        source: of the data, for `load_dataset`.

    Raises:
        ConfigError: `out` is the pictures' folder or lies in it.
        DataError: the file system refuses to look there.
    """
    pictures = find_picture_folder(source)
    if pictures is None or not out.resolve().is_relative_to(pictures.resolve()):
        return
    where = pictures.resolve()
    raise ConfigError(
        f"{out}: is inside the folder of the pictures, {where}, where plots would be taken for "
        f"pictures of a class; give a folder outside it: --out {where.parent / RUNS / 'NAME'}"
    )


def read_config(request: Request, preset: str, *, is_thinned: bool = True) -> cae.RunConfig:
    """Return `preset`, for data whose classes are thinned or not, with seed and settings applied.

    Raises:
        ConfigError: there is no such preset, or a setting is unknown, not allowed or of a section
            that the command does not use.
    """
    seed = [] if request.seed is None else [f"seed={request.seed}"]
    base = cae.load_preset(preset, is_thinned=is_thinned)
    if request.autoencoder is not None:
        # Not checked yet: the settings may be what makes the classifier fit the encoder.
        size = {"image_shape": request.autoencoder.image_shape}
        stages = {
            "autoencoder": request.autoencoder,
            "classifier": base.classifier.model_copy(update=size),
        }
        base = base.model_copy(update=stages)
    place = "the encoder and the settings"
    changes = [*request.fixed, *seed, *request.settings]
    if changes:
        config = cae.override(base, changes)
    else:
        config = parse_section(cae.RunConfig, dump(base), place=place)
    if cae.override(config, request.fixed) != config:
        raise ConfigError(
            f"--set: cae {request.command} with these options needs {', '.join(request.fixed)}; "
            "leave that key out"
        )
    values = cast("dict[str, dict[str, Any]]", dump(config))
    for setting in request.settings:
        _require_effect(setting, values, request)
    if request.autoencoder is None:
        return config
    values["autoencoder"] = dump(request.autoencoder)
    return parse_section(cae.RunConfig, values, place=place)


def is_shape(setting: str) -> bool:
    """Return whether a `key=value` sets the size of the images."""
    section, key = split_setting(setting)
    return key == "image_shape" and section in ("", "autoencoder", "classifier")


def read_image_shape(settings: Sequence[str]) -> tuple[int, int, int]:
    """Return the `image_shape` that settings ask for, the last one if there are several.

    No network is built for it here, so it does not have to fit one.

    Raises:
        ConfigError: it is not [height, width, channels].
    """
    texts = [each.partition("=")[2] for each in settings if is_shape(each)]
    values = {"image_shape": parse_value(texts[-1])} if texts else {}
    return parse_section(StageConfig, values, place="--set").image_shape


def find_source(saved: cae.SavedModel, *, purpose: str) -> str:
    """Return the data set that a model was trained on, for `load_dataset`.

    Raises:
        ConfigError: it is no built-in one, and has to be named for the `purpose`.
    """
    source = saved.about.get("data")
    if source not in BUILT_IN:
        raise ConfigError(
            f"{saved.path}: was trained on {source!r}, which is not a built-in data set; say which "
            f"images to {purpose}: --data cifar10, digits, or the path of their folder"
        )
    return source


def load_data(
    source: str,
    image_shape: tuple[int, int, int] | None = None,
    *,
    skip_damaged: bool = False,
) -> cae.Dataset:
    """Return the data set that `source` names, with a sign of life; say so if it is a stand-in.

    Args:
        source: for `load_dataset`.
        image_shape: the shape that a user's own pictures are resized to; None: CIFAR-10's.
        skip_damaged: leave out those of them that cannot be used.

    Raises:
        DataError: it cannot be loaded.
    """
    with Loading() as loading:
        dataset = cae.load_dataset(
            source,
            image_shape=image_shape,
            skip_damaged=skip_damaged,
            on_download=loading,
            on_pictures=loading.count_pictures,
        )
    if dataset.fallback_reason:
        reason = dataset.fallback_reason
        for paragraph in ("Tried: ", "To provide a copy"):
            reason = reason.replace(f". {paragraph}", f".\n\n{paragraph}")
        tell_loudly(
            f"{reason}.\n\nContinuing with the built-in digits instead: real "
            "images, but small and easy. No figure below says anything about CIFAR-10.",
            title="This is not CIFAR-10",
        )
    return dataset


def tell_pictures(dataset: cae.Dataset) -> None:
    """Say of a user's own pictures which classes they are of, and how many of each."""
    if dataset.source in BUILT_IN:
        return
    counts = (dataset.train.class_counts() + dataset.test.class_counts()).tolist()
    unlabelled = 0 if dataset.unlabelled is None else len(dataset.unlabelled)
    named = dict(zip(dataset.train.class_names, counts, strict=True))
    tell(describe_pictures(named, tested=len(dataset.test), unlabelled=unlabelled))


def _require_effect(setting: str, values: dict[str, dict[str, Any]], request: Request) -> None:
    section, key = split_setting(setting)
    touched = [section] if section else [name for name in values if key in values[name]]
    if not set(touched) & set(request.sections):
        raise ConfigError(
            f"--set {setting!r}: has no effect, because cae {request.command} uses only the "
            f"sections {' and '.join(request.sections)}; leave it out"
        )
