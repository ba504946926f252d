"""AR0xx: what is wrong with the text itself."""

from ardsl.diagnostics.diagnostic import Rule

_RIGHT = """\
observed x[28, 28] : binary
p(x[i] | x[<i]) = bernoulli via made(hidden = [500])
"""

UNEXPECTED = Rule(
    code="AR001",
    title="Something else was expected here",
    message="expected {expected}, found {found}",
    label="not expected here",
    explanation=(
        "The text up to here is the beginning of a statement, and what comes next does not continue it. The message "
        "names what would."
    ),
    wrong="observed x[28, 28] : binary\np(x[i] | ) = bernoulli\n",
    right=_RIGHT,
)

UNKNOWN_STATEMENT = Rule(
    code="AR002",
    title="No statement starts like this",
    message="no statement starts with {found}",
    label="a statement was expected here",
    explanation=(
        "Every statement starts with its keyword: `model`, `param`, `observed`, `latent`, `given`, `record`, `order`, "
        "`net`, `check`, `data` or `train`; a factor starts with `p(` or `q(`."
    ),
    wrong="obseved x[28, 28] : binary\n",
    right="observed x[28, 28] : binary\n",
)

UNCLOSED_BRACKET = Rule(
    code="AR003",
    title="A bracket is never closed",
    message="`{opening}` is never closed",
    label="opened here",
    explanation="Every `(`, `[` and `{` needs its counterpart before the statement ends.",
    wrong="observed x[28, 28] : binary\np(x[i] | x[<i] = bernoulli via made(hidden = [500])\n",
    right=_RIGHT,
)

UNMATCHED_BRACKET = Rule(
    code="AR004",
    title="A closing bracket has no counterpart",
    message="`{closing}` closes nothing",
    label="no bracket for this one is open",
    explanation="A closing bracket closes the last bracket opened, which must be of the same kind.",
    wrong="observed x[28, 28] : binary\np(x[i] | x[<i])) = bernoulli via made(hidden = [500])\n",
    right=_RIGHT,
)

UNCLOSED_STRING = Rule(
    code="AR005",
    title="A string is never closed",
    message='this string has no closing `"`',
    label="opened here",
    explanation=(
        "A string starts and ends with a straight double quote, on the same line. A double quote inside a string is "
        'written `\\"`.'
    ),
    wrong='observed x : category("red", "green)\n',
    right='observed x : category("red", "green")\n',
)

UNEXPECTED_CHARACTER = Rule(
    code="AR006",
    title="A character has no meaning here",
    message="{character} has no meaning here",
    label="this character",
    explanation=(
        "Outside strings and comments the language uses letters (`a` to `z`, in both cases), digits, `_`, and the "
        'signs `( ) [ ] { } , : = | . ~ + - * / < > " #`. Text pasted from a page or a word processor often has '
        "curly quotes, long dashes or no-break spaces in their stead."
    ),
    wrong="param width = 500;\n",
    right="param width = 500\n",
)

UNKNOWN_ESCAPE = Rule(
    code="AR007",
    title="A string holds an unknown escape",
    message="`{escape}` is not an escape of a string",
    label="unknown escape",
    explanation=(
        'A backslash in a string starts one of the escapes `\\"`, `\\\\`, `\\n` and `\\t`, or `\\u{1b}`: the character '
        "with this number, of up to six hexadecimal digits, in Unicode."
    ),
    wrong='data { train = "C:\\data\\digits.npz" }\n',
    right='data { train = "C:\\\\data\\\\digits.npz" }\n',
)

TOO_DEEP = Rule(
    code="AR008",
    title="An expression is nested too deeply",
    message="this expression is nested more than {limit} levels deep",
    label="too deep from here on",
    explanation=(
        "Brackets, calls and operations may stand inside one another up to 100 levels. A sum counts one level for "
        "each of its terms."
    ),
    wrong="param width = " + "(" * 101 + "500" + ")" * 101 + "\n",
    right="param width = 500\n",
)

NUMBER_TOO_LARGE = Rule(
    code="AR009",
    title="A number is too large",
    message="this number is too large",
    label="does not fit 64 bits",
    explanation="Integers are below 2^63, real numbers below about 1.8e308.",
    wrong="param seed = 12345678901234567890123\n",
    right="param seed = 1234567890\n",
)

TOO_LONG = Rule(
    code="AR010",
    title="The text is too long for a spec",
    message="the text is too long for a spec: it has more than {limit:,} {unit}",
    label="not read",
    explanation=(
        "A spec is read up to 1,000,000 characters and 50,000 words and signs. Long lists belong in a file of their "
        "own: an explicit order, for one, can be read from a `.npy` file. Often the wrong file was given, such as the "
        "data."
    ),
    wrong="observed x[25001] : binary\norder x by [" + "0, " * 25_000 + "0]\n",
    right='observed x[25001] : binary\norder x by "order.npy"\n',
)

NOT_TEXT = Rule(
    code="AR011",
    title="The file is not text",
    message="the character {character} cannot be part of a spec",
    label="here",
    explanation=(
        "Control characters and halves of surrogate pairs do not occur in text. Often the wrong file was given (an "
        "array, an image), or one in another encoding than UTF-8."
    ),
    wrong="observed x : binary\x00\n",
    right="observed x : binary\n",
)

WRONG_SIGN = Rule(
    code="AR012",
    title="One sign is written where another belongs",
    message="`{found}` is written where `{expected}` belongs",
    label="expected `{expected}`",
    explanation=(
        "A domain follows a colon (`observed x : binary`); values, networks and families follow an equals sign "
        "(`param width = 500`, `p(x) = normal`). `~` belongs in records alone, where it gives a field its family. A "
        "range is written with two dots."
    ),
    wrong="observed x[28, 28] = binary\n",
    right="observed x[28, 28] : binary\n",
)

MISSING = Rule(
    code="AR013",
    title="A sign or word is missing",
    message="`{missing}` is missing before {found}",
    label="expected `{missing}` before this",
    explanation="What follows would fit if the sign or word that the message names stood in front of it.",
    wrong="param width 500\n",
    right="param width = 500\n",
)

BARE_BEFORE = Rule(
    code="AR014",
    title="`<` outside brackets",
    message="`<` belongs inside the brackets of the variable",
    label="outside brackets",
    explanation=(
        "The context `x[<i]` reads every element of x whose rank is strictly lower than that of `x[i]`. The `<` stands "
        "in the brackets, where the index would."
    ),
    wrong="observed x[28] : binary\np(x | x<i) = bernoulli\n",
    right="observed x[28] : binary\np(x[i] | x[<i]) = bernoulli\n",
)

NOT_BEFORE = Rule(
    code="AR015",
    title="Only `<` compares ranks",
    message="`{found}` cannot be used in an index",
    label="only `<` compares ranks",
    explanation=(
        "An element may read what was drawn before it: neither itself nor what comes later. `x[<i]` is every element "
        "of strictly lower rank in the declared order."
    ),
    wrong="observed x[28] : binary\np(x[i] | x[<=i]) = bernoulli\n",
    right="observed x[28] : binary\np(x[i] | x[<i]) = bernoulli\n",
)

BEFORE_ARITHMETIC = Rule(
    code="AR016",
    title="`<` knows no arithmetic",
    message="`<{name}` stands alone in its brackets",
    label="nothing may follow `<{name}`",
    explanation=(
        "`<` goes by rank in the declared order, not by index, so there is nothing to add to it. `last 8` and "
        "`within 3` narrow it; arithmetic on indices and ranges (`x[t-3..t-1]`) are in index space."
    ),
    wrong="observed x[28] : real\np(x[t] | x[<t-1]) = normal\n",
    right="observed x[28] : real\np(x[t] | x[..t-2]) = normal\n",
)

INCOMPLETE = Rule(
    code="AR017",
    title="A statement ends too early",
    message="{what} ends too early: expected {expected}",
    label="something is missing here",
    explanation="The text ends, or the next statement starts, where this one is not yet complete.",
    wrong="param width =\nobserved x : binary\n",
    right="param width = 500\nobserved x : binary\n",
)

NAMELESS = Rule(
    code="AR018",
    title="A statement lacks its name",
    message="`{keyword}` needs a name after it",
    label="no name follows",
    explanation="A declaration gives its name right after the keyword: `param width = 500`, `observed x : binary`.",
    wrong="observed : binary\n",
    right="observed x : binary\n",
)

STRAY_COMMA = Rule(
    code="AR019",
    title="No comma is written between settings or fields",
    message="no comma is written between {what}",
    label="remove this comma",
    explanation="The settings of `data` and `train` and the fields of a `record` are parted by spaces or new lines.",
    wrong="train { batch = 100, epochs = 200 }\n",
    right="train { batch = 100  epochs = 200 }\n",
)

TOO_MANY = Rule(
    code="AR020",
    title="Too many syntax errors",
    message="more than {limit} syntax errors: the rest of the text was not read",
    label="not read from here on",
    explanation="Reading stops after this many broken statements. Often the file is not a spec.",
    wrong="param = 1\n" * 21,
    right="param width = 1\n",
)

SECOND_BAR = Rule(
    code="AR021",
    title="A second `|`",
    message="only one `|` is written between the target and its contexts",
    label="a second `|`",
    explanation="What a factor conditions on is one list behind one bar, with commas between its entries.",
    wrong="p(x | y | z) = normal\n",
    right="p(x | y, z) = normal\n",
)

WRONG_BRACKET = Rule(
    code="AR022",
    title="The wrong kind of bracket",
    message="{what} in `{expected}`, not in `{found}`",
    label="expected `{expected}`",
    explanation=(
        "Axes, indices and lists have square brackets (`x[28, 28]`, `hidden = [500, 500]`), arguments have round "
        "ones (`made(hidden = [500])`), settings and fields in curly ones."
    ),
    wrong="observed x(28, 28) : binary\n",
    right="observed x[28, 28] : binary\n",
)

MALFORMED_NUMBER = Rule(
    code="AR023",
    title="A number is misspelled",
    message="`{number}` is not a number",
    label="misspelled number",
    explanation=(
        "Numbers are written in decimal digits, with a point between two of them and an exponent where wanted: `500`, "
        "`0.5`, `1e-3`. A name does not start with a digit."
    ),
    wrong="param rate = .5\n",
    right="param rate = 0.5\n",
)

NO_OPERATOR = Rule(
    code="AR024",
    title="There is no such operator",
    message="there is no operator `{operator}`",
    label="no such operator",
    explanation="Values and indices know `+`, `-`, `*` and `/` (which floors in an index).",
    wrong="param width = 2 ** 9\n",
    right="param width = 512\n",
)
