"""From the syntax tree to the model: every name resolved, every shape, type and range checked.

All errors of a spec are found in one run. What depends on a declaration that failed is passed over, so that no error
is reported twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from types import MappingProxyType
from typing import TypeVar

from ardsl.diagnostics import Sink, Span
from ardsl.diagnostics.rules import names, pedantic
from ardsl.language import syntax
from ardsl.model.blocks import check_data, check_train
from ardsl.model.claims import check_claim
from ardsl.model.declarations import Draft, check_variables, declare
from ardsl.model.factors import check_factors
from ardsl.model.model import Model, Variable
from ardsl.model.networks import check_net
from ardsl.model.orders import check_orders, check_precedence
from ardsl.model.scope import Lost, Scope, walk
from ardsl.model.values import check_params
from ardsl.relations.lexicographic import priority

_Statement = TypeVar("_Statement", bound=syntax.Node)


def check_model(
    tree: syntax.Tree, sink: Sink, overrides: Mapping[str, object] = MappingProxyType({}), *, partial: bool = False
) -> Model | None:
    """The model that ``tree`` states, with ``overrides`` for its parameters; what is wrong goes into ``sink``.

    None where errors stop a model from being made: any but those of claims and of the ``data`` and ``train`` blocks,
    which are left out instead. With ``partial`` what is sound of such a model is returned all the same, without its
    claims, for checks that can go on with it: variables may then lack factors.
    """
    incomplete = bool(sink.errors)
    scope = Scope(tree.source, sink)
    lost = Lost.between(tree) if incomplete else Lost()
    statements = declare(tree, scope)
    scope.broken |= lost.declared - set(scope.names)
    check_params(_only(statements, syntax.ParamStatement), overrides, scope)
    variables = check_variables(statements, scope)
    for statement in _only(statements, syntax.NetStatement):
        net = check_net(statement, scope)
        if net is None:
            scope.broken.add(statement.name.text)
        else:
            scope.nets[statement.name.text] = net
    factors = check_factors(_only(statements, syntax.FactorStatement), variables, lost, scope)
    orders = check_orders(_only(statements, syntax.OrderStatement), variables, factors.event_axes, scope)
    precedence = check_precedence(_only(statements, syntax.PrecedenceStatement), scope)
    _check_something_modelled(tree, incomplete, scope)
    stopped = bool(sink.errors)

    claims = [check_claim(statement, variables, scope) for statement in _only(statements, syntax.CheckStatement)]
    blocks = {block.kind: block for block in _only(statements, syntax.BlockStatement)}
    mixtures = {name: mixture for name, (mixture, _) in orders.items()}
    data = check_data(blocks.get("data"), variables, mixtures, scope)
    train = check_train(blocks.get("train"), scope)
    if not sink.errors:
        _warn_of_unused(tree, scope)
    if stopped and not partial:
        return None
    heading = next(iter(_only(statements, syntax.ModelStatement)), None)
    resolved: dict[str, Variable] = {}
    for name, draft in variables.items():
        mixture, place = orders[name]
        resolved[name] = Variable(name, draft.kind, draft.axes, draft.domain, draft.fields, mixture, draft.span, place)
        stopped |= not _ends(resolved[name], draft, scope)
    if stopped and not partial:
        return None
    return Model(
        name=heading.name.text if heading is not None else _default_name(tree.source.name),
        doc=None if heading is None else heading.doc,
        params=dict(scope.params),
        variables=resolved,
        factors=factors.factors,
        guide=factors.guide,
        precedence=precedence,
        claims=() if stopped else tuple(claim for claim in claims if claim is not None),
        data=data,
        train=train,
        source=tree.source,
        nets=tuple(scope.nets),
    )


def _ends(variable: Variable, draft: Draft, scope: Scope) -> bool:
    """Says whether a variable whose domain has an ``end`` can end (else that is reported)."""
    domains = [variable.domain, *(field.domain for field in variable.fields)]
    if not any(domain is not None and domain.end is not None for domain in domains):
        return True
    reason = None
    if variable.kind != "observed":
        reason = f"it is {variable.kind}"
    elif len(variable.axes) != 1 or not variable.varies:
        reason = "that takes one axis of varying length, `[..8]`"
    elif variable.orders.mixed or priority(variable.orders.orders[0]) != ((0, 1),):
        reason = "its order is not that of its indices"
    if reason is not None:
        help = f"leave out `end`, or declare `observed {variable.name}[..8] : …`, in the order of its indices"
        scope.report(names.END_WITHOUT_END.at(draft.domain_spans[0], name=variable.name, reason=reason, help=help))
    return reason is None


def _only(statements: list[syntax.Statement], kind: type[_Statement]) -> list[_Statement]:
    return [statement for statement in statements if isinstance(statement, kind)]


def _default_name(source: str) -> str:
    """A spec without a `model` statement is named after its file."""
    stem = PurePath(source).stem
    return stem if stem.isidentifier() else "model"


def _check_something_modelled(tree: syntax.Tree, incomplete: bool, scope: Scope) -> None:
    declared = any(
        isinstance(statement, syntax.RecordStatement)
        or (isinstance(statement, syntax.VariableStatement) and statement.kind == "observed")
        for statement in tree.statements
    )
    if not declared and not incomplete:
        scope.report(names.NOTHING_MODELLED.at(Span(len(tree.source.text), len(tree.source.text))))


def _warn_of_unused(tree: syntax.Tree, scope: Scope) -> None:
    """Parameters, nets, given and latent variables that nothing reads; only said of specs that are otherwise sound."""
    mentioned = {node.name for node in walk(tree.statements) if isinstance(node, syntax.Reference)}
    factors = [node for node in tree.statements if isinstance(node, syntax.FactorStatement)]
    read = {context.place.variable.text for factor in factors for context in factor.contexts}
    priors = [
        (factor_statement.target.variable.text, factor_statement.contexts)
        for factor_statement in factors
        if factor_statement.kind == "p"
    ]
    drawn_from = {c.place.variable.text for own, every in priors for c in every if c.place.variable.text != own}
    for statement in tree.statements:
        if isinstance(statement, syntax.ParamStatement) and statement.name.text not in mentioned:
            scope.report(pedantic.UNUSED_PARAMETER.at(statement.name.span, name=statement.name.text))
        elif isinstance(statement, syntax.NetStatement) and statement.name.text not in mentioned:
            scope.report(pedantic.UNUSED_NET.at(statement.name.span, name=statement.name.text))
        elif isinstance(statement, syntax.VariableStatement):
            name = statement.name
            if statement.kind == "given" and name.text not in read:
                scope.report(pedantic.UNREAD_GIVEN.at(name.span, name=name.text))
            elif statement.kind == "latent" and name.text not in drawn_from:
                scope.report(pedantic.UNREAD_LATENT.at(name.span, name=name.text))
