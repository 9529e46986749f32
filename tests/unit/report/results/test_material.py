"""What a report is made of is of the same images, and found where it is said to be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cae.errors import ConfigError
from cae.files import read_json, write_json
from cae.report.results.material import gather
from cae.report.results.sources import Run
from cae.run_folder import RunFolder

Make = Callable[..., Run]


def test_a_study_is_named_by_its_folder_or_that_of_its_results(
    run_folder: RunFolder, study_folder: Path, tmp_path: Path
):
    whole = tmp_path / "whole"
    (whole / "history").mkdir(parents=True)
    by_results = gather(run_folder.root, study=study_folder).study
    study_folder.rename(whole / "history" / "study")
    assert gather(run_folder.root, study=whole).study == by_results


def test_figures_of_other_images_are_not_compared(
    make_run: Make, make_study: Callable[..., Path], tmp_path: Path
):
    run, other = make_run().folder.root, make_run(data="digits").folder.root
    with pytest.raises(ConfigError, match=r"is of the data digits, but .* of cifar10"):
        gather(run, beside=(other,))
    study = make_study()
    content = read_json(study / "summary.json")
    content["conditions"]["data"] = "digits"
    write_json(study / "summary.json", content)
    with pytest.raises(ConfigError, match="a report compares figures of the same images"):
        gather(run, study=study)


def test_a_run_is_not_put_beside_itself(run_folder: RunFolder):
    beside = (run_folder.root,)
    material = gather(run_folder.root, beside=beside)
    assert len(material.groups) == 1


def test_a_run_that_is_named_twice_is_told_of_once(make_run: Make, tmp_path: Path):
    run, other = make_run(), make_run(name="other", lr=0.5).folder.root
    again = tmp_path / "another way"
    again.symlink_to(other)
    groups = gather(run.folder.root, beside=(other, again, other, run.folder.root)).groups
    assert [group.first.folder.root for group in groups] == [run.folder.root, other]


def test_a_study_that_is_named_and_not_there_is_an_error(run_folder: RunFolder, tmp_path: Path):
    with pytest.raises(ConfigError, match=r"holds no study's summary\.json"):
        gather(run_folder.root, study=tmp_path / "nowhere")
