"""Structured inputs for Hypothesis: configurations, settings, altered JSON and command lines."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st

from cae.config import AutoencoderConfig, ClassifierConfig, DataConfig, dump

KEYS = sorted(
    {key for kind in (AutoencoderConfig, ClassifierConfig, DataConfig) for key in kind.model_fields}
)
WORDS = ("adam", "sgd", "huber", "l1_l2", "cosine", "max", "average", "accuracy", "bird", "base")

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-2, 40),
    # Made when drawn: Python writes no integer of 5000 digits, and Hypothesis writes its choices.
    st.sampled_from([31, 63, 64, 100, 20_000]).map(lambda bits: 2**bits),
    st.floats(),
    st.floats(0, 2),
    st.sampled_from(WORDS),
    st.text(max_size=20),
)
json_values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=5)), inner, max_size=3),
    ),
    max_leaves=6,
)


@st.composite
def keys_and_values(draw: st.DrawFn) -> tuple[str, Any]:
    """Return a key with, mostly, a value of its own type."""
    key = draw(st.sampled_from(KEYS))
    likely = _LIKELY[type(DEFAULTS[key])]
    return key, draw(st.one_of(likely, likely, likely, likely, json_values))


DEFAULTS: dict[str, Any] = {
    key: value
    for kind in (AutoencoderConfig, ClassifierConfig, DataConfig)
    for key, value in dump(kind()).items()
}
_LIKELY: dict[type, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.one_of(st.integers(1, 8), st.integers(0, 2000)),
    float: st.floats(0, 1),
    str: st.sampled_from(WORDS),
    list: st.lists(st.sampled_from([1, 3, 8, 16, 32, 64, 4096]), min_size=3, max_size=3),
    type(None): st.one_of(st.none(), st.floats(0, 1), st.lists(st.sampled_from(WORDS))),
}
configurations = st.one_of(
    st.lists(keys_and_values(), max_size=5).map(dict),
    st.dictionaries(
        st.one_of(st.sampled_from(KEYS), st.text(max_size=10)), json_values, max_size=6
    ),
)


@st.composite
def settings_of_keys(draw: st.DrawFn) -> str:
    """Return text for `--set`: mostly a key, an equals sign and JSON, sometimes anything."""
    section = draw(st.sampled_from(["", "", "autoencoder.", "classifier.", "data.", "x.", "."]))
    if draw(st.booleans()):
        key, value = draw(keys_and_values())
        return f"{section}{key}={write_json(value)}"
    key = draw(st.one_of(st.sampled_from(KEYS), st.text(max_size=10)))
    equals = draw(st.sampled_from(["=", "=", "=", " = ", "", "=="]))
    value = draw(
        st.one_of(
            json_values.map(write_json),
            st.text(max_size=30),
            st.integers(1, 1200).map(lambda depth: "[" * depth + "]" * depth),
        )
    )
    return section + key + equals + value


def write_json(value: Any) -> str:
    """Return JSON as Python writes it, with NaN; a number that Python will not write as 1e5000."""
    try:
        return json.dumps(value)
    except ValueError:
        return "1e5000"


@st.composite
def altered(draw: st.DrawFn, value: Any) -> bytes:
    """Return a JSON document like `value`, in which one to three places hold something else."""
    document = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 3))):
        document = _alter(draw, document)
    text = write_json(document)
    return draw(st.sampled_from([text, text, text, text.replace("}", ', "kind": 1}', 1)])).encode()


def _alter(draw: st.DrawFn, node: Any) -> Any:
    """Replace, drop or add something at a random place in the value."""
    if not isinstance(node, dict | list) or not node or draw(st.integers(0, 5)) == 0:
        return draw(json_values)
    places = list(node) if isinstance(node, dict) else list(range(len(node)))
    place = draw(st.sampled_from(places))
    action = draw(st.integers(0, 9))
    if action == 0:
        del node[place]
    elif action == 1 and isinstance(node, dict):
        node[draw(st.one_of(st.sampled_from(KEYS), st.text(max_size=5)))] = draw(json_values)
    else:
        node[place] = _alter(draw, node[place])
    return node


COMMANDS = ("run", "data", "pretrain", "finetune", "evaluate", "predict")
OPTIONS = (
    "--data", "--preset", "--set", "--seed", "--device", "--precision", "--out", "--name",
    "--fresh", "--json", "--debug", "--encoder", "--from-scratch", "--model", "--help",
    "--version", "-h", "--",
)  # fmt: skip
VALUES = (
    "nowhere", "models/m.json", "models/m.safetensors", "bad.json", "picture.png", "text.txt",
    "folder", "pipe", "", ".", "..", "/", "base", "quick", "cpu", "cuda:7", "float32", "-1",
    "99999999999999999999", "epochs=1", "lr=", "a=b", "=", "\x1b[2J", "~nobody-x/a", "é" * 200,
)  # fmt: skip
words = st.one_of(
    st.sampled_from(OPTIONS),
    st.sampled_from(VALUES),
    settings_of_keys(),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=15),
)
VALID = (
    ["predict", "picture.png", "--model", "models/m.json"],
    ["predict", "picture.png", "--json"],
    ["evaluate", "models/m.json"],
    ["finetune", "--encoder", "models/m.json"],
    ["finetune", "--from-scratch"],
    ["run", "--preset", "base", "--seed", "7"],
    ["data", "--set", "val_size=0.3", "--json"],
    ["--version"],
)
first_words = st.one_of(
    st.sampled_from(VALID),
    st.lists(st.one_of(st.sampled_from(COMMANDS), words), min_size=1, max_size=1),
)
command_lines = st.tuples(first_words, st.lists(words, max_size=4)).map(
    lambda parts: [word.replace("\0", "") for word in (*parts[0], *parts[1])]
)
