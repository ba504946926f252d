"""Options of ``fit`` beside the spec, checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import FunctionType
from typing import Any

import torch
from lightning.pytorch import Callback

from ardsl.common.wording import shown
from ardsl.diagnostics.rules.data import UNUSABLE_OPTION
from ardsl.errors import DataError, data_error
from ardsl.model.settings import PRECISIONS, TrainSettings
from ardsl.system.processes import Processes

STRATEGIES = ("ddp", "fsdp")
AfterEpoch = Callable[[dict[str, Any]], object]
"""Called with the figures of each epoch: a row of the curve."""


def override(settings: TrainSettings, epochs: int | None, seed: int | None, precision: str | None) -> TrainSettings:
    """The settings of a ``train`` block, with what is given in their place."""
    for name, value in (("epochs", epochs), ("seed", seed)):
        if value is not None and not _is_integer(value, 0):
            raise _unusable(f"`{name}` must be an integer of at least 0, not {value!r}")
    settings = replace(
        settings,
        epochs=settings.epochs if epochs is None else epochs,
        seed=settings.seed if seed is None else seed,
    )
    if precision is not None:
        if str(precision) not in PRECISIONS:
            known = ", ".join(PRECISIONS)
            raise _unusable(f"there is no precision `{precision}`: there are {known}")
        settings = replace(settings, precision=str(precision))
    return settings


def check_precision(precision: str, place: torch.device, strategy: str | None) -> None:
    if precision == "16" and place.type == "cpu":
        raise _unusable("precision 16 needs a GPU: on the CPU there are bf16, 32 and 64")
    if precision == "64" and place.type == "mps":
        raise _unusable("precision 64 does not exist on mps: there are 16, bf16 and 32")
    if precision == "16" and strategy == "fsdp":
        raise _unusable("precision 16 does not go with fsdp: there are bf16, 32 and 64")


def count_devices(
    devices: int | None, strategy: str | None, named: str, place: torch.device, processes: Processes
) -> int:
    """Counts the devices of this machine to train on. ``named`` is the device that the user named."""
    if strategy is not None and strategy not in STRATEGIES:
        raise _unusable(f"there is no strategy `{strategy}`: there are {', '.join(STRATEGIES)}")
    if devices is not None and not _is_integer(devices, 1):
        raise _unusable(f"`devices` must be an integer of at least 1, not {devices!r}")
    if processes.world > 1:
        if devices not in (None, processes.local_world):
            started = f"{processes.local_world} processes were started on this machine"
            raise _unusable(f"`devices` is {devices}, but {started}: leave it out")
        devices = processes.local_world
    if devices is None or devices == 1:
        return 1
    if ":" in named:
        raise _unusable(f"the device `{named}` is one, but `devices` is {devices}: name the kind alone, `{place.type}`")
    available = {"cuda": torch.cuda.device_count, "mps": lambda: 1}.get(place.type)
    if available is not None and available() < devices:
        raise _unusable(f"there are no {devices} devices `{place.type}` on this machine: it has {available()}")
    return devices


def recorded_options(settings: TrainSettings, devices: int, strategy: str | None) -> dict[str, Any]:
    """Gives the options that a run folder records, beside the spec: a training resumes only with the same."""
    options = {"epochs": settings.epochs, "seed": settings.seed, "precision": settings.precision}
    return options if devices == 1 else options | {"devices": devices, "strategy": strategy or STRATEGIES[0]}


def split_callbacks(callbacks: object) -> tuple[tuple[Callback, ...], tuple[AfterEpoch, ...]]:
    """Splits the callbacks of ``fit`` into Lightning's own and functions of an epoch's figures."""
    lightning: list[Callback] = []
    functions: list[AfterEpoch] = []
    for callback in callbacks if isinstance(callbacks, list | tuple) else [callbacks]:
        if isinstance(callback, Callback):
            lightning.append(callback)
        elif callable(callback) and not isinstance(callback, type):
            functions.append(callback)
        else:
            given = f"the class `{callback.__name__}`" if isinstance(callback, type) else f"{shown(callback)}"
            known = "an object of Lightning's `Callback`, or a function of the figures of an epoch (a dict)"
            raise _unusable(f"a callback is {known}, not {given}")
    return tuple(lightning), tuple(functions)


def check_carried(callbacks: Sequence[object]) -> None:
    """Refuses callbacks that other processes of this machine are to run and whose classes they cannot import."""
    for callback in callbacks:
        imported = callback if isinstance(callback, FunctionType) else type(callback)
        if imported.__module__ == "__main__":
            problem = f"other processes cannot import the callback `{imported.__name__}` from the main script"
            raise _unusable(f"{problem}: move it to a module, or start the script with torchrun")


def _is_integer(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _unusable(problem: str) -> DataError:
    return data_error(UNUSABLE_OPTION, problem=problem)
