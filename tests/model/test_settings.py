"""The ``data`` and ``train`` blocks, and claims."""

from __future__ import annotations

import pytest

from ardsl.model.settings import Choice, DataSettings, TrainSettings
from tests.support.model_specs import codes, model_of, resolve

MODEL = (
    "given g : real\nobserved x[row: 2, column: 2] : real\nrecord r { a : real  b : binary }\n"
    "p(x[i] | x[<i], g) = normal\np(r[i] | r[<i]) = default\n"
)


def test_defaults() -> None:
    model = model_of(MODEL)
    assert (model.data, model.train, model.claims) == (DataSettings(), TrainSettings(), ())


def test_data() -> None:
    text = 'data { train = "a.npz#k" valid = 0.1 missing = drop x = "{split}_images" r = ["A", "B"] g = "G" }'
    data = model_of(MODEL + text).data
    assert (data.train, data.valid, data.test, data.missing) == ("a.npz#k", 0.1, None, "drop")
    assert data.columns == {"x": "{split}_images", "r": ("A", "B"), "g": "G"}


@pytest.mark.parametrize(
    ("setting", "name", "value"),
    [
        ("optimizer = adam", "optimizer", Choice("adam", {"rate": 1e-3})),
        ('optimizer = "adam"', "optimizer", Choice("adam", {"rate": 1e-3})),
        (
            "optimizer = adamw(weight_decay = 0.1, beta1 = 0)",
            "optimizer",
            Choice("adamw", {"rate": 1e-3, "weight_decay": 0.1, "beta1": 0.0}),
        ),
        ("optimizer = sgd(rate = 1, momentum = 0.9)", "optimizer", Choice("sgd", {"rate": 1.0, "momentum": 0.9})),
        ("schedule = cosine(warmup = 100)", "schedule", Choice("cosine", {"warmup": 100})),
        ("schedule = exponential(factor = 0.99)", "schedule", Choice("exponential", {"factor": 0.99})),
        (
            "schedule = plateau(factor = 0.5, patience = 3)",
            "schedule",
            Choice("plateau", {"factor": 0.5, "patience": 3}),
        ),
        ("clip = 1", "clip", 1.0),
        ("seed = 3", "seed", 3),
        ("precision = bf16", "precision", "bf16"),
        ("precision = 64", "precision", "64"),
        ('precision = "32"', "precision", "32"),
        ("epochs = 0", "epochs", 0),
        ("batch = 2 * 3", "batch", 6),
        ("patience = 5", "patience", 5),
    ],
)
def test_train(setting: str, name: str, value: object) -> None:
    assert getattr(model_of(f"{MODEL}train {{ {setting} }}").train, name) == value


def test_parameters_in_settings() -> None:
    text = 'param rate = 0.1\nparam where = "d.npz"\n' + MODEL
    model = model_of(text + "data { train = where } train { optimizer = sgd(rate = rate) }")
    assert model.data.train == "d.npz"
    assert model.train.optimizer == Choice("sgd", {"rate": 0.1})


def test_errors_of_settings_and_claims_leave_a_model() -> None:
    model, diagnostics = resolve(MODEL + "check complete(y)\ntrain { epochs = -1  batch = 3 }")
    assert [d.code for d in diagnostics] == ["AR101", "AR161"]
    assert model is not None
    assert (model.train, model.claims) == (TrainSettings(batch=3), ())


@pytest.mark.parametrize(
    ("claim", "kind", "axis", "bound"),
    [
        ("complete(x)", "complete", None, None),
        ("steps(x) <= 4", "steps", None, 4),
        ("reach(x, column) >= 1 + 1", "reach", 1, 2),
    ],
)
def test_claims(claim: str, kind: str, axis: int | None, bound: int | None) -> None:
    (found,) = model_of(f"{MODEL}check {claim}").claims
    assert (found.kind, found.variable, found.axis, found.bound) == (kind, "x", axis, bound)
    assert found.text == f"check {claim}"


def test_claims_about_elements() -> None:
    (claim,) = model_of(f"param k = 1\n{MODEL}check independent(x[1, 0], r.b | x[0, k], g)").claims
    named = [[(s.variable, s.elements, s.text) for s in sets] for sets in (claim.left, claim.right, claim.given)]
    assert named == [
        [("x", (2,), "x[1, 0]")],
        [("r", (1,), "r.b")],
        [("x", (1,), "x[0, k]"), ("g", (0,), "g")],
    ]


def test_reach_needs_no_axis_where_there_is_one() -> None:
    text = "observed y[8] : real\np(y[t] | y[<t]) = normal\ncheck reach(y) >= 3"
    assert model_of(text).claims[0].axis == 0
    assert codes(text.replace("reach(y)", "reach(y, time)")) == ["AR155"]
