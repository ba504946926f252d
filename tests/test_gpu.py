"""On a GPU every kind of network gives the likelihoods and samples that it gives on the CPU, trains, and goes on."""

from __future__ import annotations

import os
import signal
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback

import ardsl

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")

WAVENET = "wavenet(blocks = 1, layers = 3, features = 6, skip = 8)"
LABEL = "given label : category(3)\n"
SPECS = {
    "made": LABEL
    + "observed x[2, 3] : binary\np(x[i] | x[<i], label) = bernoulli via made(hidden = [8, 8], dropout = 0.1)\n",
    "made, all orders": 'observed x[6] : binary\norder x by any(orders = 3, train = "all")\n'
    "p(x[i] | x[<i]) = bernoulli via made(hidden = [8])\n",
    "nade": LABEL
    + "observed x[6, 7] : binary\norder x by shuffle(seed = 1)\n"
    + "p(x[i] | x[<i], label) = bernoulli via nade(hidden = 8, scaled = true, transposed = true)\n",
    "nade, tied": "observed x[time: 5, 4] : real\n"
    "p(x[t, i] | x[t, ..i-1], x[t-1, *]) = mixture(normal, components = 2) via nade(hidden = 8, tied = time)\n",
    "table": "observed x[5] : category(3)\np(x[i] | x[<i] within 2) = categorical via table\n",
    "record": 'record r {\n  a : real\n  b : category("u", "v", "w")\n  c : positive\n  d : count\n}\n'
    "p(r[i] | r[<i]) = default via made(hidden = [8])\n",
    "pixelcnn": LABEL
    + "observed x[4, 4, 2] : integer(0, 7)\n"
    + "p(x[i] | x[<i], label) = categorical via pixelcnn(layers = 2, features = 6, gated = true)\n",
    "pixelcnn, drawn together": "observed x[4, 4, 3] : integer(0, 255)\n"
    "p(x[row, column, *] | x[<]) = color_mixture(components = 2) via pixelcnn(layers = 2, features = 6)\n",
    "pixelcnn, spiral": "observed x[4, 4] : binary\norder x by spiral\n"
    "p(x[i] | x[<i]) = bernoulli via pixelcnn(layers = 2, features = 6)\n",
    "wavenet": "given text[5] : real\nobserved x[time: 20] : mulaw(16)\n"
    f"p(x[t] | x[<t] within 8, text[..t / 4]) = categorical via {WAVENET}\n",
    "wavenet, channels": "observed x[time: 20, 2] : real\n"
    f"p(x[i] | x[<i] within (8, *)) = mixture(normal, components = 2) via {WAVENET}\n",
}
LATENT = (
    "latent z1[2, 2, 2] : real\nlatent z2[3] : real\nobserved x[4, 4] : binary\n"
    "p(z2) = normal(0, 1)\np(z1 | z2) = normal via deconv(hidden = [6])\n"
    "p(x[i] | x[<i] within 2, z1 via deconv(hidden = [6])) = bernoulli via pixelcnn(layers = 1, features = 6)\n"
    "q(z1 | x) = normal via conv(hidden = [6])\nq(z2 | z1) = normal via mlp(hidden = [6])\n"
)
TRAIN = "train { batch = 16  epochs = 3  optimizer = adam(rate = 0.01)  ema = 0.9 }\n"


def pair(text: str) -> tuple[Any, Any]:
    """The same model in float64 here and there, with weights that matter."""
    model = ardsl.compile(ardsl.loads(text), seed=0, dtype=torch.float64).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype))
    return model, deepcopy(model).to("cuda")


def some_given(model: Any, n: int) -> dict[str, torch.Tensor] | None:
    generator = torch.Generator().manual_seed(1)
    found = {}
    for v in model.spec.model.given:
        shape = (n, *v.shape)
        whole = v.name == "label"
        found[v.name] = (
            torch.randint(3, shape, generator=generator)
            if whole
            else torch.randn(shape, generator=generator, dtype=torch.float64)
        )
    return found or None


def here(value: Any) -> dict[str, torch.Tensor]:
    return {name: each.cpu() for name, each in value.items()} if isinstance(value, dict) else {"": value.cpu()}


def assert_alike(first: Any, second: Any, atol: float = 1e-9) -> None:
    for name, each in here(first).items():
        torch.testing.assert_close(here(second)[name], each, atol=atol, rtol=1e-9)


@pytest.mark.parametrize("name", SPECS)
def test_likelihoods_and_samples_are_those_of_the_cpu(name: str) -> None:
    model, there = pair(SPECS[name])
    given = some_given(model, 5)
    drawn = model.sample(5, given, seed=2)
    for evaluator in ("step", "whole"):
        assert_alike(drawn, there.sample(5, given, seed=2, evaluator=evaluator))
    with torch.no_grad():
        assert_alike(model.log_prob(drawn, given), there.log_prob(drawn, given))


def test_streams_and_beginnings_are_those_of_the_cpu() -> None:
    model, there = pair(SPECS["wavenet"])
    given = some_given(model, 1)
    whole = model.sample(1, given, seed=2)
    assert_alike(whole, torch.cat(list(there.stream(given, steps=7, seed=2)), 1))
    assert_alike(whole, there.sample(1, given, prefix=whole[:, :9], seed=2))


def test_latent_variables_are_those_of_the_cpu() -> None:
    """Samples, and bounds but for their noise, which is drawn where the model is."""
    model, there = pair(LATENT)
    drawn = model.sample(5, seed=2)
    assert_alike(drawn, there.sample(5, seed=2))
    model = ardsl.compile(ardsl.loads(LATENT), seed=0)  # whose guide is close to the prior
    with torch.no_grad():
        bounds = [each.log_prob_bound(drawn, samples=2000).cpu() for each in (model, deepcopy(model).to("cuda"))]
    assert abs(float(bounds[0].mean() - bounds[1].mean())) < 0.4


class StopAt(Callback):
    """Ctrl-C after so many steps."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, index: int) -> None:
        if module.steps == self.step:
            self.step = -1
            os.kill(os.getpid(), signal.SIGINT)


def fit(text: str, out: Path, **options: Any) -> ardsl.Run:
    spec = ardsl.loads(text + TRAIN)
    with torch.no_grad():
        source = ardsl.compile(spec, seed=1)
        given = some_given(source, 80) or {}
        given = {name: value.float() if value.is_floating_point() else value for name, value in given.items()}
        drawn = source.sample(80, given or None, seed=1)
    observed = drawn if isinstance(drawn, dict) else {spec.model.observed[0].name: drawn}
    data = {name: value.numpy() for name, value in (observed | given).items()}
    splits = {"train": {k: v[:64] for k, v in data.items()}, "valid": {k: v[64:] for k, v in data.items()}}
    return ardsl.fit(spec, splits, out, device="cuda", progress=False, **options)


@pytest.mark.parametrize("name", [*SPECS, "latent"])
def test_a_training_that_goes_on_ends_as_the_unbroken_one(name: str, tmp_path: Path) -> None:
    """Its weights come back to the CPU, and give there what they give here."""
    text = SPECS.get(name, LATENT)
    whole = fit(text, tmp_path / "whole")
    assert whole.model.like.device.type == "cuda"
    fit(text, tmp_path / "broken", callbacks=[StopAt(6)])
    broken = fit(text, tmp_path / "broken", resume=True)
    first, second = whole.model.state_dict(), broken.model.state_dict()
    for key in first:
        torch.testing.assert_close(second[key], first[key], atol=1e-5, rtol=1e-4)
    restored = ardsl.restore(tmp_path / "whole")
    model = getattr(restored, "model", restored)
    assert_alike(whole.model.sample(2, some_given32(model), seed=3), model.sample(2, some_given32(model), seed=3), 1e-3)


def some_given32(model: Any) -> dict[str, torch.Tensor] | None:
    found = some_given(model, 2)
    return found and {name: value.float() if value.is_floating_point() else value for name, value in found.items()}


@pytest.mark.parametrize("precision", ["bf16", "16"])
def test_half_precision_trains(precision: str, tmp_path: Path) -> None:
    run = fit(SPECS["pixelcnn"], tmp_path / "run", precision=precision)
    assert run.best_valid is not None and run.best_valid < 1000
