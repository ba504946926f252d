"""One walk: whatever the way, the threads and the edits of weights, a sample is the same function of its noise."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

import ardsl
from ardsl.compiler.arrays.values import Values
from ardsl.compiler.steps.draws import FromNoise, Known
from ardsl.compiler.steps.evaluator import Evaluator, Lender
from ardsl.compiler.steps.noise import Noise
from ardsl.compiler.steps.prefix import initial_values
from ardsl.compiler.steps.walk import columns
from ardsl.testing import every_value, some_given, with_random_weights
from tests.support import lattice_specs, small_specs, time_specs
from tests.support.latent_specs import only

PIXELCNN = "observed x[6, 6] : binary\np(x[i] | x[<i]) = bernoulli via pixelcnn(layers = 2, features = 6, gated = true)"
WAVENET = "observed x[time: 24] : mulaw(8)\np(x[t] | x[<t]) = categorical via wavenet(layers = 3, features = 4)"
NETWORKS = {
    "made, by threshold": "observed x[9] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [20, 20])",
    "made, by code": "observed x[9] : category(3)\np(x[i] | x[<i]) = categorical via made(hidden = 20)",
    "made, by value": "observed x[9] : real\np(x[i] | x[<i]) = normal via made(hidden = 20)",
    "pixelcnn": PIXELCNN,
    "wavenet": WAVENET,
    "tied table": "observed x[9] : category(3)\np(x[t] | x[t-1]) = categorical via table(tied = true)",
    "tied linear": "observed x[9] : binary\np(x[i] | x[<i]) = bernoulli via linear(tied = true)",
    "any order": "observed x[5] : binary\norder x by any(orders = 3)\np(x[i] | x[<i]) = bernoulli via made(hidden = 9)",
    "several": "observed a : category(3)\nobserved b[4] : binary\np(a) = categorical\n"
    "p(b[i] | b[<i], a) = bernoulli via made(hidden = 9)",
    "a map": "observed z[2, 2] : real\nobserved x[4, 4] : binary\np(z) = normal\n"
    "p(x | z) = bernoulli via deconv(hidden = 4)",
}


def names(drawn: object) -> dict[str, torch.Tensor]:
    return drawn if isinstance(drawn, dict) else {"x": drawn}  # type: ignore[dict-item]


def same(first: object, second: object) -> bool:
    one, other = names(first), names(second)
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("text", NETWORKS.values(), ids=NETWORKS)
def test_in_threads_each_draws_and_scores_as_alone(text: str) -> None:
    model = with_random_weights(ardsl.loads(text))
    alone = [model.sample(5, seed=seed) for seed in range(4)]
    scores = [model.log_prob(x) for x in alone]
    wrong: list[str] = []

    def work(seed: int) -> None:
        for _ in range(4):
            drawn = model.sample(5, seed=seed)
            if not same(drawn, alone[seed]):
                wrong.append(f"sample {seed}")
            with torch.no_grad():
                if not torch.equal(model.log_prob(drawn), scores[seed]):
                    wrong.append(f"score {seed}")

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_streams_in_threads_are_what_they_are_alone() -> None:
    model = with_random_weights(ardsl.loads(WAVENET))
    alone = [torch.cat(list(model.stream(n=2, steps=5, seed=seed)), 1) for seed in range(4)]
    found: dict[int, torch.Tensor] = {}

    def work(seed: int) -> None:
        found[seed] = torch.cat(list(model.stream(n=2, steps=5, seed=seed)), 1)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(found[seed], alone[seed]) for seed in range(4))


def edited(weight: torch.Tensor, how: str) -> None:
    if how == "data":
        weight.data.mul_(-1.5)
    elif how == "numpy":
        weight.detach().numpy()[...] *= -1.5
    elif how == "one number":
        weight.data.view(-1)[-1:] += 3.0
    else:
        with torch.no_grad():
            weight.mul_(-1.5)


@pytest.mark.parametrize("how", ["data", "numpy", "one number", "in place"])
@pytest.mark.parametrize("text", NETWORKS.values(), ids=NETWORKS)
def test_edited_weights_are_seen(text: str, how: str) -> None:
    model = with_random_weights(ardsl.loads(text))
    noise = model.noise(40, seed=0)
    before = model.sample(40, noise=noise)
    with torch.no_grad():
        scored = model.log_prob(before)
    for weight in model.parameters():
        edited(weight, how)
    step, whole = model.sample(40, noise=noise), model.sample(40, noise=noise, evaluator="whole")
    for name, drawn in names(step).items():
        torch.testing.assert_close(drawn.double(), names(whole)[name].double(), atol=1e-9, rtol=1e-9)
    with torch.no_grad():
        assert not torch.equal(model.log_prob(before), scored)


def test_evaluation_mode_lasts_until_the_last_thread_is_done() -> None:
    from ardsl.compiler.guards import evaluating

    module = torch.nn.Dropout()
    with evaluating(module):
        inner = evaluating(module)
        inner.__enter__()
    assert not module.training
    inner.__exit__(None, None, None)
    assert module.training


def test_a_lender_lends_each_to_one_at_a_time_and_keeps_a_few() -> None:
    density = with_random_weights(ardsl.loads(NETWORKS["made, by code"]))
    lender, made = Lender(most=2), []

    def make() -> Evaluator:
        made.append(Evaluator(density, (0,), 2))
        return made[-1]

    with lender.lend(density, "a", make) as first, lender.lend(density, "a", make) as second:
        assert first is not second
    with lender.lend(density, "a", make) as again:
        assert again in made and len(made) == 2
    for key in "bcd":
        with lender.lend(density, key, make):
            pass
    with lender.lend(density, "a", make):
        assert len(made) == 6  # it had been forgotten


ALL = {
    **{f"small: {name}": text for name, text in small_specs.SPECS.items()},
    **{f"lattice: {name}": text for name, text in lattice_specs.SPECS.items()},
    **{f"time: {name}": text for name, text in time_specs.SPECS.items()},
}


@pytest.mark.parametrize("text", ALL.values(), ids=ALL)
def test_a_selected_row_goes_on_as_the_one_it_was_taken_from(text: str) -> None:
    """Halfway row 0 becomes row 1, and both then have the same noise: they end alike, as row 1 does by itself."""
    spec = ardsl.loads(text)
    model = with_random_weights(spec)
    if isinstance(model, ardsl.LatentModel):
        pytest.skip("each of its conditionals is a model of its own")
    noise = model.noise(2, seed=5)
    alike = noise.rows(torch.tensor([1, 1]))
    values, _ = initial_values(model, 2, some_given(spec), None, None)
    wanted = {name: value.clone() for name, value in values.items()}
    orders = [0] * len(model.groups)
    Evaluator(model, orders, 2).run(wanted, by_value(alike, wanted))
    evaluator = Evaluator(model, orders, 2)
    steps, steppers = evaluator._steps, [stepper for stepper in evaluator._steppers if stepper is not None]
    halves = range(steps.count // 2), range(steps.count // 2, steps.count)
    for group, stepper in enumerate(evaluator._steppers):
        if stepper is not None:
            stepper.start(columns(model, group, values, steps.known_elements(group)))
    evaluator._walker.walk(values, by_value(noise, values), halves[0])
    for stepper in steppers:
        stepper.select(torch.tensor([1, 1]))
    values |= {name: value[[1, 1]] for name, value in values.items()}
    evaluator._walker.walk(values, by_value(alike, values), halves[1])
    for name, value in values.items():
        torch.testing.assert_close(value, wanted[name], equal_nan=True, atol=1e-9, rtol=1e-9)


def by_value(noise: Noise, values: Values) -> Known:
    """Draws from the noise, in the way that serves every model."""
    return Known(
        {name: torch.zeros_like(value, dtype=torch.bool) for name, value in values.items()}, FromNoise(noise.draws)
    )


@pytest.mark.parametrize("name", [n for n, t in small_specs.SPECS.items() if "any(" not in t and "latent" not in t])
def test_what_is_completed_last_follows_the_density(name: str) -> None:
    """Σ over the last draw's values of p(x) / p(the rest) is one, and completing draws by it: the most likely value."""
    spec = ardsl.loads(small_specs.SPECS[name])
    model, given = with_random_weights(spec), some_given(spec)
    variable = spec.model.observed[-1]
    if any(v.varies for v in spec.model.observed) or variable.is_record or len(spec.model.factors) > 1:
        pytest.skip("the last draw is not the last element of the only factor")
    order = variable.orders.orders[0]
    last = np.flatnonzero(order.rank == order.rank.max())
    data = {n: v.double() for n, v in every_value(spec).items()}
    x = data[variable.name].reshape(len(data[variable.name]), -1)
    gone = x.clone()
    gone[:, last] = torch.nan
    pick = torch.linspace(0, len(x) - 1, 4).long()
    some = {n: v[pick] for n, v in data.items()} | {variable.name: gone[pick].reshape(4, *variable.shape)}
    filled = names(model.complete(only(some), given, likely=True))
    filled_x = filled[variable.name if variable.name in filled else "x"].reshape(4, -1).double()
    p = model.log_prob(only(data), given)
    for row, place in enumerate(pick):
        rest = [e for e in range(x.shape[1]) if e not in last]
        alike = (x[:, rest] == x[place, rest]).all(1)
        best = p[alike].max()
        chosen = (x == filled_x[row]).all(1) & alike
        assert p[chosen].item() == pytest.approx(best.item(), abs=1e-9)
