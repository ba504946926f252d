"""Trainings and runs of models with latent variables."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import ardsl
from ardsl.cli import main
from ardsl.queries.reconstruct import reconstruct
from tests.support.runtime_specs import correlated

VAE = (
    "latent z[2] : real\nlatent w[3] : real\nobserved x[4] : binary\n"
    "p(w) = normal(0, 1)\np(z | w) = normal via linear\np(x | z) = bernoulli via mlp(hidden = [8])\n"
    "q(z | x) = normal via mlp(hidden = [8])\nq(w | z) = normal via linear\n"
)
PICTURES = (
    "latent z[2, 2, 2] : real\nobserved x[4, 4] : binary\np(z) = normal(0, 1)\n"
    "p(x | z) = bernoulli via deconv(hidden = [4])\nq(z | x) = normal via conv(hidden = [4])\n"
)
DATA = {"train": correlated(300), "valid": correlated(100, seed=1)}


def fit(text: str, train: str = "epochs = 3  batch = 50", **options: object) -> ardsl.Run:
    return ardsl.fit(ardsl.loads(f"{text}train {{ {train} }}\n"), DATA, progress=False, device="cpu", **options)  # type: ignore[arg-type]


def test_a_run_is_restored_with_its_bound(tmp_path: Path) -> None:
    run = fit(VAE, out=tmp_path)
    again = ardsl.restore(tmp_path)
    x = DATA["valid"]
    assert torch.equal(again.elbo(x, seed=0), run.model.elbo(x, seed=0))
    assert torch.equal(again.sample(8, seed=0), run.model.sample(8, seed=0))
    rows = list(csv.DictReader((tmp_path / "metrics.csv").read_text().splitlines()))
    assert list(rows[0]) == ["epoch", "seconds", "train", "valid", "kl w", "kl z"]
    best = float(rows[run.best_epoch - 1]["valid"])
    found = ardsl.evaluate(run.model, x, samples=1)
    assert found.nll == pytest.approx(best, abs=1e-5) == pytest.approx(run.best_valid, abs=1e-5)
    assert found.kl["z"] == pytest.approx(float(rows[run.best_epoch - 1]["kl z"]), abs=1e-5)


@pytest.mark.thorough
def test_training_raises_the_bound_and_more_samples_tighten_it() -> None:
    run = fit(VAE, "epochs = 40  batch = 25  optimizer = adam(rate = 0.02)")
    curve = [row["valid"] for row in run.metrics]
    assert min(curve) < curve[0] - 0.2
    one, many = (ardsl.evaluate(run.model, DATA["valid"], samples=k) for k in (1, 200))
    assert many.nll < one.nll
    assert -many.nll > many.elbo - 1e-9 and many.samples == 200
    assert np.allclose(ardsl.score(run.model, DATA["valid"], samples=200).mean(), -many.nll)


@pytest.mark.thorough
@pytest.mark.parametrize("network", ["table", "linear"])
def test_the_components_of_a_mixture_come_apart(network: str) -> None:
    """Two clusters, far from each other: with one component for both the likelihood is that of one normal, 2.1 nats
    more."""
    generator = np.random.default_rng(0)
    side = generator.choice([-3.0, 3.0], size=(400, 1))
    x = (side + generator.normal(scale=0.5, size=(400, 2))).astype(np.float32)
    text = (
        f"latent k : category(2)\nobserved x[2] : real\np(k) = categorical\np(x | k) = normal via {network}\n"
        "q(k) = exact\ntrain { epochs = 30  batch = 50  optimizer = adam(rate = 0.05) }\n"
    )
    run = ardsl.fit(ardsl.loads(text), {"train": x[:300], "valid": x[300:]}, progress=False, device="cpu")
    assert run.best_valid is not None and run.best_valid < 2 * (0.5 + math.log(0.5 * math.sqrt(2 * math.pi))) + 1


@pytest.mark.thorough
def test_what_is_summed_out_trains_by_its_likelihood(tmp_path: Path) -> None:
    text = (
        "latent k : category(4)\nobserved x[4] : binary\np(k) = categorical\np(x | k) = bernoulli via linear\n"
        "q(k) = exact\n"
    )
    run = fit(text, "epochs = 20  batch = 25  optimizer = adam(rate = 0.05)", out=tmp_path)
    found = ardsl.evaluate(run.model, DATA["valid"])
    assert found.nll == pytest.approx(-run.model.log_prob(DATA["valid"]).mean().item(), abs=1e-5)
    assert (found.samples, found.elbo, dict(found.kl)) == (None, None, {})
    assert "kl" not in (tmp_path / "metrics.csv").read_text()


@pytest.mark.thorough
def test_a_latent_variable_that_is_not_used_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """No decoder uses one less than that which does not read it."""
    text = (
        "latent z : real\nobserved x[4] : binary\np(z) = normal(0, 1)\np(x) = bernoulli\n"
        "q(z | x) = normal via linear\ntrain { epochs = 8  batch = 10  optimizer = adam(rate = 0.05) }\n"
    )
    ardsl.fit(ardsl.loads(text), DATA, device="cpu")
    line = next(line for line in capsys.readouterr().err.splitlines() if line.startswith("warning"))
    assert line.startswith("warning: `z` has collapsed: its guide is its prior (divergence 0.00")


def test_without_validation_data_the_divergences_are_told_too() -> None:
    run = ardsl.fit(ardsl.loads(VAE + "train { epochs = 2 }"), DATA["train"], progress=False, device="cpu")
    assert {"kl w", "kl z"} <= run.metrics[-1].keys()


def test_annealing_does_not_change_what_is_told() -> None:
    """The bound, whatever its divergences count for in training: patience and people go by it."""
    plain, annealed = (
        fit(VAE, f"epochs = 1  batch = 300  optimizer = sgd(rate = 1e-9)  {more}").metrics[0]
        for more in ("", "anneal = 2")
    )
    assert annealed["train"] == pytest.approx(plain["train"], abs=1e-5)


def test_a_loss_that_is_not_finite_ends_the_training() -> None:
    with pytest.raises(ardsl.DataError, match="the loss is no longer a number in epoch 1"):
        fit(VAE, "epochs = 3  optimizer = sgd(rate = 1e30)")


def command(*words: str) -> str:
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    data = {split: (torch.rand(60, 4, 4, generator=torch.Generator().manual_seed(3)) > 0.5).long() for split in DATA}
    np.savez(folder / "data.npz", train=data["train"].numpy(), test=data["valid"].numpy())
    spec = folder / "spec.ar"
    spec.write_text(PICTURES + 'data { train = "data.npz#train"  test = "data.npz#test" }\ntrain { epochs = 2 }\n')
    command("train", str(spec), "--out", str(folder / "run"), "--device", "cpu")
    return folder


def test_the_command_line(pictures: Path) -> None:
    run = str(pictures / "run")
    told = json.loads(command("eval", run, "--samples", "7", "--json"))
    assert told["samples"] == 7 and told["kl"].keys() == {"z"} and -told["nll"] >= told["elbo"] - 1
    assert "mean NLL      ≤ " in command("eval", run)
    told = command("score", run, "--samples", "3", "-o", str(pictures / "scores.csv"))
    assert told.startswith("wrote lower bounds on the log-probabilities of 60 rows to ")
    header, *rows = (pictures / "scores.csv").read_text().splitlines()
    assert header == "row,log_prob_bound" and len(rows) == 60
    command("sample", run, "-n", "9", "--fix", "z", "--seed", "0", "-o", str(pictures / "fixed.npz"))
    command("sample", run, "-n", "5", "--between", "z", "--seed", "0", "-o", str(pictures / "line.png"))
    assert np.load(pictures / "fixed.npz")["x"].shape == (9, 4, 4)
    command("reconstruct", run, "-n", "6", "-o", str(pictures / "again.npz"))
    assert np.load(pictures / "again.npz")["x"].shape == (6, 4, 4)
    command("reconstruct", run, "-n", "4", "-o", str(pictures / "again.png"))
    with Image.open(pictures / "again.png") as picture:
        assert picture.size[0] > picture.size[1]


def test_reconstructions_stand_beside_the_data(pictures: Path) -> None:
    model = ardsl.restore(pictures / "run")
    found, given, _ = reconstruct(model, most=3, seed=0, beside=True)
    alone, _, _ = reconstruct(model, most=3, seed=0)
    data = torch.from_numpy(np.load(pictures / "data.npz")["test"][:3])
    assert given is None
    assert torch.equal(found["x"][:, :, :4], data) and torch.equal(found["x"][:, :, 4:], alone["x"])


def test_what_a_model_with_latent_variables_cannot_do(pictures: Path, tmp_path: Path) -> None:
    run = str(pictures / "run")
    for words, line in {
        ("impute", run, "-o", "x.npz"): "error: `z` is latent, and this takes models without latent variables\n",
        ("sample", run, "--begin", "a.wav", "-o", "x.npz"): "error: --prefix is for models without latent variables\n",
        ("sample", run, "--fix", "z", "--between", "z", "-o", "x.npz"): (
            "error: with --between all else is the same: leave --fix out\n"
        ),
        ("sample", run, "--between", "x", "-o", "x.npz"): "error: there is no latent variable 'x': there is z\n",
        ("reconstruct", run, "--keep", "y", "-o", "x.npz"): "error: there is no latent variable 'y': there is z\n",
    }.items():
        done = CliRunner().invoke(main, words)
        assert (done.exit_code, done.output) == (2, line)
    fit("observed x[4] : binary\np(x[i] | x[<i]) = bernoulli\n", out=tmp_path)
    done = CliRunner().invoke(main, ["sample", str(tmp_path), "--fix", "z", "-o", "x.npz"])
    assert done.output == "error: --fix is for latent variables, and this model has none\n"
    done = CliRunner().invoke(main, ["reconstruct", str(tmp_path), "--data", "x.npz", "-o", "x.npz"])
    assert done.output == "error: this takes a model with latent variables, of which something is inferred\n"
