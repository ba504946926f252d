"""Draws by a seed are those of the seed, whatever other threads draw; and others' draws are their own."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import torch

import ardsl
from ardsl.testing import with_random_weights

SPEC = ardsl.loads(
    "latent k : category(3)\nlatent z[2] : real\nobserved x[5] : binary\np(k) = categorical\np(z) = normal(0, 1)\n"
    "p(x[i] | x[<i], z, k) = bernoulli via made(hidden = 8)\nq(z | x) = normal via mlp(hidden = 8)\n"
    "q(k | x) = categorical via mlp(hidden = 8)"
)
X = torch.ones(6, 5)
CALLS: dict[str, Callable[[ardsl.LatentModel, int], torch.Tensor]] = {
    "elbo": lambda model, seed: model.elbo(X, seed=seed).detach(),
    "bound": lambda model, seed: model.log_prob_bound(X, samples=3, seed=seed).detach(),
    "infer": lambda model, seed: model.infer(X, seed=seed)["z"],
    "reconstruct": lambda model, seed: model.reconstruct(X, seed=seed),
    "likelihood": lambda model, seed: model.likelihood(model.values(X), 2, seed).log_prob.detach(),
}


@pytest.mark.thorough
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_in_threads_each_seed_draws_as_alone(call: Callable[[ardsl.LatentModel, int], torch.Tensor]) -> None:
    model = with_random_weights(SPEC)
    alone = [call(model, seed) for seed in range(4)]
    wrong: list[int] = []

    def work(seed: int) -> None:
        for _ in range(15):
            if not torch.equal(call(model, seed), alone[seed]):
                wrong.append(seed)
            model.elbo(X)  # draws without a seed disturb no other

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_seed_leaves_torchs_random_state_as_it_is(call: Callable[[ardsl.LatentModel, int], torch.Tensor]) -> None:
    model = with_random_weights(SPEC)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first = call(model, 5)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(call(model, 5), first) and not torch.equal(call(model, 6), first)
