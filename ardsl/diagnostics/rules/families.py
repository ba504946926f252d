"""AR3xx: domains and families."""

from ardsl.diagnostics.diagnostic import Rule

UNKNOWN_DOMAIN = Rule(
    code="AR301",
    title="unknown domain",
    message="there is no domain `{name}`",
    label="not a domain",
    explanation=(
        "Behind the colon of a variable stands the set of values one of its elements may take: `binary`, "
        "`category(n)`, `integer(lo, hi)`, `count`, `real`, `positive`, `unit_interval`, `angle` or `mulaw(levels)`."
    ),
    wrong="observed x[28, 28] : boolean\np(x[i] | x[<i]) = bernoulli via made(hidden = [64])\n",
    right="observed x[28, 28] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [64])\n",
)

DOMAIN_ARGUMENTS = Rule(
    code="AR302",
    title="wrong arguments of a domain",
    message="`{name}` {problem}",
    label="{problem}",
    explanation=(
        "Some domains take arguments: `category` the number of its values or their names, `integer` its lowest and "
        "highest value, both included, `mulaw` the number of its codes. The others take none."
    ),
    wrong="observed x[8] : integer(255)\np(x[i] | x[<i]) = categorical via made(hidden = [64])\n",
    right="observed x[8] : integer(0, 255)\np(x[i] | x[<i]) = categorical via made(hidden = [64])\n",
)

EMPTY_DOMAIN = Rule(
    code="AR303",
    title="a domain without values",
    message="{what}",
    label="{label}",
    explanation=(
        "A domain holds at least one value: `category(n)` needs n of at least 1, `integer(lo, hi)` needs lo ≤ hi, and "
        "`mulaw(levels)` needs at least two codes to tell apart."
    ),
    wrong="observed x[8] : integer(5, 2)\np(x[i] | x[<i]) = categorical via made(hidden = [64])\n",
    right="observed x[8] : integer(2, 5)\np(x[i] | x[<i]) = categorical via made(hidden = [64])\n",
)

DUPLICATE_LABEL = Rule(
    code="AR304",
    title="a value named twice",
    message="the value {label_text} is named twice",
    label="named again",
    explanation="The names of a category's values stand for its codes 0, 1, 2 …, so each may occur only once.",
    wrong='observed size : category("S", "M", "S")\np(size) = categorical\n',
    right='observed size : category("S", "M", "L")\np(size) = categorical\n',
)

TOO_MANY_LEVELS = Rule(
    code="AR305",
    title="too many values for a table of probabilities",
    message="{what} has {levels} values; a probability for each is possible up to {limit}",
    label="{levels} values",
    explanation=(
        "`categorical` and its like give every value a number of its own. Beyond 65,536 values per draw that is no "
        "longer a reasonable model. For integers, a discretized density needs a few numbers whatever the range."
    ),
    wrong="observed x[8] : integer(0, 1000000)\np(x[i] | x[<i]) = categorical via made(hidden = [64])\n",
    right=(
        "observed x[8] : integer(0, 1000000)\n"
        "p(x[i] | x[<i]) = mixture(discretized(logistic), components = 10) via made(hidden = [64])\n"
    ),
)

UNKNOWN_FAMILY = Rule(
    code="AR310",
    title="unknown family",
    message="there is no family `{name}`",
    label="not a family",
    explanation=(
        "A family is a distribution of torch or Pyro by its lower-case name (`student_t`, `von_mises`), a wrapper "
        "around one (`mixture`, `discretized`), or `default`. `ardsl families` prints them all."
    ),
    wrong="observed x[8] : real\np(x[i] | x[<i]) = gaussian via made(hidden = [64])\n",
    right="observed x[8] : real\np(x[i] | x[<i]) = normal via made(hidden = [64])\n",
)

SUPPORT = Rule(
    code="AR311",
    title="a family that does not fit its domain",
    message="`{family}` is a distribution of {support}, but the values here are {domain}",
    label="not a distribution of {domain}",
    explanation=(
        "A family gives probability to a set of values, its support. Were that set larger than the domain, the "
        "probabilities of the domain would not sum to one; were it smaller, some data would be impossible. The two "
        "must be the same set."
    ),
    wrong="observed x[8] : positive\np(x[i] | x[<i]) = normal via made(hidden = [64])\n",
    right="observed x[8] : positive\np(x[i] | x[<i]) = log_normal via made(hidden = [64])\n",
)

UNKNOWN_ARGUMENT = Rule(
    code="AR312",
    title="unknown argument of a family",
    message="`{family}` has no parameter `{name}`",
    label="unknown",
    explanation=(
        "An argument of a family fixes one of its parameters, so that the network need not give it. Each family has "
        "one parameterization: where a library knows several, the unconstrained one (`logits`, not `probs`)."
    ),
    wrong="observed x[8] : real\np(x[i] | x[<i]) = normal(sigma = 1) via made(hidden = [64])\n",
    right="observed x[8] : real\np(x[i] | x[<i]) = normal(scale = 1) via made(hidden = [64])\n",
)

DUPLICATE_ARGUMENT = Rule(
    code="AR313",
    title="an argument given twice",
    message="`{family}` is given `{name}` twice",
    label="given again",
    explanation="A bare argument takes the family's parameters in their order; a named one must not repeat it.",
    wrong="observed x[8] : real\np(x[i] | x[<i]) = normal(0, loc = 1) via made(hidden = [64])\n",
    right="observed x[8] : real\np(x[i] | x[<i]) = normal(0, scale = 1) via made(hidden = [64])\n",
)

TOO_MANY_ARGUMENTS = Rule(
    code="AR314",
    title="too many arguments of a family",
    message="`{family}` takes {expected}, and {given} are given",
    label="one too many",
    explanation="Bare arguments fix a family's parameters in their order, so there can be no more of them than these.",
    wrong="observed z[8] : real\np(z) = normal(0, 1, 2)\n",
    right="observed z[8] : real\np(z) = normal(0, 1)\n",
)

FIXED_VALUE = Rule(
    code="AR315",
    title="a parameter outside its range",
    message="`{name}` of `{family}` must be {constraint}, not {value}",
    label="not {constraint}",
    explanation="A parameter that the spec fixes must lie where the distribution is defined.",
    wrong="observed x[8] : real\np(x[i] | x[<i]) = normal(scale = -1) via made(hidden = [64])\n",
    right="observed x[8] : real\np(x[i] | x[<i]) = normal(scale = 1) via made(hidden = [64])\n",
)

DISCRETE_PARAMETER = Rule(
    code="AR316",
    title="a whole-number parameter left open",
    message="`{family}` needs `{name}` as a number: it is a whole number, which no network can learn",
    label="`{name}` is missing",
    explanation=(
        "Networks are trained by gradients, and a parameter that takes only whole numbers has none. It has to be "
        "given in the spec."
    ),
    wrong="observed x[8] : integer(0, 10)\np(x[i] | x[<i]) = binomial via made(hidden = [64])\n",
    right="observed x[8] : integer(0, 10)\np(x[i] | x[<i]) = binomial(total_count = 10) via made(hidden = [64])\n",
)

COMPONENTS = Rule(
    code="AR317",
    title="a wrong number of components",
    message="{problem}",
    label="{label}",
    explanation="`mixture(F, components = K)` needs K, a whole number from 1 to 10,000.",
    wrong="observed x[8] : real\np(x[i] | x[<i]) = mixture(normal, components = 0) via made(hidden = [64])\n",
    right="observed x[8] : real\np(x[i] | x[<i]) = mixture(normal, components = 10) via made(hidden = [64])\n",
)

JOINT_ON_SCALAR = Rule(
    code="AR318",
    title="a joint family on a single element",
    message="`{family}` is a distribution of several elements at once, and each draw here is one element",
    label="a joint family",
    explanation=(
        "A joint family draws the elements of an axis together. The target says so with `*`: `p(x[t, *] | x[<])` "
        "draws all of `x[t, …]` in one step."
    ),
    wrong="observed x[8, 3] : real\np(x[i] | x[<i]) = multivariate_normal via made(hidden = [64])\n",
    right="observed x[8, 3] : real\np(x[t, *] | x[<]) = multivariate_normal via made(hidden = [64])\n",
)

SCALAR_ON_JOINT = Rule(
    code="AR319",
    title="a scalar family on several elements",
    message="`{family}` is a distribution of one element, and each draw here covers {event}",
    label="one element only",
    explanation=(
        "`*` in a target makes one draw of all the elements on these axes, which needs a joint family. A scalar family "
        "takes the elements one by one: write an index in place of `*`."
    ),
    wrong="observed x[8, 3] : real\np(x[t, *] | x[<]) = normal via made(hidden = [64])\n",
    right="observed x[8, 3] : real\np(x[i] | x[<i]) = normal via made(hidden = [64])\n",
)

WRAPPER = Rule(
    code="AR320",
    title="a wrapper around a family it cannot take",
    message="`{wrapper}` cannot wrap `{family}`: {reason}",
    label="{reason}",
    explanation=(
        "`discretized(F)` gives each integer the probability that F has between the points half-way to its "
        "neighbours. For that, F must be continuous and have a distribution function with gradients."
    ),
    wrong="observed x[8] : integer(0, 255)\np(x[i] | x[<i]) = discretized(poisson) via made(hidden = [64])\n",
    right="observed x[8] : integer(0, 255)\np(x[i] | x[<i]) = discretized(logistic) via made(hidden = [64])\n",
)

FAMILY_EXPECTED = Rule(
    code="AR321",
    title="a family is expected",
    message="{problem}",
    label="{label}",
    explanation=(
        "Behind the `=` of a factor, and as the first argument of `mixture` and `discretized`, stands a family: a "
        "name, or a name with arguments."
    ),
    wrong="observed x[8] : real\np(x[i] | x[<i]) = mixture(components = 10) via made(hidden = [64])\n",
    right="observed x[8] : real\np(x[i] | x[<i]) = mixture(normal, components = 10) via made(hidden = [64])\n",
)

FIXED_SIZE = Rule(
    code="AR324",
    title="a parameter too large or too small",
    message="`{name}` of `{family}` is {value}, and {reason}",
    label="its size can be {least} to {most}",
    explanation=(
        "Models compute in single precision, whose numbers have sizes from 1.18e-38 to 3.4e38. Draws of reals end at "
        "±1.84e19, since the squares of what networks read have to be such numbers, too, and counts at 9.01e15, up to "
        "which all whole numbers have a place of their own. A parameter that the spec fixes is none beyond; 0 is one "
        "where it need not be positive. Data in another unit have parameters of another size."
    ),
    wrong="observed x[8] : real\np(x[i] | x[<i]) = normal(scale = 1e-50) via made(hidden = [64])\n",
    right="observed x[8] : real\np(x[i] | x[<i]) = normal(scale = 1e-5) via made(hidden = [64])\n",
)

LINK = Rule(
    code="AR323",
    title="a link that does not fit its parameter",
    message="`{link}` is no link of `{name}` of `{family}`, which is {constraint}",
    label="no link of `{name}`",
    explanation=(
        "A network gives any real number, and a link takes it to the parameter's set: `exp` or `softplus` to the "
        "numbers above 0, `identity` to all. `ardsl families NAME` prints the links that a family has where the spec "
        "says nothing."
    ),
    wrong="observed x[8] : count\np(x[i] | x[<i]) = poisson(rate = log) via linear\n",
    right="observed x[8] : count\np(x[i] | x[<i]) = poisson(rate = exp) via linear\n",
)

NOT_FIXABLE = Rule(
    code="AR322",
    title="a parameter that a bare number cannot fix",
    message="`{name}` of `{family}` {reason}",
    label="{reason}",
    explanation=(
        "A number can fix a parameter that is one number. Parameters that are vectors or matrices are left to the "
        "network. Log-odds must be fixed by name, since a bare number would easily be taken for a probability."
    ),
    wrong="observed x[8] : binary\np(x[i]) = bernoulli(0.5)\n",
    right="observed x[8] : binary\np(x[i]) = bernoulli(logits = 0)\n",
)
