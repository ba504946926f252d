"""The grammar, read once: Lark trees with every token kept, comments set aside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from pathlib import Path
from sys import version_info

from lark import Lark, Token, Tree
from lark.utils import TextSlice

_comments: ContextVar[dict[int, Token] | None] = ContextVar("_comments", default=None)


def grammar_text() -> str:
    """The grammar's own file: in the package where it was installed, else in the checkout."""
    packaged = files("ardsl") / "grammars" / "ardsl.lark"
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    return (Path(__file__).parents[2] / "grammars" / "ardsl.lark").read_text(encoding="utf-8")


@cache
def _parser() -> Lark:
    return Lark(
        grammar_text(),
        parser="lalr",
        lexer="contextual",
        keep_all_tokens=True,
        maybe_placeholders=False,
        lexer_callbacks={"COMMENT": _set_aside},
        cache=_cache_file() or False,
    )


def _cache_file() -> str | None:
    """The file where Lark may keep its tables, which take a quarter of a short command's time to make.

    They are a pickle, so the folder must be the user's own, and nobody else's to write in. Lark checks that they belong
    to this very grammar and this version of itself, and makes them anew where they do not.
    """
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = os.path.join(base, "ardsl")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        found = os.stat(folder)
        if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & 0o022):
            return None
    except OSError:
        return None
    return (
        os.path.join(folder, f"grammar-{version_info.major}.{version_info.minor}.bin")
        if os.access(folder, os.W_OK)
        else None
    )


def _set_aside(comment: Token) -> Token:
    collected = _comments.get()
    if collected is not None and comment.start_pos is not None:
        collected[comment.start_pos] = comment
    return comment


@contextmanager
def collecting_comments() -> Iterator[dict[int, Token]]:
    """Gathers the comments of all texts read inside it, by offset: reading a text twice keeps each once."""
    collected: dict[int, Token] = {}
    before = _comments.set(collected)
    try:
        yield collected
    finally:
        _comments.reset(before)


def read(text: str, start: int, end: int) -> Tree[Token]:
    """The Lark tree of a part of a text, with offsets into the whole. Raises Lark's ``UnexpectedInput``."""
    return _parser().parse(TextSlice(text, start, end))
