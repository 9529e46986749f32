"""Configurations made from plain values and back, with errors that say what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, get_args

from pydantic import ValidationError

from cae.config.autoencoder import AutoencoderConfig
from cae.config.classifier import ClassifierConfig
from cae.config.stages import Section
from cae.errors import ConfigError
from cae.wording import show, suggest

Parsed = TypeVar("Parsed", bound=Section)

_MOST_PROBLEMS = 5  # reported in one message


def parse_section(kind: type[Parsed], values: Mapping[str, Any], *, place: str) -> Parsed:
    """Return the checked section `kind` made of `values`; keys left out take their defaults.

    Args:
        kind: AutoencoderConfig, ClassifierConfig, DataConfig or RunConfig.
        values: plain JSON values by key.
        place: where the values come from (a file, an option), for error messages.

    Raises:
        ConfigError: keys or values are not allowed. The message names the first few, with what is
            allowed, and for a misspelt key the nearest known one.
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError(f"{place}: {_explain(error, kind)}") from None


def parse_autoencoder_config(
    values: Mapping[str, Any], *, place: str = "autoencoder config"
) -> AutoencoderConfig:
    """Return the checked autoencoder configuration of a plain dictionary (see `parse_section`)."""
    return parse_section(AutoencoderConfig, values, place=place)


def parse_classifier_config(
    values: Mapping[str, Any], *, place: str = "classifier config"
) -> ClassifierConfig:
    """Return the checked classifier configuration of a plain dictionary (see `parse_section`)."""
    return parse_section(ClassifierConfig, values, place=place)


def dump(config: Section) -> dict[str, Any]:
    """Return the section as plain JSON values, every key included."""
    return config.model_dump(mode="json")


def _explain(error: ValidationError, kind: type[Section]) -> str:
    problems = error.errors(include_url=False)
    # Both stages share keys: the same problem in both is reported once.
    told: dict[tuple[str, str], list[str]] = {}
    hints: set[str] = set()
    for problem in problems[: 2 * _MOST_PROBLEMS]:
        location = [str(part) for part in problem["loc"]]
        key = ".".join(location)
        section, names = _find_section(kind, location)
        if problem["type"] == "extra_forbidden":
            hint = suggest(names[-1], section.model_fields)
            # A hint may list all the keys there are: once is enough.
            words = f"unknown key {show(key)}{'' if hint in hints else hint}"
            hints.add(hint)
            key = ""
        elif problem["type"] == "value_error":
            message = problem["msg"].removeprefix("Value error, ")
            words = f": {message}" if key else message
        else:
            field = section.model_fields.get(names[0]) if len(names) == 1 else None
            null = " or null" if field and type(None) in get_args(field.annotation) else ""
            message = problem["msg"].removeprefix("Input ")
            words = f" = {show(problem['input'])}: {message}{null}"
        told.setdefault((".".join(names), words), []).append(key)
    parts = [f"{' and '.join(keys)}{words}" for (_, words), keys in told.items()]
    shown = [*told.values()][:_MOST_PROBLEMS]
    if left := len(problems) - sum(map(len, shown)):
        parts = [*parts[:_MOST_PROBLEMS], f"and {left:,} more"]
    return "; ".join(parts)


def _find_section(kind: type[Section], location: list[str]) -> tuple[type[Section], list[str]]:
    """Return the section that a problem lies in, and its location within that section."""
    field = kind.model_fields.get(location[0]) if location else None
    annotation = None if field is None else field.annotation
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation, location[1:]
    return kind, location
