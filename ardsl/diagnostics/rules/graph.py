"""AR20x and AR21x: the graph, contexts against orders, and claims about them."""

from ardsl.diagnostics.diagnostic import Rule

CYCLE = Rule(
    code="AR201",
    title="variables that depend on each other",
    message="these variables depend on each other: {path}",
    label="`{target}` reads `{source}` here",
    explanation=(
        "The joint distribution is a product of conditionals, one per variable, and such a product is a distribution "
        "only where the variables can be put in an order in which each comes after those that it reads. The message "
        "shows a shortest cycle, or the ends of a long one, and marks the context behind each of its edges."
    ),
    wrong="observed a : binary\nobserved b : binary\np(a | b) = bernoulli\np(b | a) = bernoulli",
    right="observed a : binary\nobserved b : binary\np(a) = bernoulli\np(b | a) = bernoulli",
)

COUPLED = Rule(
    code="AR202",
    title="coupled series",
    message="coupled series are not built yet: {path}",
    label="`{target}` reads `{source}` here",
    explanation=(
        "Variables that share a named axis may read each other's earlier elements: at every point of that axis they "
        "would be drawn in turn. The language reserves this form, and this version does not build it. Until then, make "
        "the series one variable with an axis of its own for them."
    ),
    wrong=(
        "observed a[time: 8] : binary\nobserved b[time: 8] : binary\n"
        "p(a[t] | b[t-1]) = bernoulli\np(b[t] | a[t-1]) = bernoulli"
    ),
    right="observed x[time: 8, series: 2] : binary\np(x[t, s] | x[t-1, *]) = bernoulli",
)

NOT_EARLIER = Rule(
    code="AR203",
    title="a context that is not known yet",
    message="`{context}` {fault}",
    label="not known yet when {target} is drawn",
    explanation=(
        "An element can read only what has a strictly lower rank in the order of its variable. `<` goes by rank and is "
        "always legal. Arithmetic, ranges and `*` are in index space, whatever the order: `x[t-1]` is the element at "
        "index t - 1, and it comes earlier under `raster` but later under `reverse`. Elements that share a rank, and "
        "elements that one draw covers, do not know each other."
    ),
    wrong="observed x[8] : binary\norder x by raster\np(x[t] | x[<t], x[t+1]) = bernoulli",
    right="observed x[8] : binary\norder x by raster\np(x[t] | x[<t]) = bernoulli",
)

PRECEDENCE = Rule(
    code="AR204",
    title="an order of variables that the factors contradict",
    message="`order {order}` puts `{before}` before `{after}`, but {reason}",
    label="`{target}` reads `{source}` here",
    explanation=(
        "`order a, b, c` says that variables are drawn in this order. A variable is always drawn after those that it "
        "reads, directly or through others, so the order may decide only what the factors leave open."
    ),
    wrong="observed a : binary\nobserved b : binary\norder a, b\np(a | b) = bernoulli\np(b) = bernoulli",
    right="observed a : binary\nobserved b : binary\norder b, a\np(a | b) = bernoulli\np(b) = bernoulli",
)

PRECEDENCES = Rule(
    code="AR205",
    title="orders of variables that contradict each other",
    message="`order {order}` puts `{before}` before `{after}`, but {reason}",
    label="`{before}` is declared here",
    explanation="Several `order` statements between variables hold together, so they must leave one common order.",
    wrong="observed a : binary\nobserved b : binary\norder a, b\norder b, a\np(a) = bernoulli\np(b) = bernoulli",
    right="observed a : binary\nobserved b : binary\norder a, b\np(a) = bernoulli\np(b) = bernoulli",
)

LAST_IN_WEAK = Rule(
    code="AR206",
    title="`last` under a weak order",
    message="`last` needs an order in which elements come one after another, and `{order}` is a weak order",
    label="which of the elements that share a rank is last?",
    explanation=(
        "`x[<i] last 8` reads the eight elements before `x[i]` in the order. Under a weak order elements share a rank, "
        "so there are no last eight of them. `within` limits the distance in index space, and goes with any order."
    ),
    wrong="observed x[8, 8] : binary\norder x by checkerboard\np(x[i] | x[<i] last 8) = bernoulli",
    right="observed x[8, 8] : binary\norder x by checkerboard\np(x[i] | x[<i] within 2) = bernoulli",
)

STEPS = Rule(
    code="AR207",
    title="more steps than claimed",
    message="`{variable}` takes {steps} steps, more than {bound}",
    label="claimed here",
    explanation=(
        "The number of steps is the number of elements on the longest path of the declared graph within the variable: "
        "each of them waits for the one before. Sampling never takes more. Under `any(orders = K)` the claim must hold "
        "for each of the K orders."
    ),
    wrong="observed x[8] : binary\np(x[t] | x[<t]) = bernoulli\ncheck steps(x) <= 4",
    right="observed x[8] : binary\np(x[t] | x[t-2]) = bernoulli\ncheck steps(x) <= 4",
)

REACH = Rule(
    code="AR208",
    title="less reach than claimed",
    message="`{variable}` reaches {reach} along {axis}, less than {bound}",
    label="claimed here",
    explanation=(
        "The reach along an axis is the largest distance, in indices of that axis, between an element and one that it "
        "reads directly in the declared graph. Under `any(orders = K)` the claim must hold for each of the K orders."
    ),
    wrong="observed x[time: 100] : binary\np(x[t] | x[t-3..t-1]) = bernoulli\ncheck reach(x, time) >= 10",
    right="observed x[time: 100] : binary\np(x[t] | x[t-10..t-1]) = bernoulli\ncheck reach(x, time) >= 10",
)

DEPENDENT = Rule(
    code="AR209",
    title="an independence that does not follow from the graph",
    message="{claim} does not follow from the graph",
    label="an open path connects them",
    explanation=(
        "Two sets of elements are independent given a third, in every distribution of this graph, exactly if the third "
        "d-separates them: no path between them is open. A path is blocked by an element on it that is given, unless "
        "two arrows meet there; where two arrows meet, it is blocked unless that element, or one that depends on it, "
        "is given. Variables declared `given` are always given."
    ),
    wrong=(
        "observed a : binary\nobserved b : binary\nobserved c : binary\n"
        "p(a) = bernoulli\np(b) = bernoulli\np(c | a, b) = bernoulli\ncheck independent(a, b | c)"
    ),
    right=(
        "observed a : binary\nobserved b : binary\nobserved c : binary\n"
        "p(a) = bernoulli\np(b) = bernoulli\np(c | a, b) = bernoulli\ncheck independent(a, b)"
    ),
)

MIXED_INDEPENDENCE = Rule(
    code="AR210",
    title="independence between the elements of a mixture over orders",
    message="the elements of `{variable}` are not independent: it is a mixture over orders",
    label="these are elements of one mixture",
    explanation=(
        "Under `any(orders = K)` a variable is a mixture over K orders. Which of them was used is hidden and bears on "
        "all its elements, so none of them are independent, whatever is given."
    ),
    wrong=(
        "observed x[4] : binary\norder x by any(orders = 2)\np(x[i] | x[<i] last 1) = bernoulli\n"
        "check independent(x[0], x[2] | x[1])"
    ),
    right="observed x[4] : binary\np(x[i] | x[<i] last 1) = bernoulli\ncheck independent(x[0], x[2] | x[1])",
)

TOO_LARGE = Rule(
    code="AR211",
    title="a claim that is too large to check",
    message="this claim is too large to check: {reason}",
    label="not checked",
    explanation=(
        "Claims about single elements unroll the part of the graph that they depend on, up to a fixed size. Claims "
        "about full contexts (`x[<i]`) and about whole variables need no unrolling."
    ),
    wrong=("observed x[1000] : binary\np(x[i] | x[<i] last 900) = bernoulli\ncheck independent(x[0], x[999] | x[500])"),
    right="observed x[1000] : binary\np(x[i] | x[<i] last 1) = bernoulli\ncheck independent(x[0], x[999] | x[500])",
)

GUIDE_CONTEXT = Rule(
    code="AR212",
    title="a guide that reads what it cannot know",
    message="the guide `{factor}` cannot read `{context}`: {reason}",
    label="not known to the guide",
    explanation=(
        "The guide draws the latent variables one after the other, given the data: each `q` may read the data, what is "
        "given, and latent variables that another `q` has drawn before it. A variable with `q(k) = exact` is not drawn "
        "but enumerated; and guides that draw one element after another are not built."
    ),
    wrong=(
        "latent k : category(3)\nlatent z : real\nobserved x : real\np(k) = categorical\np(z | k) = normal\n"
        "p(x | z) = normal\nq(k) = exact\nq(z | x, k) = normal"
    ),
    right=(
        "latent k : category(3)\nlatent z : real\nobserved x : real\np(k) = categorical\np(z | k) = normal\n"
        "p(x | z) = normal\nq(k) = exact\nq(z | x) = normal"
    ),
)
