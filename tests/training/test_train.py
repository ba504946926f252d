"""``fit`` finds maximum-likelihood weights, keeps the best, and is a function of its seed."""

from __future__ import annotations

import io
import math
import os
import signal
import time
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback

import ardsl
from ardsl.model.settings import Choice
from ardsl.training.fit import Run, TrainingError
from ardsl.training.optimizers import cosine, linear, make_optimizer, make_schedule
from ardsl.training.progress import Progress, duration
from tests.support.runtime_specs import CONDITIONAL, correlated, made

QUICK = "batch = 50  epochs = 8  optimizer = adam(rate = 0.05)"


def fit(train: str = QUICK, data: Any = None, **options: Any) -> Run:
    data = {"train": correlated(500), "valid": correlated(300, seed=1)} if data is None else data
    return ardsl.fit(made(train), data, device="cpu", progress=False, **options)


def test_training_beats_independence_within_seconds() -> None:
    started = time.perf_counter()
    run = fit()
    truth = math.log(2) - 3 * (0.1 * math.log(0.1) + 0.9 * math.log(0.9))
    assert run.best_valid is not None
    assert truth - 0.2 < run.best_valid < 0.8 * 4 * math.log(2)
    assert run.metrics[0]["valid"] > run.best_valid
    assert time.perf_counter() - started < 20


def test_the_validation_loss_is_the_exact_one_of_the_weights_kept() -> None:
    """Under every optimizer: a fused kernel changes weights behind the version counters that caches go by."""
    valid = correlated(300, seed=1)
    for name in ("adam", "adamw", "sgd", "rmsprop", "adagrad", "adadelta"):
        run = fit(f"batch = 50  epochs = 3  optimizer = {name}(rate = 0.05)")
        assert ardsl.evaluate(run.model, valid).nll == pytest.approx(run.best_valid, abs=1e-6)


def test_the_same_seed_gives_the_same_weights() -> None:
    settings = QUICK.replace("epochs = 8", "epochs = 2")
    torch.manual_seed(1)
    first = fit(settings, seed=5)
    torch.manual_seed(2)
    state = torch.random.get_rng_state()
    second, other = fit(settings, seed=5), fit(settings, seed=6)
    for name, weight in first.model.state_dict().items():
        assert torch.equal(weight, second.model.state_dict()[name])
    assert first.best_valid == second.best_valid != other.best_valid
    assert torch.equal(torch.random.get_rng_state(), state)


def test_dropout_and_drawn_orders_follow_the_seed_too() -> None:
    text = (
        'observed x[4] : binary\norder x by any(orders = 2, train = "all")\n'
        "p(x[i] | x[<i]) = bernoulli via made(hidden = [8], dropout = 0.3)\ntrain { batch = 50  epochs = 2 }"
    )
    runs = [ardsl.fit(ardsl.loads(text), correlated(200), device="cpu", progress=False) for _ in range(2)]
    assert runs[0].metrics[-1]["train"] == runs[1].metrics[-1]["train"]
    for a, b in zip(runs[0].model.parameters(), runs[1].model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_early_stopping_keeps_the_best_epoch() -> None:
    """On twelve examples a network overfits: the validation loss rises, and patience ends the training."""
    data = {"train": correlated(12), "valid": correlated(300, seed=1)}
    run = fit("batch = 4  epochs = 300  patience = 5  optimizer = adam(rate = 0.05)", data)
    curve = [row["valid"] for row in run.metrics]
    assert run.stopped == "patience"
    assert len(curve) == run.best_epoch + 5 < 300
    assert run.best_valid == min(curve) == curve[run.best_epoch - 1]
    assert ardsl.evaluate(run.model, data["valid"]).nll == pytest.approx(run.best_valid, abs=1e-6)


def test_accumulated_gradients_make_the_larger_batch() -> None:
    whole = fit("batch = 50  epochs = 3  schedule = cosine  optimizer = sgd(rate = 0.5)")
    parts = fit("batch = 25  epochs = 3  schedule = cosine  optimizer = sgd(rate = 0.5)  accumulate = 2")
    for a, b in zip(whole.model.parameters(), parts.model.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_the_average_of_the_weights_is_measured_and_kept() -> None:
    """Against the average by hand of the weights after each step."""
    seen: list[list[torch.Tensor]] = []

    class See(Callback):
        def on_train_batch_end(self, trainer: Any, module: Any, *_: Any) -> None:
            seen.append([p.detach().clone() for p in module.model.parameters()])

    data = {"train": correlated(2500), "valid": correlated(300, seed=1)}
    run = fit("batch = 100  epochs = 1  ema = 0.7  optimizer = adam(rate = 0.05)", data, callbacks=[See()])
    for number, kept in enumerate(run.model.parameters()):
        average = seen[0][number]
        for step, later in enumerate(seen[1:], 1):
            decay = min(0.7, (1 + step) / (10 + step))
            average = decay * average + (1 - decay) * later[number]
        assert torch.allclose(kept, average, atol=1e-6)
    assert ardsl.evaluate(run.model, data["valid"]).nll == pytest.approx(run.best_valid, abs=1e-6)


def test_without_validation_data_the_last_epoch_is_kept() -> None:
    run = fit(data=correlated(200))
    assert (run.best_valid, run.best_epoch, len(run.metrics)) == (None, 8, 8)


def test_no_epochs_leave_the_first_weights() -> None:
    run = fit(epochs=0, seed=3)
    fresh = ardsl.compile(made(), seed=3)
    assert torch.equal(next(run.model.parameters()), next(fresh.parameters()))
    assert (run.best_epoch, run.metrics) == (0, [])


def test_conditioning_is_learnt() -> None:
    label = np.random.default_rng(0).integers(0, 2, 400)
    x = np.repeat(label, 6).reshape(400, 2, 3)
    spec = ardsl.loads(CONDITIONAL + "train { epochs = 10  batch = 50  optimizer = adam(rate = 0.05) }")
    run = ardsl.fit(spec, {"train": {"x": x, "label": label}, "valid": 0.2}, device="cpu", progress=False)
    assert run.best_valid is not None
    assert run.best_valid < 0.5


@pytest.mark.parametrize(
    "schedule", ["cosine(warmup = 5)", "linear", "exponential(factor = 0.9)", "plateau(patience = 1)"]
)
def test_schedules_train(schedule: str) -> None:
    run = fit(QUICK + f"  clip = 1  schedule = {schedule}")
    assert run.best_valid is not None
    assert run.best_valid < 2.4


def test_the_plateau_schedule_lowers_the_rate() -> None:
    class Rates(Callback):
        seen: list[float] = []

        def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
            self.seen.append(trainer.optimizers[0].param_groups[0]["lr"])

    data = {"train": correlated(12), "valid": correlated(300, seed=1)}
    settings = "batch = 4  epochs = 60  optimizer = adam(rate = 0.05)  schedule = plateau(factor = 0.5, patience = 2)"
    fit(settings, data, callbacks=[Rates()])
    assert Rates.seen[0] == 0.05
    assert Rates.seen[-1] < 0.02


def test_the_cosine_rises_then_falls_to_nothing() -> None:
    factors = [cosine(step, 4, 20) for step in range(21)]
    assert factors[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert factors[12] == pytest.approx(0.5)
    assert factors[20] == pytest.approx(0)
    assert cosine(0, 0, 1) == 1


def test_the_linear_schedule_rises_then_falls_to_nothing() -> None:
    assert [linear(step, 4, 12) for step in range(14)] == [
        0.25, 0.5, 0.75, 1.0, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0.0, 0.0
    ]  # fmt: skip
    assert linear(0, 0, 1) == 1


def test_optimizers_get_the_options_they_are_given() -> None:
    weight = [torch.nn.Parameter(torch.zeros(2))]
    adam = make_optimizer(Choice("adamw", {"rate": 0.5, "beta2": 0.9}), weight)
    assert {k: adam.defaults[k] for k in ("lr", "betas", "weight_decay", "fused")} == {
        "lr": 0.5,
        "betas": (0.9, 0.9),
        "weight_decay": 0.0,
        "fused": True,
    }
    sgd = make_optimizer(Choice("sgd", {"rate": 0.1, "momentum": 0.9, "weight_decay": 0.01}), weight)
    assert (sgd.defaults["momentum"], sgd.defaults["weight_decay"]) == (0.9, 0.01)
    assert make_schedule(Choice("constant"), sgd, 10) is None


def test_precisions() -> None:
    assert next(fit(epochs=1, precision="64").model.parameters()).dtype == torch.float64
    assert next(fit(epochs=1, precision="bf16").model.parameters()).dtype == torch.float32
    clipped = ardsl.loads("observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via made\ntrain { clip = 1 }\n")
    ardsl.fit(clipped, correlated(20), epochs=1, precision="bf16", device="cpu", progress=False)


OPTIONS = {
    "AR510.*there is no device `gpu9`": {"device": "gpu9"},
    "AR510.*there is no device `mps` here: this machine has": {"device": "mps"},
    "AR510.*precision 16 needs a GPU": {"precision": "16"},
    "AR510.*there is no precision `8`: there are 16, bf16, 32, 64": {"precision": "8"},
    "AR510.*`epochs` must be an integer of at least 0, not -1": {"epochs": -1},
    "AR510.*`seed` must be an integer of at least 0, not 1.5": {"seed": 1.5},
}


@pytest.mark.parametrize("expected", OPTIONS)
def test_options_that_cannot_be_used(expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ardsl.DataError, match=expected):
        ardsl.fit(made(), correlated(10), progress=False, **({"device": "cpu"} | OPTIONS[expected]))


def test_a_model_without_parameters() -> None:
    spec = ardsl.loads("observed x : real\np(x) = normal(0, 1)\n")
    with pytest.raises(ardsl.DataError, match="nothing to train"):
        ardsl.fit(spec, np.zeros(3), device="cpu", progress=False)


class Spoil(Callback):
    """Puts NaN into the weights as an epoch starts."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == self.epoch:
            with torch.no_grad():
                next(module.model.parameters()).fill_(math.nan)


@pytest.mark.parametrize("data", [None, correlated(500)])
def test_divergence_keeps_the_last_good_weights(data: Any) -> None:
    with pytest.raises(TrainingError) as found:
        fit(data=data, callbacks=[Spoil(3)])
    assert str(found.value) == (
        "error[AR511]: the loss is no longer a number in epoch 4, step 31 (rows 212, 468, 156, 469, 130 …): "
        f"the weights of epoch {found.value.run.best_epoch} are kept; a lower `rate` or `clip = 1` may help"  # type: ignore[union-attr]
    )
    assert found.value.run is not None
    assert all(bool(p.isfinite().all()) for p in found.value.run.model.parameters())


def test_divergence_in_the_first_epoch() -> None:
    with pytest.raises(TrainingError, match="no epoch was good") as found:
        fit(callbacks=[Spoil(0)])
    assert found.value.run is None


class Interrupt(Callback):
    def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == 3:
            os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_keeps_the_best_weights() -> None:
    before = signal.getsignal(signal.SIGINT)
    run = fit(callbacks=[Interrupt()])
    assert (run.stopped, run.signal) == ("interrupted", signal.SIGINT)
    assert len(run.metrics) == 3
    assert signal.getsignal(signal.SIGINT) is before


class Raise(Callback):
    """Raises an exception as an epoch starts."""

    def __init__(self, error: BaseException, epoch: int) -> None:
        self.error, self.epoch = error, epoch

    def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == self.epoch:
            raise self.error


def test_an_interrupt_raised_by_a_callback_keeps_the_best_weights() -> None:
    def after_the_second(row: dict[str, Any]) -> None:
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    for callback, epochs in ((Raise(KeyboardInterrupt(), 3), 3), (after_the_second, 2)):
        run = fit(callbacks=[callback])
        assert (run.stopped, run.signal, len(run.metrics)) == ("interrupted", signal.SIGINT, epochs)
        assert run.best_valid == min(row["valid"] for row in run.metrics)
        assert signal.getsignal(signal.SIGINT) is before


class Leave(BaseException):
    """No error, and none of Python's own."""


@pytest.mark.parametrize(
    ("error", "epoch"), [(KeyboardInterrupt("mine"), 0), (SystemExit(3), 0), (SystemExit(3), 2), (Leave(), 2)]
)
def test_what_a_callback_raises_comes_through(error: BaseException, epoch: int) -> None:
    with pytest.raises(type(error)) as raised:
        fit(callbacks=[Raise(error, epoch)])
    assert raised.value is error


def test_progress_is_one_line_an_epoch(capfd: pytest.CaptureFixture[str]) -> None:
    ardsl.fit(made(QUICK), {"train": correlated(500), "valid": correlated(9)}, epochs=2, device="cpu")
    out, err = capfd.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert len(lines) == 4
    assert lines[0] == "model: 92 parameters, 500 examples to train on, 9 to validate on"
    assert lines[1].startswith("epoch 1/2  train ")
    assert " * " in lines[1]
    assert lines[3].startswith("best epoch ")


def test_on_a_terminal_the_line_is_written_over() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    progress = Progress(12, stream=stream)
    progress.epoch({"epoch": 1, "train": 2.0, "valid": 1.5, "seconds": 65, "kl z": 0.125}, True, 3700)
    progress.epoch({"epoch": 2, "train": 1.0, "valid": 1.75, "seconds": 70}, False, 59)
    progress.say("done")
    assert stream.getvalue() == (
        "\repoch  1/12  train 2.0000  valid 1.5000 *  kl z 0.12  1 min 05 s  about 1 h 01 min left\x1b[K"
        "\repoch  2/12  train 1.0000  valid 1.7500    1 min 10 s  about 59.0 s left\x1b[K\ndone\n"
    )
    assert duration(59.96) == "1 min 00 s"


def test_functions_hear_of_each_epoch() -> None:
    rows: list[dict[str, Any]] = []
    run = fit(callbacks=[rows.append])
    assert rows == run.metrics and rows[0] is not run.metrics[0]


@pytest.mark.parametrize("given, told", [(Callback, "the class `Callback`"), (3, "3"), ("print", "'print'")])
def test_what_is_no_callback(given: object, told: str) -> None:
    known = r"an object of Lightning's `Callback`, or a function of the figures of an epoch \(a dict\)"
    with pytest.raises(ardsl.DataError, match=f"^error.AR510.: a callback is {known}, not {told}$"):
        fit(callbacks=[given])
