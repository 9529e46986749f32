"""What is published of the study is what its trials found, and nothing else."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from statistics import mean

import pytest

from cae.report.study_results import read_study
from cae.report.study_sentences import tell_answer, tell_extent
from cae.run_folder import StudyFolder
from cae.study.results import read_grids, write_results

ROOT = Path(__file__).parents[2]


@pytest.fixture
def made_again(tmp_path: Path) -> StudyFolder:
    """Return a study's folder whose results are written anew from the published trials."""
    published, folder = StudyFolder(ROOT), StudyFolder(tmp_path)
    folder.make()
    for path in (*published.find_grids(), *(ROOT / "trials").glob("*/result.json")):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, copy)
    write_results(folder)
    return folder


def test_the_published_table_and_summary_are_made_of_the_published_trials(made_again: StudyFolder):
    published = StudyFolder(ROOT)
    assert made_again.table.read_bytes() == published.table.read_bytes()
    assert made_again.summary.read_bytes() == published.summary.read_bytes()


def test_the_readme_answers_as_the_report_does():
    study = read_study(StudyFolder(ROOT).results)
    words = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert study is not None
    assert tell_extent(study) in words
    assert tell_answer(study) in words
    assert study.conditions["command"] in words


def test_the_readme_tells_what_masked_pretraining_takes_for_the_same_operations():
    with StudyFolder(ROOT).table.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["plan"] == "labels"]
    seconds = {
        name: mean(float(row["pretrain_seconds"]) for row in rows if row["pretraining"] == name)
        for name in ("masked", "plain")
    }
    words = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    times = f"{seconds['masked'] / seconds['plain']:.1f}"
    assert f"masked pretraining takes {times} times as long as plain" in words


def test_every_published_trial_was_asked_for(made_again: StudyFolder):
    cells = [cell for grid in read_grids(made_again) for cell in grid["cells"]]
    asked = {cell[name] for cell in cells for name in ("key", "pretraining_key")}
    found = {path.parent.name for path in (made_again.root / "trials").glob("*/result.json")}
    assert found
    assert found <= asked
