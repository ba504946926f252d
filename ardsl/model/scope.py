"""The state that the checks of one spec share: its names, its parameters' values, and where diagnostics go."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from itertools import islice
from typing import Literal

from ardsl.diagnostics import Diagnostic, Sink, Source, Span, nearest
from ardsl.diagnostics.rules import names as rules
from ardsl.language import syntax
from ardsl.model.model import NetworkCall
from ardsl.model.settings import Choice

Kind = Literal["parameter", "variable", "net"]
_ARTICLES = {"parameter": "a parameter", "variable": "a variable", "net": "a net"}
_LONGEST_QUOTE = 60
_LONGEST_GUESS = 100
_MOST_GUESSES = 20_000


class Word(str):
    """A bare name that stands for itself: ``adam``, ``drop``."""

    __slots__ = ()


Value = int | float | str | bool | Word | Choice | tuple["Value", ...]


@dataclass(frozen=True)
class Declared:
    kind: Kind
    span: Span
    """The name in its declaration."""


@dataclass
class Scope:
    """The names of a spec. One whose declaration failed is ``broken``: it is known, and reported no second time."""

    source: Source
    sink: Sink
    names: dict[str, Declared] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    params: dict[str, Value] = field(default_factory=dict)
    nets: dict[str, NetworkCall] = field(default_factory=dict)
    guesses: int = _MOST_GUESSES

    def report(self, diagnostic: Diagnostic) -> None:
        self.sink.add(diagnostic)

    def written(self, span: Span) -> str:
        """The text at a span, on one line."""
        return " ".join(self.source.text[span.start : span.end].split())

    def text(self, span: Span) -> str:
        """The text at a span as a message quotes it: not too long."""
        return shortened(self.written(span))

    def nearest(self, name: str, known: Iterable[str]) -> str | None:
        """The known name that was probably meant; of a single letter there is no telling.

        A spec may have many and long names, so guessing has a bound.
        """
        if not 1 < len(name) <= _LONGEST_GUESS or self.guesses <= 0:
            return None
        candidates = list(islice(known, self.guesses))
        self.guesses -= len(candidates)
        return nearest(name, candidates)

    def did_you_mean(self, name: str, known: Iterable[str]) -> str | None:
        """A help line with that name."""
        closest = self.nearest(name, known)
        return None if closest is None else f"did you mean `{closest}`?"

    def declare(self, kind: Kind, name: syntax.Name) -> bool:
        """Enters a name; where it is taken, says so and leaves the first declaration standing."""
        first = self.names.get(name.text)
        if first is not None:
            others = [(first.span, "first declared here")]
            self.report(rules.DECLARED_TWICE.at(name.span, what=f"`{name.text}`", others=others))
            return False
        self.names[name.text] = Declared(kind, name.span)
        return True

    def known(self, name: str, span: Span, kind: Kind) -> bool:
        """Says whether ``name`` is a usable declaration of this kind. Where it is not, that has been reported."""
        declared = self.names.get(name)
        if name in self.broken:
            return False
        if declared is None:
            same_kind = (other for other, declaration in self.names.items() if declaration.kind == kind)
            self.report(rules.UNKNOWN_NAME.at(span, kind=kind, name=name, help=self.did_you_mean(name, same_kind)))
            return False
        if declared.kind != kind:
            self.wrong_kind(name, span, _ARTICLES[kind])
            return False
        return True

    def wrong_kind(self, name: str, span: Span, expected: str) -> None:
        declared = self.names[name]
        others = [(declared.span, "declared here")]
        actual = _ARTICLES[declared.kind]
        self.report(rules.WRONG_KIND.at(span, name=name, actual=actual, expected=expected, others=others))


def shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1] + "…"


def walk(node: object) -> Iterator[syntax.Node]:
    """Every node of a tree, itself first, in no particular order beyond that."""
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, tuple):
            pending.extend(current)
        elif isinstance(current, syntax.Node):
            yield current
            pending.extend(getattr(current, part.name) for part in fields(current) if part.name != "span")


_DECLARATION = re.compile(
    r"\b(?:param|observed|latent|given|record|net)\s+([A-Za-z_]\w*)|\b[A-Za-z_]\w*\s+([A-Za-z_]\w*)\s*[\[:={]"
)
_FACTOR = re.compile(r"[(,]\s*([A-Za-z_]\w*)")


@dataclass(frozen=True)
class Lost:
    """The names in the statements that could not be parsed, read off the text between those that could.

    A name declared there, perhaps behind a misspelled keyword, is known though broken; a variable that stands behind a
    bracket there may have its factor there.
    """

    declared: frozenset[str] = frozenset()
    factors: frozenset[str] = frozenset()

    @classmethod
    def between(cls, tree: syntax.Tree) -> Lost:
        text, gaps, end = tree.source.text, [], 0
        for span in sorted(node.span for node in (*tree.statements, *tree.comments)):
            gaps.append(text[end : max(end, span.start)])
            end = max(end, span.end)
        rest = "\n".join([*gaps, text[end:]])
        declared = (first or second for first, second in _DECLARATION.findall(rest))
        return cls(frozenset(declared), frozenset(_FACTOR.findall(rest)))
