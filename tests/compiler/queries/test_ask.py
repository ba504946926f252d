"""Questions of models with continuous cells, against closed forms; what is refused; answers' own words."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

import ardsl
from ardsl.compiler.queries.answer import Answer
from ardsl.compiler.queries.cell import CellDistribution
from ardsl.families.resolve_domain import MAX_INTEGER
from ardsl.families.truncation import Truncation

SLOPE, BEFORE, AFTER = 1.5, 0.8, 0.6
CHAIN = f"""
observed a : real
observed b : real
observed k : category("low", "high")
p(a) = normal(scale = {BEFORE})
p(b | a) = normal(scale = {AFTER}) via linear
p(k | b) = categorical via linear
"""


@pytest.fixture(scope="module")
def chain() -> ardsl.AutoregressiveModel:
    """a of standard deviation 0.8 about 0.5, and b of 0.6 about 1.5 a: a bivariate normal distribution."""
    model = ardsl.compile(ardsl.loads(CHAIN), dtype=torch.float64)
    with torch.no_grad():
        own, reading, category = (dict(network.named_parameters()) for network in model.networks)
        own["biases.0"].fill_(0.5)
        reading["direct"].fill_(SLOPE)
        category["direct"].copy_(torch.tensor([[0.7], [-0.4]], dtype=torch.float64))
    return model


def normal(loc: float | Tensor, scale: float | Tensor) -> Normal:
    return Normal(*(torch.as_tensor(number, dtype=torch.float64) for number in (loc, scale)))


def number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


B = normal(SLOPE * 0.5, math.sqrt((SLOPE * BEFORE) ** 2 + AFTER**2))


def posterior(b: float) -> Normal:
    """a given b."""
    gain = SLOPE * BEFORE**2 / B.scale**2
    return normal(0.5 + gain * (b - B.mean), BEFORE * AFTER / B.scale)


def test_a_continuous_cell_that_nothing_reads(chain: ardsl.AutoregressiveModel) -> None:
    answer = chain.probability("0 < a <= 1")
    a = normal(0.5, BEFORE)
    assert answer.exact
    assert answer.value == pytest.approx(float(a.cdf(number(1.0)) - a.cdf(number(0.0))), rel=1e-9)
    given = chain.probability("b > 1 | a = 0.2")
    assert given.exact
    assert given.value == pytest.approx(float(1 - normal(0.3, AFTER).cdf(number(1.0))), rel=1e-9)
    tail = chain.probability("b > 8 | a = 0.2")
    assert tail.exact
    assert tail.value == pytest.approx(
        float(torch.special.log_ndtr(torch.tensor(-7.7 / AFTER, dtype=torch.float64)).exp())
    )


def test_equalities_of_continuous_cells(chain: ardsl.AutoregressiveModel) -> None:
    """They have a density, which may be given and has no probability."""
    assert chain.probability("a = 0.2").value == 0
    assert chain.probability("a = 0.2 or a > 0.5").value == pytest.approx(0.5)
    assert chain.probability("a = 0.2 | a = 0.2 or a = 0.8").value == pytest.approx(0.5)  # they are as far from 0.5
    either = chain.probability("b > 1 | a = 0.2 or a = 0.8")
    mean = [float(1 - normal(SLOPE * a, AFTER).cdf(number(1.0))) for a in (0.2, 0.8)]
    assert either.exact and either.value == pytest.approx(sum(mean) / 2, rel=1e-9)
    assert chain.probability("a > 0 | a = 0.2 or b > -100 and a > 1", samples=2_000, seed=0).value == pytest.approx(1)


@pytest.mark.thorough
def test_estimates(chain: ardsl.AutoregressiveModel) -> None:
    """A continuous cell that is read by what is asked about is summed over by particles."""
    answer = chain.probability("b > 1", seed=0)
    exact = float(1 - B.cdf(number(1.0)))
    assert not answer.exact and answer.samples == 20_000
    assert isinstance(answer.standard_error, float) and answer.standard_error < 0.02 * exact
    assert abs(float(answer.value) - exact) < 5 * answer.standard_error
    rare = chain.probability("b > 7.5", seed=0)
    log_tail = torch.special.log_ndtr((B.mean - 7.5) / B.scale)
    assert isinstance(rare.standard_error, float)
    assert abs(float(rare.value) - float(log_tail.exp())) < 5 * rare.standard_error
    assert chain.probability("b > 1", seed=0).value == answer.value


def test_estimated_marginals(chain: ardsl.AutoregressiveModel) -> None:
    nan = math.nan
    data = {"a": [nan, 0.2, nan], "b": [1.0, nan, 1.0], "k": [nan, nan, nan]}
    answer = chain.marginal(data, samples=4_000, seed=0)
    expected = torch.stack([B.log_prob(number(1.0)), normal(0.5, BEFORE).log_prob(number(0.2))])
    error, effective = answer.standard_error, answer.effective_samples
    assert isinstance(error, torch.Tensor) and isinstance(effective, torch.Tensor)
    assert not answer.exact and error[1] == 0 and 0 < error[0] < 0.05
    assert effective[1] == math.inf and effective[0] < 4_000
    assert abs(float(answer.value[0]) - float(expected[0])) < 5 * float(error[0])  # type: ignore[index]
    assert float(answer.value[1]) == pytest.approx(float(expected[1]), abs=1e-6)  # type: ignore[index]


def test_a_continuous_cell_given_others(chain: ardsl.AutoregressiveModel) -> None:
    distribution = chain.conditional("a", given={"b": [-1.0, 2.0]})
    for row, b in enumerate((-1.0, 2.0)):
        expected = posterior(b)
        assert float(distribution.mean[row]) == pytest.approx(float(expected.mean), abs=1e-4)
        assert float(distribution.variance[row].sqrt()) == pytest.approx(float(expected.stddev), abs=1e-3)
        for share in (0.05, 0.5, 0.95):
            quantile = distribution.icdf(torch.tensor(share))[row]
            assert float(quantile) == pytest.approx(float(expected.icdf(torch.tensor(share))), abs=1e-3)
        density = distribution.log_prob(expected.mean)[row]
        assert float(density) == pytest.approx(float(expected.log_prob(expected.mean)), abs=1e-3)
    assert distribution.effective_samples is None


def test_an_estimated_conditional(chain: ardsl.AutoregressiveModel) -> None:
    """k given a alone needs the integral over b."""
    distribution = chain.conditional("k", given={"a": [0.2, 0.9]}, samples=4_000, seed=0)
    noise = normal(0.0, 1.0).icdf((torch.arange(2_000, dtype=torch.float64) + 0.5) / 2_000)
    for row, a in enumerate((0.2, 0.9)):
        b = SLOPE * a + AFTER * noise
        expected = chain.conditional("k", given={"b": b}).probs.mean(0)
        torch.testing.assert_close(distribution.probs[row], expected, atol=0.03, rtol=0)
    assert distribution.effective_samples is not None and distribution.labels == ("low", "high")


def test_exact_draws_in_an_event(chain: ardsl.AutoregressiveModel) -> None:
    draws = chain.draws(4_000, where="a > 1.5", seed=0)
    assert draws.exact and draws.distinct == 1
    a, b = draws.values["a"], draws.values["b"]
    assert bool((a > 1.5).all())
    z = torch.tensor((1.5 - 0.5) / BEFORE)
    mean = 0.5 + BEFORE * float((normal(0, 1).log_prob(z)).exp() / (1 - normal(0, 1).cdf(z)))
    assert float(a.mean()) == pytest.approx(mean, abs=0.03)
    assert float((b - SLOPE * a).mean()) == pytest.approx(0, abs=5 * AFTER / math.sqrt(4_000))
    given = chain.sample(2, given={"a": 0.25, "k": "high"}, where="b > 5", seed=1)
    assert given["a"].tolist() == [0.25, 0.25] and bool((given["b"] > 5).all()) and given["k"].tolist() == [1, 1]


def test_weighted_draws_in_an_event(chain: ardsl.AutoregressiveModel) -> None:
    draws = chain.draws(2_000, where="b > 2", seed=0)
    assert not draws.exact and draws.distinct > 0.5
    b = draws.values["b"]
    assert bool((b > 2).all())
    z = (2 - B.mean) / B.scale
    mean = float(B.mean + B.scale * normal(0, 1).log_prob(z).exp() / (1 - normal(0, 1).cdf(z)))
    assert float(b.mean()) == pytest.approx(mean, abs=0.06)


@pytest.mark.parametrize("text", ["k = low and k = high"])
def test_what_cannot_hold(chain: ardsl.AutoregressiveModel, text: str) -> None:
    assert chain.probability(text).value == 0
    with pytest.raises(ardsl.ArdslError, match="cannot hold: nothing can be asked given it$"):
        chain.probability("a > 0", given=text)
    with pytest.raises(ardsl.ArdslError, match="cannot hold: nothing can be drawn given it$"):
        chain.sample(2, where=text)


def refusal(question: object, *arguments: object, **named: object) -> str:
    with pytest.raises(ardsl.ArdslError) as raised:
        question(*arguments, **named)  # type: ignore[operator]
    return str(raised.value)


def test_refused(chain: ardsl.AutoregressiveModel) -> None:
    different = "`a = 1 or b = 2` fixes different continuous columns: it has no probability, and no density"
    assert refusal(chain.probability, "k = low", given="a = 1 or b = 2") == different
    never = "`k = low and k = high` cannot hold: nothing can be asked given it"
    assert refusal(chain.probability, "a > 0 | k = low and k = high") == never
    assert refusal(chain.probability, 3) == "an event is a text such as `age >= 65`, not int"
    twice = "the condition stands behind `|`, or in `given`, not in both"
    assert refusal(chain.probability, "k = low | a = 1", given="b = 2") == twice
    assert refusal(chain.probability, "k = low", given={"a": [1, 2]}) == "the condition has 2 rows, and this takes one"
    assert refusal(chain.conditional, "kk") == "there is no column `kk`: did you mean `k`?"
    assert refusal(chain.conditional, "k", given={"aa": 1}) == "there is no column `aa`: did you mean `a`?"
    assert refusal(chain.conditional, "k", given={"a": math.inf}) == "`a` takes a finite number, not inf"
    rows = refusal(chain.conditional, "k", given={"a": [1, 2], "b": [1, 2, 3]})
    assert rows == "`a` has 2 rows where 3 are needed"
    prefix = "samples given cells, or where an event holds, take no `lengths`, `prefix` or `evaluator`"
    assert refusal(chain.sample, 2, where="a > 0", prefix=[1]) == prefix
    samples = "the number of samples is an integer of at least 1, not 0"
    assert refusal(chain.probability, "a > 0", samples=0) == samples


def test_given_variables() -> None:
    spec = ardsl.loads("""
    given g[2] : category(3)
    observed x : binary
    p(x | g) = bernoulli via table
    """)
    model = ardsl.compile(spec)
    needs = "the model needs the value of `g[1]`, which is given: name it in the condition"
    assert refusal(model.probability, "x = 1 | g[0] = 1") == needs
    unknown = "the condition leaves `g[0]` open, which is given: it has no probability"
    assert refusal(model.probability, "x = 1 | (g[0] = 1 and g[1] = 0) or (g[0] = 0 and g[1] = 1)") == unknown
    assert refusal(model.probability, "g[0] = 1") == "`g` is given, and has no probability: name it in the condition"
    assert refusal(model.conditional, "g[0]", given={"g": [[0, 1]]}) == "`g[0]` is given, and has no distribution"
    assert refusal(model.conditional, "x") == "the model needs the values of `g`, which is given"
    where = "`g` is given, and is not drawn: name its value in `given`"
    assert refusal(model.sample, 2, given={"g": [0, 1]}, where="g[0] = 1") == where
    assert model.probability("x = 1 | g[0] = 1 and g[1] = 2").exact
    assert model.sample(3, given={"g": [[0, 1], [1, 1], [2, 1]]}, where="x = 1").tolist() == [1, 1, 1]


def test_models_that_cannot_be_asked() -> None:
    varying = ardsl.compile(
        ardsl.loads("""
    observed x[time: ..5] : category(4, end = 0)
    p(x[t] | x[<t]) = categorical via made(hidden = 4)
    """)
    )
    length = "the length of `x` varies, and this takes variables of a fixed length"
    assert refusal(varying.probability, "x[0] = 1") == length
    assert refusal(varying.sample, 1, where="x[0] = 1") == length
    guided = ardsl.compile(
        ardsl.loads("""
    latent z[2] : real
    observed x[4] : binary
    p(z) = normal(0, 1)
    p(x | z) = bernoulli via mlp(hidden = 8)
    q(z | x) = normal via mlp(hidden = 8)
    """)
    )
    assert (
        refusal(guided.probability, "x[0] = 1")
        == "questions are integrals over `z`: models answer whose latent variables are `exact`"
    )


def test_the_words_of_an_answer() -> None:
    assert str(Answer(0.25, True, "p")) == "0.25 exact"
    estimate = Answer(0.25, False, "p", 0.00412, 811.7, 1_000)
    assert str(estimate) == "0.25 ± 0.0041 (effective samples 812 of 1,000)"
    poor = Answer(0.25, False, "p", 0.2, 7.2, 1_000)
    assert poor.accuracy == "± 0.2 (effective samples 7 of 1,000: too few to rely on)"
    rows = Answer(torch.tensor([1.0, 2.0]), False, "p", torch.tensor([0.1, 0.3]), torch.tensor([50.0, 20.0]), 100)
    assert str(rows) == "2 values, ± 0.3 (effective samples 20 of 100)"


def test_the_distribution_of_a_cell() -> None:
    probs = torch.tensor([[0.2, 0.5, 0.3], [1.0, 0.0, 0.0]], dtype=torch.float64)
    values = torch.tensor([2.0, 3.0, 5.0], dtype=torch.float64)
    finite = CellDistribution(values, probs, joint="p")
    assert finite.mean.tolist() == pytest.approx([3.4, 2.0])
    assert finite.mode.tolist() == [3, 2]
    assert finite.cdf(number(3.0)).tolist() == pytest.approx([0.7, 1])
    assert finite.cdf(number(2.9)).tolist() == pytest.approx([0.2, 1])
    assert finite.icdf(torch.tensor([0.19, 0.999])).tolist() == [2, 2]
    assert finite.icdf(number(0.71)).tolist() == [5, 2]
    assert finite.log_prob(number(3.0)).exp().tolist() == pytest.approx([0.5, 0])
    assert finite.log_prob(number(4.0)).tolist() == [-math.inf, -math.inf]
    assert set(finite.sample((50,))[:, 1].tolist()) == {2}
    widths = torch.tensor([1.0, 1.0, 3.0], dtype=torch.float64)
    points = torch.tensor([2.0, 3.0, 5.0], dtype=torch.float64)
    grid = CellDistribution(points, probs, joint="p", widths=widths, whole=False)
    assert grid.cdf(number(3.0)).tolist() == pytest.approx([0.45, 1])
    assert grid.icdf(number(0.45)).tolist() == pytest.approx([3.0, 1.95])
    assert grid.log_prob(number(5.4)).exp().tolist() == pytest.approx([0.1, 0])
    assert grid.log_prob(number(7.0)).tolist() == [-math.inf, -math.inf]
    whole = CellDistribution(points, probs, joint="p", widths=widths)
    assert whole.icdf(number(0.85)).tolist() == [5, 2] and whole.cdf(number(4.0))[0] == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("domain", "family"),
    [
        ("positive", "weibull(2, 0.5)"),
        ("positive", "log_normal(0, 30)"),
        ("positive", "gamma(0.01, 1)"),
        ("positive", "half_cauchy(1e-3)"),
        ("unit_interval", "beta(0.01, 0.01)"),
        ("unit_interval", "kumaraswamy(0.02, 0.02)"),
        ("unit_interval", "continuous_bernoulli"),
    ],
)
@pytest.mark.parametrize("value", [1e-9, 0.3, 0.9])
def test_an_event_and_its_complement(domain: str, family: str, value: float) -> None:
    """A half-line of an open domain goes to the domain's end, beyond the last number before it."""
    model = ardsl.compile(ardsl.loads(f"observed x : {domain}\np(x) = {family}"), seed=0)
    below, above = model.probability(f"x < {value}"), model.probability(f"x >= {value}")
    conditional = model.conditionals[0][0]
    raw = torch.zeros(conditional.family.width)
    mass = conditional.log_mass(raw, Truncation(intervals=torch.tensor([[0, value]], dtype=torch.float64))).exp()
    assert below.exact and above.exact
    assert float(below) == pytest.approx(float(mass), abs=1e-6)
    assert float(below) + float(above) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("low", [MAX_INTEGER - 200_000, -MAX_INTEGER])
def test_events_of_the_widest_integers(low: int) -> None:
    """Values, and the ends of their cells, are numbers that the arithmetic of events holds."""
    high = MAX_INTEGER
    text = f"observed a : integer({low}, {high})\np(a) = discretized(logistic)"
    model = ardsl.compile(ardsl.loads(text), init="random", seed=0)
    middle = (low + high) // 2
    parts = [model.probability(event) for event in (f"a < {middle}", f"a = {middle}", f"a > {middle}")]
    assert all(part.exact for part in parts)
    assert sum(map(float, parts)) == pytest.approx(1, abs=1e-9)
    assert float(model.probability(f"a = {high}")) == pytest.approx(model.log_prob([high]).exp().item(), rel=1e-4)
    drawn = model.sample(4000, seed=0).double()
    assert float(parts[0]) == pytest.approx(float((drawn < middle).double().mean()), abs=0.04)
