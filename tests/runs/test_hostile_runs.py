"""A run folder that is broken, or made to do harm, is refused with one line: nothing hangs, swells or is executed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import ardsl
from tests.support.hostile import bounded, command, pickled, refusal
from tests.support.runtime_specs import correlated

SPEC = """model small
param width = 4
observed x[4] : binary
order x by "order.npy"
p(x[i] | x[<i]) = bernoulli via made(hidden = [width])
data { train = "data.npy"  test = "data.npy" }
train { batch = 50  epochs = 1 }
"""
REAL = "observed y : real\np(y) = normal\ntrain { epochs = 1 }\n"
WEIGHTS = "DIR/run/weights.safetensors: "
SPECIAL = "is a pipe or a device, not a file"
COMMANDS = {
    "eval": ("eval", "run"),
    "score": ("score", "run", "-o", "scores.csv"),
    "sample": ("sample", "run", "-o", "samples.npz"),
}
Spoil = Callable[[Path], Any]
"""What is done to the folder ``run``."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``specs`` with the data, the runs ``run`` and ``other``."""
    home = tmp_path_factory.mktemp("hostile")
    (home / "specs").mkdir()
    (home / "specs" / "small.ar").write_text(SPEC)
    np.save(home / "specs" / "data.npy", correlated(100).numpy())
    np.save(home / "specs" / "order.npy", np.array([2, 0, 3, 1]))
    ardsl.fit(ardsl.load(home / "specs" / "small.ar"), out=home / "run", device="cpu", progress=False)
    values = np.random.default_rng(0).normal(3, 2, 100)
    ardsl.fit(ardsl.loads(REAL), values, home / "other", device="cpu", progress=False)
    return home


@pytest.fixture
def home(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to spoil, as the working directory."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rewritten(change: Callable[[dict[str, torch.Tensor]], Any]) -> Spoil:
    """The weights changed, their metadata as it was."""

    def spoil(run: Path) -> None:
        path = run / "weights.safetensors"
        content = path.read_bytes()
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        weights = load_file(path)
        change(weights)
        save_file(weights, path, header["__metadata__"])

    return spoil


def headed(change: Callable[[dict[str, Any]], Any], rest: int | None = None) -> Spoil:
    """The header of the weights changed, as raw JSON; ``rest`` bytes of numbers stay."""

    def spoil(run: Path) -> None:
        path = run / "weights.safetensors"
        content = path.read_bytes()
        start = 8 + int.from_bytes(content[:8], "little")
        header = json.loads(content[8:start])
        change(header)
        text = json.dumps(header).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + content[start:][:rest])

    return spoil


def swapped_types(weights: dict[str, torch.Tensor]) -> None:
    """As many whole and as many real numbers as before."""
    name = next(name for name, w in weights.items() if w.is_floating_point() and w.numel() == 4)
    weights["rank_x"], weights[name] = weights["rank_x"].float(), weights[name].int()


def first(weights: dict[str, torch.Tensor]) -> str:
    return min(name for name, w in weights.items() if w.dim() == 2 and w.is_floating_point())


def tensors(header: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry for name, entry in header.items() if name != "__metadata__"]


def overlapping(header: dict[str, Any]) -> None:
    one, two = tensors(header)[:2]
    size = two["data_offsets"][1] - two["data_offsets"][0]
    two["data_offsets"] = [one["data_offsets"][0], one["data_offsets"][0] + size]


def written(name: str, content: str | bytes) -> Spoil:
    def spoil(run: Path) -> None:
        (run / name).write_bytes(content.encode() if isinstance(content, str) else content)

    return spoil


def edited(name: str, old: str, new: str) -> Spoil:
    def spoil(run: Path) -> None:
        text = (run / name).read_text()
        assert old in text
        (run / name).write_text(text.replace(old, new))

    return spoil


def told(**values: Any) -> Spoil:
    """``run.json`` with other values."""

    def spoil(run: Path) -> None:
        (run / "run.json").write_text(json.dumps(json.loads((run / "run.json").read_text()) | values))

    return spoil


def linked(name: str, to: str) -> Spoil:
    def spoil(run: Path) -> None:
        (run / name).unlink()
        (run / name).symlink_to(to)

    return spoil


def piped(name: str) -> Spoil:
    def spoil(run: Path) -> None:
        (run / name).unlink(missing_ok=True)
        os.mkfifo(run / name)

    return spoil


def folder(name: str) -> Spoil:
    def spoil(run: Path) -> None:
        (run / name).unlink()
        (run / name).mkdir()

    return spoil


def unpickled(name: str) -> Spoil:
    return lambda run: pickled(run / name, run.parent / "executed")


def sparse(name: str, size: int) -> Spoil:
    def spoil(run: Path) -> None:
        with (run / name).open("r+b") as file:
            file.truncate(size)

    return spoil


def absent(name: str) -> Spoil:
    return lambda run: (run / name).unlink()


def foreign(name: str) -> Spoil:
    return lambda run: shutil.copyfile(run.parent / "other" / name, run / name)


CANNOT = "error[AR521]: " + WEIGHTS + "cannot be read: "
TEXT = "the weights were trained with another text than `spec.ar` has now: restore it, or train again"
DAMAGED = "error[AR520]: DIR/run/run.json: is damaged"
REFUSED: dict[str, tuple[Spoil, str]] = {
    "weights cut short": (sparse("weights.safetensors", 700), CANNOT),
    "weights cut in the header": (sparse("weights.safetensors", 20), CANNOT),
    "weights with a tail": (sparse("weights.safetensors", 10**6), CANNOT),
    "no bytes": (written("weights.safetensors", b""), CANNOT),
    "noise": (written("weights.safetensors", np.random.default_rng(0).bytes(2000)), CANNOT),
    "zeros": (written("weights.safetensors", bytes(2000)), CANNOT),
    "text": (written("weights.safetensors", SPEC), CANNOT),
    "a pickle": (unpickled("weights.safetensors"), CANNOT),
    "another model's weights": (foreign("weights.safetensors"), "error[AR521]: " + WEIGHTS + TEXT),
    "an order for weights": (
        lambda run: shutil.copyfile(run / "order.npy", run / "weights.safetensors"),
        CANNOT,
    ),
    "one more tensor": (
        rewritten(lambda w: w.update(extra=torch.zeros(0))),
        "error[AR521]: " + WEIGHTS + "`extra` are in one of file and plan only",
    ),
    "one tensor less": (rewritten(lambda w: w.pop(first(w))), "error[AR521]: " + WEIGHTS + "it holds "),
    "no tensor": (rewritten(lambda w: w.clear()), "error[AR521]: " + WEIGHTS + "it holds 0 numbers where the plan has"),
    "a turned tensor": (
        rewritten(lambda w: w.update({first(w): w[first(w)].reshape(1, -1)})),
        "error[AR521]: " + WEIGHTS + "`networks.0.",
    ),
    "half precision": (
        rewritten(lambda w: w.update({n: t.half() for n, t in w.items() if t.is_floating_point()})),
        "error[AR521]: " + WEIGHTS + "the numbers have the type F16, I32",
    ),
    "two types": (
        rewritten(lambda w: w.update({first(w): w[first(w)].double()})),
        "error[AR521]: " + WEIGHTS + "the numbers have the type F32, F64, I32",
    ),
    "swapped types": (rewritten(swapped_types), "error[AR521]: " + WEIGHTS + "`"),
    "NaN": (
        rewritten(lambda w: w[first(w)].fill_(float("nan"))),
        "error[AR521]: " + WEIGHTS + "`networks.0.",
    ),
    "terabytes": (
        headed(lambda h: tensors(h)[0].update(shape=[2_500_000_000_000], data_offsets=[0, 10**13])),
        CANNOT,
    ),
    "more than there are addresses": (
        headed(lambda h: tensors(h)[0].update(shape=[2**40, 2**40], data_offsets=[0, 2**62])),
        CANNOT,
    ),
    "numbers below nothing": (headed(lambda h: tensors(h)[0].update(data_offsets=[-4, 0])), CANNOT),
    "overlapping tensors": (headed(overlapping), CANNOT),
    "tensors past the end": (headed(lambda h: None, rest=8), CANNOT),
    "no metadata": (headed(lambda h: h.pop("__metadata__")), "error[AR521]: " + WEIGHTS + TEXT),
    "a header that is a list": (written("weights.safetensors", (2).to_bytes(8, "little") + b"[]"), CANNOT),
    "a deep header": (
        written("weights.safetensors", (10**5).to_bytes(8, "little") + b"[" * 10**5),
        CANNOT,
    ),
    "weights: an endless device": (linked("weights.safetensors", "/dev/zero"), "error[AR521]: " + WEIGHTS + SPECIAL),
    "weights: a pipe": (piped("weights.safetensors"), "error[AR521]: " + WEIGHTS + SPECIAL),
    "weights: a folder": (folder("weights.safetensors"), "error[AR521]: " + WEIGHTS + "is a directory"),
    "weights: a dangling link": (
        linked("weights.safetensors", "nowhere"),
        "error[AR520]: DIR/run: has no `weights.safetensors`: no epoch of the training has ended",
    ),
    "run.json: an endless device": (linked("run.json", "/dev/zero"), f"error[AR520]: DIR/run: `run.json` {SPECIAL}"),
    "run.json: a pipe": (piped("run.json"), f"error[AR520]: DIR/run: `run.json` {SPECIAL}"),
    "run.json: a folder": (folder("run.json"), "error[AR520]: DIR/run: `run.json` is a directory"),
    "run.json: a circle of links": (linked("run.json", "run.json"), "error[AR520]: DIR/run: `run.json` cannot be read"),
    "run.json: absent": (absent("run.json"), "error[AR520]: DIR/run: is not a run folder (it has no `run.json`)"),
    "run.json: empty": (written("run.json", ""), DAMAGED),
    "run.json: a pickle": (unpickled("run.json"), DAMAGED),
    "run.json: a list": (written("run.json", "[]"), DAMAGED),
    "run.json: deep": (written("run.json", "[" * 10**5 + "]" * 10**5), DAMAGED),
    "run.json: a huge number": (written("run.json", '{"params": {"width": ' + "9" * 10**5 + "}}"), DAMAGED),
    "run.json: huge": (sparse("run.json", 10**12), "error[AR520]: DIR/run: `run.json` is longer than 16 MB"),
    "run.json: params that are a list": (told(params=[1]), DAMAGED),
    "run.json: another width": (
        told(params={"width": 5}),
        "error[AR521]: "
        + WEIGHTS
        + "the weights were trained with other params than `run.json` has now: restore it, or train again",
    ),
    "spec.ar: an endless device": (linked("spec.ar", "/dev/zero"), f"error[AR520]: DIR/run: `spec.ar` {SPECIAL}"),
    "spec.ar: a pipe": (piped("spec.ar"), f"error[AR520]: DIR/run: `spec.ar` {SPECIAL}"),
    "spec.ar: a folder": (folder("spec.ar"), "error[AR520]: DIR/run: `spec.ar` is a directory"),
    "spec.ar: huge": (sparse("spec.ar", 10**12), "error[AR520]: DIR/run: `spec.ar` is longer than 16 MB"),
    "spec.ar: another model's": (foreign("spec.ar"), "error[AR521]: " + WEIGHTS + TEXT),
    "another order": (
        lambda run: np.save(run / "order.npy", np.arange(4)),
        "error[AR521]: " + WEIGHTS + "the weights were trained under another order of `x`",
    ),
}
REJECTED: dict[str, tuple[Spoil, str]] = {
    "a layer of terabytes": (edited("spec.ar", "[width]", "[10000000, 10000000]"), "AR404"),
    "a layer of terabytes by params": (told(params={"width": 10**12}), "AR404"),
    "too many parameters": (edited("spec.ar", "[width]", "[100000, 100000, 100000]"), "AR411"),
    "an empty spec": (written("spec.ar", ""), "AR116"),
    "NUL bytes": (written("spec.ar", SPEC + "\0"), "AR0"),
    "not UTF-8": (written("spec.ar", SPEC.encode() + b"\xff"), "AR0"),
    "params of a wrong type": (told(params={"width": "wide"}), "AR109"),
    "params that are no value": (told(params={"width": {"a": [None]}}), "AR109"),
    "params without bounds": (told(params={"width": float("inf")}), "AR"),
    "params of a magic name": (told(params={"__class__": 1, "__init__": {}}), "AR108"),
    "an order that is a pickle": (unpickled("order.npy"), "cannot be read"),
    "an order of objects": (
        lambda run: np.save(run / "order.npy", np.array([{}] * 4, dtype=object), allow_pickle=True),
        "cannot be read",
    ),
    "an order that is a pipe": (piped("order.npy"), "`order.npy` is not a file"),
    "an order that is a folder": (folder("order.npy"), "`order.npy` is not a file"),
    "an order cut short": (sparse("order.npy", 130), "cannot be read"),
    "an order with an open bracket": (written("order.npy", b"\x93NUMPY\1\0\4\0((((" + bytes(64)), "cannot be read"),
    "an order that is an archive": (
        lambda run: (np.savez(run / "a.npz", x=np.arange(4)), os.replace(run / "a.npz", run / "order.npy")),
        "is not a one-dimensional array",
    ),
    "an order elsewhere": (edited("spec.ar", "order.npy", "../../nowhere/order.npy"), "does not exist"),
    "an absolute order": (edited("spec.ar", "order.npy", "/etc/passwd.npy"), "does not exist"),
}
HARMLESS: dict[str, Spoil] = {
    "untouched": lambda run: None,
    "links to files": lambda run: (
        (run / "weights.safetensors").rename(run.parent / "w"),
        (run / "weights.safetensors").symlink_to("../w"),
    ),
    "a curve that is noise": written("metrics.csv", b"\xff\0" * 100),
    "a checkpoint that is a pickle": unpickled("checkpoint.safetensors"),
    "a checkpoint that is a pipe": piped("checkpoint.safetensors"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_folder_is_refused(name: str, home: Path) -> None:
    spoil, expected = REFUSED[name]
    spoil(home / "run")
    for words in COMMANDS.values():
        assert refusal(*words).replace("]: run", "]: DIR/run").startswith(expected)
    with bounded(), pytest.raises(ardsl.DataError) as found:
        ardsl.restore(home / "run")
    assert str(found.value).replace(str(home), "DIR").startswith(expected)
    assert not (home / "executed").exists()


@pytest.mark.parametrize("name", REJECTED)
def test_a_spec_in_a_folder_is_rejected(name: str, home: Path) -> None:
    spoil, expected = REJECTED[name]
    spoil(home / "run")
    for words in COMMANDS.values():
        result = command(*words)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "error[AR" in result.stderr and expected in result.stderr
    with bounded(), pytest.raises(ardsl.SpecError):
        ardsl.restore(home / "run")
    assert not (home / "executed").exists()


@pytest.mark.parametrize("name", HARMLESS)
def test_what_does_no_harm(name: str, home: Path) -> None:
    HARMLESS[name](home / "run")
    for words in COMMANDS.values():
        result = command(*words)
        assert (result.exit_code, result.stderr) == (0, "")
    assert not (home / "executed").exists()


@pytest.mark.parametrize("scale", [0.0, -1.0])
def test_a_scale_that_is_none(scale: float, home: Path) -> None:
    rewritten(lambda w: w["units.scale_y"].fill_(scale))(home / "other")
    expected = "error[AR521]: other/weights.safetensors: `units.scale_y` has scales that are not above 0"
    assert refusal("sample", "other", "-o", "s.npz") == expected


GONE = "error[AR520]: run: the spec it was trained from is not where it was: give --data-dir or --data"
PLACES: dict[str, tuple[Any, str]] = {
    "absent": ("../nowhere", GONE),
    "absolute": ("/nowhere", GONE),
    "NUL": ("\0", GONE),
    "too long": ("a" * 5000, GONE),
    "a list": ([["specs"]], GONE),
    "elsewhere": ("../../../../../../..", "error[AR520]: run: its test data, `data.npy`, is not where it was, in "),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_directory_that_is_none(name: str, home: Path) -> None:
    directory, expected = PLACES[name]
    told(directory=directory)(home / "run")
    for words in (COMMANDS["eval"], COMMANDS["score"]):
        assert refusal(*words).startswith(expected)
    assert command("eval", "run", "--data", "specs/data.npy").exit_code == 0


ENDED = ("train", "specs/small.ar", "--out", "run", "--resume", "--device", "cpu", "-q")
RESUMED: dict[str, tuple[Spoil, str]] = {
    "a curve of noise": (written("metrics.csv", b"\xff\0" * 100), "error[AR520]: run/metrics.csv: is damaged"),
    "a curve of words": (
        written("metrics.csv", "epoch,seconds,train,valid\none,1,1,1\n"),
        "error[AR520]: run/metrics.csv: is damaged",
    ),
    "a curve without columns": (written("metrics.csv", "a,b\n1,2\n"), "error[AR520]: run/metrics.csv: is damaged"),
    "a curve in one cell": (
        written("metrics.csv", 'epoch,seconds,train,valid\n"' + "1" * 200_000),
        "error[AR520]: run/metrics.csv: is damaged",
    ),
    "a curve that is a pipe": (piped("metrics.csv"), f"error[AR520]: run: `metrics.csv` {SPECIAL}"),
    "no curve": (absent("metrics.csv"), "error[AR520]: run: is not a run folder (it has no `metrics.csv`)"),
    "a training that is a list": (told(training=[]), "error[AR520]: run/run.json: is damaged"),
    "figures of wrong types": (
        told(figures={"stopped": "epochs", "valid": []}),
        "error[AR520]: run: its figures are damaged",
    ),
    "a checkpoint that is a pickle": (
        lambda run: (told(figures={})(run), unpickled("checkpoint.safetensors")(run)),
        "error[AR522]: run/checkpoint.safetensors: is damaged, or no checkpoint",
    ),
    "a checkpoint that is a pipe": (
        lambda run: (told(figures={})(run), piped("checkpoint.safetensors")(run)),
        f"error[AR522]: run/checkpoint.safetensors: {SPECIAL}",
    ),
    "a checkpoint that is a device": (
        lambda run: (told(figures={})(run), (run / "checkpoint.safetensors").symlink_to("/dev/zero")),
        f"error[AR522]: run/checkpoint.safetensors: {SPECIAL}",
    ),
    "a checkpoint of weights": (
        lambda run: (told(figures={})(run), shutil.copy(run / "weights.safetensors", run / "checkpoint.safetensors")),
        "error[AR522]: run/checkpoint.safetensors: is damaged, or no checkpoint",
    ),
}


@pytest.mark.parametrize("name", RESUMED)
def test_a_folder_is_not_gone_on_with(name: str, home: Path) -> None:
    spoil, expected = RESUMED[name]
    spoil(home / "run")
    assert refusal(*ENDED) == expected
    assert not (home / "executed").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", ["run.json", "spec.ar", "weights.safetensors"])
def test_a_file_that_may_not_be_read(name: str, home: Path) -> None:
    (home / "run" / name).chmod(0)
    assert "permission denied" in refusal("eval", "run").lower()


def test_a_folder_of_no_name() -> None:
    with pytest.raises(ardsl.DataError, match="there is no such run folder"):
        ardsl.restore("a\0b")
