"""Functions that domains compute on arrays of numpy and of torch. Imports neither before it is given one."""

from __future__ import annotations

from typing import Any


def _is_tensor(x: Any) -> bool:
    return hasattr(x, "is_floating_point")  # an array has no such method


def library(x: Any) -> Any:
    """Gives the module whose functions take an array: numpy, or torch."""
    if _is_tensor(x):
        import torch

        return torch
    import numpy

    return numpy


def float_type(x: Any) -> Any:
    """Gives an array's own type where it is floating, else the type that its library gives to floats."""
    if _is_tensor(x):
        return x.dtype if x.is_floating_point() else library(x).get_default_dtype()
    return x.dtype if x.dtype.kind == "f" else library(x).float64


def typed(x: Any, dtype: Any) -> Any:
    """Gives an array in a type, itself where it has it."""
    return x.to(dtype) if _is_tensor(x) else x.astype(dtype, copy=False)


def floating(x: Any) -> Any:
    """Gives an array's numbers in its :func:`float_type`."""
    return typed(x, float_type(x))


def numbers_up_to(n: int, x: Any) -> Any:
    """Gives 0, 1, … n − 1 in the type, and on the device, of an array."""
    place = {"device": x.device} if _is_tensor(x) else {}
    return library(x).arange(n, dtype=x.dtype, **place)


def between(x: Any, least: float, greatest: float) -> Any:
    """Says which numbers of an array are from ``least`` to ``greatest``; a NaN is none."""
    if _is_tensor(x) and not x.is_floating_point():
        x = x.long()  # torch would take the ends in the array's own type, which may have no room for them
    return (x >= least) & (x <= greatest)


def whole_between(x: Any, least: float, greatest: float) -> Any:
    """Says which numbers of an array are whole, and from ``least`` to ``greatest``."""
    inside = between(x, least, greatest)
    return inside & (x == library(x).floor(x)) if float_type(x) == x.dtype else inside
