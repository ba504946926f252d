"""Log-probabilities to fifty digits and more, by the formulas of the books, for every family: what tests compare with.

Nothing of ardsl or torch is used. Parameters and values are mpmath numbers (vectors lists of them), results
in nats.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mpmath
from mpmath import mp, mpf

Parameters = Mapping[str, Any]
DIGITS = (50, 150, 500, 1500)
"""Working precisions: a result counts once two of them agree."""


def exact(formula: Callable[[], Any]) -> float:
    """The value of a formula, −inf where it is the logarithm of 0, computed with more digits until they agree."""
    before = None
    for digits in DIGITS:
        with mpmath.workdps(digits):
            now = formula()
            known = before is not None and mpmath.isfinite(now) and mpmath.isfinite(before)
            if known and abs(now - before) <= mpf(10) ** -15 * max(1, abs(now)):
                return float(now)
            before = now
    if before == -mp.inf:
        return -math.inf
    raise ArithmeticError("the formula has not converged")


def log1p_exp(x: Any) -> Any:
    return mp.log1p(mp.exp(x)) if x < 0 else x + mp.log1p(mp.exp(-x))


def log_sigmoid(x: Any) -> Any:
    return -log1p_exp(-x)


def log_beta(a: Any, b: Any) -> Any:
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def log_choose(n: Any, k: Any) -> Any:
    return mp.loggamma(n + 1) - mp.loggamma(k + 1) - mp.loggamma(n - k + 1)


def log_add(*terms: Any) -> Any:
    top = max(terms)
    return top if top == -mp.inf else top + mp.log(mp.fsum(mp.exp(term - top) for term in terms))


def _bernoulli(p: Parameters, x: Any) -> Any:
    return log_sigmoid(p["logits"] if x == 1 else -p["logits"])


def _beta(p: Parameters, x: Any) -> Any:
    a, b = p["concentration1"], p["concentration0"]
    return (a - 1) * mp.log(x) + (b - 1) * mp.log1p(-x) - log_beta(a, b)


def _beta_binomial(p: Parameters, k: Any) -> Any:
    a, b, n = p["concentration1"], p["concentration0"], p["total_count"]
    return log_choose(n, k) + log_beta(k + a, n - k + b) - log_beta(a, b)


def _binomial(p: Parameters, k: Any) -> Any:
    n = p["total_count"]
    return log_choose(n, k) + k * log_sigmoid(p["logits"]) + (n - k) * log_sigmoid(-p["logits"])


def _categorical(p: Parameters, k: Any) -> Any:
    return p["logits"][int(k)] - log_add(*p["logits"])


def _cauchy(p: Parameters, x: Any) -> Any:
    z = (x - p["loc"]) / p["scale"]
    return -mp.log(mp.pi * p["scale"] * (1 + z**2))


def _gamma_density(a: Any, b: Any, x: Any) -> Any:
    return a * mp.log(b) + (a - 1) * mp.log(x) - b * x - mp.loggamma(a)


def _continuous_bernoulli(p: Parameters, x: Any) -> Any:
    rate = p["logits"]
    if rate == 0:
        return mpf(0)
    return mp.log(rate / mp.expm1(rate)) + rate * x if rate < 0 else mp.log(rate / -mp.expm1(-rate)) - rate * (1 - x)


def _fisher_snedecor(p: Parameters, x: Any) -> Any:
    a, b = p["df1"] / 2, p["df2"] / 2
    ratio = p["df1"] * x / p["df2"]
    return a * mp.log(p["df1"] / p["df2"]) + (a - 1) * mp.log(x) - (a + b) * mp.log1p(ratio) - log_beta(a, b)


def _gamma_poisson(p: Parameters, k: Any) -> Any:
    a, b = p["concentration"], p["rate"]
    count = mp.loggamma(k + a) - mp.loggamma(a) - mp.loggamma(k + 1)
    return count - a * mp.log1p(1 / b) - k * mp.log1p(b)


def _geometric(p: Parameters, k: Any) -> Any:
    return k * log_sigmoid(-p["logits"]) + log_sigmoid(p["logits"])


def _gumbel(p: Parameters, x: Any) -> Any:
    z = (x - p["loc"]) / p["scale"]
    return -z - mp.exp(-z) - mp.log(p["scale"])


def _kumaraswamy(p: Parameters, x: Any) -> Any:
    a, b = p["concentration1"], p["concentration0"]
    return mp.log(a * b) + (a - 1) * mp.log(x) + (b - 1) * mp.log(-mp.expm1(a * mp.log(x)))


def _laplace(p: Parameters, x: Any) -> Any:
    return -abs(x - p["loc"]) / p["scale"] - mp.log(2 * p["scale"])


def _asymmetric_laplace(p: Parameters, x: Any) -> Any:
    left, right = p["scale"] * p["asymmetry"], p["scale"] / p["asymmetry"]
    z = x - p["loc"]
    return (z / left if z < 0 else -z / right) - mp.log(left + right)


def _normal(p: Parameters, x: Any) -> Any:
    z = (x - p["loc"]) / p["scale"]
    return -(z**2) / 2 - mp.log(2 * mp.pi) / 2 - mp.log(p["scale"])


def _log_normal(p: Parameters, x: Any) -> Any:
    return _normal(p, mp.log(x)) - mp.log(x)


def _logistic(p: Parameters, x: Any) -> Any:
    z = abs(x - p["loc"]) / p["scale"]
    return -z - 2 * mp.log1p(mp.exp(-z)) - mp.log(p["scale"])


def _multivariate_normal(p: Parameters, x: Sequence[Any]) -> Any:
    lower = p["scale_tril"]
    standard: list[Any] = []
    for row, value in enumerate(x):
        rest = mp.fsum(lower[row][k] * standard[k] for k in range(row))
        standard.append((value - p["loc"][row] - rest) / lower[row][row])
    size = len(standard)
    log_det = mp.fsum(mp.log(lower[k][k]) for k in range(size))
    return -mp.fsum(z**2 for z in standard) / 2 - size * mp.log(2 * mp.pi) / 2 - log_det


def _negative_binomial(p: Parameters, k: Any) -> Any:
    n = p["total_count"]
    count = mp.loggamma(k + n) - mp.loggamma(n) - mp.loggamma(k + 1)
    return count + n * log_sigmoid(-p["logits"]) + k * log_sigmoid(p["logits"])


def _ordered_logistic(p: Parameters, k: Any) -> Any:
    cuts = p["cutpoints"]
    upper = mp.inf if k == len(cuts) else cuts[int(k)] - p["predictor"]
    lower = -mp.inf if k == 0 else cuts[int(k) - 1] - p["predictor"]
    return _between(lambda z: log_sigmoid(z), lambda z: log_sigmoid(-z), lower, upper)


def _poisson(p: Parameters, k: Any) -> Any:
    return k * mp.log(p["rate"]) - p["rate"] - mp.loggamma(k + 1)


def _skew_logistic(p: Parameters, x: Any) -> Any:
    z, a = (x - p["loc"]) / p["scale"], p["asymmetry"]
    return mp.log(a) + a * log_sigmoid(z) + log_sigmoid(-z) - mp.log(p["scale"])


def _soft_laplace(p: Parameters, x: Any) -> Any:
    z = abs(x - p["loc"]) / p["scale"]
    return mp.log(2 / mp.pi) - z - mp.log1p(mp.exp(-2 * z)) - mp.log(p["scale"])


def _soft_asymmetric_laplace(p: Parameters, x: Any) -> Any:
    z, s = (x - p["loc"]) / p["scale"], p["softness"]
    left, right = p["asymmetry"], 1 / p["asymmetry"]

    def tail(z: Any, width: Any) -> Any:
        t = (s / width + z / s) / mp.sqrt(2)
        # Of a large t by the continued fraction of erfc, since its logarithm has an exponent of its own.
        log_erfc = mp.log(mp.erfc(t)) if t < 1e4 else -(t**2) - mp.log(t * mp.sqrt(mp.pi)) + mp.log(_far_erfcx(t))
        return (s**2 / 2 + width * z) / width**2 + log_erfc

    return log_add(tail(z, left), tail(-z, right)) - mp.log(2 * (left + right)) - mp.log(p["scale"])


def _far_erfcx(t: Any) -> Any:
    """√π t e^(t²) erfc(t) by its asymptotic series, for t of thousands."""
    total, term = mpf(1), mpf(1)
    for n in range(1, 40):
        term *= -(2 * n - 1) / (2 * t**2)
        total += term
    return total


def _student_t(p: Parameters, x: Any) -> Any:
    df, z = p["df"], (x - p["loc"]) / p["scale"]
    count = mp.loggamma((df + 1) / 2) - mp.loggamma(df / 2) - mp.log(df * mp.pi) / 2
    return count - (df + 1) / 2 * mp.log1p(z**2 / df) - mp.log(p["scale"])


def _von_mises(p: Parameters, x: Any) -> Any:
    k = p["concentration"]
    return k * (mp.cos(x - p["loc"]) - 1) - mp.log(2 * mp.pi * _scaled_bessel(k))


def _scaled_bessel(k: Any) -> Any:
    """e^−κ I₀(κ)."""
    if k < 1e4:
        return mp.exp(-k) * mp.besseli(0, k)
    total, term = mpf(1), mpf(1)
    for n in range(1, 60):
        term *= mpf((2 * n - 1) ** 2) / (8 * n * k)
        total += term
    return total / mp.sqrt(2 * mp.pi * k)


def _weibull(p: Parameters, x: Any) -> Any:
    k, z = p["concentration"], mp.log(x / p["scale"])
    return mp.log(k / p["scale"]) + (k - 1) * z - mp.exp(k * z)


def _gated(p: Parameters, k: Any, log_prob: Any) -> Any:
    rest = log_sigmoid(-p["gate_logits"]) + log_prob
    return log_add(log_sigmoid(p["gate_logits"]), rest) if k == 0 else rest


DENSITIES: dict[str, Callable[[Parameters, Any], Any]] = {
    "asymmetric_laplace": _asymmetric_laplace,
    "bernoulli": _bernoulli,
    "beta": _beta,
    "beta_binomial": _beta_binomial,
    "binomial": _binomial,
    "categorical": _categorical,
    "cauchy": _cauchy,
    "chi2": lambda p, x: _gamma_density(p["df"] / 2, mpf(0.5), x),
    "continuous_bernoulli": _continuous_bernoulli,
    "exponential": lambda p, x: mp.log(p["rate"]) - p["rate"] * x,
    "fisher_snedecor": _fisher_snedecor,
    "gamma": lambda p, x: _gamma_density(p["concentration"], p["rate"], x),
    "gamma_poisson": _gamma_poisson,
    "geometric": _geometric,
    "gumbel": _gumbel,
    "half_cauchy": lambda p, x: mp.log(2) + _cauchy({"loc": 0, **p}, x),
    "half_normal": lambda p, x: mp.log(2) + _normal({"loc": 0, **p}, x),
    "inverse_gamma": lambda p, x: _gamma_density(p["concentration"], p["rate"], 1 / x) - 2 * mp.log(x),
    "kumaraswamy": _kumaraswamy,
    "laplace": _laplace,
    "log_normal": _log_normal,
    "logistic": _logistic,
    "multivariate_normal": _multivariate_normal,
    "negative_binomial": _negative_binomial,
    "normal": _normal,
    "ordered_logistic": _ordered_logistic,
    "poisson": _poisson,
    "skew_logistic": _skew_logistic,
    "soft_asymmetric_laplace": _soft_asymmetric_laplace,
    "soft_laplace": _soft_laplace,
    "student_t": _student_t,
    "von_mises": _von_mises,
    "weibull": _weibull,
    "zero_inflated_negative_binomial": lambda p, k: _gated(p, k, _negative_binomial(p, k)),
    "zero_inflated_poisson": lambda p, k: _gated(p, k, _poisson(p, k)),
}
"""Parameters and a value to log p."""


# Distribution functions, as pairs of logarithms: of F and of 1 − F


def _by_z(log_cdf: Callable[[Any], Any], log_survival: Callable[[Any], Any]) -> Callable[[Parameters, Any], Any]:
    def both(p: Parameters, x: Any) -> tuple[Any, Any]:
        z = (x - p["loc"]) / p["scale"]
        return log_cdf(z), log_survival(z)

    return both


def _log_normal_cdf(z: Any) -> Any:
    if z < -1e4:
        t = -z / mp.sqrt(2)
        return mp.log(_far_erfcx(t)) - t**2 - mp.log(2 * t * mp.sqrt(mp.pi))
    return mp.log(mp.erfc(-z / mp.sqrt(2)) / 2)


def _log_gumbel_survival(z: Any) -> Any:
    if z < -20:
        return mpf(0)
    return -z if z > 1e5 else mp.log(-mp.expm1(-mp.exp(-z)))


def _skew_logistic_cdf(p: Parameters, x: Any) -> tuple[Any, Any]:
    log_cdf = p["asymmetry"] * log_sigmoid((x - p["loc"]) / p["scale"])
    return log_cdf, _complement(log_cdf)


def _weibull_cdf(p: Parameters, x: Any) -> tuple[Any, Any]:
    hazard = mp.exp(p["concentration"] * mp.log(x / p["scale"])) if x > 0 else mpf(0)
    return _complement(-hazard), -hazard


def _kumaraswamy_cdf(p: Parameters, x: Any) -> tuple[Any, Any]:
    if x <= 0 or x >= 1:
        return (-mp.inf, mpf(0)) if x <= 0 else (mpf(0), -mp.inf)
    log_survival = p["concentration0"] * _complement(p["concentration1"] * mp.log(x))
    return _complement(log_survival), log_survival


def _continuous_bernoulli_cdf(p: Parameters, x: Any) -> tuple[Any, Any]:
    rate = p["logits"]
    if rate == 0:
        return mp.log(x) if x > 0 else -mp.inf, mp.log1p(-x) if x < 1 else -mp.inf
    share = mp.expm1(rate * x) / mp.expm1(rate)
    rest = (mp.exp(rate) - mp.exp(rate * x)) / mp.expm1(rate)
    return mp.log(share) if share else -mp.inf, mp.log(rest) if rest else -mp.inf


def _complement(log_share: Any) -> Any:
    """log(1 − e^a)."""
    if log_share < -1e3:
        return -mp.exp(log_share) if log_share > -1e12 else mpf(0)
    return mp.log(-mp.expm1(log_share)) if log_share < 0 else -mp.inf


def _log_laplace_cdf(z: Any) -> Any:
    return z - mp.log(2) if z < 0 else mp.log1p(-mp.exp(-z) / 2)


def _log_soft_laplace_cdf(z: Any) -> Any:
    return mp.log(2 / mp.pi * mp.atan(mp.exp(z)))


def _log_cauchy_cdf(z: Any) -> Any:
    return mp.log(mp.atan(-1 / z) / mp.pi) if z < 0 else mp.log(mpf(1) / 2 + mp.atan(z) / mp.pi)


def _half(both: Callable[[Parameters, Any], tuple[Any, Any]]) -> Callable[[Parameters, Any], tuple[Any, Any]]:
    def folded(p: Parameters, x: Any) -> tuple[Any, Any]:
        log_survival = mp.log(2) + both({"loc": mpf(0), **p}, x)[1] if x > 0 else mpf(0)
        return _complement(log_survival), log_survival

    return folded


_CAUCHY = _by_z(_log_cauchy_cdf, lambda z: _log_cauchy_cdf(-z))
_NORMAL = _by_z(_log_normal_cdf, lambda z: _log_normal_cdf(-z))


def _gamma_cdf(a: Any, x: Any) -> tuple[Any, Any]:
    """Of a Gamma(a, 1) variable."""
    below = mp.gammainc(a, 0, x, regularized=True) if x > 0 else mpf(0)
    above = mp.gammainc(a, x, mp.inf, regularized=True) if x > 0 else mpf(1)
    return _log(below), _log(above)


def _beta_cdf(a: Any, b: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Of a Beta(a, b) variable at x = 1 − y."""
    below, above = mp.betainc(a, b, 0, x, regularized=True), mp.betainc(b, a, 0, y, regularized=True)
    return _log(below), _log(above)


def _log(share: Any) -> Any:
    return mp.log(share) if share > 0 else -mp.inf


def _fisher_snedecor_cdf(p: Parameters, x: Any) -> tuple[Any, Any]:
    if x <= 0:
        return -mp.inf, mpf(0)
    total = p["df1"] * x + p["df2"]
    return _beta_cdf(p["df1"] / 2, p["df2"] / 2, p["df1"] * x / total, p["df2"] / total)


def _student_t_cdf(p: Parameters, x: Any) -> tuple[Any, Any]:
    z, df = (x - p["loc"]) / p["scale"], p["df"]
    below, _ = _beta_cdf(df / 2, mpf(0.5), df / (df + z**2), z**2 / (df + z**2))
    near = below - mp.log(2)
    return (near, _complement(near)) if z < 0 else (_complement(near), near)


def _asymmetric_laplace_cdf(p: Parameters, x: Any) -> tuple[Any, Any]:
    left, right, z = p["scale"] * p["asymmetry"], p["scale"] / p["asymmetry"], x - p["loc"]
    near = mp.log(left / (left + right)) + z / left if z < 0 else mp.log(right / (left + right)) - z / right
    return (near, _complement(near)) if z < 0 else (_complement(near), near)


def _soft_asymmetric_laplace_cdf(p: Parameters, x: Any) -> tuple[Any, Any]:
    """By quadrature of the density, from the mode's side on."""

    def integral(points: Sequence[Any]) -> Any:
        return _log(mp.quad(lambda t: mp.exp(_soft_asymmetric_laplace(p, t)), points))

    steps = [mpf(k) * p["scale"] for k in (0.1, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256)]
    below = integral([-mp.inf, *(x - step for step in steps[::-1]), x])
    above = integral([x, *(x + step for step in steps), mp.inf])
    return below, above


def _von_mises_cdf(p: Parameters, x: Any) -> tuple[Any, Any]:
    def integral(end: Any) -> Any:
        points = [x, *(x + (end - x) / 2**k for k in range(10, -1, -1))]
        return _log(abs(mp.quad(lambda t: mp.exp(_von_mises(p, t)), points)))

    return integral(-mp.pi), integral(mp.pi)


def _of_count(both: Callable[[Parameters, Any], tuple[Any, Any]]) -> Callable[[Parameters, Any], tuple[Any, Any]]:
    """P(K ≤ x) and P(K > x) of whole numbers."""

    def of_whole(p: Parameters, x: Any) -> tuple[Any, Any]:
        return both(p, mp.floor(x)) if x >= 0 else (-mp.inf, mpf(0))

    return of_whole


def _poisson_cdf(p: Parameters, k: Any) -> tuple[Any, Any]:
    below, above = _gamma_cdf(k + 1, p["rate"])
    return above, below


def _geometric_cdf(p: Parameters, k: Any) -> tuple[Any, Any]:
    above = (k + 1) * log_sigmoid(-p["logits"])
    return _complement(above), above


def _negative_binomial_cdf(p: Parameters, k: Any) -> tuple[Any, Any]:
    share = mp.exp(log_sigmoid(-p["logits"]))
    return _beta_cdf(p["total_count"], k + 1, share, mp.exp(log_sigmoid(p["logits"])))


def _gamma_poisson_cdf(p: Parameters, k: Any) -> tuple[Any, Any]:
    return _beta_cdf(p["concentration"], k + 1, p["rate"] / (1 + p["rate"]), 1 / (1 + p["rate"]))


def _gated_cdf(both: Callable[[Parameters, Any], tuple[Any, Any]]) -> Callable[[Parameters, Any], tuple[Any, Any]]:
    def gated(p: Parameters, k: Any) -> tuple[Any, Any]:
        below, above = both(p, k)
        rest = log_sigmoid(-p["gate_logits"])
        return log_add(log_sigmoid(p["gate_logits"]), rest + below), rest + above

    return gated


CDFS: dict[str, Callable[[Parameters, Any], tuple[Any, Any]]] = {
    "asymmetric_laplace": _asymmetric_laplace_cdf,
    "beta": lambda p, x: _beta_cdf(p["concentration1"], p["concentration0"], x, 1 - x),
    "cauchy": _CAUCHY,
    "chi2": lambda p, x: _gamma_cdf(p["df"] / 2, x / 2),
    "continuous_bernoulli": _continuous_bernoulli_cdf,
    "exponential": lambda p, x: (_complement(-p["rate"] * x), -p["rate"] * x),
    "fisher_snedecor": _fisher_snedecor_cdf,
    "gamma": lambda p, x: _gamma_cdf(p["concentration"], p["rate"] * x),
    "gamma_poisson": _of_count(_gamma_poisson_cdf),
    "geometric": _of_count(_geometric_cdf),
    "gumbel": _by_z(lambda z: -mp.exp(-z), _log_gumbel_survival),
    "half_cauchy": _half(_CAUCHY),
    "half_normal": _half(_NORMAL),
    "inverse_gamma": lambda p, x: _gamma_cdf(p["concentration"], p["rate"] / x)[::-1] if x > 0 else (-mp.inf, mpf(0)),
    "kumaraswamy": _kumaraswamy_cdf,
    "laplace": _by_z(_log_laplace_cdf, lambda z: _log_laplace_cdf(-z)),
    "log_normal": lambda p, x: _NORMAL(p, mp.log(x)) if x > 0 else (-mp.inf, mpf(0)),
    "logistic": _by_z(log_sigmoid, lambda z: log_sigmoid(-z)),
    "negative_binomial": _of_count(_negative_binomial_cdf),
    "normal": _NORMAL,
    "poisson": _of_count(_poisson_cdf),
    "skew_logistic": _skew_logistic_cdf,
    "soft_asymmetric_laplace": _soft_asymmetric_laplace_cdf,
    "student_t": _student_t_cdf,
    "von_mises": _von_mises_cdf,
    "zero_inflated_negative_binomial": _of_count(_gated_cdf(_negative_binomial_cdf)),
    "zero_inflated_poisson": _of_count(_gated_cdf(_poisson_cdf)),
    "soft_laplace": _by_z(_log_soft_laplace_cdf, lambda z: _log_soft_laplace_cdf(-z)),
    "weibull": _weibull_cdf,
}
"""Parameters and a value to log F and log(1 − F)."""


def log_mass(name: str, p: Parameters, low: Any, high: Any) -> Any:
    """log P(low < X < high) for a family of :data:`CDFS`; the ends may be infinite."""
    below = (-mp.inf, mpf(0)) if low == -mp.inf else CDFS[name](p, low)
    above = (mpf(0), -mp.inf) if high == mp.inf else CDFS[name](p, high)
    return _difference(*below, *above)


def _between(log_cdf: Callable[[Any], Any], log_survival: Callable[[Any], Any], low: Any, high: Any) -> Any:
    below = (-mp.inf, mpf(0)) if low == -mp.inf else (log_cdf(low), log_survival(low))
    above = (mpf(0), -mp.inf) if high == mp.inf else (log_cdf(high), log_survival(high))
    return _difference(*below, *above)


def _difference(log_cdf_low: Any, log_survival_low: Any, log_cdf_high: Any, log_survival_high: Any) -> Any:
    """On the side where both are small."""
    if log_cdf_high < log_survival_low:
        return log_cdf_high + _complement(log_cdf_low - log_cdf_high)
    return log_survival_low + _complement(log_survival_high - log_survival_low)
