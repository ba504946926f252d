"""Guards of a model in use: evaluation mode, memory, random state, and the orders its weights were trained under."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

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


def seeded(seed: int | None) -> AbstractContextManager[object]:
    """Lets a seed decide torch's random numbers for a while, in this thread; None: torch's own random state does."""
    return nullcontext() if seed is None else Seeded(checked_seed(seed))


class Seeded(TorchDispatchMode):
    """Takes torch's random numbers from generators of its own, by device. The random state of torch is that of the
    process: to set it for a while would change what other threads draw, and they what is drawn here."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed
        self._generators: dict[torch.device, torch.Generator] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, drawing = kwargs or {}, _drawing(func)
        if drawing is None:
            return func(*args, **kwargs)
        tensors = (argument.device for argument in args if isinstance(argument, Tensor))
        device = torch.device(kwargs.get("device") or next(tensors, "cpu"))
        if device not in self._generators:
            self._generators[device] = torch.Generator(device).manual_seed(self._seed)
        return drawing(*args, **{**kwargs, "generator": self._generators[device]})


@cache
def _drawing(func: Any) -> Any:
    """The overload of an operation that takes a generator; None of operations that draw nothing, and of fused dropout
    on a GPU, which takes none."""
    if torch.Tag.nondeterministic_seeded not in func.tags:
        return None
    takes_one = any(argument.name == "generator" for argument in func._schema.arguments)
    return func if takes_one else getattr(func.overloadpacket, "generator", None)


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
