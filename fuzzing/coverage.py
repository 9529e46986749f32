"""One target under Atheris, which follows the coverage of the Python code behind it.

`python -m fuzzing.coverage TARGET INPUTS SEED RESULT` writes what came of it to the file RESULT.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from cae.errors import MissingExtraError

# What reads bytes in Python code: these modules are recompiled with counters.
_FOLLOWED = ["cae.data", "cae.incoming", "cae.checkpoints", "tarfile", "PIL"]


def import_atheris() -> Any:
    """Return the module atheris.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import atheris  # pyright: ignore[reportMissingModuleSource]
    except ImportError:
        raise MissingExtraError(
            "inputs led by coverage need atheris: pip install -e '.[fuzz]', or leave out --coverage"
        ) from None
    return atheris


def main() -> None:
    """Try the target, write the result, and end."""
    name, inputs, seed, result = sys.argv[1:]
    atheris = import_atheris()
    with atheris.instrument_imports(include=_FOLLOWED, enable_loader_override=False):
        from fuzzing.engines import describe_row, make_row
        from fuzzing.mutations import repair_checksums
        from fuzzing.targets import make_targets
        from fuzzing.watch import Watch
    # libFuzzer ends the process where it likes to: this folder is removed by who started it.
    folder = Path(tempfile.mkdtemp(dir=Path(result).parent))
    (target,) = (each for each in make_targets(folder) if each.name == name)
    seeds = folder / "seeds"
    seeds.mkdir()
    for number, data in enumerate(target.seeds):
        (seeds / str(number)).write_bytes(data)
    watch, started = Watch(target.call, target.error), time.perf_counter()

    def try_input(data: bytes) -> None:
        watch.try_input(repair_checksums(data))
        if watch.inputs >= int(inputs):
            row = make_row(name, "coverage", watch, seconds=time.perf_counter() - started)
            Path(result).write_text(json.dumps(describe_row(row)))
            os._exit(0)

    atheris.Setup(
        ["fuzzing", f"-seed={int(seed) + 1}", "-max_len=65536", "-rss_limit_mb=4096",
         "-timeout=60", "-verbosity=0", str(seeds)],
        try_input,
    )  # fmt: skip
    atheris.Fuzz()


if __name__ == "__main__":
    main()
