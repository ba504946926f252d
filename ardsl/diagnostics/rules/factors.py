"""AR14x, AR15x: factors, networks as they are called, and claims."""

from ardsl.diagnostics.diagnostic import Rule

NO_FACTOR = Rule(
    code="AR140",
    title="a variable without a factor",
    message="{what} has no factor",
    label="no `p({target} ...)` is given",
    explanation=(
        "The joint distribution is the product of the factors, so every observed and every latent variable has "
        "exactly one `p`. A record has one for all of its fields, or one for each."
    ),
    wrong="observed x : binary\nobserved y : binary\np(x | y) = bernoulli",
    right="observed x : binary\nobserved y : binary\np(x | y) = bernoulli\np(y) = bernoulli",
)

FACTOR_TWICE = Rule(
    code="AR141",
    title="two factors for one variable",
    message="{what} has two `{kind}` factors",
    label="second factor",
    explanation=(
        "Each variable is drawn once, by one conditional. All that it depends on stands in the contexts of one "
        "factor, behind the bar. A record has one factor for all of its fields or one for each field."
    ),
    wrong=("given a : real\ngiven b : real\nobserved x : binary\np(x | a) = bernoulli\np(x | b) = bernoulli"),
    right="given a : real\ngiven b : real\nobserved x : binary\np(x | a, b) = bernoulli",
)

FACTOR_OF_GIVEN = Rule(
    code="AR142",
    title="a factor for a given variable",
    message="`{variable}` is given: it has no factor",
    label="given, not drawn",
    explanation=(
        "A `given` variable is an input: the model is conditional on it and says nothing of its distribution. Declare "
        "it `observed` to model it as well."
    ),
    wrong="given label : category(3)\nobserved x : real\np(label) = categorical\np(x | label) = normal",
    right="observed label : category(3)\nobserved x : real\np(label) = categorical\np(x | label) = normal",
)

GUIDE_OF_KNOWN = Rule(
    code="AR143",
    title="a `q` factor for a variable that is not latent",
    message="`{variable}` is {kind}, so it has no `q` factor",
    label="not latent",
    explanation="A `q` factor is the variational guide of a latent variable: it infers what the data does not show.",
    wrong="observed x : real\np(x) = normal\nq(x) = normal",
    right="observed x : real\np(x) = normal",
)

NO_GUIDE = Rule(
    code="AR144",
    title="a latent variable without a `q` factor",
    message="the latent variable `{variable}` has no `q` factor",
    label="no `q({variable} ...)` is given",
    explanation=(
        "Every latent variable has exactly one `q` factor, its variational guide: the distribution that infers it from "
        "the data. A latent variable of finitely many values may have `q(z) = exact` instead, and is enumerated."
    ),
    wrong="latent z : real\nobserved x : real\np(z) = normal(0, 1)\np(x | z) = normal",
    right="latent z : real\nobserved x : real\np(z) = normal(0, 1)\np(x | z) = normal\nq(z | x) = normal",
)

EXACT = Rule(
    code="AR145",
    title="`exact` where it cannot be",
    message="`exact` {problem}",
    label="cannot be exact",
    explanation=(
        "`q(z) = exact` stands for the true posterior of a latent variable, found by going through all of its values. "
        "It needs a finite domain, and takes neither contexts nor a network."
    ),
    wrong="latent z : real\nobserved x : real\np(z) = normal(0, 1)\np(x | z) = normal\nq(z) = exact",
    right="latent z : category(3)\nobserved x : real\np(z) = categorical\np(x | z) = normal\nq(z) = exact",
)

NOT_A_NETWORK = Rule(
    code="AR146",
    title="not a network",
    message="{actual} is not a network",
    label="a network is needed here",
    explanation=(
        "After `via` and in a `net` statement stands the name of a network, with its options in brackets where it has "
        "any: `via linear`, `via made(hidden = [500])`; after `via` it may be a `net` too."
    ),
    wrong="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via 500",
    right="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [500])",
)

OPTION_WITHOUT_NAME = Rule(
    code="AR147",
    title="an option without its name",
    message="the options of `{call}` are given by name",
    label="which option is this?",
    explanation="Options are written `name = value`, so that a spec can be read without knowing their order.",
    wrong="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via made([500])",
    right="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [500])",
)

OPTION_TWICE = Rule(
    code="AR148",
    title="an option given twice",
    message="the option `{name}` of `{call}` is given twice",
    label="given again",
    explanation="Each option of a network, optimizer or schedule has one value. A list gives several sizes.",
    wrong="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [8], hidden = [9])",
    right="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [8, 9])",
)

UNKNOWN_CLAIM = Rule(
    code="AR150",
    title="unknown claim",
    message="there is no claim `{name}`",
    label="not a claim",
    explanation=(
        "The claims are `complete(x)`, `independent(a, b | c)`, `steps(x) <= n` and `reach(x, axis) >= n`. Each is "
        "verified when the spec is checked."
    ),
    wrong="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli\ncheck compleet(x)",
    right="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli\ncheck complete(x)",
)

CLAIM_SHAPE = Rule(
    code="AR151",
    title="a claim that is not written as it should be",
    message="`{claim}` {problem}",
    label="written `{usage}`",
    explanation=(
        "`complete(x)` takes a variable; `independent(a, b | c)` takes two elements and, behind the bar, those that "
        "are known; `steps(x) <= n` takes a variable and a bound; `reach(x, axis) >= n` an axis as well."
    ),
    wrong="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli\ncheck steps(x) >= 4",
    right="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli\ncheck steps(x) <= 4",
)

CLAIM_WHOLE_ARRAY = Rule(
    code="AR152",
    title="independence of a whole array",
    message="`{variable}` has {count} elements: name one of them",
    label="several elements",
    explanation=(
        "`check independent(a, b | c)` is about single elements: scalars, fields of a record, and elements of an array "
        "by their indices, `x[3, 4]`."
    ),
    wrong="observed x[4] : binary\nobserved y : binary\np(x[i]) = bernoulli\np(y) = bernoulli\ncheck independent(x, y)",
    right=(
        "observed x[4] : binary\nobserved y : binary\np(x[i]) = bernoulli\np(y) = bernoulli\ncheck independent(x[0], y)"
    ),
)

CLAIM_ELEMENT_TWICE = Rule(
    code="AR153",
    title="an element twice in a claim",
    message="`{text}` is listed twice in this claim",
    label="again",
    explanation="Independence is between different elements, given others.",
    wrong="observed x : binary\nobserved y : binary\np(x) = bernoulli\np(y) = bernoulli\ncheck independent(x, x | y)",
    right="observed x : binary\nobserved y : binary\np(x) = bernoulli\np(y) = bernoulli\ncheck independent(x, y)",
)

CLAIM_INDEX = Rule(
    code="AR154",
    title="an element of a claim that is not named by numbers",
    message="an element in a claim is named by whole numbers, as in `{usage}`",
    label="not a whole number",
    explanation="A claim is about particular elements: their indices are numbers or parameters, not names or ranges.",
    wrong="observed x[4] : binary\np(x[i]) = bernoulli\ncheck independent(x[i], x[0])",
    right="observed x[4] : binary\np(x[i]) = bernoulli\ncheck independent(x[1], x[0])",
)

UNKNOWN_AXIS = Rule(
    code="AR155",
    title="unknown axis",
    message="`{variable}` has no axis `{name}`",
    label="no such axis",
    explanation="An axis is known by the name that its declaration gives it: `x[row: 28, column: 28]`.",
    wrong=("observed x[row: 4, column: 4] : binary\np(x[i] | x[<i]) = bernoulli\ncheck reach(x, rows) >= 2"),
    right="observed x[row: 4, column: 4] : binary\np(x[i] | x[<i]) = bernoulli\ncheck reach(x, row) >= 2",
)
