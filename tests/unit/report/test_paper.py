"""The report as a whole: a PDF from JSON and pictures, the same every time, or a clear error."""

from __future__ import annotations

import logging
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cae.errors import CheckpointError
from cae.files import read_json, write_json
from cae.report.paper import draw, fingerprint, make_report
from cae.report.results.material import gather
from cae.report.results.sources import Run
from cae.report.words.contents import describe
from cae.run_folder import RunFolder

Make = Callable[..., Run]


@pytest.fixture(autouse=True)
def typesetter() -> None:
    pytest.importorskip("typst")


def count_pages(pdf: bytes) -> int:
    """Return the largest number of pages that a node of the PDF's page tree counts."""
    return max(map(int, re.findall(rb"/Type ?/Pages.*?/Count (\d+)", pdf, flags=re.DOTALL)))


def find_font_names(pdf: bytes) -> set[bytes]:
    return set(re.findall(rb"/BaseFont ?/[A-Z]{6}\+([A-Za-z]+)", pdf))


def test_a_run_becomes_a_report_without_a_warning(
    run_folder: RunFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.WARNING):
        path = make_report(run_folder.root, tmp_path / "out" / "report.pdf")
    pdf = path.read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert 3 <= count_pages(pdf) <= 8
    assert not caplog.records
    # No font but those that Typst brings.
    assert find_font_names(pdf) <= {
        b"LibertinusSerif",
        b"DejaVuSansMono",
        b"NewCMMath",
        b"NewComputerModern",
    }


def test_signs_that_no_font_has_are_told_once_and_those_of_another_font_are_set_in_it(
    install_fonts: Callable[..., None],
    make_run: Make,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
):
    install_fonts()
    make_report(make_run(data="猫ᐁ狗").folder.root, tmp_path / "r.pdf")
    (record,) = caplog.records
    assert record.getMessage() == (
        "the report shows boxes for characters that no font here has: '狗' and '猫'; install a "
        "font that has them: those of Noto do, such as Noto Sans CJK, and make the report again"
    )
    # What Typst's fonts lack and Matplotlib's has is no box.
    assert b"DejaVuSans" in find_font_names((tmp_path / "r.pdf").read_bytes())


def test_of_many_signs_that_no_font_has_some_are_told(
    install_fonts: Callable[..., None],
    make_run: Make,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
):
    install_fonts()
    many = "".join(map(chr, range(0x4E00, 0x4E00 + 25)))
    make_report(make_run(data=many).folder.root, tmp_path / "r.pdf")
    (record,) = caplog.records
    assert f"'{many[9]}' and 15 more; install" in record.getMessage()


def test_a_study_and_other_runs_are_set_without_a_warning(
    make_run: Make, study_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    run = make_run(seed=1)
    others = [make_run(seed=2).folder.root, make_run(name="fast", lr=0.5).folder.root]
    with caplog.at_level(logging.WARNING):
        make_report(run.folder.root, tmp_path / "r.pdf", beside=others, study=study_folder)
    assert not caplog.records


@pytest.mark.parametrize("options", [{"data": "digits"}, {"validates": False}, {"right": 100}])
def test_unusual_runs_are_set_too(make_run: Make, tmp_path: Path, options: dict[str, Any]):
    assert make_report(make_run(**options).folder.root, tmp_path / "r.pdf").exists()


def test_a_partial_study_is_set(make_run: Make, make_study: Callable[..., Path], tmp_path: Path):
    study = make_study(budgets=(100,), gains={})
    assert make_report(make_run().folder.root, tmp_path / "r.pdf", study=study).exists()


@pytest.mark.parametrize(
    ("keeps", "has_verdicts", "has_equal_epochs"),
    [
        (lambda row: row["control"] == "scratch", True, False),
        # Both controls with some labels, one of them with others.
        (lambda row: row["labels_per_class"] == 100 or row["control"] == "scratch", True, True),
        (lambda row: row["treatment"] != "fine_tuned", False, False),
    ],
    ids=["one control", "two in part", "probes alone"],
)
def test_a_study_of_some_comparisons_is_set_with_the_tables_that_it_has(
    make_run: Make,
    make_study: Callable[..., Path],
    tmp_path: Path,
    keeps: Callable[[dict[str, Any]], bool],
    *,
    has_verdicts: bool,
    has_equal_epochs: bool,
):
    study, run = make_study(), make_run().folder.root
    content = read_json(study / "summary.json")
    probes = [
        row | {"pretraining": "masked", "treatment": "linear_probe"}
        for row in content["differences"]
        if row["pretraining"] == "masked"
    ]
    kept = list(filter(keeps, content["differences"] + probes))
    write_json(study / "summary.json", content | {"differences": kept})
    told = describe(gather(run, study=study))["study"]
    assert bool(told["verdicts"]["rows"]) is has_verdicts
    assert (told["equal_epochs"] is not None) is has_equal_epochs
    if has_equal_epochs:
        # What stands in one table is not in the other.
        cells = [cell for row in told["equal_epochs"]["rows"] for cell in row[3:]]
        assert sum(map(bool, cells)) == 2
    assert make_report(run, tmp_path / "r.pdf", study=study).exists()


def test_a_study_of_one_seed_is_set(
    make_run: Make, make_study: Callable[..., Path], tmp_path: Path
):
    study, run = make_study(), make_run().folder.root
    content = read_json(study / "summary.json")
    for row in content["differences"]:
        row.update(low=None, high=None, count=1, seeds=[0], values=[row["mean"]])
    write_json(study / "summary.json", content)
    told = describe(gather(run, study=study))
    assert "pretraining have one seed" in told["study"]["verdict"]
    assert make_report(run, tmp_path / "r.pdf", study=study).exists()


def test_the_origins_comparison_is_set_alone_or_beside_the_study(
    make_run: Make,
    make_study: Callable[..., Path],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
):
    run, study = make_run().folder.root, make_study(budgets=("all",), gains={"dropout_0.4": 0.01})
    origin = read_json(study / "summary.json")
    content = read_json(make_study() / "summary.json")
    parts = ("estimates", "differences")
    for row in (row for part in parts for row in origin[part]):
        row["plan"] = "origin"
    both_parts = {part: content[part] + origin[part] for part in parts}
    write_json(study / "summary.json", content | both_parts)
    both = gather(run, study=study)
    write_json(study / "summary.json", origin)
    alone = gather(run, study=study)
    assert both.study is not None
    assert alone.study is None
    assert describe(both)["regularisations"] == describe(alone)["regularisations"]
    with caplog.at_level(logging.WARNING):
        make_report(run, tmp_path / "r.pdf", study=study)
    assert not caplog.records


def test_the_same_files_give_the_same_bytes(run_folder: RunFolder, tmp_path: Path):
    first, second = (
        make_report(run_folder.root, tmp_path / name).read_bytes() for name in ("a.pdf", "b.pdf")
    )
    assert first == second


def test_the_pdf_carries_the_fingerprint_of_its_data(run_folder: RunFolder, tmp_path: Path):
    pdf = make_report(run_folder.root, tmp_path / "r.pdf").read_bytes()
    assert fingerprint(describe(gather(run_folder.root))).encode() in pdf


def test_another_figure_is_another_fingerprint(make_run: Make):
    data = [describe(gather(make_run(right=right).folder.root)) for right in (73, 76)]
    assert fingerprint(data[0]) != fingerprint(data[1])


def test_every_figure_that_is_drawn_lies_in_the_folder(
    run_folder: RunFolder, study_folder: Path, tmp_path: Path
):
    material = gather(run_folder.root, study=study_folder)
    figures = draw(material, tmp_path)
    assert set(figures) == {
        "architecture",
        "training",
        "classes",
        "reconstructions",
        "accuracy",
        "cost",
        "differences",
    }
    assert all((tmp_path / name).is_file() for name in figures.values())


def test_a_run_too_short_for_curves_is_set_without_them(
    make_run: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    run = make_run(epochs=3, validates=False).folder.root
    assert "training" not in draw(gather(run), tmp_path)
    with caplog.at_level(logging.WARNING):
        make_report(run, tmp_path / "r.pdf")
    assert not caplog.records


def test_the_report_has_the_date_of_the_newest_that_it_tells_of(
    make_run: Make, study_folder: Path, tmp_path: Path
):
    run = make_run().folder.root
    assert describe(gather(run))["date"] == "2026-11-23"
    assert describe(gather(run, study=study_folder))["date"] == "2026-11-25"
    pdf = make_report(run, tmp_path / "r.pdf", study=study_folder).read_bytes()
    assert b"D:20261125" in pdf


@pytest.mark.parametrize("studies", [True, False])
def test_a_control_of_the_recipe_is_told_with_its_command_and_its_day(
    make_run: Make,
    write_control: Callable[..., None],
    study_folder: Path,
    tmp_path: Path,
    *,
    studies: bool,
):
    run = make_run()
    run.environment["date"] = "2026-12-24"
    write_control(run.folder.benchmarks / "control_mine.json", run)
    study = study_folder if studies else None
    data = describe(gather(run.folder.root, study=study))
    assert "From scratch with equal computation (25 epochs" in data["abstract"]
    assert ("No study lies beside this run" in data["abstract"]) is False
    assert "gains 10.0 points" in data["control"]
    assert data["commands"][-1] == "python -m benchmarks.control --seeds 1"
    assert data["date"] == "2026-12-24"
    assert make_report(run.folder.root, tmp_path / "r.pdf", study=study).exists()


def test_controls_of_the_runs_beside_are_told_too(
    make_run: Make, write_control: Callable[..., None], tmp_path: Path
):
    run, other = make_run(), make_run(name="other", lr=0.5)
    other.environment["date"] = "2026-12-25"
    write_control(run.folder.benchmarks / "control_other.json", other)
    again = make_run(name="again", lr=0.5)  # of the same recipe, and with the same control
    beside = [other.folder.root, again.folder.root]
    data = describe(gather(run.folder.root, beside=beside))
    assert data["control"] == ""
    (told,) = data["controls"]
    assert told.startswith("From scratch with equal computation (25 epochs")
    assert "reaches 80.00%" in told
    assert data["commands"].count("python -m benchmarks.control --seeds 1") == 1
    assert data["date"] == "2026-12-25"
    assert make_report(run.folder.root, tmp_path / "r.pdf", beside=[other.folder.root]).exists()


def test_paths_may_be_no_utf8(
    make_run: Make, study_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    strange = os.fsdecode(b"\xff\xc3")
    try:
        run = make_run(root=tmp_path / f"run {strange}").folder.root
    except OSError:
        pytest.skip("this file system knows UTF-8 alone")
    other = make_run(root=tmp_path / f"other {strange}", lr=0.5).folder.root
    content = read_json(study_folder / "summary.json")
    content["conditions"]["commands"] = [f"cae study --out 'study {strange}'"]
    write_json(study_folder / "summary.json", content)
    study = study_folder.rename(tmp_path / f"study {strange}")
    command = shlex.join(["cae", "report", "--run", str(run)])
    out = tmp_path / f"{strange}.pdf"
    make_report(run, out, beside=[other], study=study, command=command)
    assert out.exists()
    assert not caplog.records


def test_paths_may_be_text(make_run: Make, tmp_path: Path):
    run = str(make_run().folder.root)
    assert make_report(run, str(tmp_path / "r.pdf")) == tmp_path / "r.pdf"


def test_a_damaged_run_leaves_the_report_as_it_was(run_folder: RunFolder, tmp_path: Path):
    out = tmp_path / "r.pdf"
    out.write_bytes(b"the report before")
    run_folder.evaluation.write_text("{", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"evaluation\.json: not valid JSON"):
        make_report(run_folder.root, out)
    assert out.read_bytes() == b"the report before"
    assert [path.name for path in tmp_path.iterdir() if "cae-tmp" in path.name] == []


def test_a_report_needs_no_torch():
    code = "import sys, cae.report.paper; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
