"""Checks for authors of networks: what every compiled spec must satisfy, on small specs.

from ardsl.testing import check_network

def test_my_network():
    assert check_network(MyNetwork) == []
"""

from ardsl.testing.network import check_network
from ardsl.testing.soundness import (
    evaluator_problems,
    normalization_problems,
    oracle_problems,
    plan_problems,
    probe_problems,
    with_random_weights,
)
from ardsl.testing.values import every_value, some_given

__all__ = [
    "check_network",
    "evaluator_problems",
    "every_value",
    "normalization_problems",
    "oracle_problems",
    "plan_problems",
    "probe_problems",
    "some_given",
    "with_random_weights",
]
