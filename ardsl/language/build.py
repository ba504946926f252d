"""From Lark's tree to the syntax tree: a plain function per construct, and a span for each."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, cast

from lark import Token, Tree

from ardsl.diagnostics import Sink, Span
from ardsl.diagnostics.rules import syntax as rules
from ardsl.language import syntax

MAX_DEPTH = 100
"""Operations and brackets inside one another, in one expression: what a recursive reader of the tree can bear."""

_BRACKETS = frozenset(("LPAR", "RPAR", "LSQB", "RSQB", "LBRACE", "RBRACE"))
_SIGNS = frozenset(("COMMA", "COLON", "ASSIGN", "BAR", "DOT", "TILDE"))
_KEYWORDS = frozenset(("MODEL", "PARAM", "RECORD", "ORDER", "NET", "CHECK", "BY", "VIA", "WITHIN", "LAST"))
_PUNCTUATION = _BRACKETS | _SIGNS | _KEYWORDS
"""Tokens that part the others and say nothing themselves."""

_OPERATORS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}
_ESCAPES = {'"': '"', "\\": "\\", "n": "\n", "t": "\t"}
_ESCAPE = re.compile(r"\\(u\{([0-9a-fA-F]{1,6})\}|.)")

LarkNode = Tree[Token] | Token


class _TooDeep(Exception):
    """Unwinds an expression that is nested too deeply; caught where its statement is built."""

    def __init__(self, span: Span) -> None:
        self.span = span


def token_span(token: Token) -> Span:
    """The span of a token. (Lark's type allows for tokens made without a text.)"""
    return Span(token.start_pos or 0, token.end_pos or 0)


def span_of(node: LarkNode) -> Span:
    """From the first token of a tree to its last: every token is kept, so these are its borders."""
    first = last = node
    while isinstance(first, Tree):
        first = first.children[0]
    while isinstance(last, Tree):
        last = last.children[-1]
    return token_span(first).to(token_span(last))


def build(statements: Iterable[Tree[Token]], sink: Sink) -> tuple[syntax.Statement, ...]:
    """The statements of a text; one that cannot be represented is reported and left out."""
    builder = _Builder(sink)
    built = (builder.statement(tree) for tree in statements)
    return tuple(statement for statement in built if statement is not None)


def _parts(tree: Tree[Token]) -> list[LarkNode]:
    return [c for c in tree.children if not (isinstance(c, Token) and c.type in _PUNCTUATION)]


def _child(tree: Tree[Token], rule: str) -> Tree[Token] | None:
    return next((c for c in tree.children if isinstance(c, Tree) and c.data == rule), None)


def _tokens(tree: Tree[Token], kind: str) -> list[Token]:
    return [c for c in tree.children if isinstance(c, Token) and c.type == kind]


def _name(token: LarkNode) -> syntax.Name:
    return syntax.Name(str(token), span=span_of(token))


class _Builder:
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def statement(self, tree: Tree[Token]) -> syntax.Statement | None:
        try:
            return cast(syntax.Statement, getattr(self, f"_{tree.data}")(tree, span_of(tree)))
        except _TooDeep as fault:
            self._sink.add(rules.TOO_DEEP.at(fault.span, limit=MAX_DEPTH))
            return None

    # Statements

    def _model(self, tree: Tree[Token], span: Span) -> syntax.ModelStatement:
        name, *doc = _parts(tree)
        return syntax.ModelStatement(_name(name), self._text(cast(Token, doc[0])) if doc else None, span=span)

    def _param(self, tree: Tree[Token], span: Span) -> syntax.ParamStatement:
        name, value = _parts(tree)
        return syntax.ParamStatement(_name(name), self._expression(value), span=span)

    def _variable(self, tree: Tree[Token], span: Span) -> syntax.VariableStatement:
        kind, name, *axes, domain = _parts(tree)
        declared = tuple(self._axis(a) for a in _parts(cast("Tree[Token]", axes[0]))) if axes else None
        return syntax.VariableStatement(
            cast(Any, str(kind)), _name(name), declared, self._expression(domain), span=span
        )

    def _axis(self, node: LarkNode) -> syntax.AxisDeclaration:
        tree = cast("Tree[Token]", node)
        names = _tokens(tree, "NAME")
        return syntax.AxisDeclaration(
            _name(names[0]) if names else None,
            self._expression(tree.children[-1]),
            bool(_tokens(tree, "UP_TO")),
            span=span_of(tree),
        )

    def _record(self, tree: Tree[Token], span: Span) -> syntax.RecordStatement:
        name, *fields = _parts(tree)
        return syntax.RecordStatement(
            _name(name), tuple(self._field(cast("Tree[Token]", f)) for f in fields), span=span
        )

    def _field(self, tree: Tree[Token]) -> syntax.FieldDeclaration:
        name, domain, *family = _parts(tree)
        return syntax.FieldDeclaration(
            _name(name),
            self._expression(domain),
            self._expression(_parts(cast("Tree[Token]", family[0]))[0]) if family else None,
            span=span_of(tree),
        )

    def _order(self, tree: Tree[Token], span: Span) -> syntax.OrderStatement:
        variable, order = _parts(tree)
        return syntax.OrderStatement(_name(variable), self._expression(order), span=span)

    def _precedence(self, tree: Tree[Token], span: Span) -> syntax.PrecedenceStatement:
        return syntax.PrecedenceStatement(tuple(_name(n) for n in _parts(tree)), span=span)

    def _net(self, tree: Tree[Token], span: Span) -> syntax.NetStatement:
        name, network = _parts(tree)
        return syntax.NetStatement(_name(name), self._expression(network), span=span)

    def _factor(self, tree: Tree[Token], span: Span) -> syntax.FactorStatement:
        kind, target, *rest = _parts(tree)
        family = next(n for n in rest if isinstance(n, Tree) and n.data not in ("given", "network"))
        contexts = _child(tree, "given")
        return syntax.FactorStatement(
            cast(Any, str(kind)),
            self._place(target),
            tuple(self._context(cast("Tree[Token]", c)) for c in _parts(contexts)) if contexts else (),
            self._expression(family),
            self._network(tree),
            span=span,
        )

    def _network(self, tree: Tree[Token]) -> syntax.Expression | None:
        network = _child(tree, "network")
        return self._expression(network.children[-1]) if network else None

    def _check(self, tree: Tree[Token], span: Span) -> syntax.CheckStatement:
        claim, places = _parts(tree)[:2]
        condition, bound = _child(tree, "condition"), _child(tree, "bound")
        return syntax.CheckStatement(
            _name(claim),
            self._places(places),
            self._places(condition.children[-1]) if condition else (),
            cast(Any, str(bound.children[0])) if bound else None,
            self._expression(bound.children[-1]) if bound else None,
            span=span,
        )

    def _block(self, tree: Tree[Token], span: Span) -> syntax.BlockStatement:
        kind, *settings = _parts(tree)
        return syntax.BlockStatement(
            cast(Any, str(kind)), tuple(self._setting(cast("Tree[Token]", s)) for s in settings), span=span
        )

    def _setting(self, tree: Tree[Token]) -> syntax.Setting:
        name, value = _parts(tree)
        return syntax.Setting(_name(name), self._expression(value), span=span_of(tree))

    # Places, indices and contexts

    def _places(self, node: LarkNode) -> tuple[syntax.Place, ...]:
        return tuple(self._place(p) for p in _parts(cast("Tree[Token]", node)))

    def _place(self, node: LarkNode) -> syntax.Place:
        tree = cast("Tree[Token]", node)
        member, indices = _child(tree, "member"), _child(tree, "indices")
        return syntax.Place(
            _name(tree.children[0]),
            _name(member.children[-1]) if member else None,
            tuple(self._index(i) for i in _parts(indices)) if indices else None,
            span=span_of(tree),
        )

    def _index(self, node: LarkNode) -> syntax.Index:
        tree, span = cast("Tree[Token]", node), span_of(node)
        if tree.data == "star":
            return syntax.Star(span=span)
        if tree.data == "before":
            names = _tokens(tree, "NAME")
            return syntax.Before(_name(names[0]) if names else None, span=span)
        if tree.data in ("range_from", "range_to"):
            ends = [self._expression(c) for c in tree.children if isinstance(c, Tree)]
            low = ends.pop(0) if tree.data == "range_from" else None
            return syntax.Range(low, ends[0] if ends else None, span=span)
        return self._expression(tree)

    def _context(self, tree: Tree[Token]) -> syntax.Context:
        window = _child(tree, "within") or _child(tree, "last")
        return syntax.Context(
            self._place(cast("Tree[Token]", _child(tree, "place"))),
            bool(_tokens(tree, "NOISE")),
            self._window(window) if window else None,
            self._network(tree),
            span=span_of(tree),
        )

    def _window(self, tree: Tree[Token]) -> syntax.Within | syntax.Last:
        span = span_of(tree)
        if tree.data == "last":
            return syntax.Last(self._expression(tree.children[-1]), span=span)
        limits = cast("Tree[Token]", tree.children[-1])
        return syntax.Within(
            tuple(cast("syntax.Expression | syntax.Star", self._index(limit)) for limit in _parts(limits)),
            span=span,
        )

    # Expressions

    def _expression(self, node: LarkNode, depth: int = 0) -> syntax.Expression:
        tree, span = cast("Tree[Token]", node), span_of(node)
        if depth > MAX_DEPTH:
            raise _TooDeep(Span(span.start, span.start + 1))
        rule, first = str(tree.data), tree.children[0]
        if rule in _OPERATORS:
            left, _, right = tree.children
            return syntax.Binary(
                cast(Any, _OPERATORS[rule]),
                self._expression(left, depth + 1),
                self._expression(right, depth + 1),
                span=span,
            )
        if rule == "negative":
            return syntax.Negative(self._expression(tree.children[1], depth + 1), span=span)
        if rule == "parentheses":
            return self._expression(tree.children[1], depth + 1)
        if rule == "sequence":
            return syntax.Sequence(tuple(self._expression(c, depth + 1) for c in _parts(tree)), span=span)
        if rule == "call":
            function, *arguments = _parts(tree)
            return syntax.Call(_name(function), tuple(self._argument(a, depth + 1) for a in arguments), span=span)
        text = cast(Token, first)
        if rule == "reference":
            return syntax.Reference(str(text), span=span)
        if rule == "boolean":
            return syntax.Boolean(text == "true", span=span)
        if rule == "string":
            return syntax.String(self._text(text), span=span)
        return self._number(text, span)

    def _argument(self, node: LarkNode, depth: int) -> syntax.Argument:
        tree = cast("Tree[Token]", node)
        names = _tokens(tree, "NAME")
        value = self._expression(tree.children[-1], depth)
        return syntax.Argument(_name(names[0]) if names else None, value, span=span_of(tree))

    def _number(self, token: Token, span: Span) -> syntax.Number:
        text = str(token)
        value: int | float
        if token.type == "REAL":
            value = float(text)
            fits = math.isfinite(value)
        else:
            digits = text.lstrip("0") or "0"
            fits = len(digits) <= 19 and int(digits) < 2**63
            value = int(digits) if fits else 0
        if not fits:
            self._sink.add(rules.NUMBER_TOO_LARGE.at(span))
        return syntax.Number(value, text, span=span)

    def _text(self, token: Token) -> str:
        start = token_span(token).start

        def unescape(escape: re.Match[str]) -> str:
            code = int(escape[2], 16) if escape[2] else None
            meant = _ESCAPES.get(escape[1]) if code is None else chr(code) if _is_character(code) else None
            if meant is None:
                span = Span(start + 1 + escape.start(), start + 1 + escape.end())
                self._sink.add(
                    rules.UNKNOWN_ESCAPE.at(
                        span, escape=escape[0], help=f"for a backslash write `\\\\`: `\\\\{escape[1]}`"
                    )
                )
                return escape[0]
            return meant

        return _ESCAPE.sub(unescape, token[1:-1])


def _is_character(code: int) -> bool:
    """Says whether Unicode has text with this code: not halves of surrogate pairs."""
    return code < 0xD800 or 0xE000 <= code < 0x110000
