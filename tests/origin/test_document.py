"""docs/origin.md tells of every function and key, as they are."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest

import dataset
import modelling
from cae.config import AutoencoderConfig, ClassifierConfig

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "origin.md").read_text(encoding="utf-8")
PUBLIC = [
    (module, name)
    for module in (dataset, modelling)
    for name in module.__all__
    if (module, name) != (modelling, "set_random_seeds")  # it is told of once
]


def write_signature(name: str, function: object) -> str:
    """Return a call as the document writes it, its defaults as JSON or Python write them."""
    assert callable(function)
    parts: list[str] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind == parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        default = parameter.default
        written = json.dumps(default) if isinstance(default, str) else repr(default)
        parts.append(
            parameter.name if default is parameter.empty else f"{parameter.name}={written}"
        )
    return f"`{name}({', '.join(parts)})`"


@pytest.mark.parametrize(("module", "name"), PUBLIC, ids=[name for _, name in PUBLIC])
def test_every_function_is_told_of_with_its_signature(module: object, name: str):
    assert write_signature(name, getattr(module, name)) in TEXT


def read_values(section: str) -> dict[str, str]:
    """Return the values in the base file by key, as the section's table has them."""
    table = TEXT.partition(f"\n`{section}_config`")[2].partition("\n\n| ")[2].partition("\n\n")[0]
    told: dict[str, str] = {}
    for row in table.splitlines()[2:]:
        keys, values, *_ = row.strip("| ").split(" | ")
        names = re.findall(r"\w+", keys)
        told |= dict(zip(names, values.split(", ") if len(names) > 1 else [values], strict=True))
    return told


def write_value(value: object) -> str:
    return f"`{value}`" if isinstance(value, str) else json.dumps(value)


def test_every_key_of_the_origin_is_told_of_with_the_value_of_its_file():
    told = {section: read_values(section) for section in ("autoencoder", "classifier")}
    for section, values in told.items():
        path = ROOT / f"{section}_config_base.json"
        base = {key: write_value(value) for key, value in json.loads(path.read_text()).items()}
        if section == "classifier":
            # Keys of both are told of once; the number of epochs stands above the table.
            both = base.keys() - values.keys()
            assert all(base[key] == told["autoencoder"][key] for key in both - {"epochs"})
            assert f"`epochs` is {base['epochs']}" in TEXT
            base = {key: base[key] for key in values}
        assert values == base


@pytest.mark.parametrize("kind", [AutoencoderConfig, ClassifierConfig])
@pytest.mark.parametrize("key", ["loss", "optimizer", "global_pooling", "kernel_regularizer_type"])
def test_every_word_that_a_key_allows_is_told(kind: Any, key: str):
    if key in kind.model_fields:
        schema = kind.model_json_schema()["properties"][key]
        words = schema.get("enum") or [schema["const"]]
        assert [word for word in words if f"`{word}`" not in TEXT] == []
