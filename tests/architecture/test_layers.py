"""The fence between the layers: the package keeps to it, and it catches what would cross it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT_IMPORTS = Path(sysconfig.get_path("scripts")) / "lint-imports"


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the package in `folder`/src against the contracts of this project."""
    return subprocess.run(
        [LINT_IMPORTS, "--no-cache", "--no-logo", "--config", ROOT / "pyproject.toml"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_package_keeps_to_its_layers():
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("file", "statement"),
    [
        ("config.py", "import cae.runtime"),
        ("data/batches.py", "import cae.models.blocks"),
        ("models/blocks.py", "import cae.data.images"),
        ("training/trainer.py", "import cae.evaluation.metrics"),
        ("pipeline/run.py", "import cae.report.figures"),
        ("report/figures/__init__.py", "import torch"),
        ("report/figures/__init__.py", "import cae.pipeline.run"),
        ("report/results/seeds.py", "import cae.report.words.limits"),
        ("report/new.py", "import json"),
        ("seeding.py", "import torch"),
        ("files.py", "import modelling"),
        ("odds_and_ends.py", "import json"),
    ],
    ids=lambda value: str(value).replace("import ", ""),
)
def test_the_fence_catches(tmp_path: Path, file: str, statement: str):
    shutil.copytree(
        ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    module = tmp_path / "src" / "cae" / file
    before = module.read_text(encoding="utf-8") if module.exists() else ""
    module.write_text(f"{before}\n{statement}\n", encoding="utf-8")

    result = lint_imports(tmp_path)

    assert result.returncode == 1, result.stdout + result.stderr
    assert "1 broken" in result.stdout or "not listed" in result.stdout
