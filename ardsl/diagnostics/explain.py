"""The page behind a code: what the rule is about, with a wrong and a right example."""

from __future__ import annotations

import textwrap

from ardsl.diagnostics.rules import RULES
from ardsl.diagnostics.suggest import did_you_mean
from ardsl.errors import ArdslError

_WIDTH = 88
_LINES = 24


def explain(code: str) -> str:
    """The page of a rule. An unknown code raises ``ArdslError`` with a line that names the nearest known one."""
    full = f"AR{code}" if code.isdecimal() else code.upper()
    rule = RULES.get(full)
    if rule is None:
        hint = did_you_mean(full, RULES)
        raise ArdslError(f"there is no rule `{code}`" + (f": {hint}" if hint else ""))
    paragraphs = [textwrap.fill(p, _WIDTH, break_long_words=False) for p in rule.explanation.split("\n\n")]
    return "\n\n".join(
        [
            f"{rule.code}: {rule.title} ({rule.severity})",
            *paragraphs,
            "Wrong:\n\n" + _example(rule.wrong),
            "Right:\n\n" + _example(rule.right),
        ]
    )


def _example(text: str) -> str:
    """An example, indented; long lines and long texts are cut, control characters shown by their number."""
    lines = text.rstrip("\n").split("\n")
    shown = [line if len(line) <= _WIDTH else line[:_WIDTH] + " …" for line in lines[:_LINES]]
    if len(lines) > _LINES:
        shown.append(f"… ({len(lines) - _LINES} more lines)")
    visible = ("".join(c if c.isprintable() else f"<U+{ord(c):04X}>" for c in line) for line in shown)
    return "\n".join(f"    {line}".rstrip() for line in visible)
