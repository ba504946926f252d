"""AR12x, AR13x: targets, indices and contexts."""

from ardsl.diagnostics.diagnostic import Rule

INDEX_COUNT = Rule(
    code="AR120",
    title="the wrong number of indices",
    message="`{variable}` has {axes}, but `{text}` gives {given}",
    label="{given}",
    explanation=(
        "As many indices as axes are coordinates, one for each axis; `*` takes a whole axis. In a target, a single "
        "index on a variable of several axes names an element, which is usable only as `<i`. A scalar takes no index."
    ),
    wrong=(
        "given text[10, 39] : real\nobserved wave[800] : mulaw(256)\n"
        "p(wave[t] | wave[<t] last 8, text[..t / 80]) = categorical"
    ),
    right=(
        "given text[10, 39] : real\nobserved wave[800] : mulaw(256)\n"
        "p(wave[t] | wave[<t] last 8, text[..t / 80, *]) = categorical"
    ),
)

TARGET_INDEX = Rule(
    code="AR121",
    title="a target index that is not a name",
    message="an index of a target is a name or `*`, not `{text}`",
    label="a name or `*` is needed here",
    explanation=(
        "A factor is stated for every element of its target at once. Its indices are therefore names, which the "
        "contexts use, or `*` for the axes that one draw covers."
    ),
    wrong="observed x[4] : binary\np(x[0] | x[<]) = bernoulli",
    right="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli",
)

INDEX_TWICE = Rule(
    code="AR122",
    title="one index for two axes",
    message="the index `{name}` stands for two axes of the target",
    label="used again",
    explanation="Each axis of a target has an index of its own, so that a factor covers every element.",
    wrong="observed x[4, 4] : binary\np(x[i, i] | x[<]) = bernoulli",
    right="observed x[4, 4] : binary\np(x[r, c] | x[<]) = bernoulli",
)

UNBOUND_INDEX = Rule(
    code="AR123",
    title="an index that the target does not have",
    message="`{name}` is not an index of the target `{target}`",
    label="not an index of the target",
    explanation=(
        "A context says what each element of the target reads, in terms of that element's own indices. An index that "
        "stands only in a context has no value."
    ),
    wrong="given y[4] : real\nobserved x[4] : binary\np(x | y[t]) = bernoulli",
    right="given y[4] : real\nobserved x[4] : binary\np(x[t] | y[t]) = bernoulli",
)

ELEMENT_INDEX = Rule(
    code="AR124",
    title="an element used as a coordinate",
    message="`{name}` names an element of `{variable}` and can only be used as `<{name}`",
    label="not a coordinate",
    explanation=(
        "A single index on a variable of several axes, or on a record, names an element whole. It has a rank in the "
        "order, but no coordinates to reckon with. Give one index for each axis to have coordinates."
    ),
    wrong="observed x[4, 4] : binary\np(x[i] | x[i - 1]) = bernoulli",
    right="observed x[4, 4] : binary\np(x[r, c] | x[r, c - 1]) = bernoulli",
)

BEFORE_OTHER = Rule(
    code="AR125",
    title="`<` on a variable that is not the target",
    message="`<` goes by the order of the target `{target}`; it cannot be used on `{variable}`",
    label="`{variable}` is not the target",
    explanation=(
        "`x[<i]` reads the elements of x that are earlier than element i in the declared order of x. An element of "
        "another variable has no rank in that order. Use `..` and arithmetic, which go by index, for a part of another "
        "variable."
    ),
    wrong="given y[4] : real\nobserved x[4] : binary\np(x[t] | x[<t], y[<t]) = bernoulli",
    right="given y[4] : real\nobserved x[4] : binary\np(x[t] | x[<t], y[..t-1]) = bernoulli",
)

BEFORE_SHAPE = Rule(
    code="AR126",
    title="`<` goes by rank, not by one coordinate",
    message="`<` stands alone in its brackets and names a whole element, not {problem}",
    label="earlier elements are written `{right}`",
    explanation=(
        "`<` compares ranks in the declared order, and a rank belongs to an element, not to one of its coordinates. "
        "Under any spelling of the target, `x[<]` is every element of strictly lower rank. For a part of the index "
        "space use `..` and arithmetic: `x[..r-1, *]`."
    ),
    wrong="observed x[4, 4] : binary\np(x[r, c] | x[<r, c]) = bernoulli",
    right="observed x[4, 4] : binary\np(x[r, c] | x[<]) = bernoulli",
)

INDEX_ARITHMETIC = Rule(
    code="AR127",
    title="index arithmetic that is not supported",
    message="`{text}` cannot be an index: {reason}",
    label="{reason}",
    explanation=(
        "An index is a whole number or one index of the target, times, plus and divided by whole numbers: "
        "`t - 3`, `2 * t + 1`, `t / 80`, `(t + 40) / 80 - 1`. `/` rounds down, and its right side is positive."
    ),
    wrong="observed x[4, 4] : binary\np(x[r, c] | x[r - c, *]) = bernoulli",
    right="observed x[4, 4] : binary\np(x[r, c] | x[r - 1, *]) = bernoulli",
)

ALIGNED_OUTSIDE = Rule(
    code="AR128",
    title="an alignment that leaves the array",
    message="`{text}` leaves {axis}: at {target} it is {index}",
    label="0 to {last} are inside",
    explanation=(
        "An alignment such as `y[t / 80, *]` gives each element of the target its part of a coarser variable, so it "
        "must stay inside that variable for every element. Where an offset alone (`y[t - 1]`) leaves the array at "
        "its border, it reads nothing there."
    ),
    wrong="given y[10] : real\nobserved x[40] : real\np(x[t] | y[t / 3]) = normal",
    right="given y[10] : real\nobserved x[40] : real\np(x[t] | y[t / 4]) = normal",
)

FIXED_OUTSIDE = Rule(
    code="AR129",
    title="an index outside the array",
    message="`{text}` is outside {axis}",
    label="0 to {last} are inside",
    explanation="Indices start at 0 and end at the size of the axis minus 1. There are no negative indices.",
    wrong="given y[10] : real\nobserved x : real\np(x | y[10]) = normal",
    right="given y[10] : real\nobserved x : real\np(x | y[9]) = normal",
)

EMPTY_RANGE = Rule(
    code="AR130",
    title="an empty range",
    message="the range `{text}` is empty: it starts after its end",
    label="starts after its end",
    explanation="A range is written `low..high`, both ends included, either one open.",
    wrong="observed x[8] : real\np(x[t] | x[t-1..t-3]) = normal",
    right="observed x[8] : real\np(x[t] | x[t-3..t-1]) = normal",
)

WINDOW_WITHOUT_BEFORE = Rule(
    code="AR131",
    title="a window on something other than `<`",
    message="`{window}` narrows a context written with `<`, and `{text}` is not",
    label="has no `<`",
    explanation=(
        "`within` and `last` choose from the earlier elements that `<` names. A part of the index space is written "
        "with a range: `y[t-3..t]`."
    ),
    wrong="given y[8] : real\nobserved x[8] : real\np(x[t] | y last 3) = normal",
    right="given y[8] : real\nobserved x[8] : real\np(x[t] | y[t-2..t]) = normal",
)

WINDOW_LIMITS = Rule(
    code="AR132",
    title="`within` with the wrong number of limits",
    message="`within` gives {given} for {axes} of `{variable}`",
    label="{axes}, {given}",
    explanation=(
        "`within 3` limits the distance in index space along every axis, `within (2, 5, *)` along each axis by its "
        "own limit, `*` meaning none. The fields of a record have no distances: use `last`."
    ),
    wrong="observed x[8, 8] : binary\np(x[i] | x[<i] within (1, 2, 3)) = bernoulli",
    right="observed x[8, 8] : binary\np(x[i] | x[<i] within (1, 2)) = bernoulli",
)

WINDOW_IN_DRAW = Rule(
    code="AR166",
    title="a window that differs within a draw",
    message="`{target}` is drawn at once, and `within` would give its {size} elements different contexts",
    label="a distance of {limit} along an axis that the draw covers",
    explanation=(
        "All elements of a draw have the same context. Along an axis that `*` covers in the target, a window has no "
        "limit, `*`. `within 3` alone limits the other axes."
    ),
    wrong="observed x[8, 3] : real\np(x[t, *] | x[<] within (2, 1)) = multivariate_normal",
    right="observed x[8, 3] : real\np(x[t, *] | x[<] within (2, *)) = multivariate_normal",
)

READS_ITSELF = Rule(
    code="AR133",
    title="a variable that reads all of itself",
    message="the factor of `{target}` reads `{text}`, and so the values it is to give",
    label="includes the target itself",
    explanation=(
        "A conditional cannot depend on the value it is the distribution of. An element reads those of its own "
        "variable that are earlier: `x[<]` in the declared order, `x[t-1]` and the like in index space."
    ),
    wrong="observed x[4] : binary\np(x | x) = bernoulli",
    right="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli",
)

CONTEXT_TWICE = Rule(
    code="AR134",
    title="the same context twice",
    message="the context `{text}` is written twice here",
    label="again",
    explanation="Contexts are sets of elements: reading the same ones a second time adds nothing.",
    wrong="given y : real\nobserved x : real\np(x | y, y) = normal",
    right="given y : real\nobserved x : real\np(x | y) = normal",
)

NOT_A_RECORD = Rule(
    code="AR135",
    title="a field of something that has none",
    message="`{variable}` is not a record: it has no fields",
    label="not a field",
    explanation="Only a `record` has fields; the elements of an array are named by their indices, `x[3, 4]`.",
    wrong="given y[4] : real\nobserved x : real\np(x | y.first) = normal",
    right="given y[4] : real\nobserved x : real\np(x | y[0]) = normal",
)

UNKNOWN_FIELD = Rule(
    code="AR136",
    title="unknown field",
    message="the record `{variable}` has no field `{name}`",
    label="no such field",
    explanation="The fields of a record are those between its braces.",
    wrong=(
        "record person { age : real  income : binary }\np(person.age) = normal\np(person.income | person.aeg) = default"
    ),
    right=(
        "record person { age : real  income : binary }\np(person.age) = normal\np(person.income | person.age) = default"
    ),
)

RECORD_INDEX = Rule(
    code="AR137",
    title="a record's element by number",
    message="the elements of the record `{variable}` are its fields, not numbers",
    label="not a field",
    explanation=(
        "One field of a record is written `person.age`. `person[i]` in a target stands for every field in turn, and "
        "`person[<i]` for those before it in the record's order; a field itself takes no index."
    ),
    wrong="record person { age : real  income : binary }\np(person[i] | person[0]) = default",
    right="record person { age : real  income : binary }\np(person[i] | person[<i]) = default",
)
