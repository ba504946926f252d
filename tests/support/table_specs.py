"""Records of columns of all kinds, under one order or all of them, with gaps: generated."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import Tensor

import ardsl
from ardsl.compiler.model import AutoregressiveModel

COLUMNS = (
    "binary",
    'category("a", "b", "c")',
    "category(17)",
    "integer(2, 5)",
    "integer(-3, 4) ~ mixture(discretized(logistic), components = 2)",
    "real ~ normal",
    "real ~ mixture(normal, components = 2)",
    "positive ~ log_normal",
    "count ~ geometric",
)
ROWS = 7


@dataclass(frozen=True)
class Table:
    """A model of a record, and rows of it: ``whole``, and with ``gaps`` that are NaN. ``label`` is what is given."""

    text: str
    model: AutoregressiveModel
    whole: Tensor
    gaps: Tensor
    label: Tensor | None


@st.composite
def tables(draw: st.DrawFn, *, any_order: bool | None = None) -> Table:
    fields = draw(st.lists(st.sampled_from(COLUMNS), min_size=2, max_size=5))
    size = len(fields)
    given = draw(st.booleans())
    every = draw(st.booleans()) if any_order is None else any_order
    network = draw(
        st.sampled_from(
            [
                "linear",
                "made(hidden = [9])",
                "made(hidden = [6, 6], residual = true, activation = tanh)",
                "made(hidden = [8, 5], direct = false, activation = gelu)",
                "nade(hidden = [7, 7], residual = true)",
            ]
        )
    )
    order = f'any(orders = {draw(st.integers(1, min(3, size)))}, seed = {draw(st.integers(0, 9))}, train = "all")'
    if not every:
        order = f"[{', '.join(draw(st.permutations([f'c{k}' for k in range(size)])))}]"
    body = "".join(f"  c{k} : {field}\n" for k, field in enumerate(fields))
    context = "row[<i], g" if given else "row[<i]"
    text = ("given g : category(3)\n" if given else "") + f"record row {{\n{body}}}\norder row by {order}\n"
    text += f"p(row[i] | {context}) = default via {network}\n"
    model = ardsl.compile(ardsl.loads(text), init="random", seed=draw(st.integers(0, 99)), dtype=torch.float64).eval()
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype) * 0.3)
    label = torch.tensor([k % 3 for k in range(ROWS)]) if given else None
    conditions = {"g": label} if given else None
    whole = model.sample(ROWS, conditions, seed=1).double()
    model.measure({"row": whole} | (conditions or {}))
    gaps = torch.where(torch.rand(whole.shape, generator=generator) < draw(st.floats(0, 0.8)), torch.nan, whole)
    return Table(text, model, whole, gaps, label)
