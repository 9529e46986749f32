"""Rules of the repository as a whole, read off the files that git tracks."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GATE = ".ci/run"

# Written so that this file does not hold what it forbids.
MACHINE_FOLDERS = (b"work", b"tmp", b"root", b"home", b"Users")
PYTHONS_FOLDERS = (b"site-" + b"packages/", b".py" + b"env/")
MACHINE_PATHS = re.compile(
    rb"(?<![\w.])/("
    + b"|".join(MACHINE_FOLDERS)
    + rb")/\w|"
    + b"|".join(map(re.escape, PYTHONS_FOLDERS))
)
# The expression alone takes seconds for the hundred megabytes of weights.
MACHINE_WORDS = (*(b"/%s/" % name for name in MACHINE_FOLDERS), *PYTHONS_FOLDERS)
BESIDE_THE_CHECKOUT = re.compile(rb"\.\./" + rb"shared")


@cache
def read_tracked_files() -> dict[str, bytes]:
    """Return the bytes of every tracked file by its path in the repository."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("needs git and a checkout")
    # A checkout may be another user's, as in containers.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    paths = [path for path in listing.stdout.split("\0") if path and (ROOT / path).is_file()]
    return {path: (ROOT / path).read_bytes() for path in paths}


def test_no_tracked_file_names_a_path_of_one_machine():
    for path, content in read_tracked_files().items():
        if any(word in content for word in MACHINE_WORDS):
            match = MACHINE_PATHS.search(content)
            assert match is None, f"{path}: {match}"


def test_only_the_gate_knows_what_lies_beside_the_checkout():
    naming = {
        path for path, data in read_tracked_files().items() if BESIDE_THE_CHECKOUT.search(data)
    }
    assert naming <= {GATE}


def test_tracked_text_ends_in_one_newline_and_has_no_carriage_return():
    text = {".py", ".md", ".toml", ".txt", ".json", ".typ", ".cfg", ""}
    for path, content in read_tracked_files().items():
        if Path(path).suffix not in text or not content:
            continue
        assert b"\r" not in content, path
        assert content.endswith(b"\n"), path
        assert not content.endswith(b"\n\n"), path


def test_no_data_set_is_tracked():
    archives = (".tar.gz", ".tgz", ".bin", ".npz", ".npy")
    for path in read_tracked_files():
        assert not path.endswith(archives), path
        assert "cifar-10-batches" not in path, path


def test_make_alone_lists_every_target():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (declared,) = re.findall(r"^\.PHONY: (.+)$", makefile, flags=re.MULTILINE)
    described = re.findall(r"^([a-z-]+):.*## \S", makefile, flags=re.MULTILINE)
    assert described == declared.split()

    if shutil.which("make") is None:
        pytest.skip("needs make")
    # As a user calls it, though these tests may run under make themselves.
    outside = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    listing = subprocess.run(
        ["make"], cwd=ROOT, env=outside, check=True, capture_output=True, text=True
    ).stdout
    assert [line.split()[1] for line in listing.splitlines()] == described


def test_the_changelog_has_the_version_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{project['version']}]" in changelog
