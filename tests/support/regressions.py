"""Specs that once failed, by what was wrong: they go through the same properties as generated ones."""

from __future__ import annotations

REGRESSIONS = {
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
}
