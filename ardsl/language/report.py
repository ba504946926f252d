"""From a fault to the one diagnostic that says most about it."""

from __future__ import annotations

import re
from collections.abc import Callable

from ardsl.diagnostics import Diagnostic, Span, did_you_mean
from ardsl.diagnostics.rules import syntax as rules
from ardsl.language.faults import (
    CLOSING,
    END,
    STATEMENTS,
    Fault,
    character_words,
    expected_words,
    found_words,
    quoted,
)
from ardsl.language.mistakes import CHARACTERS, MISTAKES

_TERMINAL = {"(": "LPAR", ")": "RPAR", "[": "LSQB", "]": "RSQB", "{": "LBRACE", "}": "RBRACE"}
BRACKETS = re.compile(r'"(?:[^"\\\r\n]|\\[^\r\n])*"?|#[^\r\n]*|[()\[\]{}]')
"""Brackets, and the strings and comments in which they are none."""

_NAMES = "names are made of the letters a to z, digits and `_`"


def report(fault: Fault) -> Diagnostic:
    """The diagnostic for a syntax error, from the most particular reading of it to the most general."""
    for reading in _READINGS:
        diagnostic = reading(fault)
        if diagnostic is not None:
            return diagnostic
    return rules.UNEXPECTED.at(fault.span, expected=expected_words(fault.accepts), found=found_words(fault))


def _unclosed_string(fault: Fault) -> Diagnostic | None:
    if fault.kind or fault.found != '"':
        return None
    line = re.match(r"[^\r\n]*", fault.text[fault.offset : fault.limit])
    end = fault.offset + len(line[0].rstrip() if line else '"')
    return rules.UNCLOSED_STRING.at(Span(fault.offset, end), help='close it with `"` on the same line')


def _bracket(fault: Fault) -> Diagnostic | None:
    """An opening bracket that nothing closes, or a closing one that closes nothing."""
    open_here = _open_brackets(fault.text, fault.start, fault.offset)
    if fault.found in CLOSING.values() and fault.kind:
        if open_here and CLOSING[open_here[-1][0]] == fault.found:
            return None
        others = [(Span(at, at + 1), f"`{sign}` is open") for sign, at in open_here[-1:]]
        expected = f"close `{open_here[-1][0]}` with `{CLOSING[open_here[-1][0]]}` first" if open_here else None
        if others and _TERMINAL[CLOSING[open_here[-1][0]]] in fault.accepts:
            return _never_closed(open_here[-1], fault)
        return rules.UNMATCHED_BRACKET.at(fault.span, others=others, help=expected, closing=fault.found)
    if not open_here:
        return None
    sign, at = open_here[-1]
    if _TERMINAL[CLOSING[sign]] not in fault.accepts:
        return None
    if fault.kind != END and not _open_brackets(fault.text, fault.start, fault.limit):
        return None
    return _never_closed((sign, at), fault)


def _never_closed(bracket: tuple[str, int], fault: Fault) -> Diagnostic:
    sign, at = bracket
    place = [] if fault.kind == END else [(fault.span, f"`{CLOSING[sign]}` was expected before this")]
    return rules.UNCLOSED_BRACKET.at(Span(at, at + 1), others=place, opening=sign, help=f"add `{CLOSING[sign]}`")


def _open_brackets(text: str, start: int, end: int) -> list[tuple[str, int]]:
    """The brackets that are open after ``text[start:end]``; a closing one takes its like and all inside it."""
    stack: list[tuple[str, int]] = []
    for bracket in BRACKETS.finditer(text, start, end):
        sign = bracket[0]
        if sign in CLOSING:
            stack.append((sign, bracket.start()))
        elif sign in CLOSING.values():
            for depth in range(len(stack) - 1, max(len(stack) - 20, -1), -1):
                if CLOSING[stack[depth][0]] == sign:
                    del stack[depth]
                    break
    return stack


def _mistake(fault: Fault) -> Diagnostic | None:
    return next((d for d in (m.match(fault) for m in MISTAKES) if d is not None), None)


def _incomplete(fault: Fault) -> Diagnostic | None:
    if fault.kind != END:
        return None
    what = "the factor" if fault.keyword in ("p", "q") else f"the `{fault.keyword}` statement"
    return rules.INCOMPLETE.at(fault.span, what=what, expected=expected_words(fault.accepts))


def _character(fault: Fault) -> Diagnostic | None:
    if fault.kind:
        return None
    help = CHARACTERS.get(fault.found)
    if help is None and fault.found.isalpha():
        help = _NAMES
    return rules.UNEXPECTED_CHARACTER.at(fault.span, character=character_words(fault.found), help=help)


def _unknown_statement(fault: Fault) -> Diagnostic | None:
    if not fault.opens_statement:
        return None
    word = fault.found
    rest = fault.after[len(word) :].lstrip()
    if not word[:1].isalpha():
        help = "a comment starts with `#`" if fault.after.startswith(("//", "--", "/*", "%", "*")) else None
    elif rest.startswith("~"):
        help = f"a factor is written `p({word}) = …`"
    elif rest.startswith("=") and not rest.startswith("=="):
        help = f"a parameter is declared by `param {word} = …`"
    elif rest.startswith(":"):
        help = f"a variable is declared by `observed {word} : …`"
    else:
        near = did_you_mean(word, STATEMENTS) if len(word) > 1 or word.isupper() else None
        help = near or "statements start with " + ", ".join(f"`{k}`" for k in STATEMENTS)
    return rules.UNKNOWN_STATEMENT.at(fault.span, found=quoted(word), help=help)


def _missing(fault: Fault) -> Diagnostic | None:
    """A sign or word without which what was found would fit."""
    if not fault.starts_value:
        return None
    called = fault.after[len(fault.found) :].lstrip().startswith("(")
    candidates = {"ASSIGN": "=", "COLON": ":", "BY": "by", "VIA": "via", "COMMA": ","}
    if fault.kind != "NAME" or not called and "COMMA" in fault.accepts:
        del candidates["VIA"]
    for terminal, sign in candidates.items():
        if terminal in fault.accepts:
            return rules.MISSING.at(fault.span, missing=sign, found=quoted(fault.found))
    return None


_READINGS: tuple[Callable[[Fault], Diagnostic | None], ...] = (
    _unclosed_string,
    _bracket,
    _mistake,
    _incomplete,
    _character,
    _unknown_statement,
    _missing,
)
