"""A trial: one training, and its key, a hash of everything that decides its result."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from cae.config import AutoencoderConfig, ClassifierConfig, DataConfig
from cae.config.stages import Section

_KEY_DIGITS = 16
NO_PRETRAINING = "none"


@dataclass(frozen=True, slots=True)
class Trial:
    """A pretraining, or a classifier that is built on one or starts from scratch.

    Attributes:
        source: where the images come from, as in `Dataset.source`.
        data: which of them are used for what.
        autoencoder: what is pretrained, or the configuration that the classifier's encoder is
            built from.
        classifier: the configuration of the classifier; None for a pretraining.
        pretraining: where the classifier's encoder comes from; None: from scratch.
        flops: floating-point operations of its training, as `cae.study.cost` counts them.
    """

    source: str
    data: DataConfig
    autoencoder: AutoencoderConfig
    classifier: ClassifierConfig | None = None
    pretraining: Trial | None = None
    flops: float = field(default=0.0, compare=False)

    @property
    def key(self) -> str:
        """The name of the trial's folder: 16 hexadecimal digits of a SHA-256 of its content.

        Keys of the configuration count only if they differ from their defaults, so that a later
        version with new keys finds the trials of this one.
        """
        content = {
            "source": self.source,
            "data": _dump_changed(self.data),
            "autoencoder": _dump_changed(self.autoencoder),
            "classifier": None if self.classifier is None else _dump_changed(self.classifier),
            "pretraining": None if self.pretraining is None else self.pretraining.key,
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:_KEY_DIGITS]


@dataclass(frozen=True, slots=True)
class Cell:
    """A place in the grid of a plan, and the trial that fills it.

    Attributes:
        plan: "labels" or "origin".
        encoder: "origin" or "optimal".
        pretraining: name of the pretraining; "none" from scratch.
        arm: what is done with the encoder.
        labels_per_class: how many labels are used; None: all.
        seed: of weights, order, noise and the choice of labels.
        trial: the classifier's trial.
    """

    plan: str
    encoder: str
    pretraining: str
    arm: str
    labels_per_class: int | None
    seed: int
    trial: Trial

    @property
    def flops(self) -> float:
        """All floating-point operations, including those of the pretraining."""
        before = self.trial.pretraining
        return self.trial.flops + (0.0 if before is None else before.flops)

    def describe(self) -> dict[str, Any]:
        """Return the cell as the JSON that a row of results begins with."""
        before = self.trial.pretraining
        return {
            "plan": self.plan,
            "encoder": self.encoder,
            "pretraining": self.pretraining,
            "arm": self.arm,
            "labels_per_class": write_budget(self.labels_per_class),
            "seed": self.seed,
            "key": self.trial.key,
            "pretraining_key": None if before is None else before.key,
        }


def write_budget(labels_per_class: int | None) -> int | str:
    """Return a label budget as results write it: a number of labels per class, or "all"."""
    return "all" if labels_per_class is None else labels_per_class


def _dump_changed(config: Section) -> dict[str, Any]:
    return config.model_dump(mode="json", exclude_defaults=True)
