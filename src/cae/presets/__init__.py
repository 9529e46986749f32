"""Whole configurations: the presets that ship as JSON, and changes to them key by key."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, cast

from cae.config import RunConfig, dump, parse_section
from cae.errors import ConfigError
from cae.incoming import MOST_JSON_BYTES, parse_json, read_plain
from cae.wording import show, suggest


def read_config_file(path: Path) -> dict[str, Any]:
    """Return the JSON object in a configuration file.

    Raises:
        ConfigError: the file is missing, is not JSON, or is not an object.
    """
    try:
        values = parse_json(read_plain(path, most_bytes=MOST_JSON_BYTES))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected a JSON object of keys and values")
    return cast("dict[str, Any]", values)


def preset_names() -> tuple[str, ...]:
    """Return the names of the presets that ship with the package, sorted."""
    files = resources.files(__name__)
    stem = "autoencoder_config_"
    names = (file.name for file in files.iterdir())
    return tuple(sorted(name[len(stem) : -len(".json")] for name in names if name.startswith(stem)))


# Keys that make up for classes that are rarer in training than among the images to predict.
_FOR_THINNED = ("class_balance", "posthoc_logit_adjustment")


def load_preset(name: str, *, is_thinned: bool = True) -> RunConfig:
    """Return the preset called `name`.

    Args:
        name: one of `preset_names`.
        is_thinned: whether training images of some classes are removed, as with CIFAR-10. If not,
            classes are as frequent in training as elsewhere, and the keys that make up for the
            removal (`class_balance`, `posthoc_logit_adjustment`) keep their defaults.

    Raises:
        ConfigError: there is no such preset; the message names the nearest one, or lists all.
    """
    if name not in preset_names():
        raise ConfigError(f"no preset {name!r}{suggest(name, preset_names())}")
    values = _read_preset(name)
    if not is_thinned:
        kept = values["classifier"].keys() - set(_FOR_THINNED)
        values["classifier"] = {key: values["classifier"][key] for key in kept}
    return parse_section(RunConfig, values, place=f"preset {name}")


def preset_keys(name: str) -> dict[str, tuple[str, ...]]:
    """Return, by section, the keys that the files of the preset `name` set; base: the origin's.

    Raises:
        ConfigError: there is no such preset.
    """
    if name not in preset_names():
        raise ConfigError(f"no preset {name!r}{suggest(name, preset_names())}")
    return {section: tuple(values) for section, values in _read_preset(name).items()}


def override(config: RunConfig, settings: Sequence[str]) -> RunConfig:
    """Return `config` with each `key=value` of `settings` applied, in order.

    A key may name its section (`classifier.epochs=3`); a bare key is set in every section that
    has it. A value is read as JSON; what is not JSON is taken as text (`optimizer=sgd`).

    Raises:
        ConfigError: a setting without `=`, an unknown section or key, or a value not allowed.
    """
    values = dump(config)
    for setting in settings:
        key, separator, text = setting.partition("=")
        key = key.strip()
        if not separator or not key:
            raise ConfigError(f"--set {show(setting)}: expected key=value, such as epochs=3")
        section, dot, name = key.rpartition(".")
        sections = [section] if dot else [s for s in values if key in values[s]]
        if dot and section not in values:
            raise ConfigError(
                f"--set {show(setting)}: no section {section!r}{suggest(section, values)}"
            )
        if not sections or name not in values[sections[0]]:
            known = values[section] if dot else {k for s in values.values() for k in s}
            raise ConfigError(f"--set {show(setting)}: unknown key {name!r}{suggest(name, known)}")
        for place in sections:
            values[place][name] = parse_value(text)
    return parse_section(RunConfig, values, place="--set " + " ".join(settings))


def split_setting(setting: str) -> tuple[str, str]:
    """Return section and key of a `key=value`; the section is "" if the key is a bare one."""
    section, _, key = setting.partition("=")[0].strip().rpartition(".")
    return section, key


def parse_value(text: str) -> object:
    """Return the value of a `key=value`: read as JSON, or else the text itself."""
    text = text.strip()
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _read_preset(name: str) -> dict[str, dict[str, Any]]:
    files = resources.files(__name__)
    paths = {
        section: files / f"{section}_config_{name}.json"
        for section in ("data", "autoencoder", "classifier")
    }
    # There is a file of data keys only if the preset sets any.
    return {
        section: json.loads(path.read_text("utf-8"))
        for section, path in paths.items()
        if path.is_file()
    }
