"""The interface of networks as plug-ins. The built-in ones register exactly as a third-party package would."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ardsl.diagnostics import Diagnostic
from ardsl.networks.design import Design
from ardsl.networks.group import Group

MAX_LAYERS = 1000
"""The most widths an option of kind ``sizes`` or ``widths`` lists."""


@dataclass(frozen=True)
class Option:
    """A hyper-parameter: its kind, default, range and one line of doc.

    ``kind`` is ``integer``, ``real``, ``boolean``, ``choice`` (one of ``choices``), ``sizes`` (an integer or a list of
    them, as a tuple), ``widths`` (the same, but that an integer is another thing than a list of one, and stays one),
    ``axes`` (true, false, or the names of axes, as a tuple) or ``variable`` (the name of one, None by default).
    """

    name: str
    kind: str
    default: Any
    doc: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    odd: bool = False

    @property
    def range(self) -> str:
        """The legal values in words."""
        if self.kind == "boolean":
            return "true or false"
        if self.kind == "choice":
            return f"one of {', '.join(self.choices)}"
        if self.kind == "axes":
            return "true, false, the name of an axis or a list of them"
        if self.kind == "variable":
            return "the name of a variable"
        noun = {
            "integer": "an odd integer" if self.odd else "an integer",
            "real": "a real",
            "sizes": "an integer or a list of integers",
            "widths": "an integer or a list of integers",
        }[self.kind]
        noun += ", each" if self.kind in ("sizes", "widths") else ""
        if self.low is not None and self.high is not None:
            return f"{noun} from {self.low:g} to {self.high:g}"
        return f"{noun} of at least {self.low:g}" if self.low is not None else noun

    def range_for(self, value: object) -> str:
        """The legal values in words to one who gave ``value``: how long a list may be is said where it is too long."""
        if self.kind in ("sizes", "widths") and isinstance(value, list | tuple) and len(value) > MAX_LAYERS:
            return self.range.replace("a list of integers", f"a list of at most {MAX_LAYERS:,} integers")
        return self.range


class Network(ABC):
    """A plug-in: what networks it makes for groups of factors (see ``ardsl.networks.design``).

    A design builds a module that maps features [batch, group.features] and the number of an order to parameters
    [batch, len(group.output_draw)] (see ``ardsl.networks.module``).
    """

    name: ClassVar[str]
    doc: ClassVar[str]
    paper: ClassVar[str] = ""
    options: ClassVar[tuple[Option, ...]] = ()
    examples: ClassVar[Mapping[str, str]] = {}
    """Small specs by name, for :func:`ardsl.testing.check_network`."""
    takes_maps: ClassVar[bool] = False
    """True where a context may go through a network of its own (see ``ardsl.networks.context``)."""

    @abstractmethod
    def design(self, group: Group, options: Mapping[str, Any]) -> Design | list[Diagnostic]:
        """Designs the network for a group of factors, or says what in the group it cannot realize. Allocates no
        weights."""
