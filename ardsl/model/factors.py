"""Factors: one conditional for every observed and latent variable, and a guide for every latent one."""

from __future__ import annotations

from dataclasses import dataclass, field

from ardsl.diagnostics import Span
from ardsl.diagnostics.rules import contexts as context_rules
from ardsl.diagnostics.rules import factors as rules
from ardsl.families.family import Family
from ardsl.families.resolve import resolve_family
from ardsl.language import syntax
from ardsl.model.contexts import check_context
from ardsl.model.declarations import Draft
from ardsl.model.model import Context, Factor
from ardsl.model.networks import check_network, omitted
from ardsl.model.scope import Lost, Scope, shortened
from ardsl.model.targets import Target, check_field, check_target
from ardsl.model.values import evaluate


@dataclass
class Coverage:
    """The factors that the text gives, sound or not: by kind and variable, and by field (None: the whole variable).

    ``misspelled`` has the variables that some factor with an unknown target was probably meant for.
    """

    places: dict[tuple[str, str], dict[str | None, Span]] = field(default_factory=dict)
    misspelled: set[tuple[str, str]] = field(default_factory=set)

    def of(self, kind: str, variable: str) -> dict[str | None, Span]:
        return self.places.setdefault((kind, variable), {})

    def lacks(self, kind: str, variable: Draft, lost: Lost) -> bool:
        """Says whether nothing in the text is a factor for this variable as a whole, or could have been meant as
        one."""
        name = variable.name
        return name not in lost.factors and (kind, name) not in self.misspelled and None not in self.of(kind, name)


@dataclass(frozen=True)
class Factors:
    """The sound factors, in the order of the text, and the axes that one draw of each variable covers."""

    factors: tuple[Factor, ...]
    guide: tuple[Factor, ...]
    event_axes: dict[str, tuple[int, ...]]


def check_factors(
    statements: list[syntax.FactorStatement], variables: dict[str, Draft], lost: Lost, scope: Scope
) -> Factors:
    """Resolves every factor, and checks that each variable has those it needs. ``lost`` has those not parsed."""
    coverage = Coverage()
    factors: dict[str, list[Factor]] = {"p": [], "q": []}
    event_axes: dict[str, tuple[int, ...]] = {}
    for statement in statements:
        target = _target(statement, variables, coverage, scope)
        if statement.kind == "p" and statement.target.variable.text in variables:
            variable = variables[statement.target.variable.text]
            event_axes.setdefault(variable.name, _event_axes(statement.target, variable))
        factor = _factor(statement, target, variables, scope)
        if factor is not None:
            factors[statement.kind].append(factor)
    for variable in variables.values():
        _check_covered(variable, coverage, lost, scope)
    return Factors(tuple(factors["p"]), tuple(factors["q"]), event_axes)


def _target(
    statement: syntax.FactorStatement, variables: dict[str, Draft], coverage: Coverage, scope: Scope
) -> Target | None:
    place, kind = statement.target, statement.kind
    if not scope.known(place.variable.text, place.variable.span, "variable"):
        meant = scope.nearest(place.variable.text, variables) if place.variable.text not in scope.names else None
        coverage.misspelled |= {(kind, meant)} if meant is not None else set()
        return None
    variable = variables[place.variable.text]
    if variable.kind == "given" and statement.kind == "p":
        others = [(variable.span, "declared here")]
        help = "declare it `observed`, or remove this factor"
        scope.report(rules.FACTOR_OF_GIVEN.at(place.span, variable=variable.name, help=help, others=others))
        return None
    if variable.kind != "latent" and statement.kind == "q":
        others = [(variable.span, "declared here")]
        scope.report(rules.GUIDE_OF_KNOWN.at(place.span, variable=variable.name, kind=variable.kind, others=others))
        return None
    name = None if place.field is None else place.field.text
    if name is not None and variable.is_record and name not in variable.field_numbers:
        coverage.misspelled.add((kind, variable.name))
    earlier = coverage.of(kind, variable.name)
    first = earlier.get(name)
    if first is None and earlier and (name is None or None in earlier):
        first = next(iter(earlier.values()))
    conflicts = name not in earlier
    earlier.setdefault(name, place.span)
    if first is not None:
        what = f"`{variable.name}`" if name is None or conflicts else f"`{variable.name}.{name}`"
        others = [(first, "first factor")]
        help = "put all contexts into one factor"
        if conflicts:
            help = "give the record one factor for all of its fields, or one for each field"
        scope.report(rules.FACTOR_TWICE.at(place.span, what=what, kind=kind, help=help, others=others))
        return None
    return check_target(place, variable, scope)


def _event_axes(place: syntax.Place, variable: Draft) -> tuple[int, ...]:
    """The axes with a ``*``, whether or not the target is sound otherwise: the variable's order depends on them."""
    indices = place.indices or ()
    if len(indices) != len(variable.axes):
        return ()
    return tuple(axis for axis, index in enumerate(indices) if isinstance(index, syntax.Star))


def _factor(
    statement: syntax.FactorStatement, target: Target | None, variables: dict[str, Draft], scope: Scope
) -> Factor | None:
    """The factor, resolved. Where the target is unusable its other names are looked up all the same."""
    if target is None:
        _look_up(statement, variables, scope)
        return None
    if _is_exact(statement.family):
        return _exact(statement, target, variables, scope)
    contexts = [check_context(context, target, variables, scope) for context in statement.contexts]
    distinct = _distinct(contexts, scope)
    families = _families(statement.family, target, scope)
    network = None if statement.network is None else check_network(statement.network, scope)
    if families is None or not distinct or (statement.network is not None and network is None):
        return None
    sound = tuple(context for context in contexts if context is not None)
    if len(sound) < len(contexts):
        return None
    call, net = network or (omitted(bool(sound), statement.family.span), None)
    return Factor(
        statement.kind,
        target.variable.name,
        target.elements,
        target.event_axes,
        families,
        sound,
        call,
        net,
        text=_left_side(statement, scope),
        span=statement.span,
        target_span=target.span,
    )


def _look_up(statement: syntax.FactorStatement, variables: dict[str, Draft], scope: Scope) -> None:
    for context in statement.contexts:
        name = context.place.variable
        if scope.known(name.text, name.span, "variable"):
            check_field(context.place, variables[name.text], scope)
        if context.network is not None:
            check_network(context.network, scope)
    if statement.network is not None:
        check_network(statement.network, scope)


def _left_side(statement: syntax.FactorStatement, scope: Scope) -> str:
    contexts = ", ".join(scope.written(context.span) for context in statement.contexts)
    return f"{statement.kind}({scope.written(statement.target.span)}{' | ' if contexts else ''}{contexts})"


def _distinct(contexts: list[Context | None], scope: Scope) -> bool:
    sound = True
    seen: dict[object, Context] = {}
    for context in contexts:
        if context is None:
            continue
        network = context.network and (context.network.name, repr(context.network.options))
        first = seen.setdefault((context.variable, context.selection, network), context)
        if first is not context:
            others = [(first.span, "first here")]
            text = shortened(context.text)
            scope.report(context_rules.CONTEXT_TWICE.at(context.span, text=text, others=others))
            sound = False
    return sound


def _families(expression: syntax.Expression, target: Target, scope: Scope) -> tuple[Family, ...] | None:
    """The family of an array's elements, or of each of a record's; the first that does not fit is reported."""
    variable = target.variable
    families: list[Family] = []
    default = isinstance(expression, syntax.Reference) and expression.name == "default"
    for number in target.elements if variable.is_record else (0,):
        column = variable.fields[number] if variable.is_record else None
        domain = column.domain if column is not None else variable.domain
        family = column.family if column is not None and default else None
        if family is None and domain is not None:
            family = resolve_family(
                expression,
                domain,
                evaluate=lambda e: evaluate(e, scope),
                sink=scope.sink,
                event=target.event,
                domain_span=variable.domain_spans[number],
            )
        if family is None:
            return None
        families.append(family)
    return tuple(families)


def _is_exact(family: syntax.Expression) -> bool:
    return isinstance(family, syntax.Reference) and family.name == "exact"


def _exact(
    statement: syntax.FactorStatement, target: Target, variables: dict[str, Draft], scope: Scope
) -> Factor | None:
    variable, span = target.variable, statement.family.span
    problem, help = None, None
    if statement.kind == "p":
        problem = "is for `q` factors only"
        help = f"name a family here, and write `q({variable.name}) = exact` beside it"
    elif variable.domain is None or variable.domain.levels is None:
        domain = "" if variable.domain is None else f", not {variable.domain}"
        problem = f"needs a finite domain for `{variable.name}`{domain}"
        family = variable.domain.family if variable.domain is not None else "…"
        help = f"give it a guide of a family, `q({variable.name} | …) = {family} via mlp(hidden = [64])`"
    elif statement.contexts:
        problem, span = "takes no contexts: it reads whatever the true posterior does", statement.contexts[0].span
        help = f"write `q({variable.name}) = exact`"
    elif statement.network is not None:
        problem, span = "takes no network", statement.network.span
        help = f"write `q({variable.name}) = exact`"
    if problem is not None:
        scope.report(rules.EXACT.at(span, problem=problem, help=help))
        _look_up(statement, variables, scope)
        return None
    network = omitted(False, statement.family.span)
    text = _left_side(statement, scope)
    return Factor(
        "q",
        variable.name,
        target.elements,
        target.event_axes,
        (),
        (),
        network,
        None,
        exact=True,
        text=text,
        span=statement.span,
        target_span=target.span,
    )


def _check_covered(variable: Draft, coverage: Coverage, lost: Lost, scope: Scope) -> None:
    if variable.kind == "given":
        return
    drawn = coverage.of("p", variable.name)
    if coverage.lacks("p", variable, lost):
        if not drawn:
            what = f"the record `{variable.name}`" if variable.is_record else f"`{variable.name}`"
            help = f"add `{_example(variable)}`"
            scope.report(rules.NO_FACTOR.at(variable.span, what=what, target=variable.name, help=help))
        for column in variable.fields if drawn else ():
            if column.name not in drawn:
                what = f"the field `{column.name}` of `{variable.name}`"
                target = f"{variable.name}.{column.name}"
                scope.report(rules.NO_FACTOR.at(column.span, what=what, target=target, help=f"add `p({target}) = …`"))
    if variable.kind == "latent" and coverage.lacks("q", variable, lost):
        help = f"add `q({variable.name} | …) = … via …`"
        if variable.domain is not None and variable.domain.levels is not None:
            help += f", or `q({variable.name}) = exact`"
        scope.report(rules.NO_GUIDE.at(variable.span, variable=variable.name, help=help))


def _example(variable: Draft) -> str:
    if not variable.shape or variable.kind == "latent":
        return f"p({variable.name}) = …"
    return f"p({variable.name}[i] | {variable.name}[<i]) = …"
