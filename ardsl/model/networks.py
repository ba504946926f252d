"""Networks as factors call them. Which networks there are, and which options they take, is for a later stage."""

from __future__ import annotations

from ardsl.diagnostics import Span
from ardsl.diagnostics.rules import factors as rules
from ardsl.language import syntax
from ardsl.model.model import NetworkCall
from ardsl.model.scope import Scope
from ardsl.model.values import options


def check_network(expression: syntax.Expression, scope: Scope) -> tuple[NetworkCall, str | None] | None:
    """The network behind ``via`` and, where it is a ``net``, that net's name; None where it is none (reported).

    The call of a net is found in ``scope.nets``; a name that is no net is a network without options.
    """
    if isinstance(expression, syntax.Reference):
        name = expression.name
        if name in scope.broken:
            return None
        if name in scope.nets:
            return scope.nets[name], name
        if name in scope.names:
            scope.wrong_kind(name, expression.span, "a network")
            return None
        return NetworkCall(name, {}, expression.span, {}), None
    if isinstance(expression, syntax.Call):
        name = expression.function.text
        declared = scope.names.get(name)
        same_name = name in scope.nets and scope.nets[name].name == name
        if declared is not None and declared.kind == "net" and not same_name:
            scope.wrong_kind(name, expression.function.span, "a network with options")
            return None
    call = _call(expression, scope)
    return None if call is None else (call, None)


def check_net(statement: syntax.NetStatement, scope: Scope) -> NetworkCall | None:
    """The network that a ``net`` statement names."""
    expression = statement.network
    if not isinstance(expression, syntax.Reference):
        return _call(expression, scope)
    name = expression.name
    if name != statement.name.text and name in scope.broken:
        return None
    if name != statement.name.text and name in scope.names:
        scope.wrong_kind(name, expression.span, "a network")
        return None
    return NetworkCall(name, {}, expression.span, {})


def omitted(contexts: bool, span: Span) -> NetworkCall:
    """The network that stands for a ``via`` that was left out: free parameters, or ``linear`` where there are
    contexts."""
    return NetworkCall("linear" if contexts else "free", {}, span, {}, written=False)


def _call(expression: syntax.Expression, scope: Scope) -> NetworkCall | None:
    if not isinstance(expression, syntax.Call):
        scope.report(rules.NOT_A_NETWORK.at(expression.span, actual=f"`{scope.text(expression.span)}`"))
        return None
    options_given = options(expression, scope, variables=True)
    if options_given is None:
        return None
    values = {option: value for option, (value, _) in options_given.items()}
    spans = {a.name.text: a.span for a in expression.arguments if a.name is not None}
    return NetworkCall(expression.function.text, values, expression.span, spans)
