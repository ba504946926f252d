"""AR9xx: what is legal, and probably not meant."""

from ardsl.diagnostics.diagnostic import Rule

UNUSED_PARAMETER = Rule(
    code="AR901",
    title="unused parameter",
    message="the parameter `{name}` is never used",
    label="never used",
    severity="warning",
    explanation="A parameter that nothing uses changes nothing when it is set; it may be a misspelling.",
    wrong="param width = 8\nobserved x[4] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [8])",
    right="param width = 8\nobserved x[4] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [width])",
)

UNUSED_NET = Rule(
    code="AR902",
    title="unused net",
    message="the net `{name}` is never used",
    label="never used",
    severity="warning",
    explanation="A net that no factor goes through has no weights and does nothing.",
    wrong="net body = made(hidden = [8])\nobserved x[4] : binary\np(x[i] | x[<i]) = bernoulli",
    right="net body = made(hidden = [8])\nobserved x[4] : binary\np(x[i] | x[<i]) = bernoulli via body",
)

UNREAD_GIVEN = Rule(
    code="AR903",
    title="a given variable that nothing reads",
    message="no factor reads the given variable `{name}`",
    label="never read",
    severity="warning",
    explanation="A given variable is there to be a context. Unread, it has to be supplied and changes nothing.",
    wrong="given y : real\nobserved x : real\np(x) = normal",
    right="given y : real\nobserved x : real\np(x | y) = normal",
)

HIDDEN_PARAMETER = Rule(
    code="AR904",
    title="an index that hides a parameter",
    message="the index `{name}` hides the parameter of that name in index expressions",
    label="the index, from here on",
    severity="warning",
    explanation=(
        "Inside the brackets of a factor's contexts an index of its target means the index, even where a parameter has "
        "the same name; elsewhere in the factor the name is the parameter's. Rename one of them, so that no reader has "
        "to know this."
    ),
    wrong="param t = 4\nobserved x[t] : real\np(x[t] | x[t - 1]) = normal",
    right="param length = 4\nobserved x[length] : real\np(x[t] | x[t - 1]) = normal",
)

READS_NOTHING = Rule(
    code="AR905",
    title="a context that reads nothing",
    message="`{text}` {problem} for every target, so it reads nothing",
    label="always {label}",
    severity="warning",
    explanation=(
        "A fixed offset reads nothing where it leaves the array, a range where it ends before it begins, and"
        " `within 0` leaves no element but the one drawn. This one reads nothing for any element."
    ),
    wrong="observed x[8] : real\np(x[t] | x[t - 8]) = normal",
    right="observed x[8] : real\np(x[t] | x[t - 7]) = normal",
)

UNREAD_LATENT = Rule(
    code="AR906",
    title="a latent variable that nothing is drawn from",
    message="no `p` of another variable reads the latent variable `{name}`",
    label="nothing is drawn from it",
    severity="warning",
    explanation="A latent variable is there to be read by a `p`. Unread, it says nothing of the data.",
    wrong="latent z : real\nobserved x : real\np(z) = normal(0, 1)\np(x) = normal\nq(z | x) = normal",
    right="latent z : real\nobserved x : real\np(z) = normal(0, 1)\np(x | z) = normal\nq(z | x) = normal",
)
