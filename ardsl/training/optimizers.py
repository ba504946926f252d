"""Optimizers and schedules by the names of the ``train`` block."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ExponentialLR, LambdaLR, ReduceLROnPlateau

from ardsl.model.settings import Choice
from ardsl.runs.checkpoint import require_like

_CLASSES: dict[str, type[Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
}
_FUSED = {"adam": ("cpu", "cuda"), "adamw": ("cpu", "cuda"), "sgd": ("cpu", "cuda"), "adagrad": ("cpu",)}
"""Devices on which torch updates all the parameters in one kernel."""


def make_optimizer(choice: Choice, parameters: Iterable[torch.nn.Parameter], *, fused: bool = True) -> Optimizer:
    """The optimizer of a ``train`` block, fused where torch has that and ``fused`` allows it."""
    trained = list(parameters)
    options: dict[str, Any] = {"lr": choice.options["rate"]}
    options |= {name: choice.options[name] for name in ("weight_decay", "momentum") if name in choice.options}
    if choice.name in ("adam", "adamw"):
        options["betas"] = (choice.options.get("beta1", 0.9), choice.options.get("beta2", 0.999))
        options.setdefault("weight_decay", 0.0)  # torch's adamw would decay by 0.01
    if fused and all(p.device.type in _FUSED.get(choice.name, ()) for p in trained):
        options["fused"] = True
    optimizer = _CLASSES[choice.name](trained, **options)
    if "fused" in options:
        optimizer.register_step_post_hook(_count_versions)
    return optimizer


def check_optimizer(choice: Choice, optimizer: Optimizer, state: Mapping[str, Any]) -> None:
    """Raises ``ValueError`` where a state is none that an optimizer of a ``train`` block can have after some steps: its
    options are the block's, but for the rate, and what it keeps of a parameter has the parameter's shape."""
    fresh = optimizer.state_dict()["param_groups"]
    require_like(fresh, state["param_groups"])
    for ours, kept in zip(fresh, state["param_groups"], strict=True):
        if {**kept, "lr": 0} != {**ours, "lr": 0} or not 0 <= kept["lr"] < math.inf:
            raise ValueError("other options")
    stepped = _after_a_step(choice, [p for group in optimizer.param_groups for p in group["params"]])
    stepped = {number: moments for number, moments in stepped.items() if number in state["state"]}
    require_like(stepped, state["state"])


def _after_a_step(choice: Choice, tensors: Iterable[Tensor]) -> dict[int, Any]:
    """Makes the state that an optimizer keeps of parameters like these once it has made a step, on torch's device
    without memory."""
    parameters = [torch.nn.Parameter(torch.empty(t.shape, dtype=t.dtype, device="meta")) for t in tensors]
    for parameter in parameters:
        parameter.grad = torch.empty_like(parameter)
    optimizer = make_optimizer(choice, parameters, fused=False)
    optimizer.step()
    kept: dict[int, Any] = optimizer.state_dict()["state"]
    return kept


def _count_versions(optimizer: Optimizer, *_: object) -> None:
    """Says that the parameters changed: fused kernels leave their version counters as they are, and what a network
    keeps of its weights (masked products, a sampler's blocks) goes by these."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            torch.autograd.graph.increment_version(parameter)


def make_schedule(choice: Choice, optimizer: Optimizer, steps: int) -> dict[str, Any] | None:
    """The schedule of a ``train`` block over ``steps`` steps, in the form Lightning takes; None for a constant rate."""
    if choice.name in _FACTORS:
        factor, warmup = _FACTORS[choice.name], int(choice.options.get("warmup", 0))
        return {"scheduler": LambdaLR(optimizer, lambda step: factor(step, warmup, steps)), "interval": "step"}
    if choice.name == "exponential":
        return {"scheduler": ExponentialLR(optimizer, choice.options.get("factor", 0.95)), "interval": "epoch"}
    if choice.name == "plateau":
        patience = int(choice.options.get("patience", 5))
        scheduler = ReduceLROnPlateau(optimizer, factor=choice.options.get("factor", 0.5), patience=patience)
        return {"scheduler": scheduler, "interval": "epoch", "monitor": "watched"}
    return None


def cosine(step: int, warmup: int, steps: int) -> float:
    """The rate's factor: a linear rise over ``warmup`` steps, then half a cosine from 1 towards 0."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * min((step - warmup) / max(steps - warmup, 1), 1.0)))


def linear(step: int, warmup: int, steps: int) -> float:
    """The rate's factor: a linear rise over ``warmup`` steps, then a straight fall from 1 to 0."""
    if step < warmup:
        return (step + 1) / warmup
    return max(0.0, 1 - (step - warmup) / max(steps - warmup, 1))


_FACTORS: dict[str, Callable[[int, int, int], float]] = {"cosine": cosine, "linear": linear}
