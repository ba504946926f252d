"""AR16x: settings of the ``data`` and ``train`` blocks."""

from ardsl.diagnostics.diagnostic import Rule

_MODEL = "observed x[4] : binary\np(x[i] | x[<i]) = bernoulli\n"

UNKNOWN_SETTING = Rule(
    code="AR160",
    title="unknown setting",
    message="`{block}` has no setting `{name}`",
    label="not a setting",
    explanation=(
        "The settings of `data` are train, valid, test, missing, dequantize and rate, and the names of the variables; "
        "those of `train` are optimizer, schedule, batch, window, epochs, patience, clip, accumulate, ema, seed and "
        "precision."
    ),
    wrong=_MODEL + "train { epoch = 10 }",
    right=_MODEL + "train { epochs = 10 }",
)

SETTING_VALUE = Rule(
    code="AR161",
    title="a setting with an unusable value",
    message="`{name}` must be {expected}, not {actual}",
    label="{expected} is needed here",
    explanation="Each setting has a type and a range; both are checked with the rest of the spec.",
    wrong=_MODEL + "train { batch = 0 }",
    right=_MODEL + "train { batch = 100 }",
)

UNKNOWN_CHOICE = Rule(
    code="AR162",
    title="an unknown choice",
    message="there is no {what} `{name}`",
    label="not one of the choices",
    explanation=(
        "The optimizers are adam, adamw, sgd, rmsprop, adagrad and adadelta; the schedules constant, cosine, "
        "linear, exponential and plateau. `missing` is error, drop or marginalize."
    ),
    wrong=_MODEL + "train { optimizer = adamm(rate = 1e-3) }",
    right=_MODEL + "train { optimizer = adam(rate = 1e-3) }",
)

UNKNOWN_OPTION = Rule(
    code="AR163",
    title="an unknown option of an optimizer or schedule",
    message="`{choice}` has no option `{name}`",
    label="not an option",
    explanation=(
        "Every optimizer has `rate` and `weight_decay`; sgd has `momentum` too, adam and adamw `beta1` and `beta2`. "
        "The schedules cosine and linear have `warmup` (steps), exponential `factor` (per epoch), plateau `factor` and "
        "`patience`."
    ),
    wrong=_MODEL + "train { optimizer = adam(momentum = 0.9) }",
    right=_MODEL + "train { optimizer = sgd(momentum = 0.9) }",
)

COLUMN_COUNT = Rule(
    code="AR164",
    title="the wrong number of columns",
    message="`{name}` has {elements}, but {given} given",
    label="{given} given",
    explanation=(
        "A setting named after a variable gives its column or key, or a list of columns, one for each element. A list "
        "is for variables with one axis, and for records."
    ),
    wrong=_MODEL + 'data { x = ["a", "b", "c"] }',
    right=_MODEL + 'data { x = ["a", "b", "c", "d"] }',
)

MARGINALIZE_NEEDS_ORDERS = Rule(
    code="AR165",
    title="`missing = marginalize` without all orders",
    message="`missing = marginalize` needs a variable trained on all orders",
    label='no order here has `train = "all"`',
    explanation=(
        "Missing values are marginalized by using orders in which they come last. Only a model that was trained on "
        'every order can do so: declare `order x by any(orders = K, train = "all")`.'
    ),
    wrong=_MODEL + "data { missing = marginalize }",
    right=(
        'observed x[4] : binary\norder x by any(orders = 2, train = "all")\np(x[i] | x[<i]) = bernoulli\n'
        "data { missing = marginalize }"
    ),
)
