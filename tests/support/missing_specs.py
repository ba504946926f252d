"""Specs whose orders draw what is missing last."""

import torch

import ardsl

RECORD = """
record row {
  a : binary
  b : category("x", "y", "z")
  c : integer(2, 5)
  d : binary
}
order row by any(orders = ORDERS, seed = 3, train = "all")
p(row[i] | row[<i]) = default via made(hidden = [16, 16])
"""
ARRAY = """
observed x[5] : binary
order x by any(orders = ORDERS, train = "all")
p(x[i] | x[<i]) = bernoulli via made(hidden = [12])
"""
GIVEN = """
given label : category(3)
observed x[4] : category(3)
order x by any(orders = ORDERS, train = "all")
p(x[i] | x[<i], label) = categorical via made(hidden = [12])
"""
DEEP = RECORD.replace("made(hidden = [16, 16])", "nade(hidden = [9, 9])")
CONV = GIVEN.replace("made(hidden = [12])", "conv_nade(features = 4, kernels = 3, hidden = 5)")


def compiled(text: str, orders: int):
    model = ardsl.compile(ardsl.loads(text.replace("ORDERS", str(orders))), seed=1, dtype=torch.float64).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, dtype=parameter.dtype) * 0.5)
    return model


def levels(variable) -> list[list[float]]:
    found = []
    for element in range(variable.size):
        domain = variable.element_domain(element)
        low = getattr(domain, "low", 0)
        found.append([float(low + code) for code in range(domain.levels)])
    return found
