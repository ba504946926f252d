"""Shapes that broadcast, without what torch would import for it."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from ardsl.families.shapes import common_shape

SPEC = """
record r {
  a : binary
  b : category(3)
  c : real
  d : count
  e : integer(0, 400)
  f : positive
}
p(r[i] | r[<i]) = default via made(hidden = 4)
"""


@pytest.mark.parametrize("shapes", [((2, 3), (2, 3)), ((2, 1), (3,)), ((), (4,)), ((5,),)])
def test_as_torch_has_it(shapes: tuple[tuple[int, ...], ...]) -> None:
    assert common_shape(*map(torch.Size, shapes)) == torch.broadcast_shapes(*shapes)
    with pytest.raises(RuntimeError):
        common_shape(torch.Size([2]), torch.Size([3]))


@pytest.mark.thorough
def test_sampling_and_scoring_import_no_sympy() -> None:
    code = f"import ardsl, sys\nm = ardsl.compile(ardsl.loads('''{SPEC}'''))\nm.log_prob(m.sample(3))\n"
    subprocess.run([sys.executable, "-c", code + "assert 'sympy' not in sys.modules"], check=True)
