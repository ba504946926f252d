"""Text to syntax tree. Whatever the text, the outcome is a tree and diagnostics, never an exception.

A broken statement is reported once and left out; reading goes on at the next statement, so that each fault of a text
gives one report and none gives two.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import replace
from functools import lru_cache
from typing import Any

from lark import Token
from lark import Tree as LarkTree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from ardsl.diagnostics import Sink, Source, Span
from ardsl.diagnostics.rules import syntax as rules
from ardsl.diagnostics.suggest import distance
from ardsl.language.build import build, span_of
from ardsl.language.faults import END, STATEMENTS, Fault, character_words
from ardsl.language.grammar import collecting_comments, read
from ardsl.language.report import BRACKETS, report
from ardsl.language.syntax import Comment, Tree

MAX_CHARACTERS = 1_000_000
MAX_TOKENS = 50_000
MAX_FAULTS = 20

_NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_ENCODING = "is this the right file, and its encoding UTF-8?"
_TOKEN = re.compile(r'"[^"\r\n]*"|#[^\r\n]*|\w+|[^\w\s]')
_STATEMENT_LINE = re.compile(
    r"^[ \t]*(?:"
    r"(?:model|param|observed|latent|given|record|order|net|check)[^\S\n]+[A-Za-z_]"
    r"|[pq][ \t]*\("
    r"|(?:data|train)[ \t]*[{(\[]"
    r'|(?:model|param|observed|latent|given|record|net)[ \t]*[:=\[{"]'
    r")",
    re.MULTILINE,
)
_LIKE_STATEMENT = re.compile(r"^[A-Za-z_]\w*(?:[ \t]+\w+)?[ \t]*[=~:(\[{]", re.MULTILINE)
_WORD_LINE = re.compile(r"^([A-Za-z]{4,12})(?=[ \t]+[A-Za-z_]|[ \t]*\{)", re.MULTILINE)


def parse(source: Source, sink: Sink) -> Tree:
    """The tree of a text; what is wrong with it goes to ``sink``. Statements that are broken are not in the tree."""
    text = source.text
    if len(text) > MAX_CHARACTERS:
        sink.add(rules.TOO_LONG.at(Span(0, 0), unit="characters", limit=MAX_CHARACTERS))
        return Tree((), (), source)
    foreign = _NOT_TEXT.search(text)
    if foreign is not None:
        sink.add(rules.NOT_TEXT.at(Span(*foreign.span()), character=character_words(foreign[0]), help=_ENCODING))
        return Tree((), (), source)
    tokens = sum(1 for _ in _TOKEN.finditer(text))
    if tokens > MAX_TOKENS:
        sink.add(rules.TOO_LONG.at(Span(0, 0), unit="words and signs", limit=MAX_TOKENS))
        return Tree((), (), source)
    if text.startswith("\N{ZERO WIDTH NO-BREAK SPACE}"):
        text = " " + text[1:]
    with collecting_comments() as comment_tokens:
        statements = _Reader(text, sink).statements()
    comments = (
        Comment(str(token).rstrip(), span=Span(at, at + len(token.rstrip())))
        for at, token in sorted(comment_tokens.items())
    )
    return Tree(build(statements, sink), tuple(comments), source)


class _Reader:
    """Reads statement after statement, past those that are broken."""

    def __init__(self, text: str, sink: Sink) -> None:
        self._text = text
        self._sink = sink
        self._starts: list[int] | None = None

    def statements(self) -> list[LarkTree[Token]]:
        """The statements that can be read, in order."""
        statements: list[LarkTree[Token]] = []
        start = 0
        for faults in range(MAX_FAULTS + 1):
            complete, fault = self._attempt(start, len(self._text))
            statements += complete
            if fault is None:
                break
            if faults == MAX_FAULTS:
                self._sink.add(rules.TOO_MANY.at(fault.span, limit=MAX_FAULTS))
                break
            start = self._recover(fault, statements)
        return statements

    def _recover(self, fault: Fault, statements: list[LarkTree[Token]]) -> int:
        """Reports a fault and returns where to read on; whole statements before that join ``statements``."""
        if not fault.opens_statement and self._first_on_line(fault.offset):
            before, error = self._attempt(fault.start, fault.offset)
            if error is None:
                statements += before
                fault = replace(fault, start=fault.offset)
        following = self._next_start(fault.start)
        if following <= fault.offset:
            before, error = self._attempt(fault.start, following)
            statements += before
            if error is None:
                return following
            fault = error
        if fault.opens_statement:
            following = min(following, self._next_line_like_a_statement(fault))
        self._sink.add(report(replace(fault, limit=following)))
        return following

    def _attempt(self, start: int, end: int) -> tuple[list[LarkTree[Token]], Fault | None]:
        """The statements of a part of the text up to its first fault, and the fault."""
        try:
            tree = read(self._text, start, end)
        except UnexpectedInput as error:
            return self._fault(error, start, end)
        return [s for s in tree.children if isinstance(s, LarkTree)], None

    def _fault(self, error: UnexpectedInput, start: int, end: int) -> tuple[list[LarkTree[Token]], Fault]:
        parser: Any = error.interactive_parser
        complete: list[LarkTree[Token]] = []
        pending: int | None = None
        last = start
        for value in parser.parser_state.value_stack:
            if isinstance(value, LarkTree) and str(value.data).startswith("__start"):
                complete += value.children
            elif pending is None:
                pending = span_of(value).start
            last = span_of(value).end if not isinstance(value, LarkTree) or value.children else last
        offset, kind, text = last, END, ""
        if isinstance(error, UnexpectedToken) and error.token.type != END:
            offset, kind, text = error.token.start_pos or 0, error.token.type, str(error.token)
        elif isinstance(error, UnexpectedCharacters):
            offset = error.pos_in_stream or 0
            kind, text = "", self._text[offset]
        start = offset if pending is None else pending
        return complete, Fault(self._text, start, offset, end, kind, text, frozenset(parser.accepts()))

    def _first_on_line(self, offset: int) -> bool:
        line = self._text.rfind("\n", 0, offset) + 1
        return not self._text[line:offset].strip()

    def _next_line_like_a_statement(self, fault: Fault) -> int:
        """The next line that looks like a statement, for where none starts by its keyword: the next one may not
        either."""
        depth, after = 0, fault.offset + 1
        for bracket in BRACKETS.finditer(self._text, fault.offset):
            line = _LIKE_STATEMENT.search(self._text, after, bracket.end()) if depth == 0 else None
            if line is not None:
                return line.start()
            depth = max(depth + (bracket[0] in "([{") - (bracket[0] in ")]}"), 0)
            after = max(bracket.end(), after)
        line = _LIKE_STATEMENT.search(self._text, after) if depth == 0 else None
        return line.start() if line is not None else len(self._text)

    def _next_start(self, offset: int) -> int:
        """The place where the next statement seems to start, by its look: a keyword (or nearly) and what follows it."""
        if self._starts is None:
            clear = [m.end() - len(m[0].lstrip()) for m in _STATEMENT_LINE.finditer(self._text)]
            vague = [m.start() for m in _WORD_LINE.finditer(self._text) if _nearly_keyword(m[1])]
            self._starts = sorted({*clear, *vague})
        index = bisect_right(self._starts, offset)
        return self._starts[index] if index < len(self._starts) else len(self._text)


@lru_cache(maxsize=1024)
def _nearly_keyword(word: str) -> bool:
    lowered = word.lower()
    return lowered not in STATEMENTS and any(
        distance(lowered, k) <= 2 for k in STATEMENTS if len(k) >= 4 and abs(len(k) - len(word)) <= 2
    )
