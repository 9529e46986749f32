"""Optimizers and learning-rate schedules by name, with Keras's defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn, optim
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, OneCycleLR

from cae.config import AutoencoderConfig, ClassifierConfig
from cae.runtime.device import Precision
from cae.training.muon import FilterMuon, Together
from cae.training.uncompiled import without_compiler

_EPSILON = 1e-7  # Keras's; torch's is 1e-8 or 1e-10.
_ADAMW_WEIGHT_DECAY = 0.004  # Keras's; torch's is 0.01.

# Parameters that Muon does not take are stepped by SGD, at these multiples of Muon's rate, which is
# a share of the filters' norm: found for batches of 1,000 at 0.24, see benchmarks/LOG.md.
_MUON_VECTOR_RATE = 20.0 / 0.24
_MUON_OUTPUT_RATE = 0.02 / 0.24
_MUON_OUTPUT_DECAY = 0.2
_SGD_MOMENTUM = 0.85

Optimizer = optim.Optimizer | Together

_Sgd = without_compiler(optim.SGD)
_OPTIMIZERS: dict[str, tuple[Callable[..., optim.Optimizer], dict[str, Any]]] = {
    # fused: one pass over the weights a step, on the CPU as well.
    "adam": (without_compiler(optim.Adam), {"eps": _EPSILON, "fused": True}),
    "adamw": (
        without_compiler(optim.AdamW),
        {"eps": _EPSILON, "fused": True, "weight_decay": _ADAMW_WEIGHT_DECAY},
    ),
    "sgd": (_Sgd, {"fused": True}),
    "rmsprop": (without_compiler(optim.RMSprop), {"eps": _EPSILON, "alpha": 0.9}),
    "adagrad": (
        without_compiler(optim.Adagrad),
        {"eps": _EPSILON, "initial_accumulator_value": 0.1},
    ),
    "adadelta": (without_compiler(optim.Adadelta), {"eps": _EPSILON, "rho": 0.95}),
    "adamax": (without_compiler(optim.Adamax), {"eps": _EPSILON}),
    "nadam": (without_compiler(optim.NAdam), {"eps": _EPSILON}),
}

# Those whose steps a CUDA graph can hold, with a learning rate that changes from step to step.
CAPTURABLE = frozenset({"adam", "adamw"})


@dataclass(frozen=True, slots=True)
class _Kind:
    """Parameters with the same multiple of the learning rate, and the first epoch to train in."""

    name: str
    scale: float
    first_epoch: int


def make_optimizer(
    model: nn.Module,
    config: AutoencoderConfig | ClassifierConfig,
    *,
    precision: Precision = "bfloat16",
    capturable: bool = False,
) -> Optimizer:
    """Return the configured optimizer for the model's parameters that take a gradient.

    With "muon", convolutions are stepped by Muon; the output layer, other dense layers and all
    vectors (biases, batch norm) by Nesterov SGD, at rates in fixed proportion to `lr`.

    Args:
        model: an autoencoder or a classifier.
        config: names the optimizer, its learning rate and its weight decay.
        precision: the precision that Muon computes in; the others always compute in float32.
        capturable: whether its steps are to become part of a CUDA graph. This keeps the learning
            rate in a tensor on the device, and needs an optimizer in `CAPTURABLE`.
    """
    kinds: dict[_Kind, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            kinds.setdefault(_find_kind(model, name, parameter, config), []).append(parameter)
    if config.optimizer == "muon":
        return _make_muon(kinds, config, precision)
    kind, options = _OPTIMIZERS[config.optimizer]
    if config.weight_decay is not None:
        options = {**options, "weight_decay": config.weight_decay}
    groups = _make_groups(kinds, config.lr)
    if capturable:
        for group in groups:
            group["lr"] = torch.tensor(config.lr, device=group["params"][0].device)
        return kind(groups, capturable=True, **options)
    return kind(groups, **options)


def _make_muon(
    kinds: Mapping[_Kind, list[nn.Parameter]],
    config: AutoencoderConfig | ClassifierConfig,
    precision: Precision,
) -> Together:
    """Return a Muon for each kind of filters, and one SGD for all other parameters."""
    decay = _MUON_OUTPUT_DECAY if config.weight_decay is None else config.weight_decay
    parts: list[optim.Optimizer] = []
    rest: list[dict[str, Any]] = []
    for kind, group in zip(kinds, _make_groups(kinds, config.lr), strict=True):
        if kind.name == "filters":
            muon = FilterMuon(group["params"], lr=config.lr, precision=precision)
            muon.param_groups[0].update(scale=kind.scale, first_epoch=kind.first_epoch)
            parts.append(muon)
        else:
            rest.append({**group, "weight_decay": decay if kind.name == "output" else 0.0})
    if rest:
        parts.append(_Sgd(rest, momentum=_SGD_MOMENTUM, nesterov=True))
    return Together(*parts)


def _make_groups(kinds: Mapping[_Kind, list[nn.Parameter]], lr: float) -> list[dict[str, Any]]:
    return [
        {"params": params, "lr": lr, "scale": kind.scale, "first_epoch": kind.first_epoch}
        for kind, params in kinds.items()
    ]


def _find_kind(
    model: nn.Module,
    name: str,
    parameter: nn.Parameter,
    config: AutoencoderConfig | ClassifierConfig,
) -> _Kind:
    scale, first_epoch = 1.0, 1
    if isinstance(config, ClassifierConfig) and name.startswith("encoder."):
        blocks = len(cast("nn.ModuleList", model.get_submodule("encoder.blocks")))
        _, place, *rest = name.split(".")
        layer = int(rest[0]) + 1 if place == "blocks" else 0
        scale = config.layer_decay ** (blocks + 1 - layer)
        first_epoch = config.freeze_encoder_epochs + 1
    if config.optimizer != "muon":
        return _Kind("all", scale, first_epoch)
    if ".output." in f".{name}" or parameter.dim() == 2:
        return _Kind("output", scale * _MUON_OUTPUT_RATE, first_epoch)
    if parameter.dim() == 4 and parameter.shape[0] > 1:
        return _Kind("filters", scale, first_epoch)
    return _Kind("vectors", scale * _MUON_VECTOR_RATE, first_epoch)


def flatten_optimizer_state(optimizer: Optimizer) -> dict[str, Tensor]:
    """Return the optimizer's state, step counts and moments, by "PART.INDEX.NAME"."""
    return {
        f"{part}.{index}.{name}": value
        for part, each in enumerate(_list_parts(optimizer))
        for index, values in each.state_dict()["state"].items()
        for name, value in values.items()
        if value is not None
    }


def restore_optimizer_state(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give a new optimizer the state that `flatten_optimizer_state` returned for another one."""
    parts = _list_parts(optimizer)
    states: list[dict[int, dict[str, Tensor]]] = [{} for _ in parts]
    for key, value in tensors.items():
        part, index, name = key.split(".")
        parameters = [each for group in parts[int(part)].param_groups for each in group["params"]]
        like = parameters[int(index)]
        # A moment has its parameter's memory layout, because one pass runs over both.
        kept = torch.empty_like(like).copy_(value) if value.shape == like.shape else value
        states[int(part)].setdefault(int(index), {})[name] = kept
    for part, state in zip(parts, states, strict=True):
        part.load_state_dict({"state": state, "param_groups": part.state_dict()["param_groups"]})


def _list_parts(optimizer: Optimizer) -> Sequence[optim.Optimizer]:
    return optimizer.parts if isinstance(optimizer, Together) else (optimizer,)


def set_learning_rate(optimizer: Optimizer, lr: float, *, epoch: int = 1) -> None:
    """Set the optimizer's learning rate to `lr` for its next steps, which are in epoch `epoch`."""
    for group in optimizer.param_groups:
        rate = lr * group["scale"] if epoch >= group["first_epoch"] else 0.0
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)  # In place: a graph reads it from there.
        else:
            group["lr"] = rate


def make_learning_rates(
    config: AutoencoderConfig | ClassifierConfig, *, steps: int
) -> Sequence[float]:
    """Return the learning rate of each of `steps` optimizer steps.

    "constant" keeps `lr`; "linear" and "cosine" fall from `lr` to 0; "one_cycle" rises to `lr` over
    the first 30% and falls to almost 0 (Smith and Topin, arXiv 1708.07120). With the others, the
    rate first rises to `lr` in a straight line over the share `lr_warmup` of the steps.
    """
    rise = round(config.lr_warmup * steps)
    warmup = [config.lr * (step + 1) / (rise + 1) for step in range(rise)]
    return [*warmup, *_make_fall(config, steps=steps - rise)]


def _make_fall(config: AutoencoderConfig | ClassifierConfig, *, steps: int) -> Sequence[float]:
    # With fewer than four steps there is hardly a rise and a fall, and OneCycleLR divides by zero.
    if config.lr_schedule == "constant" or (config.lr_schedule == "one_cycle" and steps < 4):
        return [config.lr] * steps
    stand_in = _Sgd([nn.Parameter(torch.zeros(1))], lr=config.lr)
    schedule: LRScheduler
    if config.lr_schedule == "linear":
        schedule = LinearLR(stand_in, start_factor=1.0, end_factor=0.0, total_iters=steps)
    elif config.lr_schedule == "cosine":
        schedule = CosineAnnealingLR(stand_in, T_max=steps)
    else:
        schedule = OneCycleLR(stand_in, max_lr=config.lr, total_steps=steps, cycle_momentum=False)
    rates: list[float] = []
    for _ in range(steps):
        rates.append(float(stand_in.param_groups[0]["lr"]))
        stand_in.step()
        schedule.step()
    return rates
