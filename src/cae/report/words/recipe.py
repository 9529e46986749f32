"""The configuration as the report tells it: tables of keys, what is special, and the command."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from cae.config import RunConfig, dump, find_reason_without_effect
from cae.presets import load_preset, preset_keys, preset_names
from cae.report.names import spell_out
from cae.report.results.seeds import Group
from cae.report.results.sources import Run

Config = Mapping[str, Mapping[str, Any]]

_MOST_ROWS_ON_A_PAGE = 48
_CONTINUED = " \\"  # at the end of a line of a command
_SECTIONS = ("data", "autoencoder", "classifier")


def make_config_tables(config: Config) -> dict[str, list[dict[str, Any]]]:
    """Return the keys that act, each with its values, and whether they are not the origin's.

    A key beyond the origin's is left out while it has its default, and so is one that another
    key keeps from having an effect.

    Returns:
        Rows with key, values and changed (of each value), for the keys that both stages have
        (`shared`, with both values) and for those of one (`autoencoder`, `classifier`).
    """
    defaults = dump(RunConfig())
    origin_keys = {key for keys in preset_keys("base").values() for key in keys}
    autoencoder, classifier = _SECTIONS[1:]
    shared = [key for key in config[autoencoder] if key in config[classifier]]

    def make_rows(keys: Sequence[str], *stages: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for key in sorted(keys):
            changed = [config[stage][key] != defaults[stage][key] for stage in stages]
            acting = [acts(key, config[stage]) for stage in stages]
            if any(acting) and (key in origin_keys or any(changed)):
                values = [
                    write_value(config[stage][key]) if acts else ""
                    for stage, acts in zip(stages, acting, strict=True)
                ]
                rows.append({"key": key, "values": values, "changed": changed})
        return rows

    return {
        "shared": make_rows(shared, autoencoder, classifier),
        autoencoder: make_rows([k for k in config[autoencoder] if k not in shared], autoencoder),
        classifier: make_rows([k for k in config[classifier] if k not in shared], classifier),
    }


def make_changes_tables(groups: Sequence[Group]) -> dict[str, Any]:
    """Return the keys in which groups of runs differ, with a column for each group.

    Returns:
        `head` and, by section (`data`, `autoencoder`, `classifier`), rows of a key and its value
        in each group, empty where it has no effect; `count`, how many rows there are; and
        `is_long`, whether one table of them may have to go over a page's end.
    """
    configs = [group.first.config for group in groups]
    tables: dict[str, list[list[str]]] = {section: [] for section in _SECTIONS}
    for section, rows in tables.items():
        for key in dict.fromkeys(key for config in configs for key in config[section]):
            values = [config[section].get(key) for config in configs]
            acting = [acts(key, config[section]) for config in configs]
            if key == "seed" or not any(acting) or all(value == values[0] for value in values):
                continue
            cells = zip(values, acting, strict=True)
            rows.append([key, *(write_value(value) if acts else "" for value, acts in cells)])
    count = sum(map(len, tables.values()))
    head = ["key", *(f"`{group.name}`" for group in groups)]
    return {**tables, "head": head, "count": count, "is_long": count > _MOST_ROWS_ON_A_PAGE}


def acts(key: str, values: Mapping[str, Any]) -> bool:
    """Return whether a key of a stage has an effect, given all of the stage's keys."""
    return find_reason_without_effect(key, values) is None


def find_followed(configs: Sequence[Config]) -> dict[str, bool]:
    """Return whose ideas are in any of several configurations, for them to be named.

    Returns:
        Whether the `network` is airbench94's, the `target` of a masked autoencoder MaskFeat's, and
        there is an `adjustment` of logits as by Menon et al.
    """
    classifiers = [config.get("classifier", {}) for config in configs]
    autoencoders = [config["autoencoder"] for config in configs]
    return {
        "network": any(each.get("encoder") == "whitened" for each in autoencoders),
        "target": any(
            each.get("mask_ratio", 0) and each.get("target") == "gradient_histograms"
            for each in autoencoders
        ),
        "adjustment": any(
            each.get("posthoc_logit_adjustment") or each.get("class_balance") == "logit_adjustment"
            for each in classifiers
        ),
    }


def is_of_preset(run: Run, *, named: str | None = None) -> bool:
    """Return whether a run on CIFAR-10 has the recipe of a preset, or of that one, seeds aside."""
    return run.evaluation["data"] == "cifar10" and any(
        all(
            value == preset[section].get(key)
            for section in _SECTIONS
            for key, value in run.config[section].items()
            if key != "seed"
        )
        for preset in map(dump, map(load_preset, preset_names() if named is None else [named]))
    )


def list_commands(runs: Sequence[Run]) -> list[str]:
    """Return the commands that make the runs again, each into a folder of its own.

    The folder is named where the command's own choice would be that of a run before.
    """
    commands: list[str] = []
    taken: set[str] = set()
    for run in runs:
        words, data = _list_words(run), run.evaluation["data"]
        preset = words[words.index("--preset") + 1]
        names = [preset, run.name, f"{run.name}-seed{run.seed}"]
        names += [f"{names[-1]}-{count}" for count in range(2, len(runs) + 2)]
        folder = next(name for name in names if name not in taken)
        taken.add(folder)
        if folder != preset:
            words += ["--out", f"runs/{data}-{folder}"]
        commands.append(shlex.join(words))
    return commands


def wrap_command(command: str, *, width: int = 88) -> str:
    """Return a command on lines of at most `width`, broken before options and never within one.

    It can be given to bash as it is, though a path in it be no UTF-8.
    """
    options: list[list[str]] = []
    for word in shlex.split(command):
        if word.startswith("--") or not options:
            options.append([])
        options[-1].append(word)
    first, *others = (" ".join(map(_quote, option)) for option in options)
    lines = [first]
    for option in others:
        joined = f"{lines[-1]} {option}"
        if len(joined) + len(_CONTINUED) <= width:
            lines[-1] = joined
        else:
            lines.append(f"    {option}")
    return f"{_CONTINUED}\n".join(lines)


def _quote(word: str) -> str:
    """Return a word for the shell; bytes that are no UTF-8 are written as bash reads them."""
    if not any("\udc80" <= sign <= "\udcff" for sign in word):
        return shlex.quote(word)
    escaped = word.replace("\\", r"\\").replace("'", r"\'")
    signs = (f"\\x{ord(s) - 0xDC00:02x}" if "\udc80" <= s <= "\udcff" else s for s in escaped)
    return f"$'{''.join(signs)}'"


def write_command(run: Run) -> str:
    """Return the command that makes the run again: the nearest preset and what differs from it.

    A user's own pictures are named by their folder, as far as the data set's name has kept it.
    """
    return shlex.join(_list_words(run))


def _list_words(run: Run) -> list[str]:
    changes: dict[str, list[str]] = {}
    # What the command itself leaves out of a preset need not be set.
    is_thinned = bool(run.evaluation["thinned_classes"])
    for name in preset_names():
        preset = dump(load_preset(name, is_thinned=is_thinned))
        changes[name] = [
            f"{section}.{key}={_write_setting(value)}"
            for section in _SECTIONS
            for key, value in run.config[section].items()
            if value != preset[section].get(key)
        ]
    # Of presets equally near, the one that the run is called after.
    nearest = min(changes, key=lambda name: (len(changes[name]), name != run.name, name))
    words = ["cae", "run", "--preset", nearest]
    # The digits at the end tell the pixels of a user's own pictures.
    words += ["--data", re.sub(r"-[0-9a-f]{8}$", "", run.evaluation["data"])]
    if run.evaluation.get("left_out"):
        words.append("--skip-damaged")
    for change in changes[nearest]:
        words += ["--set", change]
    if run.name != nearest:
        words += ["--name", run.name]
    return words


def write_value(value: object) -> str:
    """Return the value of a key as a table shows it."""
    if value is None:
        return "default"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        return ", ".join(map(write_value, value)) or "none"  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, float):
        return f"{value:g}"
    return spell_out(str(value))


def _write_setting(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
