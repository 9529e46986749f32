"""JSON made to exhaust, to mislead or to escape is refused in one bounded, printable line."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cae.checkpoints.weights import read_model
from cae.config import parse_autoencoder_config
from cae.errors import CaeError, CheckpointError, ConfigError
from cae.files import write_sealed_json
from cae.presets import read_config_file
from cae.training.history import read_history

BOMBS = {
    "arrays": b"[" * 1_000_000,
    "closed arrays": b"[" * 900 + b"]" * 900,
    "objects": b'{"a":' * 1_000_000,
    "closed objects": b'{"metrics":' * 900 + b"1" + b"}" * 900,
    "a huge exponent": b'{"format": 1e999999}',
    "a huge negative number": b'{"metrics": {"loss": [-1e400]}}',
    "5000 digits": b'{"format": 1' + b"0" * 5000 + b"}",
    "a key twice": b'{"format": 1, "format": 2}',
    "a key twice below": b'{"metrics": {"loss": [1], "loss": [2]}}',
    "NaN": b'{"metrics": {"loss": [NaN]}}',
    "Infinity": b'{"epochs": Infinity}',
    "bytes that are no text": b'{"a": "\xff"}',
    "UTF-16": '{"epochs": 3}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"epochs": 3}',
    "nothing": b"",
    "zeros": bytes(10_000),
    "17 MB": b" " * 17 * 10**6 + b"{}",
}
READERS: dict[str, Callable[[Path], Any]] = {
    "model": read_model,
    "history": read_history,
    "configuration": read_config_file,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_at_once(name, reader, tmp_path):
    path = tmp_path / "bomb.json"
    path.write_bytes(BOMBS[name])
    started = time.process_time()
    with pytest.raises(CaeError, match=r"bomb\.json: ") as caught:
        READERS[reader](path)
    assert time.process_time() - started < 5
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "\x1b]0;title\x07" * 10_000},
        {"kind": ["\x1b[2J"] * 10_000},
        {"class_names": {"\x1b[2J" * 1000: 1}},
        {"class_names": ["\x1b[31m"] * 1000},
        {"autoencoder_config": {"\x1b[2J" * 10_000: 1}},
        {"autoencoder_config": {f"key{n}": n for n in range(10_000)}},
        {"autoencoder_config": {"lr": "\x1b[2J" * 10_000}},
        {"classifier_config": {"optimizer": ["x" * 1000] * 1000}},
    ],
    ids=",".join,
)
def test_what_a_model_says_reaches_no_message_as_it_is(changes, tiny_model, alter):
    alter(tiny_model.json, **changes)
    started = time.process_time()
    with pytest.raises(CheckpointError) as caught:
        read_model(tiny_model.json)
    assert time.process_time() - started < 5
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 4000


def test_a_number_that_python_will_not_write_is_refused_by_its_key():
    with pytest.raises(ConfigError, match=r"epochs = an integer of 16,610 bits"):
        parse_autoencoder_config({"epochs": 10**5000})


@pytest.mark.parametrize("name", ["../../outside", "/etc/passwd", "..", "a/../../b", "~root/x"])
def test_a_name_in_a_models_json_leads_nowhere(name, tiny_model, snapshot, alter):
    alter(tiny_model.json, name=name, weights=name, weights_path=name)
    before = snapshot()
    saved = read_model(tiny_model.json)
    assert saved.weights_path == tiny_model.weights
    assert snapshot() == before


@pytest.mark.parametrize("names", [["cat", "cat"], ["", ""], ["a", "b", "a"]])
def test_class_names_that_repeat_are_a_damaged_model(names, tiny_model, call_cae, alter):
    alter(tiny_model.json, class_names=names)
    answer = call_cae("predict", "none.png", "--model", tiny_model.json)
    assert answer.code == 4
    assert "holds a name more than once" in answer.err


@pytest.mark.parametrize(
    "metrics",
    [[], {"loss": 1}, {"loss": "text"}, {"loss": [1], "lr": []}, {"loss": [[1]]}, {"loss": [None]}],
)
def test_columns_that_are_no_history_are_refused(metrics, tmp_path):
    path = tmp_path / "h.json"
    write_sealed_json(path, {"metrics": metrics})
    with pytest.raises(CheckpointError, match=r"h\.json: not a training history"):
        read_history(path)
