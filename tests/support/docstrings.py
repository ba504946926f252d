"""Examples in docstrings, run."""

from __future__ import annotations

import doctest
import inspect


def run(docstring: str, names: dict[str, object], where: str) -> int:
    """Runs the examples of a docstring, whose names go into ``names``; gives how many there are."""
    test = doctest.DocTestParser().get_doctest(inspect.cleandoc(docstring), names, where, None, None)
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(test, clear_globs=False)
    names.update(test.globs)
    assert not runner.failures, where
    return len(test.examples)
