"""Models with latent variables for tests: small enough to sum or integrate by hand."""

from __future__ import annotations

from torch import Tensor

GAUSSIAN = (
    "latent z[2] : real\nobserved x[3] : real\np(z) = normal(0, 1)\np(x | z) = normal via linear\n"
    "q(z | x) = normal via linear\n"
)
DISCRETE = (
    "latent k : category(3)\nlatent b[2] : binary\nobserved x[3] : binary\n"
    "p(k) = categorical\np(b | k) = bernoulli\np(x[i] | x[<i], k, b) = bernoulli via made(hidden = [8])\n{guide}\n"
)
EXACT = DISCRETE.format(guide="q(k) = exact\nq(b) = exact")
GUIDED = DISCRETE.format(
    guide="q(k | x) = categorical via mlp(hidden = [8])\nq(b | x, k) = bernoulli via mlp(hidden = [8])"
)
PARTLY = DISCRETE.format(guide="q(k) = exact\nq(b | x) = bernoulli via mlp(hidden = [8])")
HIERARCHY = (
    "latent z1[2, 2, 3] : real\nlatent z2[4] : real\nobserved x[4, 4] : binary\n"
    "p(z2) = normal(0, 1)\np(z1 | z2) = normal via deconv(hidden = [6])\n"
    "p(x[i] | x[<i], z1 via deconv(hidden = [4])) = bernoulli via pixelcnn(layers = 2, features = 6, gated = true)\n"
    "q(z1 | x) = normal via conv(hidden = [6], blocks = 1)\nq(z2 | z1) = normal via mlp(hidden = [8])\n"
)
HIDDEN_MARKOV = (
    "latent s[5] : category(3)\nobserved x[5] : category(4)\n"
    "p(s[t] | s[t-1]) = categorical via table(tied = true)\np(x[t] | s[t]) = categorical via table(tied = true)\n"
    "q(s) = exact\n"
)
PRIOR = (
    "latent z[3] : real\nobserved x[4] : binary\n"
    "p(z[i] | z[<i]) = normal via made(hidden = [8])\np(x | z) = bernoulli via mlp(hidden = [8])\n"
    "q(z | x) = normal via mlp(hidden = [8])\n"
)
CONDITIONAL = (
    "given label : category(3)\nlatent z[2] : real\nobserved x[4] : binary\nobserved y : real\n"
    "p(z | label) = normal via mlp(hidden = [4])\np(x[i] | x[<i], z) = bernoulli via made(hidden = [8])\n"
    "p(y | x, z) = normal via mlp(hidden = [4])\nq(z | x, y, label) = normal via mlp(hidden = [8])\n"
)
REGRESSIONS = (
    "given z : real\ngiven g : binary\nlatent k : category(3)\nlatent s : integer(2, 3)\n"
    "observed x[2] : binary\nobserved y : real\n"
    "p(k) = categorical\np(s | k) = categorical via linear(by = k)\n"
    "p(x[i] | x[<i], z, s) = bernoulli via linear(by = s)\np(y | k, x, z) = normal via linear(by = k)\n"
    "q(k) = exact\nq(s | g, x, y) = categorical via linear(by = g)\n"
)
SPECS = {
    "Gaussian": GAUSSIAN,
    "summed out": EXACT,
    "discrete": GUIDED,
    "one of two summed out": PARTLY,
    "hierarchy": HIERARCHY,
    "hidden Markov": HIDDEN_MARKOV,
    "autoregressive prior": PRIOR,
    "conditional": CONDITIONAL,
    "mixture of regressions": REGRESSIONS,
}


def only(values: dict[str, Tensor]) -> dict[str, Tensor] | Tensor:
    """In the form the model gives: a dict only where there are several variables."""
    return next(iter(values.values())) if len(values) == 1 else values
