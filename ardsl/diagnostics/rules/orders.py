"""AR25x: orders as they are declared."""

from ardsl.diagnostics.diagnostic import Rule

_FACTOR = "\np(x[i] | x[<i]) = bernoulli"

UNKNOWN_ORDER = Rule(
    code="AR250",
    title="unknown order",
    message="there is no order `{name}`",
    label="not an order",
    explanation=(
        "The orders are raster, reverse, snake, diagonal, spiral, shuffle, multiscale, checkerboard, blocks and any; "
        "an explicit order is a list of indices (or of a record's fields), first drawn first, or a `.npy` file."
    ),
    wrong="observed x[4, 4] : binary\norder x by rastar" + _FACTOR,
    right="observed x[4, 4] : binary\norder x by raster" + _FACTOR,
)

ORDER_ARGUMENT = Rule(
    code="AR251",
    title="an argument that the order does not take",
    message="`{order}` {problem}",
    label="{problem}",
    explanation=(
        "`raster(axis, ...)` takes the names of all axes, slowest first; `shuffle` a `seed`; `multiscale` a `base`; "
        "`blocks` the size of a block along each axis; `any` the number of `orders`, a `seed` and `train`, which is "
        '`"orders"` or `"all"`. The others take nothing.'
    ),
    wrong="observed x[4, 4] : binary\norder x by shuffle(sed = 1)" + _FACTOR,
    right="observed x[4, 4] : binary\norder x by shuffle(seed = 1)" + _FACTOR,
)

ORDER_FIT = Rule(
    code="AR252",
    title="an order that does not fit its variable",
    message="this order does not fit `{variable}`: {reason}",
    label="does not fit",
    explanation=(
        "Some orders are made for a lattice of some shape. The order is over draws: axes that one draw covers (`*` in "
        "the factor's target) are left out of it."
    ),
    wrong="observed x[4, 4] : binary\norder x by multiscale(base = 3)" + _FACTOR,
    right="observed x[4, 4] : binary\norder x by multiscale(base = 2)" + _FACTOR,
)

NOT_A_PERMUTATION = Rule(
    code="AR253",
    title="an explicit order that is not a permutation",
    message="this order does not name every element of `{variable}` once: {reason}",
    label="{reason}",
    explanation=(
        "An explicit order lists every element once, first drawn first: by its index, counted in row-major order from "
        "0 where there are several axes, or by its name where it is the field of a record."
    ),
    wrong="observed x[4] : binary\norder x by [3, 2, 1, 1]" + _FACTOR,
    right="observed x[4] : binary\norder x by [3, 2, 1, 0]" + _FACTOR,
)

ORDER_FILE = Rule(
    code="AR254",
    title="an order file that cannot be used",
    message="the order file `{path}` {problem}",
    label="cannot be used",
    explanation=(
        "An order may be kept in a `.npy` file, relative to the spec: a one-dimensional array of integers, the index "
        "of each element, first drawn first."
    ),
    wrong='observed x[4] : binary\norder x by "no-such-file.npy"' + _FACTOR,
    right="observed x[4] : binary\norder x by [3, 2, 1, 0]" + _FACTOR,
)

ORDER_AXES = Rule(
    code="AR255",
    title="axes of a raster order that are not the variable's",
    message="`raster` names each axis of `{variable}` once, slowest first: {reason}",
    label="{reason}",
    explanation=(
        "`raster(column, row)` goes through the rows of a column before it moves to the next column. It names every "
        "axis once, except those that one draw covers, by its name or by its number, counted from 0."
    ),
    wrong="observed x[row: 4, column: 4] : binary\norder x by raster(column)" + _FACTOR,
    right="observed x[row: 4, column: 4] : binary\norder x by raster(column, row)" + _FACTOR,
)

ORDER_OF_GIVEN = Rule(
    code="AR256",
    title="an order for a given variable",
    message="`{variable}` is given: its elements are not drawn, so they have no order",
    label="given, not drawn",
    explanation="An order ranks the elements of a variable by when they are drawn. Inputs are known from the start.",
    wrong="given y[4] : real\nobserved x : real\norder y by reverse\np(x | y) = normal",
    right="given y[4] : real\nobserved x : real\np(x | y) = normal",
)

PRECEDENCE_TWICE = Rule(
    code="AR257",
    title="a variable twice in an order",
    message="`{variable}` is listed twice in this order",
    label="again",
    explanation="`order a, b, c` says that a is drawn before b, and b before c.",
    wrong="observed a : real\nobserved b : real\norder a, b, a\np(a) = normal\np(b | a) = normal",
    right="observed a : real\nobserved b : real\norder a, b\np(a) = normal\np(b | a) = normal",
)

NOT_AN_ORDER = Rule(
    code="AR258",
    title="not an order",
    message="an order is a name, a list or a `.npy` file, not {actual}",
    label="not an order",
    explanation='An order is written `order x by raster`, `order x by [2, 0, 1]` or `order x by "order.npy"`.',
    wrong="observed x[4] : binary\norder x by 3" + _FACTOR,
    right="observed x[4] : binary\norder x by reverse" + _FACTOR,
)
