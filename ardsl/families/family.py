"""A family, resolved: which numbers a network must give for one draw, and how they are laid out. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ardsl.common.wording import number


@dataclass(frozen=True)
class Slot:
    """One named parameter among a draw's unconstrained parameters: ``raw[..., start:start + size]``.

    ``constraint`` names the set the parameter lives in; the family maps the unconstrained numbers there: to a
    positive number by ``link``.
    """

    name: str
    constraint: str
    start: int
    size: int
    link: str = "softplus"


@dataclass(frozen=True)
class Family:
    """A conditional family fitted to a domain: ``width`` unconstrained parameters per draw, laid out by ``slots``.

    ``inner`` is the wrapped family of ``mixture`` and ``discretized``; ``components`` is ``mixture``'s.
    ``fixed`` holds the parameters the spec gave as numbers, ``links`` the links that it names. ``event`` is the number
    of elements one draw covers (1 for scalar families). A draw is a function of ``uniforms`` uniform numbers.
    """

    name: str
    slots: tuple[Slot, ...]
    fixed: Mapping[str, float] = field(default_factory=dict, hash=False)
    links: Mapping[str, str] = field(default_factory=dict, hash=False)
    inner: Family | None = None
    components: int | None = None
    event: int = 1
    uniforms: int = 1

    @cached_property
    def width(self) -> int:
        """The number of unconstrained parameters of a draw."""
        return sum(slot.size for slot in self.slots)

    def __str__(self) -> str:
        """As a spec would say it."""
        parts = [str(self.inner)] if self.inner else []
        parts += [f"components = {self.components}"] if self.components else []
        parts += [f"{name} = {number(value)}" for name, value in self.fixed.items()]
        parts += [f"{name} = {link}" for name, link in self.links.items()]
        return f"{self.name}({', '.join(parts)})" if parts else self.name
