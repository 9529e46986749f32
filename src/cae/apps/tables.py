"""Answers as tables for people to read: results, splits, scores and predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cae.apps.screen import write_duration
from cae.report.names import name_data, spell_out
from cae.report.results.sources import read_peers
from cae.run_folder import RunFolder

_SHOWN_CLASSES = 3
_NAMED_CLASSES = 10


class _Fit(Protocol):
    """What a table needs to know about a `cae.training.trainer.FitResult`."""

    @property
    def history(self) -> Any: ...
    @property
    def chosen(self) -> str: ...


def make_results_table(evaluation: Mapping[str, Any]) -> RenderableType:
    """Return the results of a run (the content of evaluation.json).

    Where the data is CIFAR-10, the origin's published figures stand beside them.
    """
    data = evaluation["data"]
    scores, quality = evaluation["test"]["classifier"], evaluation["test"]["autoencoder"]
    seconds, thinned = evaluation["seconds"], evaluation["thinned_classes"]
    has_origin = data == "cifar10"
    theirs = read_peers()["origin"]["figure"]
    table = _make_table()
    table.add_column()
    table.add_column("this run", justify="right")
    table.add_column("95% interval", justify="right")
    if has_origin:
        table.add_column("origin", justify="right", style="dim")

    def add(label: str, value: str, *, interval: str = "", origin: float | None = None) -> None:
        row = [label, value, interval]
        if has_origin:
            row.append("" if origin is None else f"{origin:.0%}")
        table.add_row(*row)

    low, high = scores["accuracy_interval"]
    accuracy = f"{scores['accuracy']:.1%}"
    add("accuracy", accuracy, interval=f"{low:.1%} to {high:.1%}", origin=theirs["test_accuracy"])
    add("macro F1", f"{scores['macro_f1']:.1%}", origin=theirs["macro_f1"])
    for name in thinned:
        recall = _write_share(scores["per_class"][name]["recall"])
        add(f"recall of {name} (thinned)", recall, origin=theirs["recall"].get(name))
    least = _find_least(scores["per_class"])
    if least is not None and least not in thinned:
        recall = _write_share(scores["per_class"][least]["recall"])
        add(f"recall of {least} (the least)", recall)
    table.add_section()
    for label, value in _list_reconstruction(quality):
        add(label, value)
    table.add_section()
    for stage, label in (
        ("pretrain", "time to train the autoencoder"),
        ("finetune", "time to train the classifier"),
        ("evaluate", "time to evaluate"),
        ("total", "time in all"),
    ):
        add(label, write_duration(seconds[stage]))
    title = f"Results on the {name_data(data)} test set, {scores['count']:,} images"
    warning = "These figures are of the built-in digits: CIFAR-10 was not available.\n"
    stand_in = evaluation["fallback_reason"] is not None
    notices = [Text(f"  {warning}", style="bold yellow")] if stand_in else []
    return Group(_make_title(title), table, *notices)


def _find_least(per_class: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the class with the lowest recall; None if none has test images."""
    recalls = {name: of["recall"] for name, of in per_class.items() if of["recall"] is not None}
    return min(recalls, key=lambda name: recalls[name], default=None)


def make_training_table(fit: _Fit, *, stage: str, data: str) -> RenderableType:
    """Return what the weights that were kept reach on the validation images."""
    history = fit.history
    epoch = history.best_epoch if fit.chosen == "best" else history.epochs
    table = _make_table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, values in history.metrics.items():
        if name.startswith("val_"):
            value = values[epoch - 1]
            words = f"{value:.1%}" if "accuracy" in name else f"{value:.5f}"
            table.add_row(spell_out(name.removeprefix("val_")), words)
    validated = table.row_count > 0
    table.add_row("weights of epoch", f"{epoch} of {history.epochs}")
    table.add_row("time", write_duration(history.seconds))
    where = "on the" if validated else "without"
    title = f"{stage.capitalize()} {where} {name_data(data)} validation images"
    return Group(_make_title(title), table)


def make_splits_table(about: Mapping[str, Any]) -> RenderableType:
    """Return how many images of each class each split has (from `describe_splits`)."""
    split = about["split"]
    parts = [name for name in split if name != "fingerprint"]
    table = _make_table()
    table.add_column("class")
    for part in parts:
        table.add_column(part, justify="right")
    for name in split[parts[0]]["classes"]:
        # The classes of unlabelled images are not known.
        counts = [split[part]["classes"].get(name) for part in parts]
        table.add_row(name, *("" if count is None else f"{count:,}" for count in counts))
    table.add_section()
    table.add_row("all", *(f"{split[part]['images']:,}" for part in parts), style="bold")
    title = f"{name_data(about['data'])}: images by class and split"
    fingerprint = Text.assemble(("  fingerprint ", "dim"), split["fingerprint"], "\n")
    return Group(_make_title(title), table, fingerprint)


def describe_pictures(
    counts: Mapping[str, int], *, tested: int, unlabelled: int, most: int = _NAMED_CLASSES
) -> str:
    """Return in one line which classes a user's own pictures are of, and how many.

    Args:
        counts: labelled pictures by class.
        tested: how many of them are for testing.
        unlabelled: how many there are besides.
        most: how many classes are named; the others are counted.
    """
    named = [f"{name} {count:,}" for name, count in counts.items()]
    if len(named) > most:
        others = [*counts.values()][most - 1 :]
        named[most - 1 :] = [f"{len(others):,} more with {min(others):,} to {max(others):,} each"]
    rest = f", and {unlabelled:,} without a label" if unlabelled else ""
    return (
        f"{len(counts):,} classes: {', '.join(named)}; {tested:,} of the {sum(counts.values()):,} "
        f"pictures are for testing{rest}"
    )


def make_scores_table(scores: Mapping[str, Any], *, title: str) -> RenderableType:
    """Return a classifier's scores, from `evaluate_classification`."""
    low, high = scores["accuracy_interval"]
    table = _make_table()
    table.add_column("class")
    for name in ("precision", "recall", "F1"):
        table.add_column(name, justify="right")
    table.add_column("images", justify="right")
    for name, of_class in scores["per_class"].items():
        shares = (_write_share(of_class[score]) for score in ("precision", "recall", "f1"))
        table.add_row(name, *shares, f"{of_class['support']:,}")
    summary = Text.assemble(
        "  accuracy ",
        (f"{scores['accuracy']:.1%}", "bold"),
        f" (95% interval {low:.1%} to {high:.1%}), macro F1 ",
        (f"{scores['macro_f1']:.1%}", "bold"),
        f", loss {scores['loss']:.3f}\n",
    )
    return Group(_make_title(title), table, summary)


def make_reconstruction_table(scores: Mapping[str, Any], *, title: str) -> RenderableType:
    """Return an autoencoder's scores, from `evaluate_autoencoder`."""
    table = _make_table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for label, value in _list_reconstruction(scores):
        table.add_row(label, value)
    return Group(_make_title(title), table)


def _list_reconstruction(scores: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the rows on an autoencoder: a label and a value each."""
    rows: list[tuple[str, str]] = []
    if "target" in scores:
        target = spell_out(str(scores["target"]))
        how = "hidden" if "hidden_fraction" in scores else "predicted"
        rows.append((f"MSE of {how} {target}", f"{scores['target_mse']:#.4g}"))
        rows.append((f"{how} of each image", f"{scores[f'{how}_fraction']:.0%}"))
    if "psnr" in scores:
        rows.append(("reconstruction MSE", f"{scores['mse']:#.3g}"))
        rows.append(("reconstruction PSNR", f"{scores['psnr']:.1f} dB"))
        ssim = scores["ssim"]
        words = "images too small for it" if ssim is None else f"{ssim:.3f}"
        rows.append(("reconstruction SSIM", words))
    return rows


def make_predictions_table(predictions: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Return the most probable classes of each picture.

    Args:
        predictions: each with `path`, and `probabilities` by class, the highest first.
    """
    table = _make_table()
    table.add_column("picture", overflow="fold")
    table.add_column("class", style="bold")
    table.add_column("", justify="right", style="bold")
    table.add_column("or else", style="dim")
    for prediction in predictions:
        ranked = list(prediction["probabilities"].items())[:_SHOWN_CLASSES]
        (best, probability), *others = ranked
        rest = ", ".join(f"{name} {share:.1%}" for name, share in others)
        table.add_row(prediction["path"], best, f"{probability:.1%}", rest)
    return table


def make_places_table(folder: RunFolder, plots: Sequence[Path]) -> RenderableType:
    """Return where everything lies, of what there is."""
    places = {
        folder.model(folder.classifier).json: "the classifier, its weights beside it",
        folder.model(folder.autoencoder).json: "the autoencoder",
        folder.model(folder.encoder).json: "its encoder alone",
        folder.history(folder.classifier): "the classifier's training, epoch by epoch",
        folder.history(folder.autoencoder): "the autoencoder's",
        folder.evaluation: "the figures above and more",
    }
    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold")
    table.add_column(style="dim")
    for path, words in places.items():
        if path.exists():
            table.add_row(f"  {path.relative_to(folder.root)}", words)
    if plots:
        table.add_row("  plots/", "the curves" if len(plots) < 3 else f"{len(plots)} pictures")
    return Group(Text.assemble("  Everything lies in ", (str(folder.root), "bold")), table)


def _make_table(*, show_header: bool = True) -> Table:
    return Table(box=box.SIMPLE, header_style="dim", show_header=show_header)


def _make_title(title: str) -> Text:
    # Not the table's own title, which is broken into lines as narrow as the table.
    return Text(f"\n  {title}", style="bold")


def _write_share(share: float | None) -> str:
    return "no images" if share is None else f"{share:.1%}"
