"""Orders: ``order x by …`` for one variable, and ``order a, b, c`` between several."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ardsl.common.wording import series
from ardsl.diagnostics import Rule, Span, did_you_mean
from ardsl.diagnostics.rules import names
from ardsl.diagnostics.rules import orders as rules
from ardsl.language import syntax
from ardsl.model.arrays import reading_arrays
from ardsl.model.declarations import Draft
from ardsl.model.scope import Scope
from ardsl.model.values import describe, evaluate, integer, is_integer
from ardsl.relations import Order, OrderMixture
from ardsl.relations.order import ORDER_NAMES, OrderArgument, OrderError, OrderForm, explicit, raster

_MOST_COORDINATES = 2**62


@dataclass(frozen=True)
class Draws:
    """The draws that an order ranks: those of a variable, over the axes that none of them covers."""

    variable: Draft
    axes: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.variable.shape[axis] for axis in self.axes)

    @property
    def count(self) -> int:
        return prod(self.shape)


def check_orders(
    statements: list[syntax.OrderStatement],
    variables: dict[str, Draft],
    event_axes: dict[str, tuple[int, ...]],
    scope: Scope,
) -> dict[str, tuple[OrderMixture, Span | None]]:
    """The order of each variable and the place of its declaration; raster where none is declared."""
    mixtures: dict[str, tuple[OrderMixture, Span | None]] = {}
    first: dict[str, Span] = {}
    for statement in statements:
        name, span = statement.variable.text, statement.variable.span
        if not scope.known(name, span, "variable"):
            _look_up(statement.order, scope)
            continue
        variable = variables[name]
        if name in first:
            others = [(first[name], "first declared here")]
            scope.report(names.DECLARED_TWICE.at(statement.span, what=f"the order of `{name}`", others=others))
            continue
        first[name] = statement.span
        if variable.kind == "given":
            scope.report(rules.ORDER_OF_GIVEN.at(span, variable=name, others=[(variable.span, "declared here")]))
            continue
        events = event_axes.get(name, ())
        draws = Draws(variable, tuple(axis for axis in range(len(variable.shape)) if axis not in events))
        orders = _orders(statement.order, draws, scope)
        if orders is not None:
            mixtures[name] = _lifted(orders, variable, events), statement.span
    for name, variable in variables.items():
        if name not in mixtures:
            events = event_axes.get(name, ())
            draws = Draws(variable, tuple(axis for axis in range(len(variable.shape)) if axis not in events))
            mixtures[name] = _lifted(OrderMixture((raster(draws.shape),)), variable, events), None
    return mixtures


def _look_up(expression: syntax.Expression, scope: Scope) -> None:
    """Checks what can be checked of the order of a variable that is not known."""
    if isinstance(expression, syntax.Call):
        name, span = expression.function.text, expression.function.span
    elif isinstance(expression, syntax.Reference):
        name, span = expression.name, expression.span
    else:
        return
    if name not in ORDER_NAMES and name not in scope.names and name not in scope.broken:
        _unknown(name, span, scope)


def _unknown(name: str, span: Span, scope: Scope) -> None:
    notes = [f"the orders are {', '.join(f'`{known}`' for known in ORDER_NAMES)}, and lists of elements"]
    scope.report(rules.UNKNOWN_ORDER.at(span, name=name, help=did_you_mean(name, ORDER_NAMES), notes=notes))


def _lifted(orders: OrderMixture, variable: Draft, events: tuple[int, ...]) -> OrderMixture:
    return orders.drawn_together(variable.shape, events) if events else orders


def _orders(expression: syntax.Expression, draws: Draws, scope: Scope) -> OrderMixture | None:
    if isinstance(expression, syntax.Sequence):
        order = _listed(expression, draws, scope)
        return None if order is None else OrderMixture((order,))
    if isinstance(expression, syntax.String):
        order = _from_file(expression.value, expression.span, draws, scope)
        return None if order is None else OrderMixture((order,))
    if isinstance(expression, syntax.Reference):
        if expression.name in scope.params and expression.name not in ORDER_NAMES:
            return _from_param(scope.params[expression.name], expression.span, draws, scope)
        return _named(expression.name, expression.span, (), draws, scope)
    if isinstance(expression, syntax.Call):
        name = expression.function
        return _named(name.text, name.span, expression.arguments, draws, scope)
    scope.report(rules.NOT_AN_ORDER.at(expression.span, actual=f"`{scope.text(expression.span)}`"))
    return None


def _from_param(value: object, span: Span, draws: Draws, scope: Scope) -> OrderMixture | None:
    """A parameter may hold the name of an order, an explicit order, or the path of one, which ends in ``.npy``."""
    order = None
    if isinstance(value, str) and not value.endswith(".npy"):
        return _named(value, span, (), draws, scope)
    if isinstance(value, str):
        order = _from_file(value, span, draws, scope)
    elif isinstance(value, tuple):
        order = _explicit(value, [span] * len(value), span, draws, scope)
    else:
        scope.report(rules.NOT_AN_ORDER.at(span, actual=describe(value)))
    return None if order is None else OrderMixture((order,))


def _named(
    name: str, span: Span, arguments: tuple[syntax.Argument, ...], draws: Draws, scope: Scope
) -> OrderMixture | None:
    form = ORDER_NAMES.get(name)
    if form is None:
        if name not in scope.broken:
            _unknown(name, span, scope)
        return None
    whole = span if not arguments else span.to(arguments[-1].span)
    values = _arguments(form, arguments, whole, draws, scope)
    if values is None:
        return None
    try:
        made = form.factory(draws.shape, **values)
    except OrderError as error:
        scope.report(rules.ORDER_FIT.at(whole, variable=draws.variable.name, reason=str(error)))
        return None
    return made if isinstance(made, OrderMixture) else OrderMixture((made,))


def _arguments(
    form: OrderForm, arguments: tuple[syntax.Argument, ...], whole: Span, draws: Draws, scope: Scope
) -> dict[str, Any] | None:
    """The keywords for an order's factory; None where the arguments do not fit it, which has then been reported."""
    variadic = next((known for known in form.arguments if known.kind in ("axes", "integers")), None)
    given: dict[str, list[syntax.Argument]] = {}
    sound = True
    for position, argument in enumerate(arguments):
        known = _argument(form, argument, position, variadic)
        if known is None or (known.name in given and (known is not variadic or argument.name is not None)):
            scope.report(_not_taken(form, argument, known))
            sound = False
        else:
            given.setdefault(known.name, []).append(argument)
    values: dict[str, Any] = {}
    for known in form.arguments:
        if known.name in given:
            value = _value(known, form, given[known.name], draws, scope)
            sound &= value is not None
            values[known.keyword] = value
        elif known.required and sound:
            missing = f"`{known.name}`" if known is not variadic else "the size of a block, such as `blocks(4)`"
            scope.report(rules.ORDER_ARGUMENT.at(whole, order=form.name, problem=f"needs {missing}"))
            sound = False
    if sound and form.arguments and form.arguments[0].kind == "axes" and given:
        chosen = values[form.arguments[0].keyword]
        local = {axis: number for number, axis in enumerate(draws.axes)}
        values[form.arguments[0].keyword] = tuple(local[axis] for axis in chosen)
        values["names"] = tuple(draws.variable.axes[axis].name or str(axis) for axis in chosen)
    return values if sound else None


def _argument(
    form: OrderForm, argument: syntax.Argument, position: int, variadic: OrderArgument | None
) -> OrderArgument | None:
    if argument.name is not None:
        name = argument.name.text
        return next((known for known in form.arguments if known.name == name and known.kind != "axes"), None)
    if variadic is not None:
        return variadic
    return form.arguments[position] if position < len(form.arguments) else None


def _not_taken(form: OrderForm, argument: syntax.Argument, known: OrderArgument | None) -> Any:
    takes = [f"`{other.name}`" for other in form.arguments]
    notes = [f"it takes {', '.join(takes)}" if takes else "it takes no arguments"]
    if known is not None:
        problem, help = f"has `{known.name}` twice", None
    elif argument.name is None:
        problem, help = f"takes at most {len(form.arguments)} arguments" if takes else "takes no arguments", None
    else:
        problem = f"has no argument `{argument.name.text}`"
        help = did_you_mean(argument.name.text, [other.name for other in form.arguments])
    return rules.ORDER_ARGUMENT.at(argument.span, order=form.name, problem=problem, notes=notes, help=help)


def _value(known: OrderArgument, form: OrderForm, arguments: list[syntax.Argument], draws: Draws, scope: Scope) -> Any:
    first = arguments[0].value
    if known.kind == "axes":
        return _axes(arguments, draws, scope)
    if known.kind == "integer":
        return integer(first, scope, f"`{known.name}`", low=0)
    if known.kind == "integers":
        items = first.items if len(arguments) == 1 and isinstance(first, syntax.Sequence) else None
        expressions = items if items is not None else tuple(argument.value for argument in arguments)
        if len(expressions) == 1 and isinstance(evaluated := evaluate(expressions[0], scope), tuple):
            if all(is_integer(item) and 1 <= item < _MOST_COORDINATES for item in evaluated):
                return evaluated
            values: dict[str, Any] = {
                "what": f"`{known.name}`",
                "expected": "a list of integers",
                "actual": describe(evaluated),
            }
            scope.report(names.VALUE_TYPE.at(first.span, **values))
            return None
        sizes = [integer(expression, scope, f"`{known.name}`", low=1) for expression in expressions]
        return None if any(size is None for size in sizes) else tuple(sizes)
    if known.kind == "boolean":
        value = evaluate(first, scope)
        if value is not None and not isinstance(value, bool):
            problem = f"takes `{known.name} = true` or `{known.name} = false`, not {describe(value)}"
            scope.report(rules.ORDER_ARGUMENT.at(first.span, order=form.name, problem=problem))
            return None
        return value
    word = first.name if isinstance(first, syntax.Reference) and first.name not in scope.params else None
    value = word or evaluate(first, scope)
    if value in ("all", "orders"):
        return value == "all"
    if value is not None:
        problem = f'takes `train = "all"` or `train = "orders"`, not {describe(value)}'
        scope.report(rules.ORDER_ARGUMENT.at(first.span, order=form.name, problem=problem))
    return None


def _axes(arguments: list[syntax.Argument], draws: Draws, scope: Scope) -> tuple[int, ...] | None:
    """The axes that ``raster(…)`` names, by name or by number from 0: every axis of the draws once."""
    variable = draws.variable
    whole = arguments[0].span.to(arguments[-1].span)
    if variable.is_record:
        return _no_axes(whole, variable, "its fields are no axes", None, scope)
    labels = {axis: variable.axes[axis].name or str(axis) for axis in draws.axes}
    example = f"raster({', '.join(labels.values())})"
    help = f"write `{example}`, or these axes in another order" if labels else None
    axes: list[int] = []
    for argument in arguments:
        axis = _axis(argument.value, draws, scope)
        text = scope.text(argument.value.span)
        if axis is None:
            name = argument.value.name if isinstance(argument.value, syntax.Reference) else ""
            near = scope.did_you_mean(name, labels.values())
            return _no_axes(argument.span, variable, f"`{text}` is not one of them", near or help, scope)
        if axis in axes:
            return _no_axes(argument.span, variable, f"`{text}` is listed twice", help, scope)
        axes.append(axis)
    missing = [f"`{label}`" for axis, label in labels.items() if axis not in axes]
    if missing:
        reason = f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
        return _no_axes(whole, variable, reason, help, scope)
    return tuple(axes)


def _axis(expression: syntax.Expression, draws: Draws, scope: Scope) -> int | None:
    """The axis of the draws that a name or a number stands for."""
    if isinstance(expression, syntax.Reference):
        named = (axis for axis in draws.axes if draws.variable.axes[axis].name == expression.name)
        axis = next(named, None)
        if axis is not None or expression.name not in scope.params:
            return axis
    value = evaluate(expression, scope)
    return int(value) if is_integer(value) and value in draws.axes else None


def _no_axes(span: Span, variable: Draft, reason: str, help: str | None, scope: Scope) -> None:
    scope.report(rules.ORDER_AXES.at(span, variable=variable.name, reason=reason, help=help))


def _listed(sequence: syntax.Sequence, draws: Draws, scope: Scope) -> Order | None:
    spans = [item.span for item in sequence.items]
    if draws.variable.is_record:
        names_of = [item.name if isinstance(item, syntax.Reference) else item for item in sequence.items]
        values: list[object] = [
            item.value if isinstance(item, syntax.String) else item if isinstance(item, str) else None
            for item in names_of
        ]
        if all(isinstance(value, str) for value in values):
            return _by_fields([str(value) for value in values], spans, sequence.span, draws, scope)
    evaluated = [evaluate(item, scope) for item in sequence.items]
    if any(value is None for value in evaluated):
        return None
    return _explicit(tuple(evaluated), spans, sequence.span, draws, scope)


def _explicit(values: tuple[object, ...], spans: list[Span], whole: Span, draws: Draws, scope: Scope) -> Order | None:
    """An order from the elements' indices, first drawn first (or from a record's field names, out of a parameter)."""
    if draws.variable.is_record and values and all(isinstance(value, str) for value in values):
        return _by_fields([str(value) for value in values], spans, whole, draws, scope)
    for value, span in zip(values, spans, strict=True):
        if not is_integer(value):
            reason = f"{describe(value)} is not a whole number"
            return _no_permutation(span, draws, reason, scope)
        if not 0 <= value < draws.count:
            reason = f"{describe(value)} is not one of 0 to {draws.count - 1}"
            return _no_permutation(span, draws, reason, scope)
    seen: dict[object, Span] = {}
    for value, span in zip(values, spans, strict=True):
        if value in seen:
            return _no_permutation(span, draws, f"{value} is listed twice", scope)
        seen[value] = span
    if len(values) < draws.count:
        return _no_permutation(whole, draws, _lacks(e for e in range(draws.count) if e not in seen), scope)
    return explicit(draws.shape, values)  # type: ignore[arg-type]


def _by_fields(written: list[str], spans: list[Span], whole: Span, draws: Draws, scope: Scope) -> Order | None:
    known = draws.variable.field_numbers
    seen: dict[int, Span] = {}
    for name, span in zip(written, spans, strict=True):
        if name not in known:
            reason = f"it has no field `{name}`"
            return _no_permutation(span, draws, reason, scope, help=scope.did_you_mean(name, known))
        if known[name] in seen:
            return _no_permutation(span, draws, f"`{name}` is listed twice", scope)
        seen[known[name]] = span
    missing = [f"`{name}`" for name, number in known.items() if number not in seen]
    if missing:
        return _no_permutation(whole, draws, _lacks(missing), scope)
    return explicit(draws.shape, list(seen), list(known))


def _lacks(items: Iterable[object]) -> str:
    every = list(items)
    return f"{series(every)} {'is' if len(every) == 1 else 'are'} missing"


def _no_permutation(span: Span, draws: Draws, reason: str, scope: Scope, help: str | None = None) -> None:
    rule: Rule = rules.NOT_A_PERMUTATION
    scope.report(rule.at(span, variable=draws.variable.name, reason=reason, help=help))


def _from_file(path: str, span: Span, draws: Draws, scope: Scope) -> Order | None:
    def refuse(problem: str, help: str | None = None) -> None:
        scope.report(rules.ORDER_FILE.at(span, path=path, problem=problem, help=help))

    if path in ORDER_NAMES:
        return refuse("is not a `.npy` file", f"the order `{path}` is written without quotes")
    if not path.endswith(".npy") or "\0" in path:
        return refuse("is not a `.npy` file")
    listed = _read(Path(scope.source.directory, path), refuse)
    if listed is None:
        return None
    try:
        return explicit(draws.shape, listed)
    except OrderError as error:
        return refuse(f"does not fit `{draws.variable.name}`: {error}")


def _read(path: Path, refuse: Callable[[str], None]) -> np.ndarray | None:
    """A one-dimensional array of integers out of a file; nothing else is loaded, and nothing in it is run."""
    try:
        if not path.is_file():
            return refuse("is not a file" if path.exists() else "does not exist")
        # Mapped, not read: its length is compared with the variable's before anything of it is in memory.
        with reading_arrays():
            listed = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, MemoryError) as error:
        return refuse(f"cannot be read: {str(error).splitlines()[0] if str(error) else 'not a `.npy` file'}")
    if not isinstance(listed, np.ndarray) or listed.ndim != 1 or listed.dtype.kind not in "iu":
        return refuse("is not a one-dimensional array of integers")
    return listed


def check_precedence(statements: list[syntax.PrecedenceStatement], scope: Scope) -> tuple[tuple[str, ...], ...]:
    """Each sound ``order a, b, c``. Whether the factors agree is for the graph's checks."""
    chains: list[tuple[str, ...]] = []
    for statement in statements:
        seen: dict[str, Span] = {}
        sound = True
        for name in statement.variables:
            if not scope.known(name.text, name.span, "variable"):
                sound = False
            elif name.text in seen:
                others = [(seen[name.text], "first here")]
                scope.report(rules.PRECEDENCE_TWICE.at(name.span, variable=name.text, others=others))
                sound = False
            seen.setdefault(name.text, name.span)
        if sound:
            chains.append(tuple(name.text for name in statement.variables))
    return tuple(chains)
