"""What importing the package and asking for help must not load."""

from __future__ import annotations

import json
import subprocess
import sys

# Each costs more than the whole answer to `cae --help` may take.
HEAVY = {"torch", "torchmetrics", "matplotlib", "sklearn", "scipy", "pydantic", "PIL"}


def load_modules(code: str) -> set[str]:
    """Return the top-level modules that a fresh Python has loaded after running `code`."""
    report = "import json, sys; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{code}\n{report}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return set(json.loads(result.stdout.splitlines()[-1]))


def test_importing_the_package_loads_no_heavy_library():
    assert not load_modules("import cae") & HEAVY


def test_asking_for_help_loads_no_heavy_library():
    code = """
import sys
from cae.apps.cli import main
sys.argv = ["cae", "--help"]
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
"""
    assert not load_modules(code) & HEAVY


def test_asking_a_command_for_help_loads_no_heavy_library():
    code = """
import sys
from cae.apps.cli import main
sys.argv = ["cae", "run", "--help"]
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
"""
    assert not load_modules(code) & HEAVY
