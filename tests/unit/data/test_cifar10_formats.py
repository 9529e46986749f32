"""Batch files give the arrays that were put in, and never run what they hold."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from cae.data.cifar10_formats import decode_binary_batch, decode_python_batch
from cae.errors import DataError

REFUSED = "which no CIFAR-10 file needs; it may be an attack"


class RunsCode:
    """Pickles into a call of `function` with `arguments`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def test_pickled_batch_gives_the_images_and_labels_that_were_written(tiny):
    content = tiny.contents["data_batch_2"]
    images, labels = decode_python_batch(content, count=7, place="here")
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64
    assert (images == tiny.images[7:14]).all()
    assert (labels == tiny.labels[7:14]).all()


def test_pickled_batch_gives_what_python_itself_would_read(tiny):
    content = tiny.contents["data_batch_2"]
    images, labels = decode_python_batch(content, count=7, place="here")
    # The content is this test's own, so reading it with the full pickle is safe.
    reference = pickle.loads(content, encoding="bytes")
    assert (images.reshape(7, 3072) == reference[b"data"]).all()
    assert labels.tolist() == reference[b"labels"]


def test_real_batch_gives_what_python_itself_would_read(cifar10_folder):
    content = (cifar10_folder / "cifar-10-batches-py" / "test_batch").read_bytes()
    images, labels = decode_python_batch(content, count=10_000, place="here")
    reference = pickle.loads(content, encoding="bytes")
    assert (images.reshape(10_000, 3072) == reference[b"data"]).all()
    assert labels.tolist() == reference[b"labels"]


def test_binary_batch_gives_the_images_and_labels_that_were_written(tiny):
    content = tiny.contents["data_batch_2.bin"]
    images, labels = decode_binary_batch(content, count=7, place="here")
    assert (images.dtype, labels.dtype) == (np.uint8, np.int64)
    assert (images == tiny.images[7:14]).all()
    assert (labels == tiny.labels[7:14]).all()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_that_tries_to_run_code_is_refused_before_it_runs(tmp_path, protocol):
    target = tmp_path / "made_by_the_pickle"
    attacks = [
        RunsCode(os.mkdir, str(target)),
        RunsCode(eval, f"__import__('os').mkdir({str(target)!r})"),
        {b"data": RunsCode(Path.mkdir, target), b"labels": []},
        [RunsCode(getattr, "text", "upper")],
    ]
    for attack in attacks:
        content = pickle.dumps(attack, protocol=protocol)
        words = f"the pickle asks for .*{REFUSED}|not a readable pickle: .*protocol is not 2"
        with pytest.raises(DataError, match=f"^here: ({words})"):
            decode_python_batch(content, count=7, place="here")
    assert not target.exists()


@pytest.mark.parametrize(
    "name",
    ["numpy\nload", "numpy.core.multiarray\nfromfile", "numpy\nndarray.tofile", "os\nsystem"],
)
def test_other_names_of_numpy_are_refused_too(name):
    content = b"\x80\x02c" + name.encode() + b"\n."
    with pytest.raises(DataError, match=REFUSED):
        decode_python_batch(content, count=7, place="here")


def test_arrays_of_objects_cannot_hide_code_in_their_state(tmp_path):
    target = tmp_path / "made_by_the_pickle"
    hidden = np.array([RunsCode(os.mkdir, str(target))], dtype=object)
    content = pickle.dumps({b"data": hidden}, protocol=2).replace(b"numpy._core", b"numpy.core")
    with pytest.raises(DataError, match=REFUSED):
        decode_python_batch(content, count=7, place="here")
    assert not target.exists()


@pytest.mark.parametrize("kept", [0, 1, 100, 3000, -1])
def test_truncated_pickle_is_refused(tiny, kept):
    content = tiny.contents["data_batch_1"][:kept]
    with pytest.raises(DataError, match=r"^here: not a readable pickle: "):
        decode_python_batch(content, count=7, place="here")


@pytest.mark.parametrize("seed", range(50))
def test_damaged_pickle_is_read_or_refused_but_never_another_error(tiny, seed):
    random = np.random.default_rng(seed)
    content = bytearray(tiny.contents["data_batch_1"])
    structure = [*range(170), *range(len(content) - 60, len(content))]
    for place in random.choice(structure, size=3, replace=False):
        content[place] = random.integers(256)
    try:
        images, labels = decode_python_batch(bytes(content), count=7, place="here")
    except DataError:
        return
    assert (images.shape, labels.shape) == ((7, 3, 32, 32), (7,))


LABELS = b"U\x06labels](" + b"K\x00" * 7 + b"e"


@pytest.mark.parametrize(
    "content",
    [
        b"]",
        b"N",
        b"}",
        b"}(U\x04dataK\x01" + LABELS + b"u",
        b"}(" + LABELS + b"u",
        b"}(U\x04data](" + b"K\x00" * 7 + b"e" + LABELS + b"u",
        b"}(U\x04datacnumpy\ndtype\n(tR" + LABELS + b"u",
        b"}(U\x04datacnumpy.core.multiarray\n_reconstruct\n(tR" + LABELS + b"u",
    ],
)
def test_pickle_of_another_content_is_refused(content):
    with pytest.raises(DataError, match="expected 7 images of 3072 bytes under 'data'"):
        decode_python_batch(b"\x80\x02" + content + b".", count=7, place="here")


def test_pickle_of_another_number_of_images_is_refused(tiny):
    with pytest.raises(DataError, match="expected 8 images"):
        decode_python_batch(tiny.contents["data_batch_1"], count=8, place="here")


@pytest.mark.parametrize(
    ("found", "written"),
    [
        (b"U\x02u1", b"U\x02i1"),  # signed pixels
        (b"\x89T", b"K\x01T"),  # columns first
    ],
)
def test_pickled_array_of_another_layout_is_refused(tiny, found, written):
    content = tiny.contents["data_batch_1"]
    assert found in content[:200]
    with pytest.raises(DataError, match="found other content"):
        decode_python_batch(content.replace(found, written, 1), count=7, place="here")


@pytest.mark.parametrize("label", [10, 255])
def test_label_above_nine_is_refused_in_a_binary_batch(tiny, label):
    content = bytes([label]) + tiny.contents["data_batch_1.bin"][1:]
    with pytest.raises(DataError, match=f"^here: label {label}, expected 0 to 9"):
        decode_binary_batch(content, count=7, place="here")


@pytest.mark.parametrize("change", [-3073, -1, 1])
def test_binary_batch_of_another_size_is_refused(tiny, change):
    content = (tiny.contents["data_batch_1.bin"] + b"\0")[: 7 * 3073 + change]
    with pytest.raises(DataError, match=rf"expected {7 * 3073} bytes \(7 images\), found"):
        decode_binary_batch(content, count=7, place="here")
