"""What the tests of the commands share."""

from __future__ import annotations

from collections.abc import Callable

from click.testing import Result

GOOD = "observed x[4, 4] : binary\n\np(x[i] | x[<i]) = bernoulli via made(hidden = [8])\n"
BAD = "observed x[8] : binary\np(x[t] | x[<t], x[t+1]) = bernoulli\np(y) = normal\n"

Run = Callable[..., Result]
