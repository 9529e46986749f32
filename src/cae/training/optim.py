"""Optimizers and learning-rate schedules by name, with Keras's defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from torch import nn, optim
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, OneCycleLR

from cae.config import AutoencoderConfig, ClassifierConfig

_EPSILON = 1e-7  # Keras's; torch's is 1e-8 or 1e-10.
_ADAMW_WEIGHT_DECAY = 0.004  # Keras's; torch's is 0.01.

_OPTIMIZERS: dict[str, tuple[Callable[..., optim.Optimizer], dict[str, Any]]] = {
    # fused: one pass over the weights a step, on the CPU as well.
    "adam": (optim.Adam, {"eps": _EPSILON, "fused": True}),
    "adamw": (optim.AdamW, {"eps": _EPSILON, "fused": True, "weight_decay": _ADAMW_WEIGHT_DECAY}),
    "sgd": (optim.SGD, {"fused": True}),
    "rmsprop": (optim.RMSprop, {"eps": _EPSILON, "alpha": 0.9}),
    "adagrad": (optim.Adagrad, {"eps": _EPSILON, "initial_accumulator_value": 0.1}),
    "adadelta": (optim.Adadelta, {"eps": _EPSILON, "rho": 0.95}),
    "adamax": (optim.Adamax, {"eps": _EPSILON}),
    "nadam": (optim.NAdam, {"eps": _EPSILON}),
}


def make_optimizer(
    parameters: Iterable[nn.Parameter], config: AutoencoderConfig | ClassifierConfig
) -> optim.Optimizer:
    """Return the configured optimizer of those parameters that take a gradient."""
    kind, options = _OPTIMIZERS[config.optimizer]
    if config.weight_decay is not None:
        options = {**options, "weight_decay": config.weight_decay}
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    return kind(trained, lr=config.lr, **options)


def make_schedule(
    optimizer: optim.Optimizer, config: AutoencoderConfig | ClassifierConfig, *, steps: int
) -> LRScheduler:
    """Return the schedule of the learning rate over `steps` optimizer steps.

    "constant" keeps `lr`; "cosine" falls from `lr` to 0; "one_cycle" rises to `lr` over the first
    30% and falls to almost 0 (Smith and Topin, arXiv 1708.07120).
    """
    if config.lr_schedule == "cosine":
        return CosineAnnealingLR(optimizer, T_max=steps)
    # Under four steps there is no rise and fall to speak of, and OneCycleLR divides by zero.
    if config.lr_schedule == "one_cycle" and steps >= 4:
        return OneCycleLR(optimizer, max_lr=config.lr, total_steps=steps, cycle_momentum=False)
    return LambdaLR(optimizer, lambda _: 1.0)
