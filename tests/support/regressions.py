"""Specs that once failed, by what was wrong: they go through the same properties as generated ones."""

from __future__ import annotations

REGRESSIONS = {
    "draws of a skewed guide where Pyro has none": (
        "latent x : real\nlatent y : real\nobserved u : real\nobserved v[2] : binary\np(x) = normal\n"
        "p(y | x) = mixture(normal, 1) via made(hidden = [2, 2], direct = false)\n"
        "p(u | y) = normal via made(hidden = [2])\n"
        'p(v[t] | v[<]) = categorical via made(hidden = [2, 2, 2], activation = "relu")\n'
        "q(y | u) = normal via made(hidden = [2])\nq(x | u) = skew_logistic via made(hidden = [2, 2])\n"
    ),
    "gradients of gamma densities at the least numbers": (
        "given x[2, 2] : binary\nlatent y[2] : real\nlatent u : real\nobserved v[2, 2, 2] : positive\n"
        "p(y[t] | y[<], x) = normal via linear\np(u) = normal\np(v[t, r, c] | v[<]) = gamma via linear\n"
        "q(u) = normal\nq(y[t]) = normal\n"
    ),
    "counts of more digits than numbers hold": (
        "observed x[3, 2] : real\norder x by [0, 1, 2, 3, 4, 5]\nobserved y : integer(0, 300)\nobserved u : count\n"
        "p(x[t, r] | x[<]) = mixture(student_t, 2) via made(hidden = [3, 7, 4])\np(y) = discretized(logistic)\n"
        "p(u | x) = poisson via linear\n"
    ),
    "kernel wider than the picture under an order with masks at every pixel": (
        "observed x[2, 2] : binary\norder x by snake\n"
        "p(x[i] | x[<i]) = bernoulli via pixelcnn(layers = 1, features = 4)\n"
    ),
    "kernel wider than the picture, gated, by channels first": (
        "observed x[4, 4, 1] : binary\norder x by raster(2, 0, 1)\n"
        "p(x[i] | x[<i]) = bernoulli via pixelcnn(layers = 1, features = 4, gated = true)\n"
    ),
    "kernel much wider than the picture": (
        "observed x[1, 2] : category(3)\norder x by blocks(2)\n"
        "p(x[i] | x[<i]) = categorical via pixelcnn(layers = 1, features = 4, first = 7)\n"
    ),
    "two values that are not 0 and 1": (
        "observed x[2] : integer(-3, -2)\np(x[i] | x[<i]) = bernoulli via made(hidden = [2], residual = true)\n"
    ),
    "two values of two features each": (
        'observed x[5] : category("no", "yes")\np(x[i] | x[<i] last 1, x[<i] last 3) = bernoulli via made(hidden = 4)\n'
    ),
    "a joint draw in a shared net": (
        "observed a[2] : real\nobserved u : binary\nnet body = made(hidden = 6)\n"
        "p(a[*]) = multivariate_normal via body\np(u | a[0]) = bernoulli via body\n"
    ),
    "latent codes that are not their values": (
        "latent z : mulaw(3)\nobserved x[2] : integer(0, 1)\np(z) = beta_binomial(total_count = 2)\n"
        "p(x | z) = bernoulli via made(hidden = 4)\nq(z | x) = categorical via mlp(hidden = 4)\n"
    ),
    "latent integers from below 0": (
        "latent x : integer(-1, 1)\nobserved y : integer(-3, -2)\n"
        "p(x) = mixture(discretized(log_normal), components = 2)\n"
        "p(y | x) = binomial(total_count = 1) via table(tied = true)\nq(x | y) = default via table(tied = true)\n"
    ),
    "two orders of two elements, the first natural": (
        "observed x[2] : binary\norder x by any(orders = 2, natural = true)\n"
        "p(x[i] | x[<i]) = bernoulli via made(hidden = 3)\n"
    ),
    "all parameters fixed": "observed x[3] : binary\np(x[i] | x[<i]) = bernoulli(logits = 0)\n",
    "all parameters fixed, on a lattice": (
        "observed y[2, 2] : binary\norder y by snake\n"
        "p(y[r, t] | y[<]) = bernoulli(logits = 0) via pixelcnn(layers = 1, features = 2)\n"
    ),
    "all parameters fixed, along time": (
        "observed y[4] : binary\n"
        "p(y[t] | y[<]) = bernoulli(logits = 0) via wavenet(blocks = 1, layers = 2, features = 2, skip = 3)\n"
    ),
    "all parameters of a tied field fixed": (
        "record y { age : integer(2, 3) }\nobserved x : binary\np(x) = bernoulli\n"
        "p(y.age | y[<], x) = discretized(laplace(loc = 0.5, scale = 3)) via linear(tied = true)\n"
    ),
    "a tied field under any": (
        "record y { a : binary  b : category(3) }\norder y by any(orders = 2)\n"
        "p(y.a | y[<]) = bernoulli via linear(tied = true)\np(y.b) = categorical\n"
    ),
    "another variable drawn at a step of a wavenet, and not read": (
        "observed x[2] : binary\norder x by any(orders = 2)\nobserved y[1] : binary\n"
        "p(x[i] | x[<i]) = bernoulli\n"
        "p(y[t] | y[<], x[.. t]) = bernoulli via wavenet(blocks = 1, layers = 1, features = 5, skip = 4)\n"
    ),
    "a wavenet that reads nothing of what it names": (
        "observed x[1] : real\nobserved y[3, 2] : binary\np(x[t] | x[<]) = normal\n"
        "p(y[t, r] | y[<], x[.. t / 3 - 1]) = bernoulli via "
        "wavenet(blocks = 1, layers = 1, features = 4, skip = 4)\n"
    ),
    "values beyond an end that are drawn with it": (
        "observed x[..2] : category(2, end = 1)\np(x[t] | x[<] within 0) = default via table(tied = true)\n"
    ),
    "an end beside another variable": (
        "observed s : binary\nobserved w[time: ..4] : category(3, end = 1)\np(s) = bernoulli\n"
        "p(w[t] | w[<t], s) = categorical via made(hidden = 6)\n"
    ),
    "a joint draw and its reader through one network": (
        "observed a[2] : real\nobserved u : binary\nnet body = made(hidden = 6)\n"
        "p(a[*]) = multivariate_normal via body\np(u | a[0]) = bernoulli via body\n"
    ),
    "two values that are not binary": (
        "observed x[2] : integer(0, 1)\np(x[i] | x[<i]) = bernoulli via made(hidden = 4)\n"
    ),
    "gradients of a soft asymmetric Laplace law": (
        "observed y : real\nobserved x[2] : real\np(y) = gumbel\np(x[t] | y) = soft_asymmetric_laplace via linear\n"
    ),
    "lengths under an order trained to draw what is missing last": (
        'observed x[..3] : binary\norder x by any(orders = 1, train = "all")\n'
        "p(x[t] | x[<]) = bernoulli via made(hidden = [2])\n"
    ),
    "a large linear network by the values of an integer": (
        "observed x[2, 2] : binary\nobserved y : integer(0, 300)\nobserved u[4] : integer(0, 2)\n"
        "p(x[t, r] | x[<]) = bernoulli via linear(tied = true)\np(y) = discretized(logistic)\n"
        "p(u[*] | x[0, 0], y) = default via linear(by = y)\n"
    ),
    "a map that conditions a draw without free parameters": (
        "given x[2, 2, 1] : binary\nobserved u[1, 1] : binary\n"
        "p(u[t, r] | u[<], x[t, r, *]) = bernoulli(logits = 0.5) via pixelcnn(layers = 0, features = 2, first = 3)\n"
    ),
}
