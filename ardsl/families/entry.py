"""A line of the catalogue: what checking must know of a distribution without importing its library. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a distribution's constructor.

    ``constraint`` is ``"real"``, ``"positive"``, ``"nonnegative_integer"``, or, for vectors, ``"real_vector"``,
    ``"ordered_vector"`` or ``"lower_cholesky"``. A ``discrete`` parameter cannot be learned by gradients: the spec
    gives it.
    """

    name: str
    constraint: str
    discrete: bool = False

    @property
    def vector(self) -> bool:
        return self.constraint in ("real_vector", "ordered_vector", "lower_cholesky")


@dataclass(frozen=True, slots=True)
class Entry:
    """A distribution of torch or Pyro, in one parameterization.

    ``support`` is ``"boolean"``, ``"levels"`` (0 … n − 1, n by the length of a parameter), ``"interval"``
    (0 … ``total_count``), ``"nonnegative_integers"``, ``"real"``, ``"positive"``, ``"unit_interval"`` or ``"angle"``;
    for a ``joint`` one it is that of each element. ``cdf`` and ``icdf`` say whether the library's own work, ``cdf``
    with gradients too. ``uniforms`` is how many uniform numbers one draw is a function of (a joint one takes one for
    each element).
    """

    name: str
    library: Literal["torch", "pyro"]
    distribution: str
    parameters: tuple[Parameter, ...]
    support: str
    joint: bool = False
    cdf: bool = False
    icdf: bool = False
    uniforms: int = 1

    @property
    def discrete(self) -> bool:
        return self.support in ("boolean", "levels", "interval", "nonnegative_integers")
