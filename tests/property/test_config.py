"""Whatever JSON a configuration holds, it parses or is refused by an error that names the key."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cae.config import (
    AutoencoderConfig,
    ClassifierConfig,
    DataConfig,
    RunConfig,
    dump,
    find_ineffective_keys,
    parse_section,
)
from cae.errors import ConfigError
from cae.presets import override

SECTIONS = (AutoencoderConfig, ClassifierConfig, DataConfig)
KEYS = [(section, key) for section in SECTIONS for key in section.model_fields]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-2, 40),
    st.floats(),
    st.floats(0, 2),
    st.text(max_size=20),
)
json_values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
words = st.one_of(
    st.sampled_from([name for _, name in KEYS]),
    st.sampled_from(["adam", "sgd", "huber", "l1_l2", "cosine", "max", "accuracy"]),
)
values = st.one_of(json_values, words, st.lists(words, max_size=3))


def parse_or_explain(section: type, given: dict[str, Any]) -> Any:
    """Return the section, or None if it was refused in one line that names a key."""
    try:
        return parse_section(section, given, place="mine.json")
    except ConfigError as error:
        message = str(error)
        assert message.startswith("mine.json: ")
        assert "\n" not in message
        assert any(key in message or repr(key) in message for key in given), message
        return None


@pytest.mark.parametrize(("section", "key"), KEYS, ids=[f"{s.__name__}-{k}" for s, k in KEYS])
@settings(max_examples=40)
@given(value=values)
def test_any_value_of_a_key_parses_or_is_refused_by_name(section, key, value):
    config = parse_or_explain(section, {key: value})
    if config is not None:
        again = parse_section(section, json.loads(json.dumps(dump(config))), place="again")
        assert again == config
        # Nothing was quietly made into something else.
        stored = dump(config)[key]
        assert stored == value
        assert type(stored) is type(value) or type(value) in (int, tuple)


@given(st.sampled_from(SECTIONS), st.dictionaries(st.text(max_size=20), scalars, min_size=1))
def test_unknown_keys_are_never_passed_over(section, given):
    unknown = {key: value for key, value in given.items() if key not in section.model_fields}
    if unknown:
        with pytest.raises(ConfigError, match="unknown key"):
            parse_section(section, unknown, place="mine.json")


@given(st.dictionaries(words, values, max_size=6))
def test_any_mixture_of_keys_and_values_parses_or_is_refused(given):
    for section in SECTIONS:
        config = parse_or_explain(section, given) if given else section()
        if isinstance(config, AutoencoderConfig | ClassifierConfig | DataConfig):
            for each in find_ineffective_keys(config):
                assert each.split(" ")[0] in given
                assert "has no effect while" in each or "and epochs" in each


@given(st.sampled_from(KEYS), values)
def test_setting_a_key_by_its_text_is_setting_it_by_its_value(pair, value):
    section, key = pair
    name = {AutoencoderConfig: "autoencoder", ClassifierConfig: "classifier", DataConfig: "data"}
    setting = f"{name[section]}.{key}={json.dumps(value)}"
    start = dump(RunConfig())
    start[name[section]][key] = value
    try:
        expected = parse_section(RunConfig, start, place="dictionary")
    except ConfigError:
        with pytest.raises(ConfigError, match=key):
            override(RunConfig(), [setting])
        return
    assert override(RunConfig(), [setting]) == expected


@given(st.text(max_size=30))
def test_any_text_after_set_is_applied_or_refused(text):
    try:
        override(RunConfig(), [text])
    except ConfigError:
        with pytest.raises(ConfigError, match=r"^--set "):
            override(RunConfig(), [text])
    else:
        assert text.partition("=")[0].strip()
