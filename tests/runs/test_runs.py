"""A run folder restores the very same model, and nothing in it can do harm."""

from __future__ import annotations

import csv
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback
from safetensors.torch import load_file, save_file

import ardsl
from ardsl.runs import checkpoint
from ardsl.runs.reading import data_directory, read_run
from ardsl.system import files as atomic
from tests.support.runtime_specs import correlated, made, spec_in

TRAIN = "batch = 50  epochs = 3"
IMAGE = "param width = 4\nobserved x[4, 4] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [width])\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ardsl.AutoregressiveModel]:
    directory = tmp_path_factory.mktemp("runs") / "made"
    data = {"train": correlated(200), "valid": correlated(100, seed=1)}
    run = ardsl.fit(made(TRAIN), data, directory, device="cpu", progress=False)
    return directory, run.model


@pytest.fixture
def folder(trained: tuple[Path, ardsl.AutoregressiveModel], tmp_path: Path) -> Path:
    """A copy to spoil."""
    copy = tmp_path / "run"
    copy.mkdir()
    for file in trained[0].iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    return copy


def refusal(directory: Path) -> str:
    with pytest.raises(ardsl.ArdslError) as found:
        ardsl.restore(directory)
    text = str(found.value).replace(str(directory.parent), "DIR")
    assert "\n" not in text
    return text


def test_restoring_gives_the_same_numbers(trained: tuple[Path, ardsl.AutoregressiveModel]) -> None:
    directory, model = trained
    restored = ardsl.restore(directory)
    x = correlated(50, seed=2)
    with torch.no_grad():
        assert torch.equal(restored.log_prob(x), model.log_prob(x))  # type: ignore[arg-type]
    assert not restored.training


def test_what_a_folder_holds(trained: tuple[Path, ardsl.AutoregressiveModel]) -> None:
    directory, _ = trained
    assert sorted(p.name for p in directory.iterdir()) == [
        "curve.png",
        "metrics.csv",
        "metrics.jsonl",
        "run.json",
        "spec.ar",
        "weights.safetensors",
    ]
    assert (directory / "spec.ar").read_text() == made(TRAIN).text
    with (directory / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert float(rows[0]["valid"]) > 0
    run = read_run(directory)
    assert run["figures"]["valid"]["examples"] == 100
    assert run["figures"]["epochs"] == 3
    assert run["training"] == {"epochs": 3, "seed": 0, "precision": "32"}


@pytest.mark.parametrize("precision", ["32", "64"])
def test_overridden_params_precision_and_orders_come_back(precision: str, tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    np.save(tmp_path / "specs" / "order.npy", np.random.default_rng(0).permutation(16))
    text = IMAGE.replace("observed", "param depths = [4]\nobserved").replace("[width]", "depths")
    (tmp_path / "specs" / "image.ar").write_text(text.replace("\np(", '\norder x by "order.npy"\np('))
    spec = ardsl.load(tmp_path / "specs" / "image.ar", depths=[6, 5])
    x = np.random.default_rng(1).integers(0, 2, (30, 4, 4))
    out = tmp_path / "runs" / "image"
    run = ardsl.fit(spec, x, out, epochs=1, precision=precision, device="cpu", progress=False)
    (tmp_path / "specs" / "order.npy").unlink()
    restored = ardsl.restore(out)
    assert restored.spec.model.params["depths"] == (6, 5)
    assert restored.like.dtype == run.model.like.dtype
    with torch.no_grad():
        assert torch.equal(restored.log_prob(x), run.model.log_prob(x))  # type: ignore[arg-type]
    assert (out / "samples.png").read_bytes()[:4] == b"\x89PNG"
    assert data_directory(out).resolve() == (tmp_path / "specs").resolve()


def test_an_order_file_outside_the_specs_folder(tmp_path: Path) -> None:
    np.save(tmp_path / "order.npy", np.arange(16))
    (tmp_path / "specs").mkdir()
    text = IMAGE.replace("\np(", '\norder x by "../order.npy"\np(')
    spec = spec_in(tmp_path / "specs", text)
    with pytest.raises(ardsl.DataError, match="must lie beside the spec or below it"):
        ardsl.fit(spec, np.zeros((5, 4, 4)), tmp_path / "out", device="cpu", progress=False)
    assert not (tmp_path / "out").exists()


def test_a_later_run_replaces_an_earlier_one_only(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ardsl.DataError, match="AR520.*holds other files"):
        ardsl.fit(made(TRAIN), correlated(50), tmp_path, device="cpu", progress=False)
    with pytest.raises(ardsl.DataError, match="AR520.*is a file"):
        ardsl.fit(made(TRAIN), correlated(50), tmp_path / "notes.txt", device="cpu", progress=False)
    for epochs in (2, 1):
        ardsl.fit(made(TRAIN), correlated(50), tmp_path / "run", epochs=epochs, device="cpu", progress=False)
    assert read_run(tmp_path / "run")["figures"]["epochs"] == 1


def rewritten(change: Callable[[dict[str, torch.Tensor]], Any]) -> Callable[[Path], None]:
    """The weights changed, their metadata as it was."""

    def spoil(folder: Path) -> None:
        path = folder / "weights.safetensors"
        header = json.loads(path.read_bytes()[8 : 8 + int.from_bytes(path.read_bytes()[:8], "little")])
        weights = load_file(path)
        change(weights)
        save_file(weights, path, header["__metadata__"])

    return spoil


def cut(weights: dict[str, torch.Tensor]) -> None:
    name = "networks.0.weights.0"
    weights[name] = weights[name][:, :-1].contiguous()


def reshaped(weights: dict[str, torch.Tensor]) -> None:
    name = "networks.0.weights.0"
    weights[name] = weights[name].reshape(-1)


def renamed(weights: dict[str, torch.Tensor]) -> None:
    weights["evil"] = weights.pop("networks.0.weights.0")


def half(weights: dict[str, torch.Tensor]) -> None:
    for name in weights:
        if weights[name].is_floating_point():
            weights[name] = weights[name].half()


def other_order(weights: dict[str, torch.Tensor]) -> None:
    weights["rank_x"] = weights["rank_x"].flip(1).contiguous()


def truncate(folder: Path) -> None:
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-40])


def giant(folder: Path) -> None:
    """A header that promises ten terabytes."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [2_500_000_000_000], "data_offsets": [0, 10**13]}}).encode()
    (folder / "weights.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise SystemExit('executed')",)


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return spoil


WEIGHTS = "error[AR521]: DIR/run/weights.safetensors: "
SPOILED: dict[str, tuple[Callable[[Path], None], str]] = {
    "truncated": (truncate, WEIGHTS + "cannot be read: "),
    "giant": (giant, WEIGHTS + "cannot be read: "),
    "pickle": (
        lambda f: (f / "weights.safetensors").write_bytes(pickle.dumps(Evil())) and None,
        WEIGHTS + "cannot be read: ",
    ),
    "empty": (lambda f: (f / "weights.safetensors").write_bytes(b"") and None, WEIGHTS + "cannot be read: "),
    "fewer numbers": (rewritten(cut), WEIGHTS + "it holds 84 numbers where the plan has 92 parameters"),
    "another shape": (
        rewritten(reshaped),
        WEIGHTS + "`networks.0.weights.0` has the shape [32] where the plan has [8, 4]",
    ),
    "another name": (
        rewritten(renamed),
        WEIGHTS + "`evil`, `networks.0.weights.0` are in one of file and plan only",
    ),
    "another type": (rewritten(half), WEIGHTS + "the numbers have the type F16, I32"),
    "NaN": (
        rewritten(lambda w: w["networks.0.direct"].fill_(float("nan"))),
        WEIGHTS + "`networks.0.direct` has numbers that are not finite",
    ),
    "another order": (rewritten(other_order), WEIGHTS + "the weights were trained under another order of `x`"),
    "another text": (
        edit("spec.ar", "epochs = 3", "epochs = 4"),
        WEIGHTS + "the weights were trained with another text than `spec.ar` has now: restore it, or train again",
    ),
    "no weights": (
        lambda f: (f / "weights.safetensors").unlink(),
        "error[AR520]: DIR/run: has no `weights.safetensors`: no epoch of the training has ended",
    ),
    "no spec": (
        lambda f: (f / "spec.ar").unlink(),
        "error[AR520]: DIR/run: is not a run folder (it has no `spec.ar`)",
    ),
    "damaged run.json": (
        lambda f: (f / "run.json").write_text("[" * 100_000) and None,
        "error[AR520]: DIR/run/run.json: is damaged",
    ),
    "params that the spec lacks": (
        edit("run.json", '"params": {}', '"params": {"text": 3}'),
        "DIR/run/spec.ar: error[AR108]",
    ),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_folder_is_refused_in_one_line(name: str, folder: Path) -> None:
    spoil, expected = SPOILED[name]
    spoil(folder)
    assert refusal(folder).startswith(expected)


def test_what_is_no_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none") == "error[AR520]: DIR/none: there is no such run folder"
    (tmp_path / "file").touch()
    assert refusal(tmp_path / "file") == "error[AR520]: DIR/file: is not a run folder"


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    atomic.write_text(path, "old")
    with pytest.raises(RuntimeError, match="crash"), atomic.replacing(path) as part:
        part.write_text("half of the n")
        raise RuntimeError("crash")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_crash_while_weights_are_written_leaves_the_earlier_ones(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ardsl.runs import folder as runs

    x = correlated(20)
    with torch.no_grad():
        before = ardsl.restore(folder).log_prob(x)

    def crash(weights: Any, path: Path, metadata: Any) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    written = runs.RunFolder.__new__(runs.RunFolder)
    written.path, written._spec, written._run = folder, made(TRAIN), {"params": {}}
    monkeypatch.setattr(checkpoint, "save_file", crash)
    with pytest.raises(KeyboardInterrupt):
        written.save_weights({"x": torch.zeros(3)})
    monkeypatch.undo()
    with torch.no_grad():
        assert torch.equal(ardsl.restore(folder).log_prob(x), before)  # type: ignore[arg-type]
    assert not [p for p in folder.iterdir() if p.suffix == ".part"]


def test_divergence_leaves_a_folder_that_restores(tmp_path: Path) -> None:
    spec = made("batch = 50  epochs = 40  optimizer = sgd(rate = 1e-3)")

    class Spoil(Callback):
        def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
            if trainer.current_epoch == 2:
                with torch.no_grad():
                    next(module.model.parameters()).fill_(float("inf"))

    with pytest.raises(ardsl.DataError, match=r"the weights of epoch \d are kept in .*run;"):
        ardsl.fit(spec, correlated(100), tmp_path / "run", device="cpu", progress=False, callbacks=[Spoil()])
    assert ardsl.evaluate(ardsl.restore(tmp_path / "run"), correlated(10)).nll < 10
    assert read_run(tmp_path / "run")["figures"]["stopped"] == "diverged"


def test_a_restored_model_finds_the_specs_own_data(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", correlated(40).numpy())
    run = ardsl.fit(
        made("epochs = 1", 'train = "d.npy"  test = "d.npy"', str(tmp_path)), out=tmp_path / "run", device="cpu"
    )
    found = ardsl.evaluate(ardsl.restore(tmp_path / "run"))
    assert found.nll == ardsl.evaluate(run.model).nll


class Seen(Callback):
    """Whether there was a picture of samples when an epoch began."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen: list[bool] = []

    def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
        self.seen.append(self.path.is_file())


def test_samples_are_drawn_while_a_model_trains_and_change_nothing(tmp_path: Path) -> None:
    spec = ardsl.loads("observed x[4, 4] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [8], dropout = 0.2)\n")
    x = (torch.rand(200, 4, 4, generator=torch.Generator().manual_seed(0)) < 0.5).byte()
    seen = Seen(tmp_path / "a" / "samples.png")
    data = {"train": x[:150], "valid": x[150:]}
    drawn = ardsl.fit(spec, data, tmp_path / "a", epochs=3, device="cpu", progress=False, callbacks=[seen])
    plain = ardsl.fit(spec, data, epochs=3, device="cpu", progress=False)
    assert seen.seen == [False, True, True]
    assert all(map(torch.equal, drawn.model.state_dict().values(), plain.model.state_dict().values()))
