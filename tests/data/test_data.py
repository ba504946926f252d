"""Every form of data comes to the same small tensors, and splits are what they say."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ardsl
from ardsl.data.splits import count, load_data, load_split, split_off
from ardsl.outputs.samples import write_samples
from ardsl.training.batches import Batches, permutation
from tests.support.runtime_specs import CONDITIONAL, PEOPLE, correlated, made, spec_in

X = correlated(20)


class Listed(torch.utils.data.Dataset[Any]):
    def __init__(self, examples: list[Any]) -> None:
        self.examples = examples

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> Any:
        return self.examples[index]


class Frame:
    """What any data-frame library has in common."""

    def __init__(self, columns: dict[str, list[Any]]) -> None:
        self._columns = columns
        self.columns = list(columns)

    def __getitem__(self, name: str) -> list[Any]:
        return self._columns[name]


FORMS: dict[str, Any] = {
    "tensor": X,
    "bool tensor": X.bool(),
    "bfloat16 tensor": X.bfloat16(),
    "array": X.numpy(),
    "big-endian array": X.numpy().astype(">i4"),
    "reversed view": X.flip(0).numpy()[::-1],
    "list": X.tolist(),
    "dict by variable": {"x": X, "unused": [1]},
    "dict by split": {"train": X},
    "TensorDataset": torch.utils.data.TensorDataset(X),
    "Dataset of tensors": Listed(list(X)),
    "Dataset of tuples": Listed([(x,) for x in X]),
    "Dataset of dicts": Listed([{"x": x} for x in X]),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_data(form: str) -> None:
    found = load_data(made(), FORMS[form]).train["x"]
    assert found.dtype == torch.uint8
    assert torch.equal(found, X)


@pytest.mark.parametrize("source", ["d.npy", "x.npz", "only.npz", "split.npz", "split.npz#train", "d.csv", "anon.csv"])
def test_every_file_is_the_same_data(source: str, tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", X)
    np.savez(tmp_path / "x.npz", x=X, y=np.zeros(3))
    np.savez(tmp_path / "only.npz", some=X)
    np.savez_compressed(tmp_path / "split.npz", train=X, test=1 - X)
    rows = "".join(",".join(map(str, row)) + "\n" for row in X.tolist())
    (tmp_path / "d.csv").write_text("x[0],x[1],x[2],x[3]\n" + rows)
    (tmp_path / "anon.csv").write_text("a;b;c;d\n" + rows.replace(",", ";"))
    assert torch.equal(load_data(made(), source, data_dir=tmp_path).train["x"], X)


def test_read_only_arrays_are_taken_without_a_warning() -> None:
    array = X.numpy().copy()
    array.flags.writeable = False
    assert torch.equal(load_data(made(), array).train["x"], X)


def test_a_file_with_its_own_valid_split(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", train=X, valid=X[:3], test=X[:2])
    spec = made(data='train = "d.npz"  valid = "d.npz"  test = "d.npz"', directory=str(tmp_path))
    assert count(load_data(spec).valid or {}) == 3
    assert count(load_split(spec)) == 2
    alone = load_data(made(), tmp_path / "d.npz")
    assert alone.valid is not None
    assert torch.equal(alone.valid["x"], X[:3])


def test_columns_and_keys_of_the_data_block(tmp_path: Path) -> None:
    labels = np.arange(6) % 3
    images = np.zeros((6, 2, 3), np.uint8)
    np.savez(tmp_path / "d.npz", train_images=images, train_labels=labels, valid_images=images, valid_labels=labels)
    block = 'data { train = "d.npz"  x = "{split}_images"  label = "{split}_labels" }'
    spec = spec_in(tmp_path, CONDITIONAL + block)
    found = load_split(spec, split="train")
    assert torch.equal(found["label"], torch.from_numpy(labels).to(torch.uint8))
    keyed = ardsl.loads(CONDITIONAL + 'data { train = "d.npz#train_images"  label = "train_labels" }')
    assert load_data(keyed, tmp_path / "d.npz#train_images").train["x"].shape == (6, 2, 3)


def test_parts_of_a_dataset_are_observed_then_given() -> None:
    data = torch.utils.data.TensorDataset(torch.ones(4, 2, 3), torch.tensor([0, 1, 2, 0]))
    found = load_data(ardsl.loads(CONDITIONAL), data).train
    assert found["label"].tolist() == [0, 1, 2, 0]
    assert found["x"].shape == (4, 2, 3)


def test_integers_are_kept_small() -> None:
    kinds = {"category(300)": torch.int16, "integer(-5, 5)": torch.int16, "integer(0, 255)": torch.uint8}
    kinds |= {"integer(0, 70000)": torch.int32, "real": torch.float32, "mulaw(256)": torch.float32}
    for domain, kind in kinds.items():
        spec = ardsl.loads(f"observed y : {domain}\np(y) = default\n")
        assert load_data(spec, np.zeros(3)).train["y"].dtype == kind
    counts = ardsl.loads("observed y : count\np(y) = default\n")
    assert load_data(counts, np.array([3, 300])).train["y"].tolist() == [3, 300]


TABLE = "member,note,city,age,visits\n1,a,Bern,41,3\n0,b, New York ,3.25,0\n1,c,?,7,2\n"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_by_field_name(separator: str, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(b"\xef\xbb\xbf" + TABLE.replace(",", separator).replace("\n", "\r\n\r\n").encode())
    spec = ardsl.loads(PEOPLE + "data { missing = drop }")
    found = load_data(spec, path)
    assert found.dropped == {"train": 1}
    assert found.train["person"].tolist() == [[41, 0, 1, 3], [3.25, 2, 0, 0]]


def test_columns_of_other_names(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("A,C,M,V\n1,Chur,true,2\n")
    spec = ardsl.loads(PEOPLE + 'data { person = ["A", "C", "M", "V"] }')
    assert load_data(spec, tmp_path / "t.csv").train["person"].tolist() == [[1, 1, 1, 2]]


def test_frames_and_dicts_by_field() -> None:
    columns = {"age": [1.5, 2], "city": ["Bern", "Chur"], "member": [True, False], "visits": [0, 9]}
    expected = [[1.5, 0, 1, 0], [2, 1, 0, 9]]
    spec = ardsl.loads(PEOPLE)
    assert load_data(spec, Frame(columns)).train["person"].tolist() == expected
    assert load_data(spec, columns).train["person"].tolist() == expected
    assert load_data(spec, {"person": np.array(expected)}).train["person"].tolist() == expected


def test_labels_survive_the_way_to_a_table_and_back(tmp_path: Path) -> None:
    people = torch.tensor([[1.1, 2, 1, 4], [-3e-7, 0, 0, 0], [41, 1, 1, 10]])
    spec = ardsl.loads(PEOPLE)
    write_samples(tmp_path / "s.csv", spec, people)
    assert (tmp_path / "s.csv").read_text() == (
        "age,city,member,visits\n1.1,New York,1,4\n-3e-07,Bern,0,0\n41.0,Chur,1,10\n"
    )
    assert torch.equal(load_data(spec, tmp_path / "s.csv").train["person"], people)


def test_an_array_survives_the_way_to_a_table_and_back(tmp_path: Path) -> None:
    spec = ardsl.loads("observed x[2, 3] : integer(-2, 9)\np(x) = default\nobserved y : real\np(y) = default\n")
    samples = {"x": torch.arange(-2, 4).reshape(1, 2, 3).repeat(2, 1, 1), "y": torch.tensor([0.1, 1 / 3])}
    for name in ("s.csv", "s.npz"):
        write_samples(tmp_path / name, spec, samples)
        found = load_data(spec, tmp_path / name).train
        assert torch.equal(found["x"], samples["x"].to(torch.int16))
        assert torch.equal(found["y"], samples["y"])


def test_a_mark_that_is_a_label_is_not_missing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("y\nNA\nEU\n")
    spec = ardsl.loads('observed y : category("EU", "NA")\np(y) = default\n')
    assert load_data(spec, tmp_path / "t.csv").train["y"].tolist() == [1, 0]


def test_a_share_is_split_off_by_seed() -> None:
    rows = {"x": torch.arange(100)}
    kept, held = split_off(rows, 0.1, seed=3)
    assert len(held["x"]) == 10
    assert sorted([*kept["x"].tolist(), *held["x"].tolist()]) == list(range(100))
    assert torch.equal(held["x"], split_off(rows, 0.1, seed=3)[1]["x"])
    assert not torch.equal(held["x"], split_off(rows, 0.1, seed=4)[1]["x"])
    with pytest.raises(ardsl.DataError, match="leaves no rows on one side"):
        split_off(rows, 0.001, seed=0)
    splits = load_data(made(data="valid = 0.25"), X)
    assert splits.valid is not None
    assert (count(splits.train), count(splits.valid)) == (15, 5)
    overridden = load_data(made(), {"train": X, "valid": "0.5"})
    assert count(overridden.valid or {}) == 10
    assert torch.equal(load_split(made(), {"train": X, "valid": 0.5}, "valid")["x"], (overridden.valid or {})["x"])


def test_an_epoch_visits_every_example_once_in_an_order_of_its_own() -> None:
    batches = Batches({"x": torch.arange(23)}, batch=5, seed=7)
    epochs = [[b["x"] for b in batches] for _ in range(2)]
    assert [len(b) for b in epochs[0]] == [5, 5, 5, 5, 3]
    assert batches.count == 5
    for number, epoch in enumerate(epochs):
        assert torch.cat(epoch).tolist() == permutation(7, number, 23).tolist()
        assert sorted(torch.cat(epoch).tolist()) == list(range(23))
    assert not torch.equal(torch.cat(epochs[0]), torch.cat(epochs[1]))
    assert permutation(8, 0, 23).tolist() != permutation(7, 0, 23).tolist()


@pytest.mark.parametrize("form", ["array", "integers", "csv", "one row"])
def test_values_keep_the_digits_that_their_spread_needs(form: str, tmp_path: Path) -> None:
    """Float32 would round times in seconds since 1970 to steps of 128; of others it holds enough."""
    rng = np.random.default_rng(0)
    times, other = np.round(1.7e9 + rng.uniform(0, 3600, 300)), rng.normal(size=300)
    data: object = {"t": times, "x": other}
    if form == "integers":
        data = {"t": times.astype(np.int64), "x": other}
    elif form == "one row":
        times = times[:1]
        data = {"t": times, "x": other[:1]}
    elif form == "csv":
        path = tmp_path / "times.csv"
        path.write_text("t,x\n" + "".join(f"{t:.0f},{x}\n" for t, x in zip(times, other, strict=True)))
        data = str(path)
    spec = ardsl.loads("observed t : real\nobserved x : real\np(t) = normal\np(x | t) = normal\n")
    examples = load_data(spec, data).train
    assert np.array_equal(examples["t"].numpy(), times)
    assert examples["t"].dtype == torch.float64
    if form != "one row":
        assert examples["x"].dtype == torch.float32


@pytest.mark.parametrize("unit", [1e-150, 1e-44, 1e-30, 1e30])
def test_reals_of_any_size_train_alike(unit: float) -> None:
    """Numbers that single precision takes for 0, too, keep their digits until they are standardized."""
    x = np.random.default_rng(0).normal(size=(100, 2))
    spec = ardsl.loads("observed x[2] : real\np(x[i] | x[<i]) = normal via linear\ntrain { epochs = 2  batch = 50 }")
    near, far = (
        ardsl.fit(spec, {"train": y, "valid": y}, progress=False, seed=0, device="cpu").model for y in (x, unit * x)
    )
    with torch.no_grad():
        shifted = near.log_prob(x) - 2 * math.log(unit)
        torch.testing.assert_close(far.log_prob(unit * x), shifted, atol=1e-3, rtol=1e-5)
    zeros = load_data(spec, {"train": np.zeros((4, 2)), "valid": x}).train
    assert zeros["x"].dtype == torch.float32
