"""What the tests of the report's words share: a study's results, read."""

from __future__ import annotations

from pathlib import Path

import pytest

from cae.report.results.study_results import Study, read_study


@pytest.fixture
def study(study_folder: Path) -> Study:
    found = read_study(study_folder)
    assert found is not None
    return found
