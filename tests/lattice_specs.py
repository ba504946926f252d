"""Small pictures under every kind of lattice network: few enough values to list them all."""

from __future__ import annotations

ORDERS = {
    "raster": "raster",
    "by column": "raster(column, row)",
    "reverse": "reverse",
    "snake": "snake",
    "diagonal": "diagonal",
    "spiral": "spiral",
    "shuffle": "shuffle(seed = 3)",
    "checkerboard": "checkerboard",
    "multiscale": "multiscale(base = 2)",
}
CHANNEL_ORDERS = {
    "raster": "raster",
    "by channel": "raster(channel, row, column)",
    "by column": "raster(column, row, channel)",
    "reverse": "reverse",
    "shuffle": "shuffle(seed = 3)",
    "snake": "snake",
}
WINDOWS = ("1", "2", "(1, 2)", "(0, 2)", "(2, *)", "(2, 0)")
STACKS = {"plain": "gated = false", "gated": "gated = true"}


def picture(order: str, network: str, shape: str = "row: 3, column: 3") -> str:
    return f"observed x[{shape}] : binary\norder x by {order}\np(x[i] | x[<i]) = bernoulli via pixelcnn({network})\n"


def colours(order: str, network: str, shape: str = "row: 2, column: 2, channel: 2") -> str:
    return (
        f"observed x[{shape}] : integer(0, 2)\norder x by {order}\n"
        f"p(x[i] | x[<i]) = categorical via pixelcnn({network})\n"
    )


def window(limits: str, network: str, shape: str = "3, 3") -> str:
    return f"observed x[{shape}] : binary\np(x[i] | x[<i] within {limits}) = bernoulli via pixelcnn({network})\n"


SPECS: dict[str, str] = {}
for stack, option in STACKS.items():
    small = f"layers = 2, features = 6, first = 3, {option}"
    for name, order in ORDERS.items():
        SPECS[f"{stack}, {name}"] = picture(order, small + ", dropout = 0.2")
    for name, order in CHANNEL_ORDERS.items():
        SPECS[f"{stack}, colours, {name}"] = colours(order, small)
    for limits in WINDOWS:
        SPECS[f"{stack}, within {limits}"] = window(limits, small)
    SPECS[f"{stack}, colours within 1"] = (
        f"observed x[2, 2, 2] : integer(0, 2)\np(x[i] | x[<i] within (1, 1, *)) = categorical via pixelcnn({small})\n"
    )
    SPECS[f"{stack}, one layer"] = picture("raster", f"layers = 0, features = 4, first = 5, {option}")
    SPECS[f"{stack}, one row"] = picture("raster", small, "row: 1, column: 6")
    SPECS[f"{stack}, one pixel"] = picture("raster", small, "row: 1, column: 1")
    SPECS[f"{stack}, given a label"] = (
        "given label : category(3)\nobserved x[3, 3] : binary\n"
        f"p(x[i] | x[<i], label) = bernoulli via pixelcnn({small})\n"
    )
    SPECS[f"{stack}, given a vector and a map"] = (
        "given v[2] : real\ngiven low[2, 2, 2] : real\nobserved x[row: 4, column: 3] : binary\n"
        f"p(x[r, c] | x[<], v, low[r / 2, c / 2, *]) = bernoulli via pixelcnn({small})\n"
    )
    SPECS[f"{stack}, a map shifted"] = (
        "given low[3, 3] : real\nobserved x[3, 3] : binary\n"
        f"p(x[r, c] | x[<], low[r - 1, c]) = bernoulli via pixelcnn({small})\n"
    )
    SPECS[f"{stack}, colours given a map"] = (
        "given low[2, 2] : category(3)\norder x by reverse\nobserved x[2, 2, 2] : integer(0, 2)\n"
        f"p(x[r, c, k] | x[<], low[r, c]) = categorical via pixelcnn({small})\n"
    )
    SPECS[f"{stack}, after other variables"] = (
        "observed z : category(3)\nobserved low[2, 2] : binary\nobserved x[2, 2] : binary\np(z) = categorical\n"
        "p(low[i] | low[<i], z) = bernoulli via made(hidden = [4])\n"
        f"p(x[r, c] | x[<], z, low[r, c]) = bernoulli via pixelcnn({small})\n"
    )
    SPECS[f"{stack}, after others, by checkerboard"] = (
        "observed low[2, 2] : binary\nobserved x[2, 2] : binary\norder x by checkerboard\n"
        "p(low[i] | low[<i]) = bernoulli via made(hidden = [4])\n"
        f"p(x[r, c] | x[<], low[r, c]) = bernoulli via pixelcnn({small})\n"
    )
    SPECS[f"{stack}, given a map and a vector through networks"] = (
        "given v[2] : real\ngiven low[4, 1, 2] : real\nobserved x[row: 4, column: 2] : binary\n"
        "p(x[i] | x[<i], v via deconv(hidden = [4, 3]), low via deconv(hidden = 3)) = bernoulli via "
        f"pixelcnn({small})\n"
    )
    SPECS[f"{stack}, colours after a map through a network, by snake"] = (
        "given label : category(3)\nobserved low[1, 2] : category(3)\nobserved x[3, 2, 2] : binary\n"
        "order x by snake\np(low[i] | low[<i]) = categorical via made(hidden = [4])\n"
        "net grown = deconv(hidden = [3, 4])\n"
        f"p(x[r, c, k] | x[<], low via grown, label) = bernoulli via pixelcnn({small})\n"
    )
    SPECS[f"{stack}, colours together"] = (
        "given label : category(2)\nobserved x[2, 2, 2] : integer(0, 2)\n"
        f"p(x[r, c, *] | x[<], label) = color_mixture(components = 2) via pixelcnn({small})\n"
    )
DRAWN_TOGETHER = (
    "given label : category(3)\nobserved x[3, 3, 2] : real\n"
    "p(x[r, c, *] | x[<], label) = multivariate_normal via pixelcnn(layers = 2, features = 6, first = 3, {option})\n"
)
