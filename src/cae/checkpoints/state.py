"""The state of an unfinished training: one file, renamed into place; the one before it is kept."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from cae.differences import describe_differences
from cae.errors import CheckpointError, ConfigError
from cae.files import remove, write_bytes
from cae.incoming import MOST_JSON_BYTES, open_plain, parse_json
from cae.run_folder import RunFolder

logger = logging.getLogger(__name__)

# The first line of the file: what it is, its version, and the SHA-256 of all that follows.
_MAGIC = b"cae-state 1 "
_HEAD_BYTES = len(_MAGIC) + 64 + 1
_FACTS_BYTES = 8  # the length of the facts, written before them
_KEPT = 2
_MOST_BYTES = 32 * 2**30  # the largest network's weights, and three times that for its optimizer


@dataclass(frozen=True, slots=True)
class TrainingState:
    """Where a training stands after one of its optimizer steps.

    Attributes:
        step: how many steps have been taken.
        facts: JSON values.
        tensors: the tensors by name.
    """

    step: int
    facts: Mapping[str, Any]
    tensors: Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class StateFiles:
    """The states of the training of one model in a run folder.

    Attributes:
        folder: the run's folder.
        model: name of the model that is trained.
        identity: what decides the training's result; states with another identity are refused.
        conditions: the conditions under which it is trained; a change of them is warned of.
    """

    folder: RunFolder
    model: str
    identity: Mapping[str, Any]
    conditions: Mapping[str, Any]

    def write(self, state: TrainingState) -> None:
        """Write a state, and remove all others except the one before it.

        Raises:
            CheckpointError: it cannot be written; the states that were there are kept.
        """
        about = {"identity": dict(self.identity), "conditions": dict(self.conditions)}
        path = self.folder.state(self.model, step=state.step)
        write_bytes(path, *_pack(about, state))
        self.folder.drop_states(self.model, keep=_KEPT)

    def read(self) -> TrainingState | None:
        """Return the latest state that is whole, or None if there is no state at all.

        Damaged ones after it are removed, so that it is kept beside the next one, and not they.

        Raises:
            ConfigError: it belongs to another training.
            CheckpointError: there are states, but none of them is whole, or damaged ones cannot be
                removed.
        """
        problems: dict[Path, CheckpointError] = {}
        for path in self.folder.find_states(self.model):
            try:
                about, state = _unpack(path)
            except CheckpointError as error:
                problems[path] = error
                continue
            self._require_same(about["identity"], path)
            for damaged, problem in problems.items():
                logger.warning("%s; resuming from the state before it", problem)
                # What cannot be read, for want of a permission or of a disk, may yet be whole.
                if not isinstance(problem.__cause__, OSError):
                    remove(damaged)
            self._compare(about["conditions"], path)
            return state
        if problems:
            told = "; ".join(map(str, problems.values()))
            raise CheckpointError(
                f"{told}; no state is left to resume from: remove them, "
                f"and the same command trains {self.model} from the start"
            )
        return None

    def require_same(self) -> bool:
        """Return whether there is a state that is whole; it must belong to this training.

        Raises:
            ConfigError: it belongs to another training.
        """
        for path in self.folder.find_states(self.model):
            try:
                about, _ = _unpack(path)
            except CheckpointError:
                continue
            self._require_same(about["identity"], path)
            return True
        return False

    def drop(self) -> None:
        """Remove all states: the training is over."""
        self.folder.drop_states(self.model)

    def _require_same(self, identity: object, path: Path) -> None:
        differences = describe_differences(identity, dict(self.identity))
        if differences:
            raise ConfigError(
                f"{path}: holds another, unfinished training of {self.model}: {differences}; "
                "give another --out to keep it, or --fresh to replace it"
            )

    def _compare(self, conditions: object, path: Path) -> None:
        differences = describe_differences(conditions, dict(self.conditions))
        if differences:
            logger.warning(
                "%s: resuming under other conditions, which may change the last digits: %s",
                path,
                differences,
            )


def _pack(about: Mapping[str, Any], state: TrainingState) -> list[bytes]:
    """Return the file's content in parts: joining them would take the same memory again."""
    text = json.dumps({**about, "step": state.step, "facts": dict(state.facts)}, allow_nan=False)
    facts = text.encode()
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.tensors.items()}
    body = [len(facts).to_bytes(_FACTS_BYTES, "little"), facts, save(tensors)]
    return [_MAGIC, _compute_digest(*body), b"\n", *body]


def _compute_digest(*parts: bytes) -> bytes:
    """Return the SHA-256 of the parts, one after the other, in hexadecimal."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest().encode()


def _unpack(path: Path) -> tuple[Mapping[str, Any], TrainingState]:
    """Return identity and conditions of the state at `path`, and the state.

    Reading it cannot run any code.
    """
    try:
        # Part by part: cutting the tensors out of the whole would take the same memory again.
        with open_plain(path, most_bytes=_MOST_BYTES) as file:
            head, length = file.read(_HEAD_BYTES), file.read(_FACTS_BYTES)
            facts = file.read(min(int.from_bytes(length, "little"), MOST_JSON_BYTES))
            tensors = file.read()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
    if head != _MAGIC + _compute_digest(length, facts, tensors) + b"\n":
        raise CheckpointError(f"{path}: incomplete or damaged (its checksum differs)")
    try:
        stored = cast("dict[str, Any]", parse_json(facts))
        about = {key: dict(stored[key]) for key in ("identity", "conditions")}
        return about, TrainingState(int(stored["step"]), dict(stored["facts"]), load(tensors))
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{path}: not a training state: {error}") from None
