"""Devices by name."""

from __future__ import annotations

import torch

from ardsl.diagnostics.rules.data import UNUSABLE_OPTION
from ardsl.errors import data_error

_KINDS = ("auto", "cpu", "cuda", "gpu", "mps")


def find_device(name: str | torch.device) -> torch.device:
    """The device of that name: ``auto`` (the first accelerator, or the CPU), ``cpu``, ``cuda``, ``cuda:1``, ``mps``."""
    kind, _, number = str(name).partition(":")
    if kind not in _KINDS or (number and not number.isdecimal()):
        raise data_error(UNUSABLE_OPTION, problem=f"there is no device `{name}`: there are {', '.join(_KINDS)}")
    accelerator = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else None
    if kind == "cpu" or (kind == "auto" and accelerator is None):
        return torch.device("cpu")
    requested = accelerator if kind in ("auto", "gpu") else kind
    if requested is None or requested != accelerator:
        raise data_error(
            UNUSABLE_OPTION, problem=f"there is no device `{name}` here: this machine has {_here(accelerator)}"
        )
    count = torch.cuda.device_count() if requested == "cuda" else 1
    index = int(number or 0)
    if index >= count:
        last = f"{requested}:{count - 1}"
        raise data_error(UNUSABLE_OPTION, problem=f"there is no device `{name}` here: the last one is `{last}`")
    return torch.device(requested, index)


def _here(accelerator: str | None) -> str:
    return f"`cpu` and `{accelerator}`" if accelerator else "`cpu` alone"
