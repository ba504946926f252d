"""Faults planted in the library: each must be objected to. Those of dense, lattice and asked networks by plan, probe,
normalization or the agreement of the two evaluators, on some small specs; those of what runs along time and of what
bounds likelihoods by a test of theirs."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Sequence
from functools import cache

import pytest

from ardsl.testing.soundness import PROBLEMS
from tests.faults import along_time, asked, dense, exact, latent, lattice, nade, queries, transforms
from tests.support.planting import Check, Fault, of_spec, planted

DENSE = [of_spec(text, problems) for text in dense.CHECKED.values() for problems in PROBLEMS.values()]
NADE = [of_spec(text, problems) for text in nade.CHECKED.values() for problems in PROBLEMS.values()]
LATTICE = [
    of_spec(text, problems)
    for text in lattice.CHECKED.values()
    for what, problems in PROBLEMS.items()
    if what != "plan"  # blind spots are faults only where the spec says so
]
ASKED = [
    of_spec(text, problems)
    for text in asked.CHECKED.values()
    for what, problems in PROBLEMS.items()
    if what != "plan" or "dense = false" not in text
]
FAULTS = (
    [(fault, DENSE) for fault in dense.FAULTS]
    + [(fault, [fault.check] if fault.check else NADE) for fault in nade.FAULTS]
    + [(fault, LATTICE) for fault in lattice.FAULTS]
    + [(fault, ASKED if fault.check is None else [fault.check]) for fault in asked.FAULTS]
    + [
        (fault, [fault.check])
        for fault in along_time.FAULTS + latent.FAULTS + queries.FAULTS + exact.FAULTS + transforms.FAULTS
        if fault.check
    ]
)


def objecting(checks: list[Check]) -> Check | None:
    """A check that objects, which is asked first the next time: neighbouring faults are of one kind. Some faults make
    other specs fall over on the way."""
    for number, check in enumerate(checks):
        try:
            if check() is not None:
                checks.insert(0, checks.pop(number))
                return check
        except (IndexError, RuntimeError):
            continue
    return None


@cache
def objects_without_faults(check: Check) -> str | None:
    return check()


@pytest.mark.parametrize(("fault", "checks"), FAULTS, ids=[str(fault) for fault, _ in FAULTS])
def test_a_fault_is_objected_to(fault: Fault, checks: list[Check]) -> None:
    """Under the fault alone: without it, the same check has nothing to say."""
    with planted(fault):
        check = objecting(checks)
    assert check is not None
    assert objects_without_faults(check) is None


def test_names() -> None:
    names = [fault.name for fault, _ in FAULTS]
    assert len(names) == len(set(names)) == 166


@pytest.mark.thorough
@pytest.mark.parametrize("checks", [DENSE, NADE, LATTICE, ASKED], ids=["dense", "nade", "lattice", "asked"])
def test_nothing_is_objected_to_after_all_faults(checks: Sequence[Check]) -> None:
    """Nothing of one stays, not even where it is planted twice."""
    for fault, _ in FAULTS:
        owner, _, name = fault.symbol.replace(":", ".").rpartition(".")
        before = inspect.getattr_static(pkgutil.resolve_name(owner), name)
        with planted(fault), planted(fault):
            assert inspect.getattr_static(pkgutil.resolve_name(owner), name) is not before
        assert inspect.getattr_static(pkgutil.resolve_name(owner), name) is before
    assert [found for check in checks if (found := check())] == []
