"""The command `cae` as `python -m cae`, for the Python of an environment that is not active."""

from __future__ import annotations

from cae.apps.cli import main

if __name__ == "__main__":
    main()
