"""One thread a worker: the suite runs on two cores. Where a machine decides over a change, examples are the same each
time. With ``--quick`` every test is run, but of its parameters two sets only, and none that is marked ``thorough``."""

from __future__ import annotations

import os

import pytest
import torch
from hypothesis import settings

QUICK = 2

torch.set_num_threads(1)
settings.register_profile("repeatable", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("repeatable")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="two of each test's sets of parameters, none that is long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--quick"):
        return
    tests: dict[str, list[pytest.Item]] = {}
    for item in items:
        tests.setdefault(item.nodeid.split("[")[0], []).append(item)
    kept = {
        item
        for sets in tests.values()
        for item in sets[:: -(-len(sets) // QUICK)]
        if not item.get_closest_marker("thorough")
    }
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]
