"""The command that runs a study, or shows what it would run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cae
from cae.apps.progress import Loading
from cae.apps.screen import answer_json, answers, tell
from cae.apps.settings import RUNS, load_data, read_image_shape, require_outside, tell_pictures
from cae.apps.stopping import StopRequest
from cae.apps.study_progress import StudyScreen
from cae.apps.study_tables import Planned, make_grid_table, make_study_table, name_trials
from cae.data.splits import make_splits
from cae.errors import CaeError, ConfigError
from cae.report.figures.study_pictures import draw_study
from cae.report.names import name_data
from cae.report.results.study_results import read_study
from cae.report.words.study_sentences import tell_in_short
from cae.run_folder import StudyFolder
from cae.study.cost import measure_speeds
from cae.study.grid import Choice, make_grid
from cae.study.results import require_room, write_results
from cae.study.runner import Outcome, Workers, make_waves, run_study
from cae.study.trials import Cell, Trial

_FEW_TEST_IMAGES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRequest:
    """What a user asks of `cae study`.

    Attributes:
        choice: what is chosen from a plan.
        source, skip_damaged: which data, for `load_dataset`.
        device, precision: for `choose_runtime`.
        out: folder of the study; None for one under runs/.
        workers: how many trials run at once, and by what.
        save_every: seconds between two saved states of a training.
        command: the command as it was given.
    """

    choice: Choice
    source: str
    skip_damaged: bool
    device: str
    precision: str
    out: Path | None
    workers: Workers
    save_every: float
    command: str


def study(request: StudyRequest, *, dry_run: bool, as_json: bool) -> None:
    """Run what is left of the study and show the results of all of it; or only show its grid.

    Raises:
        CaeError: a trial failed; the others were carried out.
    """
    require_outside(request.out or RUNS, request.source)
    shape = read_image_shape(request.choice.settings)
    dataset = load_data(request.source, shape, skip_damaged=request.skip_damaged)
    with Loading():
        runtime = cae.choose_runtime(device=request.device, precision=request.precision)
        cells = make_grid(request.choice, dataset)
    ending = "" if dataset.source == "cifar10" else f"-{dataset.source}"
    folder = StudyFolder(request.out or RUNS / f"study{ending}")
    # All trials have one split: of it only the labels that are used change.
    make_splits(dataset, cells[0].trial.data)
    if dry_run:
        require_room(folder, cells)
        with Loading():
            planned = plan_times(cells, folder, runtime, num_classes=len(dataset.train.class_names))
        if as_json:
            answer_json([each.describe() for each in planned])
        else:
            answers.print(make_grid_table(planned, jobs=request.workers.jobs))
        return
    where = f"{runtime.device} in {runtime.precision}, into {folder.root}"
    tell(f"{name_data(dataset.source)} on {where}")
    tell_pictures(dataset)
    with (
        StudyScreen(name_trials(cells)) as screen,
        StopRequest(is_training=screen.is_training) as stop,
    ):
        outcomes = run_study(
            cells,
            dataset,
            folder,
            runtime=runtime,
            command=request.command,
            progress=screen,
            keeping=cae.Keeping(request.save_every, stop),
            workers=request.workers,
        )
    summary = write_results(folder)
    draw_study(folder)
    if as_json:
        answer_json(summary)
    else:
        answers.print(make_study_table(summary))
        for words in tell_study(folder, tested=len(dataset.test)):
            answers.print(f"  {words}\n")
        answers.print(f"  Each trial is a row of {folder.table},")
        answers.print(f"  means and differences are in {folder.summary}.\n")
    _require_all(outcomes, cells)


def tell_study(folder: StudyFolder, *, tested: int) -> list[str]:
    """Return what the study's plan of labels answers, and how far its test images carry that."""
    found = read_study(folder.results)
    if found is None or not found.differences:
        return []
    told = [tell_in_short(found)]
    if tested < _FEW_TEST_IMAGES:
        told.append(
            f"There are {tested:,} test images: each is worth {100 / tested:.1f} points. The "
            "intervals are over seeds, and say nothing about other pictures."
        )
    return told


def parse_budgets(labels: Iterable[str]) -> tuple[int | None, ...]:
    """Return the label budgets that are given in words: numbers per class, or "all" (None).

    Raises:
        ConfigError: one is neither.
    """
    budgets: list[int | None] = []
    for word in labels:
        if word != "all" and not (word.isascii() and word.isdigit() and 0 < int(word) < 10**9):
            raise ConfigError(f"--labels {word}: expected a number of labels per class, or all")
        budgets.append(None if word == "all" else int(word))
    return tuple(budgets)


def parse_seeds(text: str) -> tuple[int, ...]:
    """Return the seeds that "7" (0 to 6) or "3-5" name.

    Raises:
        ConfigError: it is neither, or names none.
    """
    first, dash, last = text.partition("-")
    numbers = [first, last] if dash else [first]
    if all(number.isascii() and number.isdigit() and len(number) < 7 for number in numbers):
        seeds = range(int(first), int(last) + 1) if dash else range(int(first))
        if seeds:
            return tuple(seeds)
    raise ConfigError(f"--seeds {text}: expected a number, such as 6, or a range, such as 3-5")


def plan_times(
    cells: Sequence[Cell], folder: StudyFolder, runtime: cae.Runtime, *, num_classes: int
) -> list[Planned]:
    """Return each trial of the grid with the seconds that it would take on this machine."""
    trained = [cell.trial for cell in cells if not _is_frozen(cell.trial)]
    example = (trained or [cells[0].trial])[0]
    assert example.classifier is not None
    speeds = measure_speeds(
        example.autoencoder, example.classifier, num_classes=num_classes, runtime=runtime
    )
    names = name_trials(cells)
    # A pretraining that no unfinished trial stands on is not made again.
    left = {trial.key for wave in make_waves(cells, folder, at_once=False) for trial in wave}
    trials = {cell.trial.key: cell.trial for cell in cells}
    before = {
        trial.pretraining.key: trial.pretraining
        for trial in trials.values()
        if trial.pretraining is not None
    }
    return [
        Planned(
            trial,
            names[trial.key],
            trial.flops / (speeds.pretrain if trial.classifier is None else speeds.finetune),
            is_finished=trial.key not in left,
        )
        for trial in (*before.values(), *trials.values())
    ]


def _is_frozen(trial: Trial) -> bool:
    return trial.classifier is not None and trial.classifier.freeze_encoder


def _require_all(outcomes: Sequence[Outcome], cells: Sequence[Cell]) -> None:
    """Tell of the trials that are not finished, and fail if any failed."""
    elsewhere = [outcome for outcome in outcomes if outcome.state == "elsewhere"]
    if elsewhere:
        tell(
            "another process is working in the same folder; once it is done, the same command "
            f"completes the results: {len(elsewhere)} of {len(outcomes)} trials wait for it"
        )
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    if failed:
        names = name_trials(cells)
        for outcome in failed:
            tell(f"failed: {names[outcome.key]}: {outcome.error}", style="bold red")
        raise CaeError(
            f"{len(failed)} of {len(outcomes)} trials failed; the same command retries them"
        )
