"""What a prompt shows of the results is a line, whatever the size of the model."""

from __future__ import annotations

import pytest
import torch

import ardsl

CHAIN = "\n".join(f"observed a{i} : real\np(a{i}{f' | a{i - 1}' if i else ''}) = normal" for i in range(40))
SPECS = ["observed x[784] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = 5)", CHAIN]


@pytest.mark.parametrize("text", SPECS)
def test_a_line_for_each_result(text: str) -> None:
    spec = ardsl.loads(text)
    model = ardsl.compile(spec)
    data = model.sample(3, seed=0)
    results = (spec, ardsl.plan(spec), spec.plan.groups[0], ardsl.verify(spec), model.noise(3))
    for result in (*results, ardsl.evaluate(model, data), ardsl.calibrate(model, data)):
        assert "\n" not in repr(result) and len(repr(result)) <= 200


def test_what_the_lines_say() -> None:
    spec = ardsl.loads("observed x[3] : real\np(x[i] | x[<i]) = normal via made(hidden = 4)")
    assert repr(spec) == "<ardsl spec model: p(x) = ∏ p(x[i] | x[<i])>"
    assert repr(spec.plan) == "<plan of p(x) = ∏ p(x[i] | x[<i]): 64 parameters, 3 sampling steps>"
    assert repr(spec.plan.groups[0]) == "<made for p(x[i] | x[<i]): 64 parameters>"
    all_of_them = "Sound and complete: all of the 3 declared pairs realized, and nothing else."
    assert repr(ardsl.verify(spec)) == f"<report by the plan on 1 factor: {all_of_them}>"
    assert repr(ardsl.verify_numeric(spec)) == f"<report by probing on 1 factor: {all_of_them}>"
    assert repr(ardsl.audit(lambda x: torch.tril(torch.ones(3, 3), -1).to(x) @ x[..., None], 3)).endswith("else.>")
