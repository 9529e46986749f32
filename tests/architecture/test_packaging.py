"""What is installed: every dependency is pinned, and the wheel carries all the package reads."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def read_pins() -> dict[str, str]:
    """Return the pinned version of each distribution in constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pins}


def test_every_dependency_is_pinned_within_its_bounds():
    pins = read_pins()
    extras = PROJECT["optional-dependencies"].values()
    requirements = [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]
    for requirement in map(Requirement, requirements):
        name = canonicalize_name(requirement.name)
        if name == PROJECT["name"]:
            continue
        if name == "torch":  # pinned in pyproject.toml itself
            assert str(requirement.specifier) == "==2.13.0"
        else:
            assert requirement.specifier.contains(pins[name]), requirement


def test_the_wheel_carries_the_presets_and_the_type_marker(tmp_path: Path):
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, tree)
    shutil.copytree(
        ROOT / "src", tree / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    # setuptools is at hand because torch depends on it: nothing has to be downloaded.
    code = f"from setuptools.build_meta import build_wheel; build_wheel({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=tree, check=True, capture_output=True)

    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())

    source = ROOT / "src"
    wanted = {
        path.relative_to(source).as_posix()
        for pattern in (
            "cae/**/*.py",
            "cae/presets/*.json",
            "cae/report/*.json",
            "cae/report/template/*",
            "cae/py.typed",
        )
        for path in source.glob(pattern)
    }
    assert "cae/py.typed" in wanted
    assert wanted <= packed


def test_the_citation_is_of_this_version_and_licence():
    lines = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert f"version: {PROJECT['version']}" in lines
    assert f"license: {PROJECT['license']}" in lines
    assert f'  - name: "{PROJECT["authors"][0]["name"]}"' in lines
