"""AR10x, AR11x: names, values, shapes and sizes of what a spec declares."""

from ardsl.diagnostics.diagnostic import Rule

UNKNOWN_NAME = Rule(
    code="AR101",
    title="unknown name",
    message="there is no {kind} `{name}`",
    label="not declared",
    explanation=(
        "Every parameter, variable and net is declared by a statement of its own. The order of the statements does "
        "not matter, except that a parameter uses only parameters above it. Names are case-sensitive."
    ),
    wrong="observed pixel[4] : binary\np(pixel[i] | pixl[<i]) = bernoulli",
    right="observed pixel[4] : binary\np(pixel[i] | pixel[<i]) = bernoulli",
)

DECLARED_TWICE = Rule(
    code="AR102",
    title="declared twice",
    message="{what} is declared twice",
    label="declared again",
    explanation=(
        "A name means one thing in the whole spec: parameters, variables and nets share one set of names. The fields "
        "of a record, and the axes of a variable, have one of their own. A spec has at most one `model`, one `data` "
        "and one `train` statement, and a variable at most one order."
    ),
    wrong="observed x : binary\nobserved x : real\np(x) = default",
    right="observed x : binary\nobserved y : real\np(x) = default\np(y) = default",
)

WRONG_KIND = Rule(
    code="AR103",
    title="a name of another kind",
    message="`{name}` is {actual}, not {expected}",
    label="{expected} is needed here",
    explanation=(
        "Parameters are values, variables are what the model is about, and nets are networks that factors share. One "
        "cannot stand where another is meant: the size of a layer, for example, cannot be a variable."
    ),
    wrong="param width = 8\nobserved x[width] : binary\np(x[i] | x[<i], width) = bernoulli",
    right=(
        "param width = 8\ngiven label : category(3)\nobserved x[width] : binary\np(x[i] | x[<i], label) = bernoulli"
    ),
)

USED_TOO_EARLY = Rule(
    code="AR104",
    title="a parameter used above its declaration",
    message="`{name}` is used above its declaration",
    label="not known yet",
    explanation=(
        "A parameter may be computed from other parameters, but only from those above it. So no parameter depends on "
        "itself, and a spec reads from top to bottom."
    ),
    wrong="param double = 2 * width\nparam width = 8\nobserved x[double] : binary\np(x[i] | x[<i]) = bernoulli",
    right="param width = 8\nparam double = 2 * width\nobserved x[double] : binary\np(x[i] | x[<i]) = bernoulli",
)

VALUE_TYPE = Rule(
    code="AR105",
    title="a value of the wrong type",
    message="{what} must be {expected}, not {actual}",
    label="{expected} is needed here",
    explanation=(
        "Values are integers, reals, strings, `true` or `false`, and lists of these. An integer serves wherever a "
        "real is expected; nothing else is converted."
    ),
    wrong='observed x["three"] : binary\np(x[i] | x[<i]) = bernoulli',
    right="observed x[3] : binary\np(x[i] | x[<i]) = bernoulli",
)

ARITHMETIC = Rule(
    code="AR106",
    title="arithmetic that has no result",
    message="`{text}` cannot be computed: {reason}",
    label="{reason}",
    explanation=(
        "Parameters and arguments may use `+`, `-`, `*` and `/` on numbers. A quotient of integers is an integer "
        "where it comes out even and a real elsewhere. Integers are bounded by 2^63, reals by the largest double."
    ),
    wrong="param n = 8 / 0\nobserved x[n] : binary\np(x[i] | x[<i]) = bernoulli",
    right="param n = 8 / 2\nobserved x[n] : binary\np(x[i] | x[<i]) = bernoulli",
)

VALUE_RANGE = Rule(
    code="AR107",
    title="a value out of range",
    message="{what} must be {expected}, not {actual}",
    label="{expected}",
    explanation="Sizes, counts and distances are checked where they are declared, before anything is allocated.",
    wrong="observed x[4] : binary\np(x[i] | x[<i] last 0) = bernoulli",
    right="observed x[4] : binary\np(x[i] | x[<i] last 1) = bernoulli",
)

UNKNOWN_OVERRIDE = Rule(
    code="AR108",
    title="an unknown parameter is set",
    message="there is no parameter `{name}` to set",
    explanation=(
        "`--set NAME=value` and `ardsl.load(..., NAME=value)` give another value to a parameter that the spec "
        "declares with `param`. Nothing else of a spec can be set from outside."
    ),
    wrong="$ ardsl check mnist_made.ar --set widht=200",
    right="$ ardsl check mnist_made.ar --set width=200",
)

OVERRIDE_TYPE = Rule(
    code="AR109",
    title="a parameter is set to a value of another type",
    message="`{name}` is {expected} and cannot be set to {actual}",
    label="declared here",
    explanation=(
        "A parameter keeps the type of its declared value: an integer is overridden by an integer, a list of integers "
        "by a list of integers. An integer serves where a real is expected."
    ),
    wrong="$ ardsl check mnist_made.ar --set width=wide",
    right="$ ardsl check mnist_made.ar --set width=200",
)

EMPTY_AXIS = Rule(
    code="AR110",
    title="an axis without elements",
    message="an axis has at least one element, not {actual}",
    label="the size of this axis",
    explanation="The size of an axis is the number of its elements, an integer of at least 1. Indices start at 0.",
    wrong="observed x[28, 0] : binary\np(x[i] | x[<i]) = bernoulli",
    right="observed x[28, 1] : binary\np(x[i] | x[<i]) = bernoulli",
)

TOO_MANY_ELEMENTS = Rule(
    code="AR111",
    title="a variable with too many elements",
    message="`{name}` would have {actual} elements; the most is {limit}",
    label="{actual} elements",
    explanation=(
        "A variable has at most 100,000,000 elements (10^8), the product of its axes' sizes. The bound is checked "
        "before anything is allocated."
    ),
    wrong="observed x[1000000000000] : real\np(x[t] | x[<t] last 8) = normal",
    right="observed x[1000] : real\np(x[t] | x[<t] last 8) = normal",
)

TOO_MANY_AXES = Rule(
    code="AR112",
    title="a variable with too many axes",
    message="`{name}` has {actual} axes; the most is {limit}",
    label="axis number {first}",
    explanation="A variable has at most 32 axes. An image has two or three, a video four.",
    wrong=f"observed x[{', '.join(['1'] * 33)}] : binary\np(x[i] | x[<i]) = bernoulli",
    right=f"observed x[{', '.join(['1'] * 32)}] : binary\np(x[i] | x[<i]) = bernoulli",
)

NO_FIELDS = Rule(
    code="AR113",
    title="a record without fields",
    message="the record `{name}` has no fields",
    label="has no fields",
    explanation="A record is one variable whose elements are its fields, so it has at least one.",
    wrong="record person { }\np(person[i] | person[<i]) = default",
    right="record person { age : real  income : binary }\np(person[i] | person[<i]) = default",
)

RESERVED_NAME = Rule(
    code="AR115",
    title="a variable named like a setting",
    message="a variable cannot be named `{name}`: that is a setting of the `{block}` block",
    label="the name of a setting",
    explanation=(
        "In `data { ... }` a setting named after a variable gives its column or key. So that no setting has two "
        "meanings, a variable may not be named like one of the settings of the `data` and `train` blocks."
    ),
    wrong="observed valid : binary\np(valid) = bernoulli",
    right="observed is_valid : binary\np(is_valid) = bernoulli",
)

NOTHING_MODELLED = Rule(
    code="AR116",
    title="a spec without variables to model",
    message="this spec models nothing: it declares no observed variable",
    explanation="A spec states a joint distribution over its observed variables, so it declares at least one.",
    wrong="given label : category(10)",
    right="observed label : category(10)\np(label) = categorical",
)

NOT_A_PARAMETER_VALUE = Rule(
    code="AR117",
    title="a parameter that is not a plain value",
    message="a parameter is a number, a string, `true`, `false` or a list of these, not {actual}",
    label="not a plain value",
    explanation=(
        "Parameters are the numbers and words of a spec that are worth setting from outside. A network that several "
        "factors share is declared by `net`."
    ),
    wrong="param body = made(hidden = [8])\nobserved x[4] : binary\np(x[i] | x[<i]) = bernoulli via body",
    right="net body = made(hidden = [8])\nobserved x[4] : binary\np(x[i] | x[<i]) = bernoulli via body",
)

VARYING_LENGTH = Rule(
    code="AR118",
    title="a length that cannot vary",
    message="the length of `{name}` cannot vary: {reason}",
    label="of variable length",
    explanation=(
        "`x[time: ..100]` has up to 100 places along its first axis, in each example as many as its data. Elements "
        "beyond that do not exist: they add nothing to a likelihood, and are read by nothing."
    ),
    wrong="observed x[8, time: ..100] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = 8)",
    right="observed x[time: ..100, 8] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = 8)",
)

END_WITHOUT_END = Rule(
    code="AR119",
    title="an `end` value where nothing can end",
    message="`{name}` cannot end at a value: {reason}",
    label="ends at a value",
    explanation=(
        "`category(100, end = 0)` says that a sequence ends with its first 0, so that p(x) is a distribution over "
        "sequences of every length up to the variable's. That takes one axis of varying length, in the order of its "
        "indices: `observed x[time: ..80] : category(100, end = 0)`."
    ),
    wrong="observed x[8] : category(3, end = 2)\np(x[i] | x[<i]) = categorical via made(hidden = 8)",
    right="observed x[..8] : category(3, end = 2)\np(x[i] | x[<i]) = categorical via made(hidden = 8)",
)

NOT_BUILT_YET = Rule(
    code="AR199",
    title="not built yet",
    message="{feature} is not built yet",
    label="not built yet",
    explanation=(
        "The notation is reserved and its meaning is fixed, but this version of the compiler cannot do it yet."
    ),
    wrong="observed wave[time] : mulaw(256)\np(wave[t] | wave[<t]) = categorical via made(hidden = 64)",
    right="observed wave[time: 100] : mulaw(256)\np(wave[t] | wave[<t]) = categorical via made(hidden = 64)",
)
