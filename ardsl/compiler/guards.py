"""Guards of a model in use: evaluation mode, memory, random state, and the orders its weights were trained under."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from ardsl.arguments import checked_seed
from ardsl.compiler.base import CompiledModel
from ardsl.errors import ArdslError
from ardsl.networks.plan import Plan

_MEMORY = 1 << 28
_MOST = 1024


def at_once(plan: Plan, device: torch.device) -> int:
    """The number of examples to evaluate at once: as many as the activations of all networks allow in about a quarter
    of a gigabyte, or a sixteenth of a GPU's memory, and never more than 1,024."""
    cuda = device.type == "cuda"
    memory = torch.cuda.get_device_properties(device).total_memory // 16 if cuda else _MEMORY
    per_example = max(1, 4 * sum(group.activations for group in plan.every))
    return max(1, min(_MOST, memory // (3 * per_example)))  # each activation with the temporaries beside it


_evaluated: WeakKeyDictionary[nn.Module, int] = WeakKeyDictionary()
"""The number of threads that hold a module in evaluation mode that was in training mode before."""
_lock = Lock()


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Holds a module in evaluation mode for a while; of several threads, until the last is done."""
    with _lock:
        held = module.training or module in _evaluated
        if held:
            _evaluated[module] = _evaluated.get(module, 0) + 1
            module.eval()
    try:
        yield
    finally:
        with _lock:
            if held:
                _evaluated[module] -= 1
                if not _evaluated[module]:
                    del _evaluated[module]
                    module.train()


@contextmanager
def seeded(seed: int | None, device: torch.device) -> Iterator[None]:
    """Sets torch's random state by a seed for a while; None leaves it as it is."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(checked_seed(seed))
        yield


def same_orders(model: CompiledModel, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Refuses weights that were trained under other orders than the spec has."""
    for variable in model.spec.model.observed:
        key = f"rank_{variable.name}"
        saved = state.get(prefix + key)
        if saved is not None and not torch.equal(saved.cpu(), model.get_buffer(key).cpu()):
            raise ArdslError(
                f"the weights were trained under another order of `{variable.name}` than the spec gives here"
            )


def require_fixed_length_observed(model: CompiledModel) -> None:
    """Refuses models with latent variables, and those in which a value that is missing could as well be beyond the
    end."""
    latent = next((v.name for v in model.spec.variables.values() if v.kind == "latent"), None)
    if latent is not None:
        raise ArdslError(f"`{latent}` is latent, and this takes models without latent variables")
    varying = next((v.name for v in model.spec.variables.values() if v.varies), None)
    if varying is not None:
        raise ArdslError(f"the length of `{varying}` varies, and this takes variables of a fixed length")
