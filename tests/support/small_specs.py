"""Small specs whose every value can be listed: the ground for normalization, evaluators and probes."""

from __future__ import annotations

ORDERS = {
    "raster": "raster",
    "raster by column": "raster(1, 0)",
    "reverse": "reverse",
    "snake": "snake",
    "diagonal": "diagonal",
    "spiral": "spiral",
    "shuffle": "shuffle(seed = 3)",
    "list": "[5, 0, 2, 4, 1, 3]",
    "checkerboard": "checkerboard",
    "multiscale": "multiscale(base = 2)",
    "blocks": "blocks(1, 2)",
    "any of 3": "any(orders = 3, seed = 1)",
    "any of all": 'any(orders = 3, train = "all")',
}
NETWORKS = {
    "linear": "linear",
    "made": "made(hidden = [7, 5])",
    "made without direct path": "made(hidden = [4], direct = false)",
    "made, residual": 'made(hidden = [4, 4, 4], residual = true, activation = "elu", dropout = 0.2)',
    "nade": "nade(hidden = 5)",
    "table": "table",
}
DOMAINS = {
    "binary": ("binary", "bernoulli"),
    "category": ("category(3)", "categorical"),
    "integer": ("integer(-1, 1)", "categorical"),
    "integer, discretized": ("integer(0, 2)", "mixture(discretized(logistic), components = 2)"),
    "mulaw": ("mulaw(3)", "categorical"),
}

SPECS: dict[str, str] = {}
for order, written in ORDERS.items():
    written = written.replace("raster(1, 0)", "raster(column, row)")
    SPECS[f"order: {order}"] = (
        f"observed x[row: 2, column: 3] : binary\norder x by {written}\n"
        "p(x[i] | x[<i]) = bernoulli via made(hidden = [7, 5])\n"
    )
for network, written in NETWORKS.items():
    for domain, (declared, family) in DOMAINS.items():
        SPECS[f"{network}, {domain}"] = (
            f"observed x[4] : {declared}\norder x by shuffle(seed = 2)\np(x[i] | x[<i]) = {family} via {written}\n"
        )

RECORD = 'record r {\n  a : binary\n  b : category(3)\n  c : integer(0, 2)\n  d : category("u", "v")\n}\n'
SPECS |= {
    "independent elements": "observed x[3] : category(3)\np(x) = categorical\n",
    "record": RECORD + "order r by [c, a, d, b]\np(r[i] | r[<i]) = default via made(hidden = [9, 9])\n",
    "record, any of 3": RECORD + "order r by any(orders = 3)\np(r[i] | r[<i]) = default via made(hidden = [9])\n",
    "record, a factor a field": (
        RECORD + "net body = made(hidden = 6)\np(r.a) = bernoulli\np(r.b | r.a) = categorical via body\n"
        "p(r.c | r.a, r.b) = categorical via body\np(r.d | r.c) = bernoulli via table\n"
    ).replace("p(r.d | r.c) = bernoulli", "p(r.d | r.c) = categorical"),
    "shared net": (
        "observed a : binary\nobserved b : category(3)\nobserved c : binary\nnet body = made(hidden = [8, 8])\n"
        "p(b) = categorical\np(a | b) = bernoulli via body\np(c | a, b) = bernoulli via body\n"
    ),
    "shared net, arrays": (
        "observed a[2] : binary\nobserved b[3] : binary\nnet body = made(hidden = [8, 8])\norder b by reverse\n"
        "p(a[i] | a[<i]) = bernoulli via body\np(b[j] | b[<j], a) = bernoulli via body\n"
    ),
    "shared net, any of 3": (
        "observed a[2] : binary\nobserved b[3] : binary\nnet body = made(hidden = [8, 8])\norder b by any(orders = 3)\n"
        "p(a[i] | a[<i]) = bernoulli via body\np(b[j] | b[<j], a) = bernoulli via body\n"
    ),
    "tied along an axis": (
        "observed x[time: 3, 2] : binary\np(x[t, i] | x[t, ..i-1], x[t-1, *]) = bernoulli via linear(tied = time)\n"
    ),
    "window": "observed x[6] : binary\np(x[i] | x[<i] within 2) = bernoulli via made(hidden = [9, 7])\n",
    "window in two dimensions": (
        "observed x[2, 3] : binary\np(x[i] | x[<i] within (1, *)) = bernoulli via made(hidden = 9)\n"
    ),
    "last": (
        "observed x[6] : binary\norder x by shuffle(seed = 5)\n"
        "p(x[i] | x[<i] last 2) = bernoulli via made(hidden = 9)\n"
    ),
    "window, any of 3": (
        "observed x[5] : binary\norder x by any(orders = 3)\n"
        "p(x[i] | x[<i] within 1) = bernoulli via made(hidden = 9)\n"
    ),
    "Markov chain": "observed x[5] : category(3)\np(x[t] | x[t-1]) = categorical via table(tied = true)\n",
    "second-order chain, tied": "observed x[6] : binary\np(x[t] | x[t-2..t-1]) = bernoulli via linear(tied = true)\n",
    "tied mlp": "observed x[6] : binary\np(x[t] | x[t-3], x[t-1]) = bernoulli via mlp(hidden = 5, tied = true)\n",
    "tied, last": (
        "observed x[5] : binary\norder x by snake\n"
        "p(x[i] | x[<i] last 2) = bernoulli via mlp(hidden = 4, tied = true)\n"
    ),
    "tied, window": (
        "observed x[2, 3] : binary\np(x[i] | x[<i] within 1) = bernoulli via mlp(hidden = 4, tied = true)\n"
    ),
    "tied, any of 3": (
        "observed x[4] : binary\norder x by any(orders = 3)\np(x[i] | x[<i]) = bernoulli via linear(tied = true)\n"
    ),
    "Bayesian network": (
        "observed a : category(3)\nobserved b : binary\nobserved c : binary\nobserved d : category(3)\n"
        "p(a) = categorical\np(b | a) = bernoulli via table\np(c | a) = bernoulli via table\n"
        "p(d | b, c) = categorical via table\n"
    ),
    "given": (
        "given y : category(3)\ngiven z[2] : real\nobserved x[4] : binary\n"
        "p(x[i] | x[<i], y, z) = bernoulli via made(hidden = [8])\n"
    ),
    "aligned": (
        "observed low[2] : binary\nobserved x[4] : binary\np(low[i] | low[<i]) = bernoulli\n"
        "p(x[t] | x[t-1], low[t / 2]) = bernoulli via made(hidden = 6)\n"
    ),
    "columns of rows": (
        "observed x[2, 3] : binary\np(x[t, i] | x[t, ..i-1], x[..t-1, *]) = bernoulli via made(hidden = 8)\n"
    ),
    "tied, weak order": (
        "observed x[6] : binary\norder x by blocks(2)\np(x[i] | x[<i]) = bernoulli via linear(tied = true)\n"
    ),
    "one value": "observed x[3] : category(1)\np(x[i] | x[<i]) = default via made(hidden = 4)\n",
    "record under any, a factor a field": (
        "record r {\n  a : binary\n  b : binary\n  c : category(3)\n}\norder r by any(orders = 3)\n"
        "p(r.a | r[<]) = bernoulli via made(hidden = 4)\np(r.b | r[<]) = bernoulli via linear\n"
        "p(r.c | r[<]) = categorical via made(hidden = 5)\n"
    ),
    "linear by a category": (
        "observed x[3] : binary\nobserved k : category(3)\norder x by shuffle(seed = 1)\np(k) = categorical\n"
        "p(x[i] | x[<i], k) = bernoulli via linear(by = k)\n"
    ),
    "linear by an integer, tied": (
        "given z[2] : real\nobserved k : integer(-1, 1)\nobserved x[4] : binary\np(k | z) = categorical\n"
        "p(x[t] | x[t-2..t-1], k, z) = bernoulli via linear(tied = true, by = k)\n"
    ),
    "linear by a latent bit": (
        "latent k : binary\ngiven z : real\nobserved x[3] : category(3)\np(k | z) = bernoulli\n"
        "p(x[i] | z, x[<i], k) = categorical via linear(by = k)\nq(k) = exact\n"
    ),
    "linear by given sound, any of 3, two factors": (
        "given k : mulaw(3)\nobserved a : category(3)\nobserved b[3] : binary\norder b by any(orders = 3)\n"
        "net body = linear(by = k)\np(a | k) = categorical via body\np(b[i] | a, b[<i], k) = bernoulli via body\n"
    ),
    "mlp": "given z[3] : real\nobserved x[3] : category(3)\np(x | z) = categorical via mlp(hidden = [6, 6])\n",
}
