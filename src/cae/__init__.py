"""Classify images with an autoencoder first: pretrain without labels, classify, measure.

The public names are listed in `__init__.pyi`, each imported on its first use: neither `import cae`
nor `cae --help` waits for PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = cast(
    "tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]",
    lazy_loader.attach_stub(__name__, __file__),
)
