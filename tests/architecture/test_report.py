"""The published report is the one that the published results make."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cae.apps.publishing import write_command
from cae.report.paper import fingerprint
from cae.report.results.material import gather
from cae.report.words.contents import describe

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "report.pdf"


def list_beside() -> list[Path]:
    """Return the folders of the runs that `make report` compares the published one with."""
    folders = [
        *sorted(ROOT.glob("runs_published/*")),
        *sorted(ROOT.glob("benchmarks/results/run_*")),
    ]
    return [folder.relative_to(ROOT) for folder in folders]


def test_the_report_is_made_of_the_results_in_the_repository(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    beside = list_beside()
    command = write_command(Path(), beside, study=None, benchmarks=None)
    data = describe(gather(Path(), beside=beside, study=None, benchmarks=None, command=command))
    assert fingerprint(data).encode() in REPORT.read_bytes(), "run make report"


def test_make_report_names_every_published_run():
    if shutil.which("make") is None:
        pytest.skip("needs make")
    # The environment's stamp is taken as made: only the command is looked at.
    listing = subprocess.run(
        ["make", "--dry-run", "--assume-old=.venv/.report", "report"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (line,) = [line for line in listing.splitlines() if line.startswith(".venv/bin/cae report")]
    assert re.findall(r"--beside (\S+)", line) == [folder.as_posix() for folder in list_beside()]
