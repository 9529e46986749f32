"""The report's tables: every cell from the figures, and rows that belong together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cae.report.results.seeds import Accuracy, group_runs
from cae.report.results.sources import Run, read_peers
from cae.report.results.study_results import read_study
from cae.report.words.paper_tables import (
    make_cost_table,
    make_peers_table,
    make_results_table,
    make_split_table,
    make_study_tables,
)

Make = Callable[..., Run]


def test_classes_of_equal_counts_share_a_row_of_the_split(make_run: Make):
    table = make_split_table(make_run())
    assert table["head"] == ["class", "train", "validation", "test"]
    assert table["rows"] == [
        ["cat", "100", "20", "100"],
        ["each of bird, deer and truck", "50", "10", "100"],
        ["all classes", "250", "50", "400"],
    ]
    assert make_split_table(make_run(validates=False))["head"] == ["class", "train", "test"]


def test_results_stand_below_the_origins(make_run: Make):
    groups = group_runs(
        [
            make_run(),
            make_run(name="fast", lr=0.1, seed=1),
            make_run(name="fast-2", lr=0.1, seed=2, right=76),
        ]
    )
    table = make_results_table(groups, read_peers()["origin"])
    origin, ours, fast = table["rows"]
    assert origin[1:] == ["71%", "", "0.71", "0.54 / 0.61 / 0.65", "27.4 dB*", "75.7"]
    assert ours == [
        "`mine`",
        "73.0%",
        "72.0% to 74.0%",
        "0.66",
        "0.73 / 0.73 / 0.73",
        "26.6 dB",
        "3.1",
    ]
    assert fast[0] == "`fast`, 2 seeds"
    assert fast[1] == "74.5%"
    assert table["strong"] == [1]


def test_the_origin_has_no_row_beside_other_classes(make_run: Make):
    run = make_run(data="digits")
    run.evaluation["thinned_classes"] = ["bird"]
    table = make_results_table(group_runs([run]), read_peers()["origin"])
    assert [row[0] for row in table["rows"]] == ["`mine`"]
    assert table["strong"] == [0]


def test_a_column_without_a_figure_is_left_out(make_run: Make):
    run = make_run(data="digits")
    run.evaluation["thinned_classes"] = []
    run.quality.pop("psnr")
    table = make_results_table(group_runs([run]), read_peers()["origin"])
    assert table["head"] == ["run", "test accuracy", "95% interval", "macro F1", "minutes"]
    assert table["rows"] == [["`mine`", "73.0%", "72.0% to 74.0%", "0.66", "3.1"]]


def test_peers_keep_the_digits_that_they_reported():
    table = make_peers_table(
        read_peers(), Accuracy(0.9412, 0.94, 0.95, 3, (0.93, 0.95)), name="optimal"
    )
    cells = {row[0]: row[1] for row in table["rows"]}
    assert cells["`optimal`"] == "94.1%"
    assert cells["the origin"] == "71%"
    assert cells["sen99"] == "80.95%"
    assert "77.6 ± 0.5%" in {row[1] for row in table["rows"]}
    assert len(table["keys"]) == len(table["sources"]) == len(table["rows"])
    assert all(not any(table["rows"][place][1:]) for place in table["parts"])


def test_peers_that_trained_both_at_once_stand_under_no_heading_of_an_autoencoder_first():
    table = make_peers_table(
        read_peers(), Accuracy(0.9412, 0.94, 0.95, 3, (0.93, 0.95)), name="optimal"
    )
    headings: dict[str, str] = {}
    heading = ""
    for place, (name, *_) in enumerate(table["rows"]):
        if place in table["parts"]:
            heading = name
        headings[name] = heading
    first = "The same task, on the split each chose: an autoencoder first"
    assert headings["`optimal`"] == headings["the origin"] == headings["sen99"] == first
    for name in ("SWWAE", "a public repository, name not recorded"):
        assert headings[name].endswith("both at once")
    assert headings["FixMatch"] == "Few labels"


def test_a_heading_without_peers_is_left_out():
    peers = read_peers() | {"few_labels": []}
    table = make_peers_table(peers, Accuracy(0.9412, 0.94, 0.95, 3, (0.93, 0.95)), name="optimal")
    assert "Few labels" not in {row[0] for row in table["rows"]}


def test_the_cost_of_each_stage_has_its_machine(make_run: Make):
    table = make_cost_table(group_runs([make_run()]))
    assert table["rows"] == [
        [
            "`mine`",
            "60",
            "120",
            "6",
            "186",
            "708,842",
            "2 cores, AMD EPYC, bfloat16, PyTorch 2.13.0, 2026-11-23",
        ]
    ]
    both = [make_run(seed=7), make_run(seed=8)]
    both[1].evaluation["seconds"]["total"] += 100
    (row,) = make_cost_table(group_runs(both))["rows"]
    assert (row[0], row[4]) == ("`mine`, seeds 7 and 8", "236")
    runs = [make_run(seed=seed) for seed in (7, 8, 9)]
    runs[2].environment["processor"] = "Intel Xeon"
    first, other = make_cost_table(group_runs(runs))["rows"]
    assert [first[0], other[0]] == ["`mine`, seeds 7 and 8", "`mine`, seed 9"]
    assert other[-1].startswith("2 cores, Intel Xeon")


def test_a_study_has_a_table_for_each_encoder_with_its_own_budgets(make_study: Callable[..., Path]):
    study = read_study(make_study(encoders=("origin", "optimal"), budgets=(400, "all")))
    assert study is not None
    first, second = make_study_tables(study)
    assert first["encoder"] == "origin"
    assert first["head"] == ["arm", "400 labels per class", "all labels"]
    assert ["from scratch", "49.0 (48.4 to 49.6; 8)", "61.0 (60.4 to 61.6; 3)"] in first["rows"]
    assert second["rows"] == first["rows"]
