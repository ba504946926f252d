"""The family that a factor's right-hand side names, fitted to its domain and laid out in slots. No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from ardsl.common.wording import plural
from ardsl.diagnostics import Diagnostic, Sink, Span, did_you_mean
from ardsl.diagnostics.reserved import FAMILIES, reserved
from ardsl.diagnostics.rules import families as rules
from ardsl.diagnostics.rules.names import NOT_BUILT_YET
from ardsl.families.arguments import Evaluate, bind, counted, is_integer, parts, shown
from ardsl.families.catalogue import CATALOGUE
from ardsl.families.domains import Domain
from ardsl.families.entry import Entry, Parameter
from ardsl.families.family import Family, Slot
from ardsl.families.fitting import (
    SUPPORTS,
    WRAPPERS,
    discretizes,
    fits,
    fitting_names,
)
from ardsl.families.links import LINKS, NO_LINKS, default_link, fitting_links
from ardsl.families.resolve_domain import MAX_LEVELS
from ardsl.language import syntax

MAX_COMPONENTS = 10_000
FAMILY_NAMES: tuple[str, ...] = (*CATALOGUE, *WRAPPERS, "default")
"""Every family a spec may name."""

_LEAST, _LARGEST = 2.0**-126, (2 - 2.0**-23) * 2.0**127
"""The least and the largest size of a number of single precision that keeps its digits."""
_LARGEST_DRAW = {"real": _LARGEST**0.5, "nonnegative_integers": 2.0**53}
"""The largest draws of a support, where these are not all numbers of single precision."""
_ONE_BY_ONE = "draw the elements one by one, `p(x[i] | x[<i]) = …`"
_CONSTRAINTS = {
    "real": "a number",
    "positive": "a number above 0",
    "nonnegative_integer": "a whole number of at least 0",
}


def resolve_family(
    expression: syntax.Expression,
    domain: Domain,
    *,
    evaluate: Evaluate,
    sink: Sink,
    event: int = 1,
    domain_span: Span | None = None,
) -> Family | None:
    """The family that ``expression`` names, for draws of ``event`` elements of ``domain``; None where it names none.

    Every reason goes into ``sink``, as one diagnostic of AR3xx at the part concerned. ``evaluate`` gives the value of
    an argument that is an expression over the spec's parameters. ``domain_span``, where given, is shown as the place
    of the domain's declaration.
    """
    return _Resolver(domain, event, evaluate, sink, domain_span).resolve(expression)


def default_family(domain: Domain, event: int = 1) -> Family:
    """The family that ``default`` stands for, of one element or of several."""
    spelling = domain.default if event == 1 else domain.joint_default
    assert spelling is not None  # else it is refused
    if spelling.startswith("color_mixture"):
        return color_mixture_family(domain, event, 10)
    name = spelling.removeprefix("mixture(").removeprefix("discretized(").split(")")[0].split(",")[0]
    family = catalogue_family(CATALOGUE[name], domain, event)
    if "discretized" in spelling:
        family = discretized_family(family)
    return mixture_family(family, 10) if spelling.startswith("mixture") else family


def catalogue_family(
    entry: Entry,
    domain: Domain,
    event: int = 1,
    fixed: Mapping[str, float] | None = None,
    links: Mapping[str, str] | None = None,
) -> Family:
    """A family of the catalogue: one slot for each parameter that is not fixed, in the constructor's order."""
    fixed, links = dict(fixed or {}), dict(links or {})
    slots: list[Slot] = []
    start = 0
    for parameter in entry.parameters:
        if parameter.name not in fixed:
            size = _size(parameter, domain.levels or 1, event)
            link = links.get(parameter.name, default_link(entry, parameter))
            slots.append(Slot(parameter.name, parameter.constraint, start, size, link))
            start += size
    uniforms = event if entry.joint else entry.uniforms
    return Family(entry.name, tuple(slots), fixed, links, event=event, uniforms=uniforms)


def mixture_family(inner: Family, components: int) -> Family:
    """``weights`` (one number per component, a softmax's), then each slot of ``inner`` once for every component.

    A slot of size s becomes one of size K·s, component after component. The first uniform number chooses the
    component, the others are the component's.
    """
    slots = [Slot("weights", "simplex", 0, components)]
    slots += [
        replace(
            slot,
            name=component_name(slot.name),
            start=components + components * slot.start,
            size=components * slot.size,
        )
        for slot in inner.slots
    ]
    return Family(
        "mixture",
        tuple(slots),
        inner=inner,
        components=components,
        event=inner.event,
        uniforms=1 + inner.uniforms,
    )


def color_mixture_family(domain: Domain, event: int, components: int) -> Family:
    """``weights`` (a softmax's), then for every component ``loc`` and ``scale`` of each channel and a coefficient for
    each pair of channels. One uniform number chooses the component, one more is each channel's."""
    slots, start = [], 0
    pairs = event * (event - 1) // 2
    kinds = (("weights", "simplex", 1), ("loc", "real", event), ("scale", "positive", event))
    for name, constraint, size in (*kinds, ("coefficients", "real", pairs)):
        slots.append(Slot(name, constraint, start, components * size))
        start += components * size
    uniforms = 1 + event
    return Family("color_mixture", tuple(slots), components=components, event=event, uniforms=uniforms)


def discretized_family(inner: Family) -> Family:
    """The slots and noise of ``inner``; of a mixture, the mixture of its components discretized, which is the same."""
    if inner.name == "mixture" and inner.inner is not None and inner.components is not None:
        return mixture_family(discretized_family(inner.inner), inner.components)
    return Family("discretized", inner.slots, inner=inner, uniforms=inner.uniforms)


def component_name(name: str) -> str:
    """The name of a component's slot in a mixture: its own, unless it would be taken for the mixture's weights."""
    return f"component_{name}" if name.endswith("weights") else name


def _size(parameter: Parameter, levels: int, event: int) -> int:
    n = event if event > 1 else levels
    return {"real_vector": n, "ordered_vector": n - 1, "lower_cholesky": n * (n + 1) // 2}.get(parameter.constraint, 1)


@dataclass(frozen=True)
class _Resolver:
    domain: Domain
    event: int
    evaluate: Evaluate
    sink: Sink
    domain_span: Span | None

    def resolve(self, expression: syntax.Expression, discretized: bool = False) -> Family | None:
        """``discretized`` says that the family stands inside that wrapper, where it need not fit the domain itself."""
        call = parts(expression)
        if call is None:
            problem = "a family is expected here"
            return self._refuse(rules.FAMILY_EXPECTED.at(expression.span, problem=problem, label="not a family"))
        name, span, arguments = call
        if name == "default":
            return self._default(span, arguments, discretized)
        if name == "mixture":
            return self._mixture(span, arguments, discretized)
        if name == "discretized":
            return self._discretized(span, arguments, discretized)
        if name == "color_mixture":
            return self._color_mixture(span, arguments)
        planned = reserved(FAMILIES, name, span)
        if planned is not None:
            return self._refuse(planned)
        if name not in CATALOGUE:
            fitting = f"for {self._domain()} there are {self._fitting()}" if self._fitting() else self._use()
            help = did_you_mean(name, FAMILY_NAMES)
            return self._refuse(rules.UNKNOWN_FAMILY.at(span, name=name, notes=[fitting], help=help))
        return self._catalogue(CATALOGUE[name], span, arguments, discretized)

    def _catalogue(
        self, entry: Entry, span: Span, arguments: Sequence[syntax.Argument], discretized: bool
    ) -> Family | None:
        fitting = self._check_fit(entry, span, discretized)
        bound = bind(entry.name, arguments, [p.name for p in entry.parameters], self.sink)
        if bound is None:
            return None
        fixed: dict[str, float] = {}
        links: dict[str, str] = {}
        sound = fitting
        for parameter in entry.parameters:
            argument = bound.get(parameter.name)
            written = None if argument is None else argument.value
            if isinstance(written, syntax.Reference) and written.name in (*LINKS, *NO_LINKS):
                sound &= self._check_link(entry, parameter, written)
                links[parameter.name] = written.name
            elif argument is not None:
                value = self._fixed(entry, parameter, argument)
                sound &= value is not None
                if value is not None:
                    fixed[parameter.name] = value
            elif parameter.discrete and fitting:
                help = None
                if entry.support == "interval" and self.domain.levels:
                    help = f"for {self._domain()} write `{parameter.name} = {self.domain.levels - 1}`"
                rule = rules.DISCRETE_PARAMETER
                self.sink.add(rule.at(span, family=entry.name, name=parameter.name, help=help))
                sound = False
        if not sound:
            return None
        levels = self.domain.levels
        if entry.support == "interval" and levels is not None and fixed["total_count"] != levels - 1:
            return self._wrong_count(entry, int(fixed["total_count"]), bound["total_count"].span, levels)
        if entry.support in ("levels", "interval") and levels is not None and levels > MAX_LEVELS:
            shown_levels, limit = counted(levels), counted(MAX_LEVELS)
            help = "use `discretized(logistic)` or a mixture of it"
            rule = rules.TOO_MANY_LEVELS
            return self._refuse(rule.at(span, what=self._domain(), levels=shown_levels, limit=limit, help=help))
        return catalogue_family(entry, self.domain, self.event, fixed, links)

    def _check_fit(self, entry: Entry, span: Span, discretized: bool) -> bool:
        if entry.joint and self.event == 1:
            self.sink.add(rules.JOINT_ON_SCALAR.at(span, family=entry.name, help=self._joint_help()))
            return False
        if not entry.joint and self.event > 1:
            joint = fitting_names(self.domain, joint=True)
            help = f"a joint family for {self._domain()}: {_listed(joint)}" if joint else "draw the elements one by one"
            event = plural(self.event, "element")
            self.sink.add(rules.SCALAR_ON_JOINT.at(span, family=entry.name, event=event, help=help))
            return False
        if discretized:
            return self._check_discretizes(entry, span)
        if not fits(entry, self.domain):
            help = self._use()
            if discretizes(entry, self.domain):
                help = f"use `discretized({entry.name})`, or {self._fitting()}"
            values = {"family": entry.name, "support": SUPPORTS[entry.support], "domain": self._domain()}
            self.sink.add(rules.SUPPORT.at(span, help=help, others=self._declared(), **values))
            return False
        return True

    def _check_discretizes(self, entry: Entry, span: Span) -> bool:
        levels = self.domain.levels
        if discretizes(entry, self.domain):
            if entry.support != "unit_interval" or levels is None or levels <= MAX_LEVELS:
                return True
            self.sink.add(
                rules.TOO_MANY_LEVELS.at(
                    span,
                    what=f"`discretized({entry.name})`",
                    levels=counted(levels),
                    limit=counted(MAX_LEVELS),
                    help="use `discretized(logistic)`",
                )
            )
            return False
        good = [name for name, other in CATALOGUE.items() if discretizes(other, self.domain)]
        if entry.discrete:
            reason = "it is discrete already"
        elif not entry.cdf:
            reason = "it has no distribution function with gradients"
        else:
            reason = f"{SUPPORTS[entry.support]} are no grid for {self._domain()}"
        help = f"it takes {_listed(good)}" if good else None
        self.sink.add(rules.WRAPPER.at(span, wrapper="discretized", family=entry.name, reason=reason, help=help))
        return False

    def _fixed(self, entry: Entry, parameter: Parameter, argument: syntax.Argument) -> float | None:
        if isinstance(argument.value, syntax.Reference) and argument.value.name == "free":
            feature = f"`{parameter.name} = free`, a parameter that reads no context,"
            help = "fix it by a number, or leave it out: then the network gives it"
            return self._refuse(NOT_BUILT_YET.at(argument.span, feature=feature, help=help))
        if _has_call(argument.value):
            reason = "is fixed by a number, not by a formula"
            help = f"leave it to the network: `{entry.name} via linear`, with what it reads among the contexts"
            name, place = parameter.name, argument.value.span
            return self._refuse(rules.NOT_FIXABLE.at(place, name=name, family=entry.name, reason=reason, help=help))
        value = self.evaluate(argument.value)
        if value is None:
            return None
        if parameter.vector or (parameter.name.endswith("logits") and argument.name is None):
            vector = f"is a {'matrix' if parameter.constraint == 'lower_cholesky' else 'vector'}, left to the network"
            reason = vector if parameter.vector else "must be fixed by name: it is log-odds, not a probability"
            return self._refuse(
                rules.NOT_FIXABLE.at(argument.span, name=parameter.name, family=entry.name, reason=reason)
            )
        if not _allowed(value, parameter):
            constraint, quoted = _CONSTRAINTS[parameter.constraint], shown(value)
            values: dict[str, Any] = {
                "name": parameter.name,
                "family": entry.name,
                "constraint": constraint,
                "value": quoted,
            }
            return self._refuse(rules.FIXED_VALUE.at(argument.value.span, **values))
        most = _LARGEST_DRAW.get(entry.support, _LARGEST)
        if value and not _LEAST <= abs(value) <= most:
            lost = "single precision does not hold that"
            values = {
                "name": parameter.name,
                "family": entry.name,
                "value": shown(value),
                "reason": f"draws end at {_rough(most)}" if most < abs(value) <= _LARGEST else lost,
                "least": _rough(_LEAST),
                "most": _rough(most),
            }
            return self._refuse(rules.FIXED_SIZE.at(argument.value.span, **values))
        return float(value)

    def _check_link(self, entry: Entry, parameter: Parameter, written: syntax.Reference) -> bool:
        fitting = fitting_links(parameter)
        if written.name in fitting:
            return True
        constraint = _CONSTRAINTS.get(parameter.constraint, "a vector or a matrix")
        help = f"for `{parameter.name}` there is {' and '.join(f'`{link}`' for link in fitting)}" if fitting else None
        if written.name == "log" and fitting:
            help = f"a link is written as what it does to the network's number: `{parameter.name} = exp`"
        values: dict[str, Any] = {
            "name": parameter.name,
            "family": entry.name,
            "link": written.name,
            "constraint": constraint,
        }
        self.sink.add(rules.LINK.at(written.span, help=help, **values))
        return False

    def _wrong_count(self, entry: Entry, total: int, span: Span, levels: int) -> None:
        values = {"family": f"{entry.name}(total_count = {total})", "domain": self._domain()}
        help = f"write `total_count = {levels - 1}`"
        support = f"the whole numbers from 0 to {total}"
        self.sink.add(rules.SUPPORT.at(span, support=support, help=help, others=self._declared(), **values))

    def _mixture(self, span: Span, arguments: Sequence[syntax.Argument], discretized: bool) -> Family | None:
        bound = bind("mixture", arguments, ("family", "components"), self.sink)
        if bound is None:
            return None
        inner = self._inner("mixture", span, bound, discretized)
        if not bound:
            return None
        components = self._components(span, bound, "mixture", "mixture(F, components = 10)")
        return None if inner is None or components is None else mixture_family(inner, components)

    def _color_mixture(self, span: Span, arguments: Sequence[syntax.Argument]) -> Family | None:
        bound = bind("color_mixture", arguments, ("components",), self.sink)
        if bound is None:
            return None
        if not self.domain.graded or self.domain.levels is None:
            values = {"family": "color_mixture", "support": "ordered integers", "domain": self._domain()}
            return self._refuse(rules.SUPPORT.at(span, help=self._use(), others=self._declared(), **values))
        if self.event == 1:
            return self._refuse(rules.JOINT_ON_SCALAR.at(span, family="color_mixture", help=self._joint_help()))
        components = self._components(span, bound, "color_mixture", "color_mixture(components = 10)")
        return None if components is None else color_mixture_family(self.domain, self.event, components)

    def _components(self, span: Span, bound: Mapping[str, syntax.Argument], family: str, example: str) -> int | None:
        argument = bound.get("components")
        if argument is None:
            problem, help = f"`{family}` needs the number of its components", f"write `{example}`"
            return self._refuse(rules.COMPONENTS.at(span, problem=problem, label="how many?", help=help))
        components = self.evaluate(argument.value)
        if components is None:
            return None
        if not is_integer(components) or components < 1:
            problem = f"`components` must be a whole number of at least 1, not {shown(components)}"
            return self._refuse(rules.COMPONENTS.at(argument.value.span, problem=problem, label="at least 1"))
        if components > MAX_COMPONENTS:
            problem = f"`components` is {shown(components)}, and at most {counted(MAX_COMPONENTS)} are possible"
            return self._refuse(rules.COMPONENTS.at(argument.value.span, problem=problem, label="too many"))
        return int(components)

    def _discretized(self, span: Span, arguments: Sequence[syntax.Argument], discretized: bool) -> Family | None:
        if discretized:
            reason = "it is discrete already"
            return self._refuse(rules.WRAPPER.at(span, wrapper="discretized", family="discretized", reason=reason))
        bound = bind("discretized", arguments, ("family",), self.sink)
        if bound is None:
            return None
        if not self.domain.graded:
            values = {"family": "discretized", "support": "ordered integers", "domain": self._domain()}
            return self._refuse(rules.SUPPORT.at(span, help=self._use(), others=self._declared(), **values))
        inner = self._inner("discretized", span, bound, True)
        return None if inner is None else discretized_family(inner)

    def _inner(
        self, wrapper: str, span: Span, bound: Mapping[str, syntax.Argument], discretized: bool
    ) -> Family | None:
        if "family" in bound:
            return self.resolve(bound["family"].value, discretized)
        problem = f"`{wrapper}` needs the family it wraps"
        example = "discretized(logistic)" if wrapper == "discretized" else "mixture(normal, components = 10)"
        help = f"as in `{example}`"
        return self._refuse(rules.FAMILY_EXPECTED.at(span, problem=problem, label="of which family?", help=help))

    def _default(self, span: Span, arguments: Sequence[syntax.Argument], discretized: bool) -> Family | None:
        if bind("default", arguments, (), self.sink) is None:
            return None
        if discretized:
            reason = "`default` is a distribution of the domain itself"
            return self._refuse(rules.WRAPPER.at(span, wrapper="discretized", family="default", reason=reason))
        if self.event > 1 and self.domain.joint_default is None:
            event = plural(self.event, "element")
            help = f"there is no joint family for {self._domain()}: {_ONE_BY_ONE}"
            return self._refuse(rules.SCALAR_ON_JOINT.at(span, family="default", event=event, help=help))
        return default_family(self.domain, self.event)

    def _fitting(self) -> str:
        return _listed(fitting_names(self.domain, joint=self.event > 1))

    def _use(self) -> str:
        """The help for a family that does not fit the domain: what to write in its place."""
        fitting = self._fitting()
        return f"use {fitting}" if fitting else f"there is no joint family for {self._domain()}: {_ONE_BY_ONE}"

    def _joint_help(self) -> str:
        return f"draw several elements at once, `x[*]` or `x[t, *]`, or one by one from {self._fitting()}"

    def _domain(self) -> str:
        """The domain as a message says it: a category's many labels are counted."""
        text = str(self.domain)
        return text if len(text) <= 60 else f"a {self.domain.name} of {counted(self.domain.levels or 0)} values"

    def _declared(self) -> list[tuple[Span, str]]:
        return [] if self.domain_span is None else [(self.domain_span, "declared here")]

    def _refuse(self, diagnostic: Diagnostic) -> None:
        self.sink.add(diagnostic)


def _has_call(value: syntax.Expression) -> bool:
    """Says whether a function is called in an expression."""
    if isinstance(value, syntax.Call):
        return True
    return any(
        _has_call(part) for name in ("left", "right", "operand") if (part := getattr(value, name, None)) is not None
    )


def _allowed(value: object, parameter: Parameter) -> TypeGuard[int | float]:
    """Says whether a value is in the parameter's set."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if isinstance(value, float) and not math.isfinite(value):
        return False
    if parameter.constraint == "nonnegative_integer":
        return is_integer(value) and value >= 0
    return value > 0 if parameter.constraint == "positive" else True


def _rough(size: float) -> str:
    """Writes a size with three digits: ``3.4e38``."""
    return f"{size:.3g}".replace("e+", "e")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
