"""Syntax tree to canonical text: the same tree gives the same layout, and formatting twice changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from ardsl.language import syntax
from ardsl.language.layout import (
    INDENT,
    WIDTH,
    Document,
    Group,
    axis,
    conditional,
    context,
    expression,
    flat,
    lay_out,
    place,
    string,
)

_BREAK = re.compile(r"\r\n|\r|\n")
_NARROW, _WIDE = 8, 20
"""Neighbours are aligned where their widths differ by at most this: declarations with axes; all others."""

_Element = syntax.Statement | syntax.FieldDeclaration | syntax.Setting


@dataclass
class _Item:
    """A statement, field or setting with its comments, or (``node`` None) a comment on lines of its own."""

    node: _Element | None
    blank: bool
    above: list[str] = field(default_factory=list)
    trailing: str = ""
    inside: list[syntax.Comment] = field(default_factory=list)


def format_tree(tree: syntax.Tree) -> str:
    """The canonical text of a tree, comments kept where they stood.

    Only for trees of texts without syntax errors: statements that could not be read are not in the tree.
    """
    return _Formatter(tree.source.text).text(tree)


class _Formatter:
    def __init__(self, source: str) -> None:
        self._source = source

    def text(self, tree: syntax.Tree) -> str:
        lines = self._lines(self._items(tree.statements, tree.comments), 0, self._statements)
        return "\n".join(lines) + "\n" if lines else ""

    # Comments and blank lines

    def _breaks(self, start: int, end: int) -> int:
        return len(_BREAK.findall(self._source, start, end))

    def _items(self, nodes: Sequence[_Element], comments: Iterable[syntax.Comment]) -> list[_Item]:
        """Nodes and comments in the order of the text: each comment above, inside, beside or apart from a node."""
        items: list[_Item] = []
        waiting = list(comments)
        end: int | None = None

        def blank_before(start: int) -> bool:
            return end is not None and self._breaks(end, start) > 1

        def take(before: int, previous: _Item | None) -> None:
            nonlocal end
            while waiting and waiting[0].span.start < before:
                comment = waiting.pop(0)
                if previous is not None and not self._breaks(previous_end, comment.span.start):
                    previous.trailing = comment.text
                else:
                    items.append(_Item(None, blank_before(comment.span.start), [comment.text]))
                end = comment.span.end

        previous: _Item | None = None
        previous_end = 0
        for node in nodes:
            take(node.span.start, previous)
            item = _Item(node, blank_before(node.span.start))
            while waiting and waiting[0].span.start < node.span.end:
                comment = waiting.pop(0)
                if isinstance(node, syntax.RecordStatement | syntax.BlockStatement):
                    item.inside.append(comment)
                else:
                    item.above.append(comment.text)
            items.append(item)
            previous, previous_end = item, node.span.end
            end = node.span.end
        take(len(self._source) + 1, previous)
        return items

    def _lines(self, items: list[_Item], indent: int, write: Callable[[list[_Item], int], list[str]]) -> list[str]:
        """The lines of a sequence of items; ``write`` gives the text of each run of nodes without a blank between."""
        lines: list[str] = []
        runs: list[list[_Item]] = []
        for item in items:
            if item.blank or not runs:
                runs.append([])
            runs[-1].append(item)
        for run in runs:
            nodes = [i for i in run if i.node is not None]
            written = iter(write(nodes, indent))
            if lines:
                lines.append("")
            for item in run:
                lines += [" " * indent + comment for comment in item.above]
                if item.node is not None:
                    text = " " * indent + next(written)
                    lines += (text + (f"  {item.trailing}" if item.trailing else "")).split("\n")
        return lines

    # Statements

    def _statements(self, items: list[_Item], indent: int) -> list[str]:
        """The texts of statements without a blank line between, neighbours of a kind aligned."""
        texts: list[str] = []
        for run in _runs(items):
            first = run[0].node
            if isinstance(first, syntax.VariableStatement):
                texts += self._declarations([i.node for i in run if isinstance(i.node, syntax.VariableStatement)])
            elif isinstance(first, syntax.ParamStatement):
                params = [i.node for i in run if isinstance(i.node, syntax.ParamStatement)]
                heads: list[Document] = [(f"param {p.name.text}",) for p in params]
                texts += _equations(heads, [expression(p.value) for p in params], " = ", 0)
            elif isinstance(first, syntax.FactorStatement):
                factors = [i.node for i in run if isinstance(i.node, syntax.FactorStatement)]
                heads = [conditional(f.kind, [place(f.target)], map(context, f.contexts)) for f in factors]
                texts += _equations(heads, [_family(f.family, f.network) for f in factors], " = ", 0)
            elif isinstance(first, syntax.BlockStatement):
                texts += self._blocks(run)
            else:
                texts += [self._other(item) for item in run]
        return texts

    def _declarations(self, run: list[syntax.VariableStatement]) -> list[str]:
        kinds = max(len(v.kind) for v in run)
        heads: list[Document] = []
        for variable in run:
            axes = (Group("[", tuple(map(axis, variable.axes)), "]"),) if variable.axes is not None else ()
            heads.append((f"{variable.kind:<{kinds}} {variable.name.text}", *axes))
        return _equations(heads, [expression(v.domain) for v in run], " : ", 0, _NARROW)

    def _other(self, item: _Item) -> str:
        node = item.node
        if isinstance(node, syntax.ModelStatement):
            return f"model {node.name.text}" + (f" {string(node.doc)}" if node.doc is not None else "")
        if isinstance(node, syntax.OrderStatement):
            return lay_out((f"order {node.variable.text} by ", *expression(node.order)))
        if isinstance(node, syntax.PrecedenceStatement):
            return lay_out((Group("order ", tuple((v.text,) for v in node.variables), ""),))
        if isinstance(node, syntax.NetStatement):
            return lay_out((f"net {node.name.text} = ", *expression(node.network)))
        if isinstance(node, syntax.CheckStatement):
            return lay_out(_claim(node))
        if isinstance(node, syntax.RecordStatement):
            if self._on_one_line(item):
                return _one_line(f"record {node.name.text}", node.fields)
            return self._many_lines(f"record {node.name.text}", item, node.fields)
        raise TypeError(f"no layout for {type(node).__name__}")

    # Blocks

    def _blocks(self, run: list[_Item]) -> list[str]:
        single = [self._on_one_line(item) for item in run]
        width = max((len(_head(i)) for i, one in zip(run, single, strict=True) if one), default=0)
        return [
            _one_line(f"{_head(item):<{width}}", _children(item))
            if one
            else self._many_lines(_head(item), item, _children(item))
            for item, one in zip(run, single, strict=True)
        ]

    def _on_one_line(self, item: _Item) -> bool:
        """As it was written, where it fits: the author's choice between one line and one for each setting."""
        node, children = item.node, _children(item)
        if node is None or item.inside:
            return False
        if children and self._breaks(node.span.start, children[0].span.start):
            return False
        return len(_one_line(f"{_head(item):<5}", children)) <= WIDTH

    def _many_lines(self, head: str, item: _Item, children: Sequence[_Element]) -> str:
        beside = ""
        inside = list(item.inside)
        if inside and item.node is not None and not self._breaks(item.node.span.start, inside[0].span.start):
            beside = "  " + inside.pop(0).text
        lines = self._lines(self._items(children, inside), INDENT, _elements)
        return "\n".join([f"{head} {{{beside}", *lines, "}"])


def _runs(items: list[_Item]) -> list[list[_Item]]:
    """Neighbours of the same kind of statement."""
    runs: list[list[_Item]] = []
    for item in items:
        if not runs or type(runs[-1][0].node) is not type(item.node):
            runs.append([])
        runs[-1].append(item)
    return runs


def _children(item: _Item) -> tuple[syntax.FieldDeclaration, ...] | tuple[syntax.Setting, ...]:
    if isinstance(item.node, syntax.RecordStatement):
        return item.node.fields
    return item.node.settings if isinstance(item.node, syntax.BlockStatement) else ()


def _head(item: _Item) -> str:
    if isinstance(item.node, syntax.RecordStatement):
        return f"record {item.node.name.text}"
    return item.node.kind if isinstance(item.node, syntax.BlockStatement) else ""


def _one_line(head: str, children: Sequence[_Element]) -> str:
    inside = "  ".join(f"{name}{sign}{flat(value)}" for name, sign, value in map(_element, children))
    return f"{head} {{ {inside} }}" if inside else f"{head} {{ }}"


def _elements(items: list[_Item], indent: int) -> list[str]:
    """The texts of settings or fields without a blank line between, aligned."""
    parts = [_element(i.node) for i in items if i.node is not None]
    heads: list[Document] = [(name,) for name, _, _ in parts]
    return _equations(heads, [value for _, _, value in parts], parts[0][1], indent) if parts else []


def _element(node: _Element) -> tuple[str, str, Document]:
    if isinstance(node, syntax.Setting):
        return node.name.text, " = ", expression(node.value)
    if isinstance(node, syntax.FieldDeclaration):
        family = (" ~ ", *expression(node.family)) if node.family is not None else ()
        return node.name.text, " : ", (*expression(node.domain), *family)
    raise TypeError(f"no layout for {type(node).__name__}")


def _family(family: syntax.Expression, network: syntax.Expression | None) -> Document:
    return expression(family) if network is None else (*expression(family), " via ", *expression(network))


def _claim(node: syntax.CheckStatement) -> Document:
    claim = conditional(f"check {node.claim.text}", list(map(place, node.arguments)), map(place, node.given))
    if node.operator is None or node.bound is None:
        return claim
    return (*claim, f" {node.operator} ", *expression(node.bound))


def _equations(heads: list[Document], values: list[Document], sign: str, indent: int, spread: int = _WIDE) -> list[str]:
    """``head sign value`` for each, the signs aligned among neighbours whose heads are about as wide."""
    texts = []
    widths = _aligned([len(flat(head)) for head in heads], spread)
    for head, value, width in zip(heads, values, widths, strict=True):
        padding = " " * (width - len(flat(head)))
        texts.append(lay_out((*head, padding + sign, *value), indent))
    return texts


def _aligned(widths: list[int], spread: int) -> list[int]:
    """For each width that of its group, a group being neighbours that differ by at most ``spread``."""
    groups: list[list[int]] = []
    for width in widths:
        joined = [*groups[-1], width] if groups else []
        if joined and max(joined) - min(joined) <= spread:
            groups[-1].append(width)
        else:
            groups.append([width])
    return [max(group) for group in groups for _ in group]
