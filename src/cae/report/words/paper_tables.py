"""The report's tables, as rows of text: the split, results, peers, cost and the study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from cae.report.names import name_place
from cae.report.phrases import write_percent, write_range
from cae.report.results.seeds import Accuracy, Group
from cae.report.results.sources import Run
from cae.report.results.study_results import Interval, Labels, Study, name_arm, name_labels
from cae.wording import join

Row = list[str]
Table = dict[str, Any]  # head: cells; rows: lists of cells; strong: the rows to stand out


def make_split_table(run: Run) -> Table:
    """Return the images of each class in each split; classes with the same counts share a row."""
    split = run.evaluation["split"]
    parts = [part for part in ("train", "validation", "test") if split.get(part, {}).get("images")]
    alike: dict[tuple[int, ...], list[str]] = {}
    for name in split["train"]["classes"]:
        counts = tuple(split[part]["classes"].get(name, 0) for part in parts)
        alike.setdefault(counts, []).append(name)
    rows = [
        [("each of " if len(names) > 1 else "") + join(names), *(f"{count:,}" for count in counts)]
        for counts, names in alike.items()
    ]
    rows.append(["all classes", *(f"{split[part]['images']:,}" for part in parts)])
    return {"head": ["class", *parts], "rows": rows, "strong": [len(rows) - 1]}


def make_results_table(groups: Sequence[Group], origin: Mapping[str, Any]) -> Table:
    """Return a row for the origin and for each group of runs, the first of which stands out.

    The origin has a row only where the first run's classes are its own. A column in which no run
    has a figure is left out.
    """
    first = groups[0].first
    thinned = first.evaluation["thinned_classes"]
    head = ["run", "test accuracy", "95% interval", "macro F1"]
    head += [f"recall of {' / '.join(thinned)}", "PSNR", "minutes"]
    rows: list[Row] = []
    figure = origin["figure"]
    if list(figure["recall"]) == list(thinned):
        rows.append(
            [
                f"{origin['name']} ({origin['date']})",
                write_percent(figure["test_accuracy"], 0),
                "",
                f"{figure['macro_f1']:.2f}",
                " / ".join(f"{recall:.2f}" for recall in figure["recall"].values()),
                f"{figure['validation_psnr']:.1f} dB*",
                f"{figure['minutes']:.1f}",
            ]
        )
    strong = [len(rows)]
    for group in groups:
        accuracy = group.accuracy
        recalls = (group.recall(name) for name in thinned)
        seeds = "" if accuracy.seeds == 1 else f", {accuracy.seeds} seeds"
        psnr = group.mean(lambda run: run.quality.get("psnr"))
        macro_f1 = group.mean(lambda run: run.scores["macro_f1"])
        rows.append(
            [
                f"`{group.name}`{seeds}",
                write_percent(accuracy.mean),
                write_range(accuracy.low, accuracy.high),
                f"{macro_f1:.2f}",
                " / ".join("" if recall is None else f"{recall:.2f}" for recall in recalls),
                "" if psnr is None else f"{psnr:.1f} dB",
                " or ".join(f"{each.minutes:.1f}" for each in group.by_place),
            ]
        )
    told = [place for place in range(len(head)) if any(row[place] for row in rows)]
    return {
        "head": [head[place] for place in told],
        "rows": [[row[place] for place in told] for row in rows],
        "strong": strong,
    }


def make_peers_table(peers: Mapping[str, Any], ours: Accuracy, *, name: str) -> Table:
    """Return what others report, in parts, with our row on top of the first.

    Those that trained autoencoder and classifier at once (`is_joint`) have parts of their own.

    Returns:
        Also `parts`, the places of rows that open a part and hold its name alone, and for each
        row the key of its reference (`keys`) and its address (`sources`), or "".
    """
    same_task = [peers["origin"], *peers["same_task"]]
    sections = {
        "The same task, on the split each chose: an autoencoder first": _select(
            same_task, is_joint=False
        ),
        "The same task, on the split each chose: both at once": _select(same_task, is_joint=True),
        "All labels of the whole training set: an autoencoder first": _select(
            peers["all_labels"], is_joint=False
        ),
        "All labels of the whole training set: both at once": _select(
            peers["all_labels"], is_joint=True
        ),
        "Few labels": peers["few_labels"],
    }
    rows: list[Row] = []
    keys: list[str] = []
    sources: list[str] = []
    parts: list[int] = []
    for title, members in sections.items():
        if not members:
            continue
        parts.append(len(rows))
        rows.append([title, "", "", ""])
        if len(parts) == 1:
            interval = f"95% interval {write_range(ours.low, ours.high)}"
            rows.append([f"`{name}`", write_percent(ours.mean), "this report", interval])
        keys += [""] * (len(rows) - len(keys))
        sources += [""] * (len(rows) - len(sources))
        for peer in members:
            figure = peer["figure"]
            spread = f" ± {100 * figure['spread']:.1f}" if "spread" in figure else ""
            # As reported: 71%, 72.8% and 80.95% tell how far each was rounded.
            accuracy = f"{round(100 * figure['test_accuracy'], 2):g}{spread}%"
            rows.append([peer["name"], accuracy, peer["how"], peer["measured"]])
            keys.append(peer.get("reference", ""))
            sources.append(peer["source"] or "")
    return {
        "head": ["who", "test accuracy", "how", "measured on"],
        "rows": rows,
        "strong": [1],
        "parts": parts,
        "keys": keys,
        "sources": sources,
    }


def _select(peers: Sequence[Mapping[str, Any]], *, is_joint: bool) -> list[Mapping[str, Any]]:
    return [peer for peer in peers if peer.get("is_joint", False) is is_joint]


def make_cost_table(groups: Sequence[Group]) -> Table:
    """Return the seconds of each stage and where they passed, a mean over the runs of each group.

    A group that was made on several machines has a row for each.
    """
    rows = [
        [
            f"`{here.name}`" + (f", {_name_seeds(here)}" if len(group.runs) > 1 else ""),
            *(
                f"{fmean(run.evaluation['seconds'][stage] for run in here.runs):,.0f}"
                for stage in ("pretrain", "finetune", "evaluate", "total")
            ),
            f"{here.first.evaluation['parameters']:,}",
            f"{name_place(here.first.environment)}, {here.first.environment['date']}",
        ]
        for group in groups
        for here in group.by_place
    ]
    head = ["run", "pretrain", "fine-tune", "evaluate", "in all", "parameters", "machine"]
    return {"head": head, "rows": rows, "strong": []}


def _name_seeds(group: Group) -> str:
    """Return "seed 44", "seeds 42 and 43"."""
    seeds = [str(run.seed) for run in group.runs]
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {join(seeds)}"


def make_study_tables(study: Study) -> list[dict[str, Any]]:
    """Return for each encoder a table of arms by label budget, and its name.

    A cell has the mean, its interval of 95% and how many seeds they are of.
    """
    tables: list[dict[str, Any]] = []
    for encoder in study.encoders:
        mine = [estimate for estimate in study.estimates if estimate.encoder == encoder]
        budgets: list[Labels] = [
            labels for labels in study.labels if any(e.labels == labels for e in mine)
        ]
        by_place = {(e.arm, e.pretraining, e.labels): e for e in mine}
        rows: list[Row] = []
        for arm, pretraining in dict.fromkeys((e.arm, e.pretraining) for e in mine):
            cells = [name_arm(arm, pretraining)]
            for labels in budgets:
                estimate = by_place.get((arm, pretraining, labels))
                cells.append("" if estimate is None else write_estimate(estimate.accuracy))
            rows.append(cells)
        head = ["arm", *(name_labels(labels) for labels in budgets)]
        tables.append({"encoder": encoder, "head": head, "rows": rows, "strong": []})
    return tables


def write_estimate(interval: Interval) -> str:
    """Return a mean in percent, its interval and how many it is of: "65.2 (64.4 to 66.0; 7)"."""
    mean = f"{100 * interval.mean:.1f}"
    if interval.low is None or interval.high is None:
        return f"{mean} (1)"
    return f"{mean} ({100 * interval.low:.1f} to {100 * interval.high:.1f}; {interval.count})"
