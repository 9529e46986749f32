"""Every place where bytes or words come in from outside, with valid inputs to start from."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from hypothesis.strategies import SearchStrategy
from PIL import Image

import cae
from cae import files as json_files
from cae.checkpoints import state
from cae.checkpoints.weights import load_model, read_model, read_weights, write_model
from cae.config import (
    AutoencoderConfig,
    ClassifierConfig,
    DataConfig,
    RunConfig,
    dump,
    find_ineffective_keys,
    parse_section,
)
from cae.data.cifar10_files import BINARY, PYTHON, read_archive
from cae.data.cifar10_formats import decode_binary_batch, decode_python_batch
from cae.data.pictures import load_pictures
from cae.errors import CaeError, CheckpointError, ConfigError, DataError
from cae.incoming import parse_json
from cae.models.classifier import make_classifier
from cae.presets import read_config_file
from cae.run_folder import ModelFiles
from cae.training.history import History, read_history, write_history
from fuzzing import strategies
from fuzzing.command_line import CommandLine

COUNT = 3  # images in a batch file
AUTOENCODER = AutoencoderConfig(
    image_shape=(8, 8, 3), conv_blocks=1, layers_per_block=1, init_num_filters=1
)
CLASSIFIER = ClassifierConfig(image_shape=(8, 8, 3), global_pooling="average", dense=False)


@dataclass(frozen=True)
class Target:
    """A place to try.

    Attributes:
        name: of its row in the table.
        share: how many of a hundred inputs it gets.
        call: takes one input.
        error: the only error that it may raise.
        seeds: valid bytes, to be damaged; or else
        strategy: what makes structured inputs.
    """

    name: str
    share: int
    call: Callable[[Any], object]
    error: type[CaeError]
    seeds: tuple[bytes, ...] = ()
    strategy: SearchStrategy[Any] | None = None


def make_targets(folder: Path) -> list[Target]:
    """Return all targets; what they need lies in `folder`, which must be empty."""
    files = write_tiny_model(folder)
    history = folder / "history.json"
    write_history(history, _make_history(), about={"stage": "autoencoder", "data": "cifar10"})
    model_json, history_json = files.json.read_bytes(), history.read_bytes()
    config_json = json.dumps(dump(AUTOENCODER), indent=1).encode()
    tars, pickle = _make_archives(), _make_pickle()
    as_file = _FileFor(folder / "input")
    model = _FileFor(files.json.with_name("altered.json"))
    files.weights.with_name("altered.safetensors").write_bytes(files.weights.read_bytes())
    return [
        Target(
            "configurations", 12, _parse_configuration, ConfigError,
            strategy=strategies.configurations,
        ),
        Target(
            "--set", 8, lambda text: cae.override(RunConfig(), [text]), ConfigError,
            strategy=strategies.settings_of_keys(),
        ),
        Target(
            "configuration files", 5, as_file.then(read_config_file), ConfigError,
            seeds=(config_json,),
        ),
        Target(
            "model JSON, altered", 8, model.sealed_then(_load_model), CheckpointError,
            strategy=strategies.altered(json.loads(model_json)),
        ),
        Target(
            "model JSON, damaged", 6, model.sealed_then(_load_model), CheckpointError,
            seeds=(model_json,),
        ),
        Target(
            "histories", 6, as_file.sealed_then(read_history), CheckpointError,
            strategy=strategies.altered(json.loads(history_json)),
        ),
        Target(
            "weights", 9, as_file.then(read_weights), CheckpointError,
            seeds=(files.weights.read_bytes(), _make_weights_of_many_types()),
        ),
        Target(
            "training states", 5, as_file.then(_read_state), CheckpointError,
            seeds=(_make_state(),),
        ),
        Target("archives", 12, as_file.then(_read_archive), DataError, seeds=tars),
        Target("pickles", 12, _decode_pickle, DataError, seeds=(pickle,)),
        Target(
            "binary batches", 3,
            lambda data: decode_binary_batch(data, count=COUNT, place="here"), DataError,
            seeds=(bytes(COUNT * 3073),),
        ),
        Target("pictures", 12, as_file.then(_load_picture), DataError, seeds=_make_pictures()),
        Target(
            "command lines", 2, CommandLine(folder / "lines", files), CaeError,
            strategy=strategies.command_lines,
        ),
    ]  # fmt: skip


@dataclass(frozen=True)
class _FileFor:
    """Writes an input to a file and hands the file on."""

    path: Path

    def then(self, read: Callable[[Path], object]) -> Callable[[bytes], object]:
        def call(data: bytes) -> object:
            self.path.write_bytes(data)
            return read(self.path)

        return call

    def sealed_then(self, read: Callable[[Path], object]) -> Callable[[bytes], object]:
        """Seal the JSON that is still one: else the seal alone would be tried."""

        def call(data: bytes) -> object:
            self.path.write_bytes(data)
            with suppress(ValueError, RecursionError):
                value = parse_json(data)
                if isinstance(value, dict):
                    content = cast("dict[str, Any]", value)
                    content.pop("sha256", None)
                    sealed = content | {"sha256": json_files._compute_seal(content)}
                    # Not by `write_sealed_json`, which waits for the disk each time.
                    self.path.write_text(json.dumps(sealed))
            return read(self.path)

        return call


def write_tiny_model(folder: Path) -> ModelFiles:
    """Write a classifier of images [8, 8, 3], never trained, and return where it lies."""
    files = ModelFiles(folder / "models", "m")
    write_model(
        files,
        make_classifier(AUTOENCODER, CLASSIFIER, num_classes=2),
        autoencoder_config=AUTOENCODER,
        classifier_config=CLASSIFIER,
        class_names=("cat", "dog"),
        about={"data": "cifar10"},
    )
    return files


def _parse_configuration(values: dict[str, Any]) -> None:
    errors: list[ConfigError] = []
    for kind in (AutoencoderConfig, ClassifierConfig, DataConfig):
        try:
            config = parse_section(kind, values, place="here")
        except ConfigError as error:
            errors.append(error)
            continue
        assert parse_section(kind, dump(config), place="again") == config
        find_ineffective_keys(config)
    if len(errors) == 3:
        raise errors[0]


def _load_model(path: Path) -> None:
    load_model(read_model(path))


def _read_state(path: Path) -> None:
    """Read a state of the bytes in `path`, with the checksum that they need."""
    body = path.read_bytes()
    path.write_bytes(state._MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
    state._unpack(path)


def _make_state() -> bytes:
    tensors = {"model.weight": torch.arange(6.0), "random": torch.zeros(9, dtype=torch.uint8)}
    facts = {"epoch": 2, "history": {"loss": [0.5, 0.25]}}
    about = {"identity": {"lr": 0.1}, "conditions": {"precision": "float32"}}
    packed = b"".join(state._pack(about, state.TrainingState(7, facts, tensors)))
    return packed[state._HEAD_BYTES :]


def _read_archive(path: Path) -> None:
    versions = [
        replace(version, train=tuple(replace(file, count=COUNT) for file in version.train))
        for version in (PYTHON, BINARY)
    ]
    for _ in read_archive(path, versions=versions):
        raise AssertionError("bytes that are not CIFAR-10 have passed for it")


def _decode_pickle(data: bytes) -> None:
    images, labels = decode_python_batch(data, count=COUNT, place="here")
    assert images.shape == (COUNT, 3, 32, 32)
    assert labels.shape == (COUNT,)


def _load_picture(path: Path) -> None:
    for channels in (1, 3):
        images = load_pictures([path], image_shape=(8, 8, channels), class_names=("a", "b"))
        assert images.images.shape == (1, channels, 8, 8)


def _make_history() -> History:
    history = History()
    for epoch in range(3):
        history.append({"loss": 1 / (epoch + 1), "val_loss": 0.5, "lr": 0.001, "seconds": 1.5})
    return history


def _make_pickle() -> bytes:
    """Return a batch as Python 2 and NumPy 1 pickled it."""
    pixels = np.random.default_rng(0).bytes(COUNT * 3072)
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x01(cnumpy\nndarray\nq\x02K\x00\x85U\x01btRq\x03"
        b"(K\x01K\x03M\x00\x0c\x86cnumpy\ndtype\nq\x04U\x02u1K\x00K\x01\x87Rq\x05"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
    )
    state = b"T" + struct.pack("<I", len(pixels)) + pixels + b"q\x06tb"
    labels = b"U\x06labelsq\x07]q\x08(K\x06K\x09K\x01e"
    return b"\x80\x02}q\x00(U\x04data" + array + state + labels + b"u."


def _make_archives() -> tuple[bytes, ...]:
    """Return archives of every format that tarfile writes, plain and compressed."""
    archives: list[bytes] = []
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        for mode in ("w", "w", "w:gz", "w:bz2", "w:xz"):
            buffer = io.BytesIO()
            # The types of tarfile know no variable mode.
            with tarfile.open(fileobj=buffer, mode=mode, format=form) as archive:  # pyright: ignore[reportCallIssue, reportArgumentType]
                for name, content in (
                    ("cifar-10-batches-py/readme.html", b"<html>"),
                    ("cifar-10-batches-py/data_batch_1", b"not a batch"),
                    ("x" * 150 if form != tarfile.USTAR_FORMAT else "x", bytes(600)),
                ):
                    member = tarfile.TarInfo(name)
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
            archives.append(buffer.getvalue())
    huge = tarfile.TarInfo("cifar-10-batches-py/readme.html")
    huge.size = 2**62  # written in binary, not in octal digits
    return (*archives, huge.tobuf(tarfile.GNU_FORMAT) + bytes(512))


def _make_weights_of_many_types() -> bytes:
    types = {
        "F64": 8,
        "F32": 4,
        "F16": 2,
        "BF16": 2,
        "I64": 8,
        "I32": 4,
        "I8": 1,
        "U8": 1,
        "BOOL": 1,
    }
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, size in types.items():
        start, end = end, end + 2 * size
        header[name] = {"dtype": name, "shape": [2, 1], "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end)


def _make_pictures() -> tuple[bytes, ...]:
    """Return a small picture in every format that is read, in several modes."""
    pixels = np.random.default_rng(0).integers(0, 256, (12, 10, 4), dtype=np.uint8)
    pictures: list[bytes] = []
    for mode, kinds in {
        "RGB": ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF"),
        "RGBA": ("PNG", "WEBP", "TIFF"),
        "P": ("PNG", "GIF", "BMP"),
        "L": ("PNG", "JPEG", "PPM"),
        "CMYK": ("JPEG", "TIFF"),
        "I;16": ("PNG", "TIFF"),
        "1": ("PNG", "TIFF"),
    }.items():
        colours = Image.fromarray(pixels)
        picture = Image.new(mode, (10, 12)) if mode == "I;16" else colours.convert(mode)
        for kind in kinds:
            buffer = io.BytesIO()
            picture.save(buffer, format=kind)
            pictures.append(buffer.getvalue())
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert("RGB").save(buffer, format="JPEG", exif=exif)
    return (*pictures, buffer.getvalue())
