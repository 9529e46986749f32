"""README and the pages that it leads to hold the measured figures, and nothing else."""

from __future__ import annotations

import csv
import json
import re
from itertools import pairwise, takewhile
from math import log10
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from cae.config import dump
from cae.files import read_sealed_json
from cae.presets import load_preset
from cae.report.names import name_place
from cae.report.phrases import TIMES, write_p, write_points, write_size
from cae.report.results.control import read_control
from cae.report.results.seeds import group_runs
from cae.report.results.sources import read_peers, read_run, read_speed
from cae.report.results.study_results import read_study
from cae.report.words.control import tell_conditions, tell_gain
from cae.report.words.machines import make_machines_table, tell_machines
from cae.report.words.paper_tables import make_results_table, make_study_tables
from cae.report.words.regularisations import make_regularisations_table, tell_regularisations
from cae.report.words.run_sentences import tell_cost
from cae.report.words.speed import CASES, index_rows, make_speed_table
from cae.report.words.study_sentences import (
    find_drawn_differences,
    tell_in_short,
    tell_tests,
    write_gain,
)
from cae.report.words.study_setup import tell_extent, tell_recipe
from cae.report.words.study_verdicts import (
    make_equal_epochs_table,
    make_verdicts_table,
    tell_parted,
    tell_stronger,
)
from cae.training.finished import require_whole_run
from cae.wording import join

ROOT = Path(__file__).parents[2]
RUNS = {
    'make run ARGS="--preset base"': ROOT / "runs_published" / "base",
    "make run": ROOT / "benchmarks" / "results" / "run_quick_cifar10",
    'make run ARGS="--preset optimal"': ROOT,
}

SPEED = ROOT / "benchmarks" / "results"
STUDY = ROOT / "history" / "study"
PAGES = [
    ROOT / "README.md",
    *(ROOT / "docs" / f"{name}.md" for name in ("results", "speed", "study")),
]
# The tables that the tests here hold to the results, by the first cells of their heads, and those
# without figures.
HELD_TABLES = {
    "on CIFAR-10, trained by",
    "pretraining, encoder `origin`",
    "gain over equal computation from scratch, in points",
    "gain over as many epochs from scratch, in points",
    "encoder `origin`: test accuracy, % (95% interval over seeds; how many)",
    "encoder `optimal`: test accuracy, % (95% interval over seeds; how many)",
    "images per second",
    "plan `origin`: arm",
    "seed",
    "study: trained on",
}
PLAIN_TABLES = {"command", "arm", "pretraining"}
STAGES = ("autoencoder", "classifier")


def read_table(heading: str) -> dict[str, list[str]]:
    """Return the table whose first line holds `heading`: label of the row, then cells."""
    lines = [line for page in PAGES for line in page.read_text(encoding="utf-8").splitlines()]
    start = next(n for n, line in enumerate(lines) if line.startswith("|") and heading in line)
    rows: dict[str, list[str]] = {}
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        label, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        rows[label] = cells
    return rows


def read_words() -> str:
    """Return the words of all pages, whatever lines they stand on."""
    return " ".join(word for page in PAGES for word in page.read_text(encoding="utf-8").split())


def read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def write_cells(folder: Path) -> dict[str, str]:
    """Return the cells that a run's files ask for."""
    evaluation, environment = (
        read_json(folder / "evaluation.json"),
        read_json(folder / "environment.json"),
    )
    scores, quality = evaluation["test"]["classifier"], evaluation["test"]["autoencoder"]
    low, high = scores["accuracy_interval"]
    recalls = (scores["per_class"][name]["recall"] for name in evaluation["thinned_classes"])
    (seed,) = set(evaluation["seeds"].values())
    return {
        "test accuracy (95% interval)": f"**{scores['accuracy']:.1%}** ({low:.1%} to {high:.1%})",
        "macro F1": f"{scores['macro_f1']:.2f}",
        "recall of bird / deer / truck": " / ".join(f"{recall:.2f}" for recall in recalls),
        # A masked autoencoder's target need not be a picture.
        "reconstruction PSNR": f"{quality['psnr']:.1f} dB" if "psnr" in quality else "",
        "reconstruction SSIM": f"{quality['ssim']:.3f}" if "ssim" in quality else "",
        "minutes in all": f"{evaluation['seconds']['total'] / 60:.1f}",
        "machine": f"{environment['threads']} cores, {environment['processor']}",
        "precision": environment["precision"],
        "PyTorch": environment["packages"]["torch"].partition("+")[0],
        "seed": str(seed),
        "date": environment["date"],
    }


def name_torch(environment: dict[str, Any]) -> str:
    return f"PyTorch {environment['packages']['torch'].partition('+')[0]}"


def write_conditions(environment: dict[str, Any], date: str) -> str:
    """Return the README's words for where and when something was measured."""
    return (
        f"{environment['processor']}, {name_torch(environment)}, {environment['precision']}, {date}"
    )


def write_run_conditions(folder: Path) -> str:
    """Return the README's words for the seed of a run, and for where and when it was trained."""
    environment = read_json(folder / "environment.json")
    seed = write_cells(folder)["seed"]
    return f"seed {seed}, {write_conditions(environment, environment['date'])}"


@pytest.mark.parametrize("command", RUNS)
def test_the_readme_shows_the_figures_of_the_published_runs(command: str):
    table = read_table("the origin |")
    commands = [cell.strip("`") for cell in table.pop("")]
    table.pop("---")
    column = commands.index(command)
    assert {label: cells[column] for label, cells in table.items()} == write_cells(RUNS[command])


def test_the_readme_tells_what_the_default_takes_without_bfloat16():
    folder = SPEED / "quick_without_bfloat16"
    cells = write_cells(folder)
    assert cells["precision"] == "float32"
    present, measured = read_json(RUNS["make run"] / "run.json"), read_json(folder / "run.json")
    former = {"batch_size": 1000, "lr": 0.24}
    present["config"]["classifier"] |= former
    for section, values in measured["config"].items():
        # Keys that are newer than the run are at their defaults.
        assert values == {key: present["config"][section][key] for key in values}
    accuracy = cells["test accuracy (95% interval)"].split("**")[1]
    settings = " ".join(f"--set classifier.{key}={value}" for key, value in former.items())
    text = read_words()
    assert (
        f"`make run` computes in float32: {accuracy} in {cells['minutes in all']} minutes, in the "
        f"batches that `quick` had then (`{settings}`;" in text
    )
    cores = cells["machine"].partition(",")[0]
    assert f"{cores} of a Zen 3, {write_run_conditions(folder)}" in text


def test_the_readme_tells_how_well_images_are_reconstructed_and_what_that_is_worth():
    folders = [SPEED / name for name in ("run_sharp_eighth_cifar10", "run_sharp_cifar10")]
    configs = [read_json(folder / "run.json")["config"]["autoencoder"] for folder in folders]
    assert [config["filters_per_block"][-1] for config in configs] == [16, 128]
    scores = [read_json(folder / "evaluation.json")["test"] for folder in folders]
    psnr = [f"{score['autoencoder']['psnr']:.1f}" for score in scores]
    accuracy = [f"{score['classifier']['accuracy']:.1%}" for score in scores]
    text = read_words()
    assert f"at {psnr[0]} dB from 8 x 8 x 16 numbers" in text
    assert f"at {psnr[1]} dB, where the measure ends, from the origin's 8 x 8 x 128" in text
    told = f"reaches {accuracy[0]} on the eighth and {accuracy[1]} on the full code in ten epochs"
    assert told in text
    for folder in folders:
        assert read_json(folder / "environment.json")["threads"] == 1
        assert f"1 core of a Zen 3 each, {write_run_conditions(folder)}" in text


def test_the_readme_tells_what_the_seeds_of_the_best_recipe_reach():
    folders = [ROOT, *sorted((ROOT / "benchmarks" / "results").glob("run_optimal_cifar10_seed*"))]
    (group,) = group_runs([read_run(folder) for folder in folders])
    accuracy = group.accuracy
    seeds = " and ".join(", ".join(str(run.seed) for run in group.runs).rsplit(", ", 1))
    bird, deer, truck = (f"{group.recall(name):.1%}" for name in ("bird", "deer", "truck"))
    assert (
        f"Over the seeds {seeds} it reaches {accuracy.mean:.1%} on average (95% interval "
        f"{accuracy.low:.1%} to {accuracy.high:.1%}), and finds bird in {bird}, deer in {deer} and "
        f"truck in {truck} of cases"
    ) in read_words()
    assert tell_cost(group) in read_words()


@pytest.mark.parametrize(
    ("preset", "folder"), [("optimal", ROOT), ("quick", SPEED / "run_quick_cifar10")]
)
def test_the_readme_tells_what_a_recipe_reaches_from_scratch(preset: str, folder: Path):
    control = read_control(SPEED, read_run(folder))
    assert control is not None
    assert tell_gain(control, preset) in read_words()
    assert tell_conditions(control) in read_words()
    assert f"`{control.command}`" in read_words()
    pairs = read_json(SPEED / f"control_{preset}.json")["pairs"]
    bird, deer, truck = (
        f"{mean(pair['from_scratch']['recall'][name] for pair in pairs):.1%}"
        for name in ("bird", "deer", "truck")
    )
    told = f"From scratch it finds bird, deer and truck in {bird}, {deer} and {truck} of cases"
    assert told in read_words()


def test_the_readme_tells_what_a_record_recipe_reaches_in_the_same_time():
    result = read_json(SPEED / "equal_time.json")
    (run,) = result["runs"]
    record, ours = run["record"], run["ours"]
    recalls = [
        "{:.2f}, {:.2f} and {:.2f}".format(*each["recall"].values()) for each in (ours, record)
    ]
    assert (
        f"({record['accuracy']:.1%} in {record['seconds']['total']:.0f} s), `quick` with eight "
        f"epochs reaches {ours['accuracy']:.1%} in {ours['seconds']['total']:.0f} s, its "
        f"autoencoder included, with bird, deer and truck at {recalls[0]} instead of {recalls[1]} "
        f"(`python -m benchmarks.equal_time`, seed {run['seed']}, "
        f"{write_conditions(result['environment'], result['date'])})"
    ) in read_words()


def test_the_readme_answers_as_the_report_does():
    study, words = read_study(STUDY), read_words()
    assert study is not None
    for tell in (
        tell_extent,
        tell_in_short,
        tell_tests,
        tell_parted,
        tell_stronger,
        tell_recipe,
    ):
        assert tell(study) in words
    assert f"`{study.commands[-1]}`" in words
    rows = [row for row in find_drawn_differences(study) if row.encoder == "origin"]
    (p,) = {write_p(row.p_holm) for row in rows if row.is_significant}
    assert f"which is significant (p = {p} after Holm's correction over the three" in words
    assert {row.comparisons for row in rows if row.is_significant} == {3}


def test_the_readme_shows_what_each_pretraining_gains():
    study = read_study(STUDY)
    assert study is not None
    table = make_verdicts_table(study)
    shown = read_table("| pretraining, encoder `origin` |")
    shown.pop("---")
    heads = [name for name in table["head"] if name != "encoder"]
    assert next(iter(shown.values())) == heads[1:]
    _, *rows = shown.items()
    # A number is bold where its verdict has no doubt.
    assert [[name, *(cell.replace("**", "") for cell in cells)] for name, cells in rows] == [
        [name, aim, *cells] for name, aim, encoder, *cells in table["rows"] if encoder == "origin"
    ]
    for _, cells in rows:
        for cell in cells[1:]:
            assert cell.startswith("**") == cell.endswith((": gain", ": loss"))


def test_the_studys_page_shows_all_gains_over_both_controls():
    study = read_study(STUDY)
    assert study is not None
    tables = {
        "over equal computation": make_verdicts_table(study),
        "over as many epochs": make_equal_epochs_table(study),
    }
    lines = (ROOT / "docs" / "study.md").read_text(encoding="utf-8").splitlines()
    for name, table in tables.items():
        assert table is not None
        _, *head = table["head"]
        start = lines.index(write_row([f"gain {name} from scratch, in points", *head]))
        shown = list(takewhile(lambda line: line.startswith("|"), lines[start + 2 :]))
        assert shown == [write_row(row) for row in table["rows"]]


def test_the_readme_tells_how_many_seeds_are_behind_what_a_pretraining_gains():
    study, words = read_study(STUDY), read_words()
    assert study is not None
    rows = [row for row in find_drawn_differences(study) if row.encoder == "origin"]
    many = [row for row in rows if not row.has_too_few_seeds]
    assert {row.gain.count for row in many} == {7}
    assert all(row.is_one_sided for row in many if row.is_significant)
    assert all(row.is_significant for row in many if row.effect != "none")
    too_few = [row for row in rows if row.has_too_few_seeds and row.effect != "none"]
    assert {row.gain.count for row in too_few} == {3, 4}
    least = write_p(min(row.least_p for row in too_few))
    assert f"three or four seeds, with which no p can be below {least}" in words
    (undecided,) = [row for row in rows if row.has_too_few_seeds and row.effect == "none"]
    assert (undecided.labels, undecided.gain.count) == (400, 2)
    assert "the one *undecided* at 400 labels has two" in words


def test_the_readme_tells_what_masked_epochs_are_to_the_stronger_network():
    study, words = read_study(STUDY), read_words()
    assert study is not None
    rows = [row for row in find_drawn_differences(study) if row.encoder == "optimal"]
    assert [(row.labels, row.pretraining, row.effect) for row in rows] == [
        (100, "masked", "loss"),
        (400, "masked", "loss"),
    ]
    assert {row.gain.count for row in rows} == {7}
    assert all(row.is_significant for row in rows)
    few, more = (write_gain(row.gain) for row in rows)
    assert words.count(f"{few} and {more} points") == 2
    (p,) = {write_p(row.p_holm) for row in rows}
    assert words.count(f"p = {p} for both") == 2


def test_the_readme_says_in_short_what_study_and_control_do():
    study, control = read_study(STUDY), read_control(SPEED, read_run(ROOT))
    assert study is not None
    assert control is not None
    gains = {
        (row.pretraining, row.labels): row.gain.mean
        for row in find_drawn_differences(study)
        if row.encoder == "origin"
    }
    text = read_words()
    assert (
        "With 100 labels per class, a small network gains "
        f"{write_size(gains['masked', 100])} points from an autoencoder that predicts gradient "
        "histograms of the hidden parts of an image; one that predicts pixels, hidden or not, "
        "shows no gain. With all labels the first kind costs it "
        f"{write_size(gains['masked', 'all'])} points"
    ) in text
    assert max(gains["plain", 100], gains["masked_pixels", 100]) < 0.01
    (stronger,) = (
        row.gain.mean
        for row in find_drawn_differences(study)
        if (row.encoder, row.labels) == ("optimal", 100)
    )
    assert stronger < 0
    assert f"Two epochs of it cost a stronger network {write_size(stronger)} points" in text
    default = read_control(SPEED, read_run(RUNS["make run"]))
    assert default is not None
    assert (
        f"without it the same recipe reaches {mean(control.scratch):.2%} (two seeds), and that of "
        f"`make run` {mean(default.scratch):.1%} in place of {mean(default.behind):.1%} (three "
        "seeds)"
    ) in text
    assert (len(control.seeds), len(default.seeds)) == (2, 3)
    low, high = map(write_points, default.interval)
    told = f"more than it gives: {write_points(default.gain)} points ({low} to {high}; three seeds)"
    assert f"{told} against one more epoch" in text
    assert f"which is {default.share - 1:.0%} more operations in all" in text


def test_the_studys_page_tells_where_it_was_trained():
    study = read_study(STUDY)
    assert study is not None
    assert study.machines
    table = make_machines_table(study)
    shown = read_table("study: trained on")
    shown.pop("---")
    _, *rows = shown.items()
    assert [[place, *cells] for place, cells in rows] == table["rows"]


def test_the_readme_shows_the_means_of_the_study():
    study = read_study(STUDY)
    assert study is not None
    for table in make_study_tables(study):
        shown = read_table(f"| encoder `{table['encoder']}`: test accuracy")
        shown.pop("---")
        assert next(iter(shown.values())) == table["head"][1:]
        assert {name: shown[name] for name, *_ in table["rows"]} == {
            name: cells for name, *cells in table["rows"]
        }
        assert len(shown) == 1 + len(table["rows"])


def test_the_studys_page_tells_the_origins_comparison_as_the_report_does():
    study, words = read_study(STUDY, plan="origin"), read_words()
    assert study is not None
    thinned = read_json(ROOT / "evaluation.json")["thinned_classes"]
    assert tell_regularisations(study, thinned=thinned) in words
    assert tell_machines(study) in words
    losses = sorted(-row.gain.mean for row in study.differences if row.treatment == "frozen")
    least, most = write_size(losses[0]), write_size(losses[-1])
    assert f"lies {least} to {most} points below training from scratch on average" in words
    unclear = [row for row in study.differences if row.treatment == "frozen"]
    assert sum(row.effect == "none" for row in unclear) == 2
    assert "(two of the seven intervals include zero)" in words
    (whole,) = [
        row
        for row in study.differences
        if (row.treatment, row.control) == ("all_layers", "scratch")
    ]
    assert f"with all layers trained it is at {write_gain(whole.gain)} points" in words
    table = make_regularisations_table(study, thinned=thinned)
    _, *head = table["head"]
    lines = (ROOT / "docs" / "study.md").read_text(encoding="utf-8").splitlines()
    start = lines.index(write_row(["plan `origin`: arm", *head]))
    shown = list(takewhile(lambda line: line.startswith("|"), lines[start + 2 :]))
    assert shown == [write_row(row) for row in table["rows"]]


def write_row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def test_the_readme_tells_what_masked_pretraining_took_for_the_same_operations():
    words = read_words()
    seconds: dict[str, dict[str, dict[int, float]]] = {}  # by place, pretraining and seed
    with (STUDY / "trials.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["labels_per_class"] == "100"]
    for row in rows:
        before = read_sealed_json(ROOT / "trials" / row["key"] / "result.json")["pretraining"]
        if before is not None and row["encoder"] == "origin":
            place = seconds.setdefault(name_place(before["environment"]), {})
            place.setdefault(row["pretraining"], {})[int(row["seed"])] = before["seconds"]
    told_of = [of for of in seconds.values() if {"masked", "plain"} <= of.keys()]
    assert len(told_of) == 2
    for of in told_of:
        both = sorted(of["masked"].keys() & of["plain"].keys())
        masked, plain = (mean(of[name][seed] for seed in both) for name in ("masked", "plain"))
        seeds = join([str(seed) for seed in both])
        told = rf"{masked / plain:.1f} times( as long as plain)? with seeds? {seeds}\b"
        assert re.search(told, words)


def test_the_readme_shows_the_origins_figures_as_the_report_does():
    origin, figure = read_peers()["origin"], read_peers()["origin"]["figure"]
    table = read_table("the origin |")
    column = table[""].index("the origin")
    cells = {label: cells[column] for label, cells in table.items() if cells[column].strip("-: ")}
    assert cells == {
        "": "the origin",
        "test accuracy (95% interval)": f"{figure['test_accuracy']:.0%}",
        "macro F1": f"{figure['macro_f1']:.2f}",
        "recall of bird / deer / truck": " / ".join(map(str, figure["recall"].values())),
        "reconstruction PSNR": f"{figure['validation_psnr']} dB (best epoch, validation)",
        "minutes in all": str(figure["minutes"]),
        "machine": origin["machine"],
        "precision": "float32",
        "PyTorch": f"({origin['software']})",
        "seed": str(origin["seed"]),
        "date": origin["date"],
    }


def test_the_readme_tells_the_range_of_the_peers():
    peers = read_peers()
    told = {False: [], True: []}
    for peer in (peers["origin"], *peers["same_task"]):
        told[peer.get("is_joint", False)].append(f"{peer['figure']['test_accuracy']:.0%}")
    (joint,) = told[True]
    assert (
        f"peers that train an autoencoder first reach {min(told[False])} to {max(told[False])}, "
        f"and one that trains both stages at once {joint}"
    ) in read_words()


@pytest.mark.parametrize(("command", "preset"), [("make run", "quick"), ("base", "base")])
def test_the_published_runs_are_of_the_presets_as_they_are(command: str, preset: str):
    """So that the command beside a row trains that row again."""
    (folder,) = [of for told, of in RUNS.items() if told == command or f"preset {preset}" in told]
    config = read_json(folder / "run.json")["config"]
    now = dump(load_preset(preset))
    for section, values in config.items():
        assert values == {key: now[section][key] for key in values}


@pytest.mark.parametrize("folder", [ROOT, ROOT / "runs_published" / "base"])
def test_the_published_runs_are_whole(folder: Path):
    """So that the command of a run shows it, where its folder is named by --out."""
    run = read_run(folder)
    require_whole_run(run.folder)
    models = run.folder.root / "models"
    best = [path.name for path in models.glob("*_best.safetensors")]
    is_validated = "validation" in run.evaluation["split"]
    assert len(best) == (2 if is_validated else 0)


def test_the_best_epoch_is_told_as_the_origins_is():
    history = read_sealed_json(ROOT / "runs_published/base/history/autoencoder_base.json")
    best = -10 * log10(min(history["metrics"]["val_mse"]))
    origin = read_peers()["origin"]["figure"]["validation_psnr"]
    assert (
        f"The origin's {origin} dB are those of its best epoch; `base` has {best:.1f} dB at its "
        "best, on validation images too."
    ) in read_words()


def test_the_readme_shows_what_the_report_does():
    results = SPEED.glob("run_optimal_cifar10_seed*")
    folders = [ROOT, *sorted(results), RUNS['make run ARGS="--preset base"'], RUNS["make run"]]
    groups = group_runs([read_run(folder) for folder in folders])
    expected = make_results_table(groups, read_peers()["origin"])
    table = read_table("on CIFAR-10, trained by")
    table.pop("---")
    _, *head = expected["head"]
    assert next(iter(table.values())) == head
    _, *rows = table.values()
    shown = [[cell.strip("*").replace(" (validation)", "*") for cell in row] for row in rows]
    assert shown == [cells for _, *cells in expected["rows"]]
    assert f"mean of {('one', 'two', 'three')[len(groups[0].runs) - 1]} seeds" in list(table)[2]


def test_every_table_with_figures_is_held_to_the_results():
    for page in PAGES:
        lines = page.read_text(encoding="utf-8").splitlines()
        for line, below in pairwise(lines):
            if line.startswith("|") and below.startswith("| ---"):
                first = line.strip("|").split("|")[0].strip()
                is_about_runs = not first and "the origin |" in line
                is_empty = not line.strip("| ")
                assert first in HELD_TABLES | PLAIN_TABLES or is_about_runs or is_empty, line


def write_speed_table(result: dict[str, Any]) -> dict[str, list[str]]:
    """Return the rows that the README shows of a result of `make bench`: the report's."""
    table = make_speed_table(result)
    _, *cases = table["head"]
    rows = {name: [cell.replace(TIMES, "x") for cell in cells] for name, *cells in table["rows"]}
    rows["cae"] = [f"**{cell}**" for cell in rows["cae"]]
    return {"images per second": cases, **rows}


def read_shown_speed() -> dict[str, Any]:
    """Return the result of `make bench` that README and report show as a table."""
    shown = read_speed(SPEED, read_json(ROOT / "environment.json"))
    assert shown is not None
    return shown


def write_elsewhere(result: dict[str, Any]) -> str:
    """Return the README's words for what `make bench` found on a machine of another family."""
    found = index_rows(result)
    steps = [
        [
            f"{found[name, *CASES[f'{stage} step']]['ours_over_this']['median']:.2f}"
            for name in ("Keras 3 on TensorFlow", "Keras 3 on PyTorch", "plain PyTorch")
        ]
        for stage in STAGES
    ]
    floors = [
        1 / found["the convolutions alone", *CASES[f"{stage} step"]]["ours_over_this"]["median"]
        for stage in STAGES
    ]
    shares = [found["cae", *CASES[f"{stage} step"]]["of_peak"]["median"] for stage in STAGES]
    times = [" / ".join(step) for step in steps]
    return (
        f"an autoencoder step is {times[0]} times as fast as Keras 3 on TensorFlow, on PyTorch and "
        f"the plain loop, a classifier step {times[1]} times; they take {floors[0]:.2f} and "
        f"{floors[1]:.2f} times as long as their convolutions alone, and reach {shares[0]:.0%} and "
        f"{shares[1]:.0%} of the matrix product's rate"
    )


def test_the_readme_tells_what_other_machines_measured():
    text = read_words()
    results = {path.name: read_json(path) for path in SPEED.glob("steps_*.json")}
    shown = read_shown_speed()
    others = {name: found for name, found in results.items() if found != shown}
    assert len(others) == len(results) - 1 > 0
    for name, result in others.items():
        assert write_elsewhere(result) in text
        assert name in text


def test_the_readme_shows_the_rates_of_the_machine_that_trained_the_best_run():
    table = read_table("images per second")
    table.pop("---")
    shown = read_shown_speed()
    assert table == write_speed_table(shown)
    (name,) = (path.name for path in SPEED.glob("steps_*.json") if read_json(path) == shown)
    assert name in read_words()


def write_other_figures() -> list[str]:
    """Return the README's words for what the other measurements of speed found."""
    startup, scaling, parity = (
        read_json(SPEED / f"{name}.json") for name in ("startup", "scaling", "parity")
    )
    difference = parity["difference"]
    rows = [
        " | ".join(
            [
                f"| {run['seed']}",
                *(f"{run[precision]['mse']:.5f}" for precision in ("float32", "bfloat16")),
                *(f"{run[precision]['accuracy']:.2%}" for precision in ("float32", "bfloat16")),
            ]
        )
        + " |"
        for run in parity["runs"]
    ]
    return [
        f"training starts {startup['seconds_to_training']['median']:.1f} s after the command",
        *(f"{peak:,.0f} MiB with `{preset}`" for preset, peak in startup["peak_mib"].items()),
        f"exponent {scaling['images']['exponent']:.2f} from 2,000 to 42,500 images",
        f"{scaling['epochs']['exponent']:.2f} from 1 to 8 epochs",
        *rows,
        f"{difference['accuracy_points']:+.2f} points",
    ]


def test_the_readme_shows_what_else_was_measured_of_speed():
    text = read_words()
    missing = [words for words in write_other_figures() if " ".join(words.split()) not in text]
    assert not missing
    assert abs(read_json(SPEED / "parity.json")["difference"]["mse_relative"]) < 0.0005
    assert "The mean MSE differs by less than 0.05%" in text
