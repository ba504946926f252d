"""The examples in the docstrings of models run, and give what they say."""

from __future__ import annotations

import pyro
import pytest
import torch

import ardsl
from ardsl.compiler.base import CompiledModel
from tests.support.docstrings import run

PUBLIC = ("log_prob", "sample", "noise", "measure", "loss")
OF = {
    ardsl.AutoregressiveModel: (*PUBLIC, "stream", "complete", "distribution"),
    ardsl.LatentModel: (
        *PUBLIC, "elbo", "log_prob_bound", "infer", "reconstruct", "between", "pyro_model", "pyro_guide",
    ),
}  # fmt: skip


@pytest.mark.parametrize("model", OF, ids=lambda model: model.__name__)
def test_examples_run(model: type[CompiledModel]) -> None:
    """Those of the methods go on from the class's own."""
    own: dict[str, object] = {"ardsl": ardsl, "torch": torch, "pyro": pyro}
    assert run(model.__doc__ or "", own, model.__name__)
    for name in OF[model]:
        assert run(getattr(model, name).__doc__ or "", dict(own), f"{model.__name__}.{name}"), f"{name} has no example"
    pyro.clear_param_store()
