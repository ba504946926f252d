"""The checked model: variables, orders, factors and claims, all resolved. No torch, no text left to interpret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any, Literal

from ardsl.diagnostics import Source, Span
from ardsl.families.domains import Domain
from ardsl.families.family import Family
from ardsl.model.settings import DataSettings, TrainSettings
from ardsl.relations import Order, OrderMixture, Relation, Selection


@dataclass(frozen=True)
class Axis:
    """An axis of a variable. ``name`` is None where the spec gave none; with ``up_to`` (``[..8]``) examples have
    ``size`` places along it, or fewer."""

    name: str | None
    size: int
    up_to: bool = False


@dataclass(frozen=True)
class Field:
    """One column of a record."""

    name: str
    domain: Domain
    family: Family | None
    """The family a ``~`` gave, or the domain's default."""
    span: Span = field(compare=False)


@dataclass(frozen=True)
class Variable:
    """An array of elements, or a record whose elements are its fields. A scalar has no axes and one element.

    ``orders`` is what ranks the elements: one order, or the K of ``any(orders = K)``. Ranks already respect the axes
    that one draw covers (``*`` in the factor's target): elements drawn together share a rank.
    """

    name: str
    kind: Literal["observed", "latent", "given"]
    axes: tuple[Axis, ...]
    domain: Domain | None
    """None for a record: each field has its own."""
    fields: tuple[Field, ...]
    orders: OrderMixture
    span: Span = field(compare=False)
    order_span: Span | None = field(default=None, compare=False)
    """The place where the order was declared, None for the default."""
    shape: tuple[int, ...] = field(init=False, repr=False, compare=False)
    size: int = field(init=False, repr=False, compare=False)
    """The number of elements."""
    varies: bool = field(init=False, repr=False, compare=False)
    """True where its length varies: examples have elements up to some place along the first axis."""
    largest_whole: float = field(init=False, repr=False, compare=False)
    """The greatest size of a value of its discrete elements."""

    def __post_init__(self) -> None:
        shape = (len(self.fields),) if self.fields else tuple(axis.size for axis in self.axes)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "size", prod(shape))
        object.__setattr__(self, "varies", bool(self.axes) and self.axes[0].up_to)
        domains = [field.domain for field in self.fields] if self.domain is None else [self.domain]
        object.__setattr__(self, "largest_whole", max((domain.largest_whole for domain in domains), default=0))

    @property
    def is_record(self) -> bool:
        return bool(self.fields)

    @property
    def end(self) -> int | None:
        """The code with which a sequence ends, where its length is part of what p covers."""
        return self.domain.end if self.domain is not None else None

    def element_domain(self, element: int) -> Domain:
        if self.fields:
            return self.fields[element].domain
        assert self.domain is not None  # the checker gives every array a domain
        return self.domain

    def domain_runs(self, elements: Sequence[int]) -> tuple[tuple[Domain, int, int], ...]:
        """The stretches of some elements that have one domain: it, and the stretch's ends among them."""
        if not self.fields:
            return ((self.element_domain(0), 0, len(elements)),)
        domains = [self.fields[element].domain for element in elements]
        starts = [i for i, domain in enumerate(domains) if i == 0 or domain != domains[i - 1]]
        return tuple((domains[i], i, j) for i, j in zip(starts, [*starts[1:], len(domains)], strict=True))

    def element_name(self, element: int) -> str:
        """The name of an element as a spec would write it: ``x[3, 4]``, ``person.age``, or ``y`` for a scalar.
        0-based."""
        if self.fields:
            return f"{self.name}.{self.fields[element].name}"
        if not self.axes:
            return self.name
        indices = []
        for size in reversed(self.shape):
            element, index = divmod(element, size)
            indices.append(index)
        return f"{self.name}[{', '.join(map(str, reversed(indices)))}]"


@dataclass(frozen=True)
class NetworkCall:
    """A network as the spec calls it: its options are evaluated values, not yet checked against its declaration.

    ``option_spans`` places each option. ``free`` (free parameters) is the one where the spec gave neither a context nor
    a network, ``linear`` where it gave contexts only.
    """

    name: str
    options: Mapping[str, Any]
    span: Span = field(compare=False)
    option_spans: Mapping[str, Span] = field(compare=False)
    written: bool = field(default=True, compare=False)
    """False where the spec left it out."""


@dataclass(frozen=True)
class Context:
    """One source of a factor. ``selection`` says which of its elements each target element reads."""

    variable: str
    selection: Selection
    network: NetworkCall | None
    span: Span = field(compare=False)
    text: str = ""
    """As the spec wrote it, for messages and formulas."""
    net: str | None = None
    """The name of the ``net`` that ``network`` is, or None."""

    def relation(self, order: Order) -> Relation:
        """Target elements of the factor × elements of the source variable, under one order of the target variable."""
        return self.selection.relation(order)


@dataclass(frozen=True)
class Factor:
    """One conditional: ``p(target | contexts) = family via network``.

    ``elements`` are the flat indices of the target's elements, ascending: all of a variable, or one field of a record.
    ``event_axes`` are the axes with a ``*``, which one draw covers; without any, a draw is one element. ``families``
    has one entry for an array, one per element for a record, and none where the factor is ``exact``.
    """

    kind: Literal["p", "q"]
    variable: str
    elements: range
    event_axes: tuple[int, ...]
    families: tuple[Family, ...]
    contexts: tuple[Context, ...]
    network: NetworkCall
    net: str | None
    """The name of the ``net`` it shares, or None."""
    exact: bool = False
    """``q(z) = exact``"""
    text: str = ""
    """The left side as written, for messages and formulas."""
    span: Span = field(default=Span(0, 0), compare=False)
    target_span: Span = field(default=Span(0, 0), compare=False)


@dataclass(frozen=True)
class ElementSet:
    """Elements of one variable that a claim speaks of."""

    variable: str
    elements: tuple[int, ...]
    text: str
    span: Span = field(compare=False)


@dataclass(frozen=True)
class Claim:
    """``check …``, resolved; ``axis`` and ``bound`` where the claim has them."""

    kind: Literal["complete", "independent", "steps", "reach"]
    variable: str | None
    left: tuple[ElementSet, ...] = ()
    right: tuple[ElementSet, ...] = ()
    given: tuple[ElementSet, ...] = ()
    axis: int | None = None
    bound: int | None = None
    text: str = ""
    span: Span = field(default=Span(0, 0), compare=False)


@dataclass(frozen=True)
class Model:
    """The joint distribution a spec states: the product of its ``p`` factors."""

    name: str
    doc: str | None
    params: Mapping[str, Any]
    variables: Mapping[str, Variable]
    factors: tuple[Factor, ...]
    """The ``p`` factors, in the order of the text."""
    guide: tuple[Factor, ...]
    """The ``q`` factors."""
    precedence: tuple[tuple[str, ...], ...]
    """Each ``order a, b, c``."""
    claims: tuple[Claim, ...]
    data: DataSettings
    train: TrainSettings
    source: Source = field(compare=False, repr=False)
    nets: tuple[str, ...] = ()
    """The names of the ``net`` statements."""

    @cached_property
    def observed(self) -> tuple[Variable, ...]:
        return tuple(v for v in self.variables.values() if v.kind == "observed")

    @property
    def counts_bits(self) -> bool:
        """Bits per dimension count something: of values that have probabilities, or of integers with uniform noise,
        whose densities bound them (Theis, van den Oord & Bethge 2016, section 3.1)."""
        domains = [v.element_domain(e) for v in self.observed for e in range(v.size if v.is_record else 1)]
        noisy = self.data.dequantize and all(domain.dequantized_by == 1 for domain in domains)
        return noisy or all(domain.discrete for domain in domains)

    @cached_property
    def given(self) -> tuple[Variable, ...]:
        return tuple(v for v in self.variables.values() if v.kind == "given")

    @cached_property
    def may_miss(self) -> tuple[Variable, ...]:
        """The variables whose values may be missing: trained on all orders, drawn one by one, read by no other
        variable, and of one length, since NaN is where a longer one ends."""
        read = {c.variable for f in self.factors for c in f.contexts if c.variable != f.variable}
        one_by_one = (v for v in self.observed if not v.orders.orders[0].event_axes and not v.varies)
        return tuple(v for v in one_by_one if v.orders.train_all and v.name not in read)

    def factors_of(self, variable: str) -> tuple[Factor, ...]:
        return tuple(f for f in self.factors if f.variable == variable)
