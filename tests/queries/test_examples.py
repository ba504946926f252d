"""The examples in the docstrings of questions about data run, and give what they say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import ardsl
from tests.support.docstrings import run


@pytest.mark.parametrize("function", [ardsl.predict, ardsl.impute, ardsl.score_cells], ids=lambda f: f.__name__)
def test_examples_run(function: Callable[..., Any]) -> None:
    assert run(function.__doc__ or "", {}, function.__name__)
