"""A model whose weights are split over the processes: fully sharded data parallelism, the strategy ``fsdp``.

A process keeps its share of every weight, gradient and moment, and has the weights whole while a step or an evaluation
runs (Zhao et al. 2023, "PyTorch FSDP"). What is written and measured is whole: nothing else knows of the shares.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer

from ardsl.compiler.compile import Compiled

_USED = ("objective", "likelihood")
"""The methods that a training calls: the weights are whole within them."""


def split(model: Compiled, mesh: DeviceMesh) -> None:
    """Leave this process its share of the weights."""
    empty = {parameter for parameter in model.parameters() if not parameter.numel()}
    for parameter in empty:
        parameter.requires_grad_(False)
    # Averaged weights change between evaluations with no backward pass that would split them again.
    fully_shard(model, mesh=mesh, reshard_after_forward=True, ignored_params=empty)  # torch cannot split those
    for method in _USED:
        register_fsdp_forward_method(model, method)


def joined_shares(state: Any) -> Any:
    """Nested dicts and lists of tensors with every share joined to the others. Collective."""
    if isinstance(state, DTensor):
        return state.full_tensor()
    if isinstance(state, dict):
        return {key: joined_shares(item) for key, item in state.items()}
    return [joined_shares(item) for item in state] if isinstance(state, list) else state


def load_optimizer(optimizer: Optimizer, state: dict[str, Any]) -> None:
    """Give an optimizer its whole state; of one whose weights are split it keeps this process's shares."""
    optimizer.load_state_dict(state)
    for parameter, moments in optimizer.state.items():
        if isinstance(parameter, DTensor):
            for name, value in moments.items():
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    moments[name] = distribute_tensor(value, parameter.device_mesh, parameter.placements)
