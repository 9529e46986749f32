"""A safetensors file whose header lies is refused, in no time and without its claims' memory."""

from __future__ import annotations

import hashlib
import json
import struct
import time

import pytest
import torch
from safetensors.torch import save

from cae.checkpoints.weights import load_model, read_model, read_weights
from cae.errors import CheckpointError


def pack(header: object, content: bytes = b"", *, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + content


def describe(dtype: object, shape: object, start: int, end: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


FOUR = describe("F32", [1], 0, 4)
LIES = {
    "length of 2**63": pack({}, length=2**63),
    "length of 2**64 - 1": pack({}, length=2**64 - 1),
    "length of 2 GiB": pack({}, length=2**31),
    "length of 0": pack(b"", length=0),
    "length beyond the file": pack({"a": FOUR}, bytes(4), length=1000),
    "length into the content": pack({"a": FOUR}, b"    ", length=len(json.dumps({"a": FOUR})) + 4),
    "overlap": pack({"a": FOUR, "b": describe("F32", [1], 0, 4)}, bytes(4)),
    "partial overlap": pack({"a": describe("F32", [2], 0, 8), "b": describe("F32", [2], 4, 12)}),
    "hole": pack({"a": FOUR, "b": describe("F32", [1], 8, 12)}, bytes(12)),
    "end before start": pack({"a": describe("F32", [1], 4, 0)}, bytes(4)),
    "negative offset": pack({"a": describe("F32", [1], -4, 0)}, bytes(4)),
    "offsets beyond the file": pack({"a": describe("F32", [2**20], 0, 2**22)}, bytes(4)),
    "offsets of 2**64": pack({"a": describe("F32", [1], 0, 2**64)}, bytes(4)),
    "content left over": pack({"a": FOUR}, bytes(400)),
    "larger type": pack({"a": describe("F64", [1], 0, 4)}, bytes(4)),
    "smaller type": pack({"a": describe("I8", [1], 0, 4)}, bytes(4)),
    "unknown type": pack({"a": describe("F1024", [1], 0, 4)}, bytes(4)),
    "type that is no text": pack({"a": describe(7, [1], 0, 4)}, bytes(4)),
    "shape of 2**62": pack({"a": describe("F32", [2**62], 0, 4)}, bytes(4)),
    "shape that overflows": pack({"a": describe("F32", [2**32, 2**32], 0, 0)}),
    "shape with a zero": pack({"a": describe("F32", [0, 2**62, 2**62], 0, 0)}),
    "negative shape": pack({"a": describe("F32", [-1], 0, 4)}, bytes(4)),
    "no object": pack([1, 2]),
    "no JSON": pack(b"\xff\xfe"),
    "deep nesting": pack(b'{"a":' * 200_000),
    "metadata of numbers": pack({"__metadata__": {"a": 1}}),
    "the same name twice": pack(
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
        b'"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
        bytes(8),
    ),
}


@pytest.mark.parametrize("name", LIES)
def test_a_header_that_lies_is_refused_at_once(name, tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(LIES[name])
    started = time.process_time()
    with pytest.raises(CheckpointError, match=r"w\.safetensors: not a complete safetensors file"):
        read_weights(path)
    assert time.process_time() - started < 5


def test_a_header_that_lies_is_never_parsed_while_its_checksum_is_not_the_models(tiny_model):
    for content in LIES.values():
        tiny_model.weights.write_bytes(content)
        with pytest.raises(CheckpointError, match="SHA-256 differs"):
            load_model(read_model(tiny_model.json))


@pytest.fixture
def forge(tiny_model, alter):
    """A function that puts other weights into the model's place, checksums made to fit."""

    def put(weights: dict[str, torch.Tensor]) -> None:
        tiny_model.weights.write_bytes(save(weights))
        checksum = hashlib.sha256(tiny_model.weights.read_bytes()).hexdigest()
        alter(tiny_model.json, weights_sha256=checksum)

    return put


def test_weights_of_another_type_are_not_taken_for_the_models(tiny_model, forge):
    weights = read_weights(tiny_model.weights)
    name = "head.output.weight"
    for dtype in (torch.float64, torch.int8, torch.bfloat16, torch.bool):
        forge(weights | {name: weights[name].to(dtype)})
        with pytest.raises(CheckpointError, match=f"{name} has type {dtype}, expected torch.float"):
            load_model(read_model(tiny_model.json))


def test_a_name_of_a_tensor_reaches_no_message_as_it_is(tiny_model, forge):
    weights = read_weights(tiny_model.weights)
    forge(weights | {"\x1b[2J\n" + "x" * 10_000: torch.zeros(1)})
    with pytest.raises(CheckpointError, match="is unexpected") as caught:
        load_model(read_model(tiny_model.json))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def test_a_pickle_is_no_weights_whatever_it_is_called(tmp_path, tiny_model):
    """What torch.save writes is a zip of pickles; nothing here opens one."""
    torch.save({"a": torch.zeros(1)}, tiny_model.weights)
    with pytest.raises(CheckpointError, match="not a complete safetensors file"):
        read_weights(tiny_model.weights)
