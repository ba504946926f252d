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
WINDOWS = ("0", "1", "2", "(1, 2)", "(0, 2)", "(2, *)", "(2, 0)")
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
        "given label : category(3)\nobserved low[1, 2] : category(2)\nobserved x[3, 2, 2] : binary\n"
        "order x by snake\np(low[i] | low[<i]) = categorical via made(hidden = [4])\n"
        "net grown = deconv(hidden = [3, 4])\n"
        f"p(x[r, c, k] | x[<], low via grown, label) = bernoulli via pixelcnn({small})\n"
    )
    SPECS[f"{stack}, given fields"] = (
        "record r { a : binary  b : category(2)  c : category(2) }\nobserved x[2, 3] : binary\n"
        "p(r.a) = bernoulli\np(r.b) = categorical\np(r.c) = categorical\n"
        f"p(x[i] | x[<i], r.b) = bernoulli via pixelcnn({small})\n"
    )
    SPECS[f"{stack}, colours together"] = (
        "given label : category(2)\nobserved x[2, 2, 2] : integer(0, 2)\n"
        f"p(x[r, c, *] | x[<], label) = color_mixture(components = 2) via pixelcnn({small})\n"
    )
WAVENET = "blocks = 2, layers = 2, features = 6, skip = 8"


def wave(network: str = WAVENET, shape: str = "time: 7", domain: str = "binary", order: str = "raster") -> str:
    family = "bernoulli" if domain == "binary" else "categorical"
    return f"observed x[{shape}] : {domain}\norder x by {order}\np(x[i] | x[<i]) = {family} via wavenet({network})\n"


SPECS |= {
    "wave": wave(),
    "wave, backwards": wave(order="reverse"),
    "wave of codes, with dropout": wave(WAVENET + ", dropout = 0.2", "time: 4", "mulaw(4)"),
    "wave, three moments a layer": wave("blocks = 1, layers = 2, kernel = 3, features = 6, skip = 8"),
    "wave of one moment": wave(shape="time: 1"),
    "wave of channels": wave(shape="time: 3, channel: 3"),
    "wave of channels, backwards": wave(shape="time: 3, channel: 3", order="reverse"),
    "wave of channels, last one first": wave(shape="time: 3, channel: 2", order="raster(time, channel)"),
    "wave drawn together": (
        f"observed x[3, 2] : integer(0, 2)\np(x[t, *] | x[<]) = color_mixture(components = 2) via wavenet({WAVENET})\n"
    ),
    "wave given a label": (
        "given label : category(3)\nobserved x[6] : binary\n"
        f"p(x[t] | x[<t], label) = bernoulli via wavenet({WAVENET})\n"
    ),
    "wave given a text": (
        "given text[frame: 3, 2] : real\nobserved x[6] : binary\n"
        f"p(x[t] | x[<t], text[..t / 2, *]) = bernoulli via wavenet({WAVENET})\n"
    ),
    "wave given a text, repeated": (
        "given text[frame: 3] : category(3)\nobserved x[7] : binary\n"
        f"p(x[t] | x[<t] within 4, text[(t - 3) / 2 - 1 .. t / 2 - 1]) = bernoulli via "
        f'wavenet({WAVENET}, upsampling = "repeated")\n'
    ),
    "wave after a text": (
        "observed text[3] : category(2)\nobserved x[time: 4, channel: 2] : binary\n"
        "p(text[i] | text[<i]) = categorical via made(hidden = [4])\n"
        f"p(x[t, k] | x[<], text[..(t + 1) / 2]) = bernoulli via wavenet({WAVENET})\n"
    ),
    "wave after a text alone": (
        "observed text[4] : category(2)\nobserved x[4] : binary\n"
        "p(text[i] | text[<i]) = categorical via made(hidden = [4])\n"
        f"p(x[t] | x[<t] within 0, text[..t]) = bernoulli via wavenet({WAVENET})\n"
    ),
    "wave after a text, backwards": (
        "observed text[3] : category(2)\nobserved x[6] : binary\norder x by reverse\norder text by reverse\n"
        "p(text[i] | text[<i]) = categorical via made(hidden = [4])\n"
        f"p(x[t] | x[<t], text[t / 2 ..]) = bernoulli via wavenet({WAVENET})\n"
    ),
    "wave after a field": (
        "record r { a : category(2)  b : category(2) }\nobserved x[4] : binary\np(r[i] | r[<i]) = default\n"
        f"p(x[t] | x[<t], r.b) = bernoulli via wavenet({WAVENET})\n"
    ),
    "wave after a label": (
        "observed label : category(3)\nobserved x[6] : binary\np(label) = categorical\n"
        f"p(x[t] | x[<t], label) = bernoulli via wavenet({WAVENET})\n"
    ),
} | {
    f"wave within {window}": (
        f"observed x[8] : binary\np(x[t] | x[<t] within {window}) = bernoulli via wavenet({WAVENET})\n"
    )
    for window in (0, 1, 2, 3, 5)
}
SPECS |= {
    "conv to a map": (
        "given y[4, 4] : real\nobserved x[2, 2, 2] : binary\n"
        "p(x | y) = bernoulli via conv(hidden = [3, 4], blocks = 1)\n"
    ),
    "conv to a vector": (
        "given y[8, 6, 2] : category(3)\nobserved x[5] : category(3)\n"
        "p(x | y) = categorical via conv(hidden = [3, 4, 4])\n"
    ),
    "conv of two maps and a label": (
        "given label : category(3)\ngiven y[4, 4] : real\ngiven w[4, 4, 2] : binary\nobserved x[2, 2] : category(3)\n"
        "p(x | y, label, w) = categorical via conv(hidden = [4])\n"
    ),
    "deconv from a vector": (
        "given z[3] : real\nobserved x[2, 4] : binary\np(x | z) = bernoulli via deconv(hidden = [4, 3], blocks = 1)\n"
    ),
    "deconv from a map and a label": (
        "given label : category(3)\nobserved y[1, 2] : category(3)\nobserved x[2, 4] : binary\n"
        "p(y | label) = categorical\np(x | y, label) = bernoulli via deconv(hidden = [4])\n"
    ),
    "maps of observed variables": (
        "observed x[2, 2] : binary\nobserved y[1, 1] : binary\nobserved w[4] : binary\n"
        "p(x[i] | x[<i]) = bernoulli via made(hidden = [4])\np(y | x) = bernoulli via conv(hidden = [2])\n"
        "p(w | y, x) = bernoulli via mlp(hidden = [4])\n"
    ),
}
DRAWN_TOGETHER = (
    "given label : category(3)\nobserved x[3, 3, 2] : real\n"
    "p(x[r, c, *] | x[<], label) = multivariate_normal via pixelcnn(layers = 2, features = 6, first = 3, {option})\n"
)
