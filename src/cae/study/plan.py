"""The questions of a study, as data: arms, pretrainings and label budgets of its two plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cae.config import ClassifierConfig
from cae.study.trials import NO_PRETRAINING


@dataclass(frozen=True, slots=True)
class Arm:
    """What is done with an encoder.

    Attributes:
        changes: keys of the classifier that differ from the recipe's.
        has_whole_budget: whether the cost of pretraining is spent on more epochs from scratch.
        controls: arms that it is compared with: with the same pretraining, or, if the control is
            trained from scratch, with the one control that serves all pretrainings.
    """

    changes: Mapping[str, Any]
    has_whole_budget: bool = False
    controls: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A question, as a grid.

    Attributes:
        arms: the arms by name.
        pretrainings: by name, the keys of the autoencoder that differ from the recipe's.
        masked: the pretrainings that use the recipe's mask; their own keys override its keys.
        whole: every pair of an arm and a pretraining; "none" means no pretraining.
        usual: the pairs that are trained unless others are asked for: what two cores can do.
        whole_budgets: all label budgets, in labels per class; None: all labels.
        usual_budgets: those that are trained unless others are asked for.
        corrects_over: a comparison is made at each "labels_per_class", or at each "pretraining";
            this names the key whose number of values its p-values are corrected for.
    """

    arms: Mapping[str, Arm]
    pretrainings: Mapping[str, Mapping[str, Any]]
    whole: Sequence[tuple[str, str]]
    usual: Sequence[tuple[str, str]]
    whole_budgets: Sequence[int | None]
    usual_budgets: Sequence[int | None]
    corrects_over: str
    masked: Sequence[str] = ()


# Only a pretrained encoder is spared in the first epochs or in its lower layers.
_NOTHING_TO_SPARE = {"freeze_encoder_epochs": 0, "layer_decay": 1.0}
_SCRATCH = {"freeze_encoder": False, **_NOTHING_TO_SPARE}
# Keys that train a head on an encoder that does not change, whichever encoder it is.
_FROZEN = {
    "freeze_encoder": True,
    **_NOTHING_TO_SPARE,
    "low_resolution_epochs": 0,
    "optimizer": "adam",
    "lr": 0.003,
    "lr_schedule": "one_cycle",
    "lr_warmup": 0.0,
    "weight_decay": None,
    "batch_norm": True,
}
# A linear probe uses unchanged images, so that they are encoded only once.
_UNCHANGED_IMAGES = {
    "data_augmentation": False,
    **{
        name: field.default
        for name, field in ClassifierConfig.model_fields.items()
        if name.startswith("augmentation_")
    },
}
_FROM_SCRATCH = ("scratch", "scratch_whole_budget")
_PRETRAININGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "denoising": {"gaussian_noise_input": True, "gaussian_noise_stddev": 0.1},
    "masked": {},
    "masked_pixels": {"target": "pixels"},
    "unhidden": {"mask_input": False},
}

LABELS = Plan(
    arms={
        "scratch": Arm(_SCRATCH),
        "scratch_whole_budget": Arm(_SCRATCH, has_whole_budget=True, controls=("scratch",)),
        "linear_probe": Arm(
            {
                **_FROZEN,
                **_UNCHANGED_IMAGES,
                "head": "linear",
                "global_pooling": "average",
                "dropout": False,
            },
            controls=_FROM_SCRATCH,
        ),
        "frozen": Arm(
            {**_FROZEN, "head": "origin", "global_pooling": "flatten", "dense": True},
            controls=_FROM_SCRATCH,
        ),
        "fine_tuned": Arm({"freeze_encoder": False}, controls=_FROM_SCRATCH),
    },
    pretrainings=_PRETRAININGS,
    masked=("masked", "masked_pixels", "unhidden"),
    whole=[
        *((arm, NO_PRETRAINING) for arm in _FROM_SCRATCH),
        *(
            (arm, pretraining)
            for pretraining in _PRETRAININGS
            for arm in ("linear_probe", "frozen", "fine_tuned")
        ),
    ],
    usual=[
        *((arm, NO_PRETRAINING) for arm in _FROM_SCRATCH),
        ("fine_tuned", "plain"),
        ("fine_tuned", "masked"),
        ("linear_probe", "masked"),
    ],
    whole_budgets=(10, 50, 100, 400, None),
    usual_budgets=(100, 400, None),
    corrects_over="labels_per_class",
)

_BASE = "dropout_0.2"  # what the origin chose to build on
_REGULARISATIONS: dict[str, dict[str, Any]] = {
    "unregularised": {"dropout": False},
    _BASE: {},
    "dropout_0.4": {"dropout_value": 0.4},
    "input_noise": {"dropout": False, "gaussian_noise_input": True},
    "hidden_noise": {"dropout": False, "gaussian_noise_hidden": True},
    "both_noises": {
        "dropout": False,
        "gaussian_noise_input": True,
        "gaussian_noise_hidden": True,
    },
    "activity_l1": {
        "dropout": False,
        "activity_regularizer": True,
        "activity_regularizer_type": "l1",
        # The origin's 1e-8: Keras 2.2.5 summed the penalty over the 64 images of a batch, whereas
        # here, as in Keras 3, the sum is divided by their number.
        "activity_regularizer_value": 64 * 1e-8,
    },
}
_ORIGIN = {"freeze_encoder": True}  # the origin's own recipe, which is also the plan's
# What was tried on top of that. The origin itself tried augmentation, dropout and class weights.
_ON_BASE = (
    "no_augmentation",
    "head_dropout",
    "all_layers",
    "class_weights",
    "balanced_sampling",
    "logit_adjustment",
)
_ORIGIN_PAIRS = [
    ("scratch", NO_PRETRAINING),
    *(("frozen", name) for name in _REGULARISATIONS),
    *((arm, _BASE) for arm in _ON_BASE),
]

ORIGIN = Plan(
    arms={
        "scratch": Arm(_SCRATCH),
        "frozen": Arm(_ORIGIN, controls=("scratch",)),
        "no_augmentation": Arm({**_ORIGIN, "data_augmentation": False}, controls=("frozen",)),
        "head_dropout": Arm({**_ORIGIN, "dropout": True}, controls=("frozen",)),
        "all_layers": Arm({"freeze_encoder": False}, controls=("scratch", "frozen")),
        "class_weights": Arm({**_ORIGIN, "class_weights": True}, controls=("frozen",)),
        "balanced_sampling": Arm(
            {**_ORIGIN, "class_balance": "sampling"}, controls=("frozen", "class_weights")
        ),
        "logit_adjustment": Arm(
            {**_ORIGIN, "class_balance": "logit_adjustment"}, controls=("frozen", "class_weights")
        ),
    },
    pretrainings=_REGULARISATIONS,
    whole=_ORIGIN_PAIRS,
    usual=_ORIGIN_PAIRS,
    whole_budgets=(None,),
    usual_budgets=(None,),
    corrects_over="pretraining",
)

PLANS = {"labels": LABELS, "origin": ORIGIN}
