"""What is published of the study is what its trials found, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

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


def test_every_published_trial_was_asked_for(made_again: StudyFolder):
    cells = [cell for grid in read_grids(made_again) for cell in grid["cells"]]
    asked = {cell[name] for cell in cells for name in ("key", "pretraining_key")}
    found = {path.parent.name for path in (made_again.root / "trials").glob("*/result.json")}
    assert found
    assert found <= asked
