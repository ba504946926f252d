"""Plain arguments of functions, checked where users pass them: counts, seeds and numbers of orders."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Iterable
from typing import Any

from ardsl.common.wording import shown
from ardsl.errors import ArdslError


def checked_count(value: object, what: str, least: int = 0) -> int:
    """A number of ``what`` as an int. Raises ``ArdslError`` where it is no integer, below ``least``, or 2³¹
    and more."""
    number = _integer(value)
    if number is None or number < least:
        raise ArdslError(f"the number of {what} is an integer of at least {least}, not {shown(value)}")
    if number >= 1 << 31:
        raise ArdslError(f"the number of {what} is below 2^31, not {shown(value)}")
    return number


def checked_seed(seed: object) -> int:
    """A seed as an int from 0 to 2⁶⁴ − 1, which every generator takes. Raises ``ArdslError`` for anything else."""
    number = _integer(seed)
    if number is None or not 0 <= number < 1 << 64:
        raise ArdslError(f"the seed is an integer from 0 to 2^64 - 1, not {shown(seed)}")
    return number


def checked_order(order: object, variable: str, count: int) -> int:
    """The number of one of a variable's ``count`` orders as an int. Raises ``ArdslError`` where there is no such
    order."""
    number = _integer(order)
    if number is None or not 0 <= number < count:
        orders = f"orders 0 to {count - 1}" if count > 1 else "one order, number 0"
        raise ArdslError(f"`{variable}` has {orders}; there is no order {shown(order)}")
    return number


def checked_name(name: object, what: str, names: Iterable[str]) -> str:
    """One of the ``names`` there are. Raises ``ArdslError`` for any other ``what``."""
    known = list(names)
    if not isinstance(name, str) or name not in known:
        raise ArdslError(f"there is no {what} {shown(name)}: there is {', '.join(known) or 'none'}")
    return name


def renamed(old: str, old_value: Any, new: str, value: Any, *, default: Any = None, frames: int = 1) -> Any:
    """The value of an argument that was renamed: the ``new`` one's, or the ``old`` one's with a warning.

    ``frames`` counts the functions between this one and the user's own code. Raises ``ArdslError`` where both are
    given.
    """
    if old_value is None:
        return value
    if value is not default:
        raise ArdslError(f"`{old}` is the former name of `{new}`: give `{new}` alone")
    warnings.warn(f"`{old}` is now called `{new}`", DeprecationWarning, stacklevel=frames + 2)
    return old_value


def _integer(value: object) -> int | None:
    """An integer of Python, numpy or torch; None for anything else, truth values too."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None
