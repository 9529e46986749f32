"""The package as a command."""

from __future__ import annotations

import subprocess
import sys

import cae


def test_python_m_cae_is_the_command():
    answer = subprocess.run(
        [sys.executable, "-m", "cae", "--version"], capture_output=True, text=True, check=True
    )
    assert answer.stdout == f"cae {cae.__version__}\n"
