"""Every network × family × order: normalized, as declared, and sampled alike by both evaluators."""

from __future__ import annotations

import pytest

import ardsl
from ardsl.testing.soundness import PROBLEMS
from tests.support.small_specs import SPECS


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("what", PROBLEMS)
def test_holds(name: str, what: str) -> None:
    assert list(PROBLEMS[what](ardsl.loads(SPECS[name]))) == []
