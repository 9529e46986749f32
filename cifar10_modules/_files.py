"""Files of the origin's API below the working directory: where they lie, configurations, histories.

A history is told as the origin tells it: one flat dictionary of lists, with Keras's short names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import numpy as np

import cae
from _arrays import to_plain
from cae.errors import CheckpointError, ConfigError, DataError
from cae.files import read_json, write_json
from cae.presets import read_config_file
from cae.run_folder import FOLDERS, require_plain_name
from cae.training.history import History, read_history, write_history
from cae.wording import suggest

Config = Mapping[str, Any]
Columns = dict[str, list[float]]
# A flat dictionary, the name of a history that was saved, or what has such a dictionary as its
# `history`, as Keras's own History does.
HistoryLike = Any

# Shorter than a picture's name may be, so that "_confusion_matrix" fits after it.
_LONGEST_NAME_BYTES = 120
_SHIPPED_CONFIG = re.compile(r"(autoencoder|classifier)_config_(\w+)\.json")
_SHORT = {"accuracy": "acc", "val_accuracy": "val_acc"}
_LONG = {short: long for long, short in _SHORT.items()}


def open_folder(*names: str | None) -> cae.RunFolder:
    """Return the working directory as a run's folder, its models named as told, not twice alike."""
    folder = cae.RunFolder(Path(), "origin")
    given = [name for name in names if name is not None]
    for name in given:
        require_plain_name(name, most_bytes=_LONGEST_NAME_BYTES)
    if len(set(given)) < len(given):
        raise ConfigError(f"{given[0]!r} cannot name two models: one would replace the other")
    return folder


def require_writable(folder: cae.RunFolder) -> None:
    """Refuse a working directory that models cannot be written into, before hours are spent.

    Raises:
        ConfigError: a folder, which the message names, cannot be made or written.
    """
    made = [path for name in FOLDERS if not (path := folder.root / name).exists()]
    try:
        folder.make()
    finally:
        # A training that is then refused leaves nothing.
        for path in made:
            with suppress(OSError):
                path.rmdir()


def load_config(filename: str | Path) -> dict[str, Any]:
    """Return the configuration in a file, as a dictionary to change at will.

    Args:
        filename: of the JSON file, from the working directory. Where there is none and the name
            is that of a configuration that ships with the package, such as
            autoencoder_config_base.json, it is that one.

    Raises:
        ConfigError: there is no such file, or it is not a JSON object.
    """
    path = Path(filename)
    shipped = _SHIPPED_CONFIG.fullmatch(str(filename))
    if not shipped or path.exists():
        return read_config_file(path)
    section, preset = shipped.groups()
    if preset not in cae.preset_names():
        names = [f"{section}_config_{name}.json" for name in cae.preset_names()]
        raise ConfigError(f"{filename}: no such file, nor ships one{suggest(str(filename), names)}")
    config = getattr(cae.load_preset(preset), section)
    # Only the keys that stand in the file: a seed that nobody chose must not be one.
    return dict(sorted(config.model_dump(mode="json", exclude_unset=True).items()))


def save_config(config: Config, filename: str) -> None:
    """Write a configuration as JSON; `filename` is taken from the working directory.

    Raises:
        ConfigError: it holds a value that JSON does not have.
    """
    try:
        write_json(Path(filename), to_plain(config))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{filename}: the configuration cannot be saved: {error}") from None


def load_history(filename: str) -> Columns:
    """Return the training history in history/filename.json, one of ours or one of the origin's.

    It is a flat dictionary: a list under each name, one value for each epoch. `loss`, `acc`
    (classifiers) and `mse` (autoencoders) are of the training images, with `val_` before them of
    the validation images, if there were any; `lr`, `seconds` and `images_per_second` stand beside.

    Raises:
        CheckpointError: it is missing, damaged or not a history.
    """
    path = open_folder(filename).history(filename)
    content = read_json(path)
    if isinstance(content, dict) and "metrics" not in content:
        try:
            columns = _require_columns(cast("dict[str, Any]", content), place=str(path))
        except DataError as error:
            raise CheckpointError(str(error)) from None
    else:
        columns = read_history(path)["metrics"]
    return {_SHORT.get(name, name): values for name, values in columns.items()}


def save_history(history: HistoryLike, filename: str) -> None:
    """Write a history, as `load_history` returns it, to history/filename.json.

    The file is one that `cae` reads: sealed, and with its long names. What a file of that name
    told of its training besides the values of the epochs stays.

    Raises:
        DataError: it is not a dictionary of lists of finite numbers, all of one length.
    """
    path = open_folder(filename).history(filename)
    columns = read_columns(history, place=filename)
    about: dict[str, Any] = {"name": filename}
    with suppress(CheckpointError):
        about |= read_history(path)
    write_history(path, History(columns), about=about)


def read_columns(history: HistoryLike, *, place: str) -> Columns:
    """Return the values of a history under the package's long names, one list for each.

    Args:
        history: a flat dictionary, the name of one that was saved, or an object that has one as
            its `history`.
        place: for error messages.

    Raises:
        DataError: it is none of these, or not lists of finite numbers, all of one length.
        CheckpointError: no history of that name was saved.
    """
    if isinstance(history, str):
        history = load_history(history)
    flat = getattr(history, "history", history)
    if not isinstance(flat, Mapping):
        raise DataError(
            f"{place}: found {type(history).__name__}: expected a history as load_history returns "
            "it, the name of one, or what has one as its `history`"
        )
    columns = _require_columns(cast("Mapping[str, Any]", flat), place=place)
    return {_LONG.get(name, name): values for name, values in columns.items()}


def _require_columns(flat: Mapping[str, Any], *, place: str) -> Columns:
    columns: Columns = {}
    for name, values in flat.items():
        column = np.asarray(values) if isinstance(values, list | tuple | np.ndarray) else None
        is_numeric = column is not None and column.ndim == 1 and column.dtype.kind in "iuf"
        if column is None or not (is_numeric and column.size and np.isfinite(column).all()):
            raise DataError(f"{place}: not a history: {name!r} is not a list of finite numbers")
        columns[name] = column.tolist()
    if len({len(column) for column in columns.values()}) != 1:
        raise DataError(f"{place}: not a history: expected lists of one length, at least one")
    return columns
