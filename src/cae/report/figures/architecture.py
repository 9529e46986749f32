"""A network as a list of parts: the blocks, widths and sizes in a model's list of layers."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cae.report.phrases import TIMES

# The part of `encoder.blocks.0.units.1.conv` is `encoder.blocks.0`.
_NUMBERED = re.compile(r"^(\w+\.\w+\.\d+)(\.|$)")
_CALL = re.compile(r"^(\w+)\((.*)\)$")
# In the residual encoder and its decoder: a path past all blocks.
_BESIDE = "linear"
Size = tuple[int, int]

_WORDS = {
    "BatchNorm2d": "norm",
    "BatchNorm1d": "norm",
    "GroupNorm": "norm",
    "LayerNorm": "norm",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A block of a network, or a layer that is not in a block.

    Attributes:
        name: where it is, such as `encoder.blocks.0`.
        layers: what it is made of, a few words for each layer.
        width: the number of channels, or of numbers, in its output.
        size: height and width of its output, if the layers show them.
        parameters: their number as Keras counts, running statistics included.
    """

    name: str
    layers: tuple[str, ...]
    width: int
    size: Size | None
    parameters: int

    @property
    def shape(self) -> str:
        """Height, width and channels of the output, or the number of numbers alone."""
        return f" {TIMES} ".join(map(str, [*(self.size or ()), self.width]))


def make_parts(
    layers: Sequence[Mapping[str, Any]], *, stage: str, size: Size | None, width: int
) -> list[Part]:
    """Return the parts of `stage` ("encoder", "decoder" or "head") of a model, in order.

    Sizes are followed through convolutions, pools and the rearranging of pixels into channels; if
    they can no longer be followed, the parts from there on have none. A linear path past all other
    layers is added to the last part.

    Args:
        layers: a model's layers, each with name, layer (as PyTorch writes it) and parameters.
        stage: the first word of the names of the layers to take.
        size: height and width of the input, if known.
        width: channels of the input.
    """
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for layer in layers:
        if layer["name"].partition(".")[0] == stage:
            grouped.setdefault(_name_part(layer["name"]), []).append(layer)
    beside = grouped.pop(f"{stage}.{_BESIDE}", None)
    parts: list[Part] = []
    for name, members in grouped.items():
        words: Counter[str] = Counter()
        for member in members:
            kind, options = _parse(member["layer"])
            word = _name_layer(kind, options)
            if word:
                words[word] += 1
            size, width = _follow(kind, options, size, width)
        if not words:
            continue
        parameters = sum(member["parameters"] for member in members)
        told = tuple(
            f"{count} {TIMES} {word}" if count > 1 else word for word, count in words.items()
        )
        if parameters == 0 and parts:  # A pool by itself belongs to what it pools.
            before = parts.pop()
            part = replace(before, layers=(*before.layers, *told), width=width, size=size)
        else:
            part = Part(name, told, width, size, parameters)
        parts.append(part)
    if beside and parts:  # It leads from the input to the output, where it is added.
        last = parts.pop()
        more = sum(member["parameters"] for member in beside)
        all_layers = (*last.layers, "+ linear path")
        parts.append(replace(last, layers=all_layers, parameters=last.parameters + more))
    return parts


def mirror_sizes(decoder: Sequence[Part], encoder: Sequence[Part], size: Size | None) -> list[Part]:
    """Return a decoder's parts with the sizes at which its blocks compute.

    A decoder that mirrors its encoder doubles the size between its blocks without a layer that
    shows it: its first block computes at the size of the last block of the encoder, and so on to
    the output, which has the size of the image.

    Args:
        decoder: its parts; the last one is the output.
        encoder: its parts, as many as the decoder has before its output.
        size: height and width of the image.
    """
    *blocks, output = (replace(part, size=None) for part in decoder)
    if len(blocks) != len(encoder):
        return [*blocks, output]
    sizes = [part.size for part in reversed(encoder)]
    return [
        *(replace(block, size=of) for block, of in zip(blocks, sizes, strict=True)),
        replace(output, size=size),
    ]


def _name_part(name: str) -> str:
    numbered = _NUMBERED.match(name)
    return numbered[1] if numbered else ".".join(name.split(".")[:2])


def _parse(layer: str) -> tuple[str, str]:
    call = _CALL.match(layer)
    return (call[1], call[2]) if call else (layer, "")


def _name_layer(kind: str, options: str) -> str | None:
    """Return a few words for a layer, or None for one that is not mentioned (noise, dropout)."""
    if "Conv" in kind:
        kernel = _read_pair(options, "kernel_size")
        return f"conv {kernel[0]} {TIMES} {kernel[1]}" if kernel else "conv"
    if kind == "Whitening":
        return "whitening"
    if kind.endswith("Linear"):
        return "dense"
    if "Pool" in kind:
        return "pool"
    if "Upsample" in kind:
        return "upsample"
    return _WORDS.get(kind)


def _follow(kind: str, options: str, size: Size | None, width: int) -> tuple[Size | None, int]:
    """Return size and width after a layer."""
    if kind.endswith("Linear"):
        return None, int(re.findall(r"out_features=(\d+)", options)[0])
    if "MaxPool" in kind or "AvgPool" in kind:
        step = (_read_pair(options, "stride") or (2, 2))[0]
        return (size[0] // step, size[1] // step) if size else None, width
    found = re.match(r"(\d+), (\d+)", options)
    if ("Conv" not in kind and kind != "Whitening") or not found:
        return size, width
    taken, made = int(found[1]), int(found[2])
    size = _rearrange(size, width, taken)
    kernel, stride = _read_pair(options, "kernel_size"), _read_pair(options, "stride") or (1, 1)
    padding = _read_pair(options, "padding") or (0, 0)
    if size is None or kernel is None:
        return None, made
    height, across = (
        (side + 2 * pad - edge) // step + 1
        for side, pad, edge, step in zip(size, padding, kernel, stride, strict=True)
    )
    return (height, across), made


def _rearrange(size: Size | None, width: int, taken: int) -> Size | None:
    """Return the size after rearranging `width` channels into `taken`; None if it is unclear."""
    if size is None or taken == width:
        return size
    large, small = max(width, taken), min(width, taken)
    step = math.isqrt(large // small)
    if small * step * step != large:
        return None
    if taken > width:
        return size[0] // step, size[1] // step
    return size[0] * step, size[1] * step


def _read_pair(options: str, key: str) -> Size | None:
    found = re.search(rf"{key}=\(?(\d+)(?:, (\d+)\))?", options)
    return (int(found[1]), int(found[2] or found[1])) if found else None
