"""``train``, ``eval``, ``score`` and ``sample``, on a small table and a small picture."""

from __future__ import annotations

import csv
import json
import math
import re
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import SafetensorError

from tests.support.commands import Run

PICTURE = """model small
given label : category("odd", "even")
observed x[4, 4] : binary
p(x[i] | x[<i], label) = bernoulli via made(hidden = 8)
data { train = "data.npz"  valid = 0.25  test = "data.npz"  x = "{split}_x"  label = "{split}_label" }
train { epochs = 2  batch = 20 }
"""


@pytest.fixture
def spec(here: Path) -> str:
    """A spec in a folder of its own, with its data beside it."""
    random = np.random.default_rng(0)
    folder = here / "specs"
    folder.mkdir()
    arrays = {}
    for split, rows in (("train", 80), ("test", 30)):
        arrays[f"{split}_x"] = random.integers(0, 2, (rows, 4, 4)).astype(np.uint8)
        arrays[f"{split}_label"] = random.integers(0, 2, rows)
    np.savez(folder / "data.npz", **arrays)
    (folder / "small.ar").write_text(PICTURE)
    return "specs/small.ar"


@pytest.fixture
def trained(run: Run, spec: str) -> str:
    assert run("train", spec, "-q").exit_code == 0
    return "runs/small"


def test_train_leaves_a_run_folder_and_names_what_is_next(run: Run, spec: str) -> None:
    result = run("train", spec, "--epochs", "1", "--seed", "3", "--out", "there")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "The run is in there, samples in there/samples.png. Next:",
        "  ardsl eval there",
        "  ardsl sample there --given label=VALUE -n 64 -o samples.png",
    ]
    assert "epoch 1/1" in result.stderr
    for name in ("spec.ar", "weights.safetensors", "metrics.csv", "samples.png"):
        assert Path("there", name).is_file()


def test_quiet_training_says_only_where_the_run_is(run: Run, spec: str) -> None:
    result = run("train", spec, "-q", "--epochs", "1")
    assert result.stderr == "" and result.stdout.startswith("The run is in runs/small, samples in ")


def test_eval_prints_the_documented_object(run: Run, trained: str) -> None:
    found = json.loads(run("eval", trained, "--json").stdout)
    assert set(found) == {"nll", "standard_error", "bits_per_dim", "examples"}
    assert found["examples"] == 30
    assert found["bits_per_dim"] == pytest.approx(found["nll"] / (16 * math.log(2)))
    shown = run("eval", trained).stdout
    assert f"{found['nll']:.4f}" in shown and f"{found['bits_per_dim']:.4f}" in shown
    assert json.loads(run("eval", trained, "--json", "--data", "specs/data.npz").stdout) == found
    assert json.loads(run("eval", trained, "--json", "--split", "train").stdout)["examples"] == 60
    assert json.loads(run("eval", trained, "--json", "--split", "valid").stdout)["examples"] == 20
    assert json.loads(run("eval", trained, "--json", "--examples", "7").stdout)["examples"] == 7
    assert "not the mixture of several orders" in run("eval", trained, "--orders", "2").stderr


def test_eval_of_some_orders(run: Run, spec: str) -> None:
    Path(spec).write_text(PICTURE.replace("p(x[i]", "order x by any(orders = 3)\np(x[i]"))
    assert run("train", spec, "-q").exit_code == 0
    shown = run("eval", "runs/small", "--orders", "2").stdout
    assert "orders        the first 2 of 3\n" in shown and re.search(r"one order     \d+\.\d+ ± \d\.\d+ nats", shown)
    assert re.search(r"mixture of 1  \d+\.\d{4} nats\nmixture of 2  \d+\.\d{4} nats\n$", shown)
    assert "orders        all 3\n" in run("eval", "runs/small", "--orders", "3").stdout
    figures = json.loads(run("eval", "runs/small", "--orders", "1", "--json").stdout)
    assert figures["orders"] == 1 and figures["order_nll"] == figures["nll"] and figures["order_error"] is None
    assert figures["mixtures"] == {"1": figures["nll"]}


def test_paths_are_relative_to_the_working_directory(
    run: Run, trained: str, monkeypatch: pytest.MonkeyPatch, here: Path
) -> None:
    expected = run("eval", trained, "--json").stdout
    monkeypatch.chdir(here / "specs")
    assert run("eval", "../runs/small", "--json").stdout == expected
    assert run("eval", "../runs/small", "--json", "--data", "data.npz").stdout == expected
    assert run("eval", "../runs/small", "--json", "--data", "./data.npz").stdout == expected


def test_scores_are_those_that_eval_sums(run: Run, trained: str) -> None:
    assert run("score", trained, "-o", "scores.csv").exit_code == 0
    with open("scores.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    nll = json.loads(run("eval", trained, "--json").stdout)["nll"]
    assert len(rows) == 30
    assert -sum(float(row["log_prob"]) for row in rows) / 30 == pytest.approx(nll, rel=1e-6)


def test_the_data_of_a_run_that_was_moved(run: Run, trained: str) -> None:
    """Where another folder stands in the place of the spec's."""
    Path("runs/small").rename("small")
    Path("specs").rename("elsewhere")
    Path("specs").mkdir()
    directory = Path("small/run.json")
    directory.write_text(directory.read_text().replace("../../specs", "../specs"))
    result = run("eval", "small")
    problem = "its test data, `data.npz`, is not where it was, in specs: give --data-dir or --data"
    assert (result.exit_code, result.stderr) == (2, f"error[AR520]: small: {problem}\n")
    assert run("eval", "small", "--data-dir", "elsewhere").exit_code == 0


def test_a_list_of_labels_needs_no_quotes(run: Run, trained: str) -> None:
    drawn = []
    for written in ('label=["odd", "even"]', "label=[odd, even]", "label=[ odd,even ]", "label=[0, 1]"):
        assert run("sample", trained, "--given", written, "--seed", "1", "-o", "s.npz").exit_code == 0
        with np.load("s.npz") as file:
            drawn.append(np.asarray(file["x"]))
    assert drawn[0].shape == (2, 4, 4) and all((samples == drawn[0]).all() for samples in drawn)


def test_samples_depend_on_the_seed_and_the_given(run: Run, trained: str) -> None:
    def samples(*words: str) -> np.ndarray:
        result = run("sample", trained, "-n", "50", "-o", "s.npz", *words)
        assert result.exit_code == 0, result.stderr
        with np.load("s.npz") as file:
            return np.asarray(file["x"])

    first = samples("--given", "label=odd", "--seed", "1")
    assert first.shape == (50, 4, 4)
    assert (samples("--given", "label=0", "--seed", "1") == first).all()
    assert (samples("--given", "label=odd", "--seed", "2") != first).any()
    np.save("labels.npy", np.arange(50) % 2)
    assert samples("--given", "label=labels.npy", "--seed", "1").shape == (50, 4, 4)
    assert run("sample", trained, "--given", 'label=["odd", "even", "odd"]', "-o", "s.npz").exit_code == 0
    with np.load("s.npz") as file:
        assert file["label"].tolist() == [0, 1, 0]
    for suffix in ("png", "csv"):
        assert run("sample", trained, "-n", "4", "--given", "label=odd", "-o", f"s.{suffix}").exit_code == 0


@pytest.mark.parametrize(
    "words, told",
    [
        (["sample", "RUN", "-o", "s.npz"], "--given label=VALUE"),
        (["sample", "RUN", "-o", "s.npz", "--given", "lable=odd"], "did you mean `label`"),
        (["sample", "RUN", "-o", "s.npz", "--given", "label=od"], "did you mean `odd`"),
        (["sample", "RUN", "-o", "s.npz", "--given", "label=[odd, evn]"], "'evn': did you mean `even`"),
        (["sample", "RUN", "-o", "s.npz", "--given", "label=7"], "AR504"),
        (["sample", "RUN", "-o", "s.npz", "--given", "label=[]"], "takes one value"),
        (["sample", "RUN", "-o", "s.npz", "-n", "3", "--given", "label=[0, 1]"], "has 2 values, one for each sample"),
        (["sample", "RUN", "-o", "s.npz", "--given", "label=specs/data.npz"], "there is no array `label`"),
        (["sample", "RUN", "-o", "s.npz", "--given", "label=specs/data.npz#nope"], "there is no array `nope`"),
        (["eval", "RUN", "--data", "specs/data.npz#nope"], "`#nope` names one array, but the `data` block"),
        (["sample", "RUN", "-o", "s.xyz", "--given", "label=odd"], "AR530"),
        (["eval", "RUN", "--data", "absent.npz"], "absent.npz: there is no such file"),
        (["eval", "RUN", "--data", "bad.ar"], "AR506"),
        (["score", "RUN", "-o", "scores.txt"], ".csv"),
        (["eval", "specs"], "AR520"),
        (["train", "SPEC", "--data", "train=absent.npz"], "absent.npz"),
        (["train", "SPEC", "--device", "abacus"], "AR510"),
        (["train", "SPEC", "--out", "specs"], "AR520"),
        (["train", "absent.ar"], "absent.ar"),
    ],
)
def test_errors_of_use_are_one_line(run: Run, trained: str, spec: str, words: list[str], told: str) -> None:
    result = run(*(word.replace("RUN", trained).replace("SPEC", spec) for word in words))
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1 and told in result.stderr


def test_a_value_outside_its_domain_is_placed(run: Run, here: Path) -> None:
    Path("table.ar").write_text('observed age : count\np(age) = poisson\ndata { train = "people.csv" }\n')
    Path("people.csv").write_text("age\n3\n-4\n")
    result = run("train", "table.ar")
    assert result.exit_code == 2
    assert "people.csv, line 3, column `age`" in result.stderr and result.stderr.count("\n") == 1


def test_a_training_that_diverges_exits_with_1(run: Run, spec: str) -> None:
    text = Path(spec).read_text().replace("epochs = 2", "epochs = 2  optimizer = sgd(rate = 1e30)")
    Path(spec).write_text(text)
    result = run("train", spec, "-q")
    assert result.exit_code == 1 and "AR511" in result.stderr


def test_a_rejected_spec_is_not_trained(run: Run) -> None:
    result = run("train", "bad.ar")
    assert result.exit_code == 1 and "AR101" in result.stderr and not Path("runs").exists()


def test_sampled_tables_have_what_they_were_drawn_for(run: Run, trained: str) -> None:
    assert run("sample", trained, "-n", "3", "--given", "label=even", "-o", "s.csv").exit_code == 0
    with open("s.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert header[:2] == ["train_label", "x[0, 0]"] and [row[0] for row in rows] == ["even"] * 3
    assert run("sample", trained, "-n", "3", "--given", "label=even", "-o", "s.npz").exit_code == 0
    with np.load("s.npz") as arrays:
        assert arrays["label"].tolist() == [1, 1, 1] and arrays["x"].shape == (3, 4, 4)


def test_bits_are_counted_of_discrete_data_only(run: Run) -> None:
    for domain, family, counted in (("binary", "bernoulli", True), ("real", "normal", False)):
        data = 'data { train = "d.npy"  valid = 0.5 }'
        Path("one.ar").write_text(f"observed x[2] : {domain}\np(x) = {family}\n{data}\n")
        np.save("d.npy", np.zeros((8, 2)) + np.arange(8)[:, None] % 2)
        trained = run("train", "one.ar", "--epochs", "1")
        assert ("bits/dim" in trained.stderr) is counted
        assert ("bits per dim" in run("eval", "runs/one", "--split", "valid").stdout) is counted


def test_a_training_of_no_epoch_says_so(run: Run, spec: str) -> None:
    assert "no epoch was trained" in run("train", spec, "--epochs", "0").stderr


def test_a_column_that_hardly_varies_is_named_in_a_line(run: Run, here: Path) -> None:
    """Numbers about 10¹⁶ that differ by one step of double precision."""
    rows = "".join(f"{10**16 + 2 * (k % 2)},{k % 5}\n" for k in range(40))
    (here / "t.csv").write_text("a,b\n" + rows)
    (here / "t.ar").write_text(
        "record r { a : real  b : real }\np(r[i] | r[<i]) = normal via linear\n"
        'data { train = "t.csv"  valid = 0.2 }\ntrain { epochs = 1 }\n'
    )
    assert run("train", "t.ar", "-q").stderr.splitlines() == [
        "note: the values of `r.a` differ by no more than float64 rounds them by, so they are taken as constant: "
        "keep their differences from one of them"
    ]


def test_a_run_that_was_moved_asks_for_its_data(run: Run, trained: str, here: Path) -> None:
    moved = here / "far" / "and" / "away"
    moved.parent.mkdir(parents=True)
    Path(trained).rename(moved)
    result = run("eval", str(moved))
    assert result.exit_code == 2 and "give --data-dir or --data" in result.stderr
    assert run("eval", str(moved), "--data-dir", "specs").exit_code == 0


def test_a_full_disk_is_one_line_with_the_command_that_goes_on(
    run: Run, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ardsl.runs import checkpoint

    whole, written = checkpoint.save_file, []

    def fill(tensors: dict[str, torch.Tensor], path: Path, metadata: dict[str, str]) -> None:
        written.append(path)
        if len(written) == 2:
            Path(path).write_bytes(b"half")
            raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
        whole(tensors, path, metadata)

    words = ["train", spec, "--checkpoint-every", "0"]
    monkeypatch.setattr(checkpoint, "save_file", fill)
    monkeypatch.setattr("sys.argv", ["ardsl", *words])
    result = run(*words)
    assert result.exit_code == 2
    *_, line = result.stderr.splitlines()
    assert line == (
        "error[AR530]: runs/small/weights.safetensors: cannot be written: no space left on device (os error 28); "
        "after mending that, resume with `ardsl train specs/small.ar --checkpoint-every 0 --resume`"
    )
    assert run(*words, "--resume").exit_code == 0
    assert not list(Path("runs/small").glob(".*"))


def test_an_interrupted_training_names_the_command_that_goes_on(
    run: Run, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ardsl.training.learner import Learner

    before = Learner.on_train_epoch_start
    monkeypatch.setattr("sys.argv", ["ardsl", "train", spec])

    def stop(self: Learner) -> None:
        self.interrupted = signal.SIGINT if len(self.metrics) == 1 else None
        before(self)

    with monkeypatch.context() as patched:
        patched.setattr(Learner, "on_train_epoch_start", stop)
        result = run("train", spec)
    assert result.exit_code == 130
    assert result.stdout.splitlines()[-1] == f"  ardsl train {spec} --resume"
    assert "has not ended" in run("eval", "runs/small").stderr
    assert "going on in epoch 2, after 3 steps" in run("train", spec, "--resume").stderr
    assert run("eval", "runs/small").stderr == ""
    assert "there is nothing to resume" in run("train", spec, "--resume").stderr


def test_a_trial_run_writes_nothing(run: Run, spec: str) -> None:
    result = run("train", spec, "--fast-dev-run")
    assert result.exit_code == 0 and "epoch 1/1" in result.stderr
    assert result.stdout == "One step and one validation went through; nothing was written.\n"
    assert not Path("runs").exists()
