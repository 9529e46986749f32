"""Optimizers and learning-rate schedules by name, with Keras's defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR

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

# Those whose steps a CUDA graph can hold, with a learning rate that changes from step to step.
CAPTURABLE = frozenset({"adam", "adamw"})


def make_optimizer(
    parameters: Iterable[nn.Parameter],
    config: AutoencoderConfig | ClassifierConfig,
    *,
    capturable: bool = False,
) -> optim.Optimizer:
    """Return the configured optimizer of those parameters that take a gradient.

    Args:
        parameters: of the model.
        config: names the optimizer, its learning rate and its weight decay.
        capturable: whether its steps are to become a part of a CUDA graph. That keeps the learning
            rate in a tensor on the device, and takes an optimizer of `CAPTURABLE`.
    """
    kind, options = _OPTIMIZERS[config.optimizer]
    if config.weight_decay is not None:
        options = {**options, "weight_decay": config.weight_decay}
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    if capturable:
        lr = torch.tensor(config.lr, device=trained[0].device)
        return kind(trained, lr=lr, capturable=True, **options)
    return kind(trained, lr=config.lr, **options)


def copy_optimizer_state(optimizer: optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimizer's state, step counts and moments, by "INDEX.NAME"."""
    state: dict[int, dict[str, Tensor]] = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": value
        for index, values in state.items()
        for name, value in values.items()
        if value is not None  # pyright: ignore[reportUnnecessaryComparison] - SGD's, unused
    }


def restore_optimizer_state(optimizer: optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give a new optimizer the state that `copy_optimizer_state` returned of another."""
    state: dict[int, dict[str, Tensor]] = {}
    parameters = [value for group in optimizer.param_groups for value in group["params"]]
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        like = parameters[int(index)]
        # A moment lies in memory as its parameter does: one pass runs over both.
        kept = torch.empty_like(like).copy_(value) if value.shape == like.shape else value
        state.setdefault(int(index), {})[name] = kept
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def set_learning_rate(optimizer: optim.Optimizer, lr: float) -> None:
    """Let the optimizer take its next steps at the rate `lr`."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(lr)  # A graph reads it from where it lies.
        else:
            group["lr"] = lr


def make_learning_rates(
    config: AutoencoderConfig | ClassifierConfig, *, steps: int
) -> Sequence[float]:
    """Return the learning rate of each of `steps` optimizer steps.

    "constant" keeps `lr`; "cosine" falls from `lr` to 0; "one_cycle" rises to `lr` over the first
    30% and falls to almost 0 (Smith and Topin, arXiv 1708.07120).
    """
    # Under four steps there is no rise and fall to speak of, and OneCycleLR divides by zero.
    if config.lr_schedule == "constant" or (config.lr_schedule == "one_cycle" and steps < 4):
        return [config.lr] * steps
    stand_in = optim.SGD([nn.Parameter(torch.zeros(1))], lr=config.lr)
    schedule = (
        CosineAnnealingLR(stand_in, T_max=steps)
        if config.lr_schedule == "cosine"
        else OneCycleLR(stand_in, max_lr=config.lr, total_steps=steps, cycle_momentum=False)
    )
    rates: list[float] = []
    for _ in range(steps):
        rates.append(float(stand_in.param_groups[0]["lr"]))
        stand_in.step()
        schedule.step()
    return rates
