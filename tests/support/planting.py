"""Faults planted by symbol: a function of the library is replaced by a wrong one for a while."""

from __future__ import annotations

import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest

import ardsl
from ardsl.relations.layering import CycleError
from ardsl.spec import Spec

Check = Callable[[], str | None]
"""Says what is wrong, or None where nothing is."""


@dataclass(frozen=True)
class Fault:
    """A mistake that somebody made in such code, or could.

    ``symbol`` names what is wrong, as ``package.module:Class.method``. ``wrong`` does its work wrongly: it is called
    with the right function, and with the arguments that this was called with. Of a value that is no function it gives
    the wrong one. ``check`` is the one that has to object, where the fault has one of its own.
    """

    name: str
    symbol: str
    wrong: Callable[..., Any]
    check: Check | None = None

    def __str__(self) -> str:
        return self.name


@contextmanager
def planted(fault: Fault) -> Iterator[None]:
    """The library with a fault, wherever what it names has been imported to."""
    path, _, name = fault.symbol.rpartition(".") if "." in fault.symbol.split(":")[1] else fault.symbol.rpartition(":")
    owner = pkgutil.resolve_name(path)
    if inspect.isclass(owner):
        inherited = name not in vars(owner)
        right = inspect.getattr_static(owner, name)
        wrong = _wrong(fault, right)
        if isinstance(wrong, cached_property):
            wrong.__set_name__(owner, name)
        setattr(owner, name, wrong)
        try:
            yield
        finally:
            if inherited:
                delattr(owner, name)
            else:
                setattr(owner, name, right)
        return
    right = getattr(owner, name)
    wrong = _wrong(fault, right)
    _exchange(right, wrong)
    try:
        yield
    finally:
        _exchange(wrong, right)  # also where it was imported to meanwhile


def _wrong(fault: Fault, right: Any) -> Any:
    """What a fault puts in the place of something, of the same kind."""
    if isinstance(right, property | cached_property):
        getter = right.fget if isinstance(right, property) else right.func
        return type(right)(_wrong(fault, getter))
    if not inspect.isfunction(right):
        return fault.wrong(right)

    def wrong(*arguments: Any, **named: Any) -> Any:
        return fault.wrong(right, *arguments, **named)

    return wrong


def _exchange(old: object, new: object) -> None:
    """One thing for another in every module of the library that has it under some name."""
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "ardsl":
            for key, value in list(vars(module).items()):
                if value is old:
                    setattr(module, key, new)


def of_spec(text: str, problems: Callable[[Spec], Iterator[str]]) -> Check:
    """Checks a spec, loaded anew, with one of the functions of soundness. A fault may also make it a spec with errors,
    or one of which nothing can be drawn first."""

    def check() -> str | None:
        try:
            return next(iter(problems(ardsl.loads(text))), None)
        except (ardsl.SpecError, CycleError) as error:
            return f"the spec: {error}"

    return check


def of_test(test: Callable[..., None], *arguments: object) -> Check:
    """Checks that a test passes."""

    def check() -> str | None:
        with pytest.MonkeyPatch.context() as monkeypatch:
            more = {"monkeypatch": monkeypatch} if "monkeypatch" in inspect.signature(test).parameters else {}
            try:
                test(*arguments, **more)
            except AssertionError as error:
                return f"{test.__name__}: {error}"
        return None

    return check
