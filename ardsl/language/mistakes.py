"""Frequent mistakes, and what to write instead: a table, at once the matcher and, by its examples, its own test."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ardsl.diagnostics import Diagnostic, Rule, Span
from ardsl.diagnostics.rules import syntax as rules
from ardsl.diagnostics.rules.names import NOT_BUILT_YET
from ardsl.language.faults import Fault


@dataclass(frozen=True)
class Mistake:
    """A pattern around a fault, and what to say about it.

    ``before`` matches the text that ends at the fault, ``after`` the text that starts there. ``needs`` are terminals
    that would fit at the fault, ``statement`` the keywords of the statements where the mistake occurs; ``stray`` asks
    for a character that starts no token. The part to underline is the group ``at`` of either, or from that of
    ``before`` to that of ``after`` (all of ``after`` without any). ``values`` and ``help`` may name groups, as
    ``{word}``.
    """

    rule: Rule
    examples: tuple[str, ...]
    after: str
    before: str = ""
    needs: str = ""
    statement: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    help: str | None = None
    stray: bool = False

    def match(self, fault: Fault) -> Diagnostic | None:
        """The diagnostic, where the fault is this mistake."""
        if not fault.accepts.issuperset(self.needs.split()) or (self.stray and fault.kind):
            return None
        if self.statement and fault.keyword not in self.statement.split():
            return None
        after = re.match(self.after, fault.after)
        before = re.search(f"(?:{self.before})\\Z", fault.before)
        if after is None or before is None:
            return None
        groups = {k: v or "" for k, v in (before.groupdict() | after.groupdict()).items()}
        origin = fault.offset - len(fault.before)
        start, end = fault.offset, fault.offset + (after.end("at") if "at" in after.groupdict() else after.end())
        if "at" in before.groupdict():
            start, end = origin + before.start("at"), end if end > fault.offset else origin + before.end("at")
        elif "at" in after.groupdict():
            start += after.start("at")
        values: dict[str, Any] = {name: text.format(**groups) for name, text in self.values.items()}
        return self.rule.at(Span(start, end), help=self.help and self.help.format(**groups), **values)


_WORD = r"[A-Za-z_][A-Za-z_0-9]*"
_DECLARATION = r"(?:param|observed|latent|given|record|net|model)"

MISTAKES: tuple[Mistake, ...] = (
    # Records: before signs, for one of theirs looks the same
    Mistake(
        rules.UNEXPECTED,
        ("observed r : record { a : real }", "observed r : record(a : real)"),
        before=rf"\b(?P<kind>observed|latent|given)\s+(?P<name>{_WORD})\s*:\s*(?P<at>record\b).*",
        after=r"(?P<at>)[{:]",
        values={"expected": "a domain", "found": "`record`"},
        help="a record is a statement of its own, and observed: `record {name} {{ field : domain … }}`",
    ),
    # Signs
    Mistake(
        rules.WRONG_SIGN,
        ("p(x) ~ normal(0, 1)",),
        before=r"\b(?P<kind>[pq])\s*\((?P<inside>[^()]*)\)\s*",
        after=r"~",
        needs="ASSIGN",
        values={"found": "~", "expected": "="},
        help="a factor is an equation: `{kind}({inside}) = …`",
    ),
    Mistake(
        rules.WRONG_SIGN,
        ("param width : 500", "param width := 500", "net body <- made()", "train { batch : 100 }"),
        after=r"(?P<found>:=|<-|==|~|:)",
        needs="ASSIGN",
        values={"found": "{found}", "expected": "="},
    ),
    Mistake(
        rules.WRONG_SIGN,
        ("observed x = binary", "record r { age ~ real }", "observed x[28] in binary"),
        after=r"(?P<found>=|~|in\b)",
        needs="COLON",
        values={"found": "{found}", "expected": ":"},
    ),
    Mistake(
        rules.WRONG_SIGN,
        ("p(x[t] | x[0:t]) = normal", "p(x[t] | x[:3]) = normal"),
        before=r"\[[^\]]*",
        after=r"(?P<found>:)",
        needs="UP_TO",
        values={"found": ":", "expected": ".."},
        help="both ends of a range are included: `x[t-3..t-1]`, `x[..t-1]`",
    ),
    Mistake(
        rules.WRONG_SIGN,
        ("p(x[t] | x[:t]) = normal",),
        before=r"\[\s*",
        after=r"(?P<found>:)",
        needs="STAR LESS",
        values={"found": ":", "expected": ".."},
        help="a range is `x[..t-1]`, a whole axis is `x[*]`",
    ),
    # Ranks
    Mistake(
        rules.NOT_BEFORE,
        ("p(x[i] | x[<=i]) = bernoulli",),
        before=r"\[\s*(?P<at><)",
        after=r"(?P<at>=)\s*(?P<name>[A-Za-z_]\w*)?",
        values={"found": "<="},
        help="an element never reads itself: write `<{name}`, every element of strictly lower rank",
    ),
    Mistake(
        rules.NOT_BEFORE,
        ("p(x[i] | x[>i]) = bernoulli", "p(x[i] | x[>=i]) = bernoulli", "p(x[i] | x[!=i]) = bernoulli"),
        after=r"(?P<at>(?P<found>>=|>|!=|==))\s*(?P<name>[A-Za-z_]\w*)?",
        needs="LESS STAR",
        values={"found": "{found}"},
        help="an element reads what was drawn before it: write `<{name}`, and `order x by reverse` for the other way",
    ),
    Mistake(
        rules.BEFORE_ARITHMETIC,
        ("p(x[t] | x[<t-1]) = normal", "p(x[t] | x[<t..3]) = normal", "p(x[i] | x[<3]) = normal"),
        before=r"<\s*(?P<name>[A-Za-z_]\w*)?\s*",
        after=r"(?P<at>\+|-|\*|/|\.\.|[0-9]+)",
        needs="RSQB",
        values={"name": "{name}"},
        help="for a fixed distance use index arithmetic (`x[t-2]`, `x[..t-2]`), for a window `last` or `within`",
    ),
    Mistake(
        rules.BARE_BEFORE,
        ("p(x | x<i) = bernoulli", "p(x[i] | x < i, y) = bernoulli", "p(x<i) = bernoulli"),
        before=rf"\b(?P<variable>{_WORD})\s*",
        after=rf"<\s*(?P<name>{_WORD})?",
        needs="LSQB RPAR",
        help="write `{variable}[<{name}]`",
    ),
    Mistake(
        rules.BARE_BEFORE,
        ("p(x[i] | <i) = bernoulli",),
        before=r"[|,]\s*",
        after=rf"<\s*(?P<name>{_WORD})?",
        needs="NOISE NAME",
        help="name the variable: `x[<{name}]`",
    ),
    # What is reserved, and not built yet
    Mistake(
        NOT_BUILT_YET,
        ("record hour[time: 24] { wind : angle }", "record hour[24] { wind : angle }"),
        before=rf"\A\s*record\s+(?P<name>{_WORD})\s*",
        after=rf"(?P<at>(?P<axes>\[\s*(?:{_WORD}\s*:\s*)?[0-9][^\]\n]*\]))",
        values={"feature": "a record with axes (`{name}{axes}`)"},
        help="declare each field as a variable with that axis: `observed wind{axes} : angle`",
    ),
    Mistake(
        NOT_BUILT_YET,
        ("p(a, b | x) = multivariate_normal", "q(a, b) = normal"),
        before=rf"\b(?P<kind>[pq])\s*\(\s*(?P<at>(?P<first>{_WORD})(?:\[[^\]\n]*\])?)\s*",
        after=rf"(?P<at>,\s*(?P<second>{_WORD})(?:\[[^\]\n]*\])?)",
        needs="RPAR",
        values={"feature": "one draw of several variables (`{first}`, `{second}`)"},
        help="draw one given the other, `{kind}({first} | …)` and `{kind}({second} | {first}, …)`, or make them one "
        "variable and draw all of it: `{kind}(y[*] | …)`",
    ),
    Mistake(
        NOT_BUILT_YET,
        ("p(x[i] | x[parent[i]]) = bernoulli",),
        before=rf"\b[pq]\s*\([^=]*\b(?P<read>{_WORD})\s*\[[^\]\[]*?(?P<at>\b(?P<index>{_WORD}))\s*",
        after=r"(?P<at>\[[^\]\[\n]*\])",
        values={"feature": "an index that is a variable itself (`{index}[…]`)"},
        help="read all that it may point to, `{read}[<]` or `{read}`, and `{index}` beside it",
    ),
    # Brackets
    Mistake(
        rules.WRONG_BRACKET,
        ("observed x(28, 28) : binary", "latent z(64) : real"),
        before=rf"\b(?:observed|latent|given)\s+{_WORD}\s*",
        after=r"\(",
        values={"what": "axes are written", "found": "(", "expected": "["},
    ),
    Mistake(
        rules.WRONG_BRACKET,
        ("p(x(i) | x[<i]) = bernoulli", "p(x[i] | x(<i)) = bernoulli"),
        before=rf"\b[pq]\s*\([^=]*{_WORD}\s*",
        after=r"\(",
        needs="LSQB RPAR",
        values={"what": "indices are written", "found": "(", "expected": "["},
    ),
    Mistake(
        rules.WRONG_BRACKET,
        ("net body = made[hidden = 3]", "order x by shuffle[seed = 1]", "net body = made{hidden = 3}"),
        before=rf"\b(?P<function>{_WORD})\s*",
        after=r"(?P<found>[\[{])",
        needs="LPAR",
        values={"what": "arguments are written", "found": "{found}", "expected": "("},
    ),
    Mistake(
        rules.WRONG_BRACKET,
        ("net body = made(hidden = (500, 500))", "param a = (1, 2)"),
        before=r"(?P<at>\()[^()\[\]{}]*",
        after=r"(?P<at>),",
        needs="RPAR PLUS",
        values={"what": "the items of a list are written", "found": "(", "expected": "["},
    ),
    Mistake(
        rules.WRONG_BRACKET,
        ("net body = made(hidden = {500, 500})", "param a = {1, 2}"),
        after=r"\{",
        needs="INTEGER",
        values={"what": "the items of a list are written", "found": "{{", "expected": "["},
    ),
    Mistake(
        rules.WRONG_BRACKET,
        ('data (train = "x.npz")', "record r [ a : real ]"),
        before=rf"\A\s*(?:data|train|record\s+{_WORD})\s*",
        after=r"(?P<found>[(\[])",
        values={"what": "settings and fields are written", "found": "{found}", "expected": "{{"},
    ),
    # Numbers
    Mistake(
        rules.MALFORMED_NUMBER,
        ("param rate = .5", "net n = made(rate = .5e-3)"),
        after=r"(?P<number>\.(?P<rest>[0-9]\w*(?:(?<=[eE])[+-][0-9]+)?))",
        values={"number": "{number}"},
        help="write `0.{rest}`",
    ),
    Mistake(
        rules.MALFORMED_NUMBER,
        ("param rate = 1.", "net n = made(rate = 1., depth = 3)"),
        before=r"(?<![\w.])(?P<at>(?P<number>[0-9]+))",
        after=r"\.",
        needs="PLUS",
        values={"number": "{number}."},
        help="write `{number}.0`",
    ),
    Mistake(
        rules.MALFORMED_NUMBER,
        ("param n = 1_000_000",),
        after=r"(?P<number>[0-9][0-9_]*)(?![\w.])",
        values={"number": "{number}"},
        help="write the digits without `_`",
        stray=True,
    ),
    Mistake(
        rules.MALFORMED_NUMBER,
        ("param n = 3x", "param n = 0x1F", "param n = 1.2.3", "observed 2x : real", "param n = 1e"),
        after=r"(?P<number>[0-9][\w.]*)",
        values={"number": "{number}"},
        help="a name starts with a letter, and a product has its sign: `2 * x`",
        stray=True,
    ),
    # Operators and separators
    Mistake(
        rules.NO_OPERATOR,
        ("param a = 2 ** 9",),
        before=r"(?P<at>\*)",
        after=r"\*",
        needs="INTEGER",
        values={"operator": "**"},
        help="a power is written as a product: `2 * 2`",
    ),
    Mistake(
        rules.NO_OPERATOR,
        ("p(x[t] | y[t // 80]) = normal", "param a = 9 // 2"),
        before=r"(?P<at>/)",
        after=r"/",
        needs="INTEGER",
        values={"operator": "//"},
        help="`/` floors in an index: `y[t / 80]`; a comment starts with `#`",
    ),
    Mistake(
        rules.NO_OPERATOR,
        ("param a = 2 ^ 9", "param a = 9 % 2", "param a = 9 <= 2"),
        after=r"(?P<operator>\^|%|<=|>=|==|<|>)",
        needs="PLUS",
        values={"operator": "{operator}"},
    ),
    Mistake(
        rules.STRAY_COMMA,
        ("train { batch = 100, epochs = 200 }", 'data { train = "a.npz", valid = 0.1 }'),
        statement="data train",
        after=r",",
        needs="RBRACE",
        values={"what": "settings"},
    ),
    Mistake(
        rules.STRAY_COMMA,
        ("record r { a : real, b : binary }", "record r { a : real ~ normal, b : binary }"),
        statement="record",
        after=r",",
        needs="RBRACE",
        values={"what": "fields"},
    ),
    Mistake(
        rules.SECOND_BAR,
        ("p(x | y | z) = normal", "check independent(a, b | c | d)"),
        before=r"\|[^|]*",
        after=r"\|",
        needs="RPAR",
        help="part the contexts by commas",
    ),
    # Names
    Mistake(
        rules.NAMELESS,
        ("observed : binary", "param = 3", "net = made()"),
        after=rf"(?P<at>(?P<keyword>{_DECLARATION}))\s*[=:]",
        needs="MODEL",
        values={"keyword": "{keyword}"},
    ),
    Mistake(
        rules.NAMELESS,
        ("observed [28] : binary", "record { a : real }", "latent (3) : real", 'model "doc"'),
        before=rf"(?P<at>\b(?P<keyword>{_DECLARATION}))\s*",
        after=r"(?P<at>)[\[{(\"]",
        needs="NAME",
        values={"keyword": "{keyword}"},
    ),
)

CHARACTERS: Mapping[str, str] = {
    ";": "no sign ends a statement or a setting: remove it",
    "'": 'strings are written in straight double quotes: `"…"`',
    "\N{LEFT DOUBLE QUOTATION MARK}": 'strings are written in straight double quotes: `"…"`',
    "\N{RIGHT DOUBLE QUOTATION MARK}": 'strings are written in straight double quotes: `"…"`',
    "\N{DOUBLE LOW-9 QUOTATION MARK}": 'strings are written in straight double quotes: `"…"`',
    "\N{LEFT SINGLE QUOTATION MARK}": 'strings are written in straight double quotes: `"…"`',
    "\N{RIGHT SINGLE QUOTATION MARK}": 'strings are written in straight double quotes: `"…"`',
    "\N{EN DASH}": "write a plain minus: `-`",
    "\N{EM DASH}": "write a plain minus: `-`",
    "\N{MINUS SIGN}": "write a plain minus: `-`",
    "\N{MULTIPLICATION SIGN}": "write `*`, or a comma between axes: `x[28, 28]`",
    "\N{DIVIDES}": "write a plain bar: `|`",
    "\N{TILDE OPERATOR}": "write `=` for a factor, `~` for a field's family",
    "\N{HORIZONTAL ELLIPSIS}": "a range is written with two dots: `..`",
    "\N{LESS-THAN OR EQUAL TO}": "write `<=` in a claim; an index knows `<` alone",
    "\N{NO-BREAK SPACE}": "write an ordinary space",
    "\N{ZERO WIDTH SPACE}": "remove it: it is invisible",
    "\N{ZERO WIDTH NO-BREAK SPACE}": "remove it: it is invisible",
    "$": "a parameter is used by its bare name",
    "@": "a parameter is used by its bare name",
    "?": "there is no conditional expression",
    "&": "contexts are parted by commas",
}
"""Characters that start no token, with what to write instead."""
