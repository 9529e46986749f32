"""Configurations from plain values and back, with errors that say what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from pydantic import ValidationError

from cae.config.autoencoder import AutoencoderConfig
from cae.config.classifier import ClassifierConfig
from cae.config.stages import Section
from cae.errors import ConfigError
from cae.wording import show, suggest

Parsed = TypeVar("Parsed", bound=Section)

_MOST_PROBLEMS = 5  # told of one section


def parse_section(kind: type[Parsed], values: Mapping[str, Any], *, place: str) -> Parsed:
    """Return the checked section `kind` made of `values`; keys left out take their defaults.

    Args:
        kind: AutoencoderConfig, ClassifierConfig, DataConfig or RunConfig.
        values: plain JSON values by key.
        place: where the values come from (a file, an option), for error messages.

    Raises:
        ConfigError: naming each bad key, its value, what is allowed, and the key nearest to a
            misspelt one.
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
    parts: list[str] = []
    problems = error.errors(include_url=False)
    for problem in problems[:_MOST_PROBLEMS]:
        location = [str(part) for part in problem["loc"]]
        key = ".".join(location)
        if problem["type"] == "extra_forbidden":
            section = kind if len(location) == 1 else kind.model_fields[location[0]].annotation
            known = cast("type[Section]", section).model_fields
            hint = suggest(location[-1], known)
            # All the keys there are, once is enough.
            parts.append(f"unknown key {show(key)}{'' if any(hint in p for p in parts) else hint}")
        elif problem["type"] == "value_error":
            message = problem["msg"].removeprefix("Value error, ")
            parts.append(f"{key}: {message}" if key else message)
        else:
            message = problem["msg"].removeprefix("Input ")
            parts.append(f"{key} = {show(problem['input'])}: {message}")
    if len(problems) > _MOST_PROBLEMS:
        parts.append(f"and {len(problems) - _MOST_PROBLEMS:,} more")
    return "; ".join(parts)
