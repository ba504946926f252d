"""One object for all errors and warnings of a spec; rules make it, renderers show it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ardsl.diagnostics.source import Source, Span

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Label:
    """A span and the few words beside its underline."""

    span: Span
    text: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One error or warning: what is wrong, where, and what would be right.

    ``labels[0]`` is the primary place; the others are places involved ("declared here").
    """

    code: str
    severity: Severity
    message: str
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str | None = None
    source: Source = field(default=Source(""), repr=False)

    @property
    def span(self) -> Span:
        return self.labels[0].span if self.labels else Span(0, 0)

    @property
    def line(self) -> int:
        return self.source.position(self.span.start)[0]

    @property
    def column(self) -> int:
        return self.source.position(self.span.start)[1]

    def __str__(self) -> str:
        place = f"{self.source.name}:{self.line}:{self.column}" if self.labels else self.source.name
        return f"{place}: {self.severity}[{self.code}]: {self.message}"


@dataclass(frozen=True)
class Rule:
    """A kind of diagnostic: its code, its message, and the page ``ardsl explain`` prints.

    ``message`` and ``label`` are format strings, filled by the keywords of :meth:`at`.
    ``explanation`` is a paragraph or two; ``wrong`` and ``right`` are complete small specs (or, for
    rules of data and runs, short transcripts), ``wrong`` being one that raises this very rule.
    """

    code: str
    title: str
    message: str
    explanation: str
    wrong: str
    right: str
    label: str = ""
    severity: Severity = "error"

    def at(
        self,
        span: Span | None,
        *,
        others: Iterable[tuple[Span, str]] = (),
        notes: Iterable[str] = (),
        help: str | None = None,
        **values: Any,
    ) -> Diagnostic:
        """A diagnostic of this rule at ``span`` (None: no place in the text); ``others`` are further places with their
        words."""
        own_label = () if span is None else (Label(span, self.label.format(**values)),)
        labels = (*own_label, *(Label(s, text) for s, text in others))
        return Diagnostic(self.code, self.severity, self.message.format(**values), labels, tuple(notes), help)


class Sink:
    """Collects the diagnostics of one source, so that all errors are reported in one run."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._found: dict[Diagnostic, None] = {}

    def add(self, diagnostic: Diagnostic) -> None:
        """Take a diagnostic, once."""
        self._found[replace(diagnostic, source=self.source)] = None

    def __iter__(self) -> Iterator[Diagnostic]:
        """In the order of the text; errors before warnings at the same place."""
        return iter(sorted(self._found, key=lambda d: (d.span.start, d.severity != "error", d.code)))

    @property
    def errors(self) -> list[Diagnostic]:
        return [d for d in self if d.severity == "error"]
