"""Device and precision: no part of the configuration, because they decide how fast, not what."""

from __future__ import annotations

import platform
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from cae.errors import ConfigError
from cae.runtime.memory import keep_freed_memory

Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True, slots=True)
class Runtime:
    """Where training and inference run, and in which precision the convolutions compute.

    Weights, losses, batch norm's statistics and everything saved are float32 in either precision.
    Its first use changes settings of the whole process: see `place`.
    """

    device: torch.device
    precision: Precision

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context under which a model's forward pass runs."""
        return torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bfloat16"
        )

    def place(self, model: nn.Module) -> None:
        """Move the model to the device, its convolutions' weights laid out NHWC.

        From the first call on, this also affects the rest of the process: on the CPU the process
        keeps freed memory (`keep_freed_memory`); on a GPU, with float32, cuDNN computes no
        convolutions in TF32 any more, not even those of other models. Everything that trains,
        predicts or measures places its model.
        """
        if self.device.type == "cpu":
            keep_freed_memory()
        elif self.precision == "float32":
            torch.backends.cudnn.allow_tf32 = False  # TF32, the default, rounds to 10 bits
        if all(_is_placed(parameter, self.device) for parameter in model.parameters()):
            return  # A model that is called for one image at a time gets here every time.
        model.to(self.device)
        # NHWC: about 1.3x of NCHW for this network on a Zen 4; see benchmarks/LOG.md.
        for parameter in model.parameters():
            if parameter.dim() == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)

    def tensor(self, array: Any) -> Tensor:
        """Return a NumPy array as a tensor on the device, on the CPU without a copy if possible."""
        # torch refuses mirrored arrays (negative strides), and warns of read-only ones.
        return torch.from_numpy(np.require(array, requirements=("C", "W"))).to(self.device)


def choose_runtime(*, device: str = "auto", precision: str = "auto") -> Runtime:
    """Return the runtime asked for, `auto` meaning the fastest that this machine has.

    Args:
        device: "auto" (CUDA if there is one, else CPU), "cpu", "cuda" or "cuda:1" and so on.
        precision: "auto" (bfloat16 where the processor computes it in hardware), "float32" or
            "bfloat16".

    Raises:
        ConfigError: the device is unknown or not on this machine, or the precision is unknown.
    """
    if precision not in ("auto", "float32", "bfloat16"):
        raise ConfigError(f"precision {precision!r}: use auto, float32 or bfloat16")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    # Parsed here: torch.device takes the number modulo 256, cuda:256 for the first GPU.
    parts = re.fullmatch(r"cpu|cuda(?::(0|[1-9][0-9]{0,8}))?", device)
    if parts is None:
        raise ConfigError(f"device {device!r}: use auto, cpu or cuda (cuda:1 for the second)")
    if device != "cpu" and int(parts[1] or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"device {device!r}: this machine has {torch.cuda.device_count()} CUDA devices that "
            "PyTorch can use; use --device cpu"
        )
    place = torch.device(device)
    if precision == "auto":
        precision = "bfloat16" if _computes_bfloat16(place) else "float32"
    return Runtime(place, "bfloat16" if precision == "bfloat16" else "float32")


def describe_environment(runtime: Runtime) -> dict[str, Any]:
    """Return the conditions of a measurement: machine, versions, device, precision, threads."""
    packages = ("torch", "numpy", "scikit-learn", "cifar10-classification-autoencoder")
    accelerator = (
        torch.cuda.get_device_name(runtime.device) if runtime.device.type == "cuda" else None
    )
    return {
        "processor": _read_processor_name(),
        "threads": torch.get_num_threads(),
        "device": str(runtime.device),
        "accelerator": accelerator,
        "precision": runtime.precision,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: _read_version(name) for name in packages},
    }


def _is_placed(parameter: Tensor, device: torch.device) -> bool:
    # "cuda" without a number never equals a tensor's device: such a model is always placed anew.
    return parameter.device == device and (
        parameter.dim() != 4 or parameter.is_contiguous(memory_format=torch.channels_last)
    )


def _computes_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    # oneDNN runs bfloat16 anywhere from AVX-512 on, but without these instructions it emulates it
    # and is slower than float32. PyTorch has no public function to ask for them.
    questions = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, question, lambda: False)()) for question in questions)


def _read_processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    facts = {key.strip(): value.strip() for key, value in fields.items()}
    name = facts.get("model name", platform.machine())
    # Cloud machines cut the name short ("AMD EPYC"); family and model still tell the generation.
    numbers = [f"{key} {facts[key]}" for key in ("cpu family", "model") if key in facts]
    return f"{name} ({', '.join(numbers)})" if numbers else name


def _read_version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
