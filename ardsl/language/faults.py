"""A fault: the place where a text stops being a spec, and the words for what was found and what would fit there."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from ardsl.diagnostics import Span

END = "$END"
STATEMENTS = {
    "model": "MODEL",
    "param": "PARAM",
    "observed": "OBSERVED",
    "latent": "LATENT",
    "given": "GIVEN",
    "record": "RECORD",
    "order": "ORDER",
    "net": "NET",
    "check": "CHECK",
    "data": "DATA",
    "train": "TRAIN",
    "p": "P",
    "q": "Q",
}
"""The words that start statements, and their terminals."""

CLOSING = {"(": ")", "[": "]", "{": "}"}
_VALUES = frozenset({"NAME", "INTEGER", "REAL", "STRING", "TRUE", "FALSE"})
_OPERATORS = frozenset({"PLUS", "MINUS", "STAR", "SLASH"})
_COMPARISONS = frozenset({"AT_MOST", "AT_LEAST", "LESS", "MORE", "EQUAL"})
_SIGNS = {
    "ASSIGN": "`=`",
    "COLON": "`:`",
    "BY": "`by`",
    "BAR": "`|`",
    "COMMA": "`,`",
    "RPAR": "`)`",
    "RSQB": "`]`",
    "RBRACE": "`}`",
    "LBRACE": "`{`",
    "TILDE": "`~`",
    "VIA": "`via`",
    "UP_TO": "`..`",
    "LPAR": "`(`",
    "LSQB": "`[`",
    "STAR": "`*`",
}
_WEAK = frozenset({"LPAR", "LSQB", "STAR", "UP_TO", "TILDE", "VIA"})
"""Signs that would fit in many places and are worth naming only where nothing else fits."""


@dataclass(frozen=True)
class Fault:
    """A syntax error, where reading stopped: the offending token or character at ``offset``, in the statement that
    starts at ``start``.

    ``kind`` is the token's terminal, ``$END`` where the statement (or the text) ends too early, and empty for a
    character that starts no token. ``accepts`` are the terminals that would fit.
    """

    text: str
    start: int
    offset: int
    limit: int
    kind: str
    found: str
    accepts: frozenset[str]

    @property
    def span(self) -> Span:
        return Span(self.offset, self.offset + len(self.found))

    @property
    def before(self) -> str:
        """The statement up to the fault (the end of it, where it is long)."""
        return self.text[max(self.start, self.offset - 400) : self.offset]

    @property
    def after(self) -> str:
        """The statement from the fault on (the beginning of it, where it is long)."""
        return self.text[self.offset : min(self.limit, self.offset + 400)]

    @property
    def keyword(self) -> str:
        """The word that the statement starts with."""
        word = re.match(r"\w*", self.text[self.start : self.start + 40])
        return word[0] if word else ""

    @property
    def opens_statement(self) -> bool:
        """Nothing of the statement precedes the fault."""
        return self.start == self.offset

    @property
    def starts_value(self) -> bool:
        return self.kind in _VALUES


def quoted(text: str, length: int = 30) -> str:
    """A piece of the user's text as a message shows it: in backticks, on one line, cut where it is long."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: length + 1])
    return f"`{shown[:length]}…`" if len(shown) > length else f"`{shown}`"


def character_words(character: str) -> str:
    """A character by its look where it has one, and by its number and name where that helps."""
    if character.isascii() and character.isprintable():
        return f"`{character}`"
    number = f"U+{ord(character):04X}"
    name = unicodedata.name(character, "")
    words = f"{number} ({name.lower()})" if name else number
    return f"`{character}`, {words}," if character.isprintable() else words


def found_words(fault: Fault) -> str:
    """The text at the fault."""
    return "the end of the text" if fault.kind == END else quoted(fault.found)


def expected_words(accepts: Iterable[str]) -> str:
    """The tokens that would fit, in words: ``a name``, ``\\`,\\` or \\`)\\```."""
    accepts = frozenset(accepts)
    words: list[str] = []
    after_operand = "PLUS" in accepts
    if "INTEGER" in accepts:
        words.append("an index" if "LESS" in accepts else "a number or `*`" if "STAR" in accepts else "a value")
    elif "NAME" in accepts:
        words.append("a variable" if "NOISE" in accepts else "a name")
    elif "STRING" in accepts and not accepts & {"MODEL", END}:
        words.append("a string")
    else:
        accepts = accepts | _VALUES  # nothing is left out for the sake of a value
    signs = [t for t in _SIGNS if t in accepts and not (t == "STAR" and after_operand)]
    strong = [t for t in signs if t not in _WEAK]
    statements = "MODEL" in accepts
    if strong or words or statements:
        signs = strong
    words += [_SIGNS[t] for t in signs]
    if accepts & _COMPARISONS and "LESS" in accepts and "INTEGER" not in accepts - _VALUES and not words:
        words.append("a comparison")
    if statements:
        words.append("the next statement")
    if not words:
        words.append("an operator" if accepts & _OPERATORS else "the end of the text")
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]
