"""AR4xx: networks and what they realize."""

from ardsl.diagnostics.diagnostic import Rule

UNKNOWN_NETWORK = Rule(
    code="AR401",
    title="unknown network",
    message="there is no network `{name}`",
    label="not a network",
    explanation="`via` names a network of the registry, or a `net` of the spec. `ardsl networks` lists them.",
    wrong="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via maed(hidden = 8)\n",
    right="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = 8)\n",
)

LATER_NETWORK = Rule(
    code="AR402",
    title="a network that is not built yet",
    message="`{name}` is not built yet",
    label="{what}: planned",
    explanation="The name is reserved for a network that this version lacks. `ardsl networks` lists those it has.",
    wrong="observed x[4, 4] : binary\np(x[i] | x[<i]) = bernoulli via row_lstm(layers = 3)\n",
    right="observed x[4, 4] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [64, 64])\n",
)

UNKNOWN_OPTION = Rule(
    code="AR403",
    title="unknown option of a network",
    message="`{network}` has no option `{option}`",
    label="not an option of `{network}`",
    explanation="A network's options are declared with it; `ardsl networks` lists them with defaults and ranges.",
    wrong="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via made(width = 8)\n",
    right="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = 8)\n",
)

BAD_OPTION = Rule(
    code="AR404",
    title="an option's value is of the wrong type or out of range",
    message="`{option}` of `{network}` must be {range}",
    label="this is {value}",
    explanation="Every option has a type and, where it matters, a range. `ardsl networks` lists them.",
    wrong="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = 0)\n",
    right="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [8, 8])\n",
)

READS_NOTHING = Rule(
    code="AR405",
    title="free parameters read no context",
    message="`free` has no inputs, so it cannot read `{text}`",
    label="would never be read",
    explanation="`free` is a set of parameters without inputs. A context needs a network: `linear`, `made` …",
    wrong="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via free\n",
    right="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via linear\n",
)

UNEQUAL_CONTEXTS = Rule(
    code="AR406",
    title="an `mlp` whose draws have different contexts",
    message="`mlp` gives every draw the same context, but `{first}` and `{second}` read different elements",
    label="one network for all draws",
    explanation=(
        "An `mlp` has no masks: whatever goes in reaches every output. Where each element has a context of its own, "
        "`made` realizes it; where the contexts only move along (`x[t-2..t-1]`), `mlp(..., tied = true)` applies one "
        "network to each element's own window."
    ),
    wrong="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via mlp(hidden = 8)\n",
    right="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = 8)\n",
)

CONTINUOUS_TABLE = Rule(
    code="AR407",
    title="a table over a context that is not finite",
    message="a table needs contexts with finitely many values, and `{name}` has not",
    label="not finite",
    explanation="A conditional probability table has one row for every value of its context.",
    wrong="observed x : real\nobserved y : binary\np(x) = normal\np(y | x) = bernoulli via table\n",
    right="observed x : real\nobserved y : binary\np(x) = normal\np(y | x) = bernoulli via linear\n",
)

TABLE_TOO_LARGE = Rule(
    code="AR408",
    title="a table with too many rows",
    message="this table would have {rows} rows; at most {limit} are built",
    label="one row for every value of every context",
    explanation=(
        "A table grows with the product of its contexts' sizes. Shorten the context (`last 8`, `within 2`, an offset), "
        "tie it (`tied = true`), or use a network."
    ),
    wrong="observed x[40] : binary\np(x[i] | x[<i]) = bernoulli via table\n",
    right="observed x[40] : binary\np(x[i] | x[<i] last 3) = bernoulli via table\n",
)

ONE_FAMILY = Rule(
    code="AR409",
    title="draws of several kinds share one set of parameters",
    message="{what} serves one factor whose draws are all of one family",
    label="several kinds of draws here",
    explanation=(
        "A table, and any network with `tied = true`, gives every draw the same number of parameters, so its draws "
        "must be of one variable and one family. Give the factors networks of their own, or use `made`, which serves "
        "mixed draws."
    ),
    wrong=("record r {\n  a : binary\n  b : category(3)\n}\np(r[i] | r[<i]) = default via table\n"),
    right="record r {\n  a : binary\n  b : category(3)\n}\np(r[i] | r[<i]) = default via made(hidden = 8)\n",
)

TOO_MANY_PAIRS = Rule(
    code="AR410",
    title="too large for a dense network",
    message="`{network}` would join draws to the elements that they read by {pairs} pairs; the most are {limit}",
    label="a dense network has a weight for every pair",
    explanation=(
        "A dense network has parameters of its own for every pair of a draw and an element that it reads; one that is "
        "tied keeps a list of them. For large arrays limit what is read, with `within`, `last` or an offset, or use "
        "`wavenet` (along time) or `pixelcnn` (images), whose weights depend on distances alone."
    ),
    wrong="observed x[100000] : binary\np(x[i] | x[<i]) = bernoulli via linear\n",
    right="observed x[1000] : binary\np(x[i] | x[<i]) = bernoulli via linear\n",
)

TOO_MANY_PARAMETERS = Rule(
    code="AR411",
    title="too many parameters",
    message="this network would have {parameters} parameters ({size}); at most {limit} are built",
    label="declared here",
    explanation=(
        "The size of a model is known before anything is allocated. Make the hidden layers narrower or fewer, or the "
        "family smaller: fewer components, fewer elements to a draw."
    ),
    wrong="observed x[8000] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [90000, 90000])\n",
    right="observed x[4000] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [500, 500])\n",
)

MANY_PARAMETERS = Rule(
    code="AR429",
    title="many parameters",
    message="this network has {parameters} parameters ({size})",
    label="declared here",
    severity="warning",
    explanation=(
        "More than 67,108,864 parameters are built, and warned of: a category of 10,000 values given another one is a "
        "layer of 100 million. Training takes four times the memory of the parameters."
    ),
    wrong=(
        "observed a : category(10000)\nobserved b : category(10000)\n"
        "p(a) = categorical\np(b | a) = categorical via made\n"
    ),
    right=(
        "observed a : category(10000)\nobserved b : category(10000)\n"
        "p(a) = categorical\np(b | a) = categorical via mlp(hidden = 64)\n"
    ),
)

CONTEXT_NETWORK = Rule(
    code="AR412",
    title="a context that cannot go through a network of its own",
    message="a context cannot go through this network: {reason}",
    label="not here",
    explanation=(
        "In `p(x[i] | x[<i], z via deconv(...)) = ... via pixelcnn` the whole of `z` becomes a map of features, which "
        "conditions every position. Lattice networks read such maps. Each context has a network of its own."
    ),
    wrong=(
        "given z[2] : real\nobserved x[4] : binary\n"
        "p(x[i] | x[<i], z via deconv(hidden = 8)) = bernoulli via made(hidden = 8)\n"
    ),
    right="given z[2] : real\nobserved x[4] : binary\np(x[i] | x[<i], z) = bernoulli via made(hidden = 8)\n",
)

MIXED_NET = Rule(
    code="AR414",
    title="one net, several variables under `any(...)`",
    message="`{net}` serves `{first}` and `{second}`, both under `any(...)`; a net serves at most one such variable",
    label="second variable under `any(...)`",
    explanation=(
        "Under `any(orders = K)` a net's masks depend on the order that was chosen. With two such variables it would "
        "need masks for every pair of orders. Give them nets of their own."
    ),
    wrong=(
        "observed x[3] : binary\nobserved y[3] : binary\norder x by any(orders = 2)\norder y by any(orders = 2)\n"
        "net body = made(hidden = 8)\np(x[i] | x[<i]) = bernoulli via body\np(y[i] | y[<i], x) = bernoulli via body\n"
    ),
    right=(
        "observed x[3] : binary\nobserved y[3] : binary\norder x by any(orders = 2)\norder y by any(orders = 2)\n"
        "p(x[i] | x[<i]) = bernoulli via made(hidden = 8)\np(y[i] | y[<i], x) = bernoulli via made(hidden = 8)\n"
    ),
)

TABLE_UNDER_ANY = Rule(
    code="AR415",
    title="parameters that mean something else under every order",
    message="{what} needs contexts that are the same under every order, and `{variable}` is under `any(...)`",
    label="one set of parameters for all orders",
    explanation=(
        "A table has a row for every value of a context, and tied parameters have a place for every distance. Under "
        "`any(orders = K)` an element reads other elements in every order, so one table cannot serve them all; tied "
        "parameters can, where the context is the whole past. `made` serves every order with the same weights."
    ),
    wrong="observed x[4] : binary\norder x by any(orders = 2)\np(x[i] | x[<i]) = bernoulli via table\n",
    right="observed x[4] : binary\norder x by any(orders = 2)\np(x[i] | x[<i]) = bernoulli via made(hidden = 8)\n",
)

TOO_MANY_READINGS = Rule(
    code="AR416",
    title="several networks that read too much",
    message="the draws read {pairs} elements through several networks; at most {limit} are scheduled together",
    label="the most of them here",
    explanation=(
        "The sampling steps of a model with several networks are found from a list of what each draw reads. Read less "
        "(`within`, `last`), or use one network for all draws."
    ),
    wrong=(
        "observed x[12000] : binary\nobserved y[12000] : binary\n"
        "p(x[i] | x[<i]) = bernoulli via linear\np(y[i] | y[<i]) = bernoulli via linear\n"
    ),
    right=(
        "observed x[12000] : binary\nobserved y[12000] : binary\n"
        "p(x[i] | x[<i] last 8) = bernoulli via linear\np(y[i] | y[<i] last 8) = bernoulli via linear\n"
    ),
)

LATTICE_AXES = Rule(
    code="AR417",
    title="a lattice network on an array of the wrong form",
    message="`{network}` needs {needs}: {reason}",
    label="does not fit",
    explanation=(
        "The first axes of the variable are those that the network runs along: rows and columns of `pixelcnn`, time of "
        "`wavenet`. One more axis holds channels, drawn one after another, or together by a family for several "
        "(`p(x[r, c, *] | …)`). `conv_nade` runs along one axis, two or three, and takes all others as channels."
    ),
    wrong="observed x[64] : binary\np(x[i] | x[<i]) = bernoulli via pixelcnn(layers = 3)\n",
    right="observed x[8, 8] : binary\np(x[i] | x[<i]) = bernoulli via pixelcnn(layers = 4, gated = true)\n",
)

LATTICE_CONTEXT = Rule(
    code="AR418",
    title="a context that a lattice network cannot read",
    message="`{network}` cannot read `{text}`: {reason}",
    label="not for this network",
    explanation=(
        "A lattice network reads of its own variable all that is earlier, or what of that is within a distance. "
        "Another variable it reads whole, or one element of it for each position, aligned along rows and columns "
        "(`low[r / 4, c / 4, *]`); `wavenet`, which passes on what it is given, all up to a time step "
        "(`text[..t / 80, *]`). `made` realizes any other structure."
    ),
    wrong="observed x[8, 8] : binary\np(x[r, c] | x[r, c-1]) = bernoulli via pixelcnn(layers = 3)\n",
    right="observed x[8, 8] : binary\np(x[r, c] | x[<] within 3) = bernoulli via pixelcnn(layers = 3)\n",
)

TOO_MANY_SITES = Rule(
    code="AR419",
    title="an array too large for masks at every position",
    message="under {order} each of the {sites} elements has masks of its own; at most {limit} can be verified",
    label="a stencil cut by rank",
    explanation=(
        "Under `raster`, with any axis first, and under `reverse`, what is earlier looks the same from everywhere, and "
        "the array may have any size. Under other orders every position has masks of its own."
    ),
    wrong="observed x[256, 256] : binary\norder x by snake\np(x[i] | x[<i] within 3) = bernoulli via pixelcnn\n",
    right="observed x[256, 256] : binary\np(x[i] | x[<i] within 3) = bernoulli via pixelcnn\n",
)

NO_RESOLUTION = Rule(
    code="AR424",
    title="resolutions that do not meet",
    message="`{network}` cannot take `{variable}` to this resolution: {fine} is no multiple of {size}",
    label="does not fit",
    explanation=(
        "A source with rows and columns grows by whole numbers to the rows and columns of what it conditions: from "
        "7 to 28, but not from 10 to 28; `conv` leads the other way, in the same steps. A vector grows to any "
        "resolution, and a map shrinks to any vector."
    ),
    wrong=(
        "given low[3, 3] : real\nobserved x[8, 8] : binary\n"
        "p(x[i] | x[<i], low via deconv(hidden = 8)) = bernoulli via pixelcnn(layers = 4, gated = true)\n"
    ),
    right=(
        "given low[4, 4] : real\nobserved x[8, 8] : binary\n"
        "p(x[i] | x[<i], low via deconv(hidden = 8)) = bernoulli via pixelcnn(layers = 4, gated = true)\n"
    ),
)

TOO_DEEP = Rule(
    code="AR423",
    title="a network too deep to verify on an array of this size",
    message="the layers of `{network}` reach so far on this array that composing them would take minutes",
    label="fewer or narrower layers",
    explanation=(
        "What a stack of layers realizes is composed layer by layer, which takes the longer the farther they reach. A "
        "window (`x[<i] within 30`) bounds that, as do fewer layers and smaller kernels. A larger array does not "
        "matter once it is wider than the reach."
    ),
    wrong="observed x[512, 512] : binary\np(x[i] | x[<i]) = bernoulli via pixelcnn(layers = 500, gated = true)\n",
    right="observed x[512, 512] : binary\np(x[i] | x[<i] within 3) = bernoulli via pixelcnn(layers = 5)\n",
)

LEAK = Rule(
    code="AR420",
    title="a leak: the network would read what the spec does not declare",
    message="the network of `{factor}` leaks: {pairs} {are} realized but not declared",
    label="for example, `{target}` would read `{source}`",
    explanation=(
        "The compiled network's outputs could depend on elements outside their declared contexts, so the product of "
        "the conditionals would not be a density. No built-in network does this: it is an error of a plug-in."
    ),
    wrong="",
    right="",
)

BLIND_SPOT = Rule(
    code="AR421",
    title="a blind spot: declared context that no path reaches",
    message="{count} of {declared} declared pairs of `{factor}` are reached by no path of `{network}`",
    label="for example, `{target}` never sees `{source}`",
    severity="warning",
    explanation=(
        "The model is a valid density, but it ignores part of the context the spec declares. In a dense network "
        "without its direct path, a hidden layer narrower than the number of distinct contexts does this. "
        "`check complete(x)` makes it an error."
    ),
    wrong="observed x[30] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = 4, direct = false)\n",
    right="observed x[30] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = 4)\n",
)

INCOMPLETE = Rule(
    code="AR422",
    title="`check complete` fails",
    message="`{text}` fails: {count} of {declared} declared pairs of `{factor}` are reached by no path of `{network}`",
    label="for example, `{target}` never sees `{source}`",
    explanation=(
        "`check complete(x)` claims that everything the spec declares can be used. A dense network keeps the claim at "
        "any width through its direct path; without it, every hidden layer must be as wide as there are "
        "distinct contexts."
    ),
    wrong=(
        "observed x[30] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = 4, direct = false)\ncheck complete(x)\n"
    ),
    right="observed x[30] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = 4)\ncheck complete(x)\n",
)

WINDOW_WITHOUT_TIME = Rule(
    code="AR425",
    title="`window` without a network along time",
    message="`window` needs a network that runs along time, first time step first, and `{network}` does not",
    label="not evaluated in parts",
    explanation=(
        "With `window` a training step sees a part of each example, and those time steps before it that the network "
        "reads. That takes a network along time, as `wavenet` is in the order of time."
    ),
    wrong="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via made\ntrain { window = 2 }\n",
    right=(
        "observed x[time: 400] : binary\np(x[t] | x[<t] within 8) = bernoulli via wavenet(blocks = 1, layers = 3)\n"
        "train { window = 100 }\n"
    ),
)

CHOSEN_BY = Rule(
    code="AR430",
    title="weights by a variable that cannot choose them",
    message="`{network}` cannot have weights by `{name}`: {reason}",
    label="not a scalar context of finitely many values",
    explanation=(
        "`linear(by = k)` has weights and biases of their own for each value of `k`. Every factor that the network "
        "serves reads `k`, a scalar variable of finitely many values."
    ),
    wrong="given k : real\nobserved y : real\np(y | k) = normal via linear(by = k)\n",
    right="given k : category(3)\ngiven x : real\nobserved y : real\np(y | k, x) = normal via linear(by = k)\n",
)

LATENT_NET = Rule(
    code="AR426",
    title="one net, several variables of a model with latent ones",
    message="`{net}` serves `{first}` and `{second}`; beside latent variables a net serves one variable",
    label="second variable",
    explanation=(
        "A model with latent variables is evaluated variable by variable: some are drawn from the guide, some are "
        "kept, some redrawn. So each variable has networks of its own, and so has each `q`."
    ),
    wrong=(
        "latent z : real\nobserved x : real\nobserved y : real\nnet body = mlp(hidden = 8)\np(z) = normal(0, 1)\n"
        "p(x | z) = normal via body\np(y | z) = normal via body\nq(z | x, y) = normal via mlp(hidden = 8)\n"
    ),
    right=(
        "latent z : real\nobserved x : real\nobserved y : real\np(z) = normal(0, 1)\n"
        "p(x | z) = normal via mlp(hidden = 8)\np(y | z) = normal via mlp(hidden = 8)\n"
        "q(z | x, y) = normal via mlp(hidden = 8)\n"
    ),
)

TOO_MANY_VALUES = Rule(
    code="AR427",
    title="too many values to enumerate",
    message="`exact` enumerates all {values} values of {variables}; the most are {limit}",
    label="enumerated",
    explanation=(
        "`q(z) = exact` goes through every value of the latent variable, jointly with those of all others that are "
        "`exact`: a variable of n elements with k values each has kⁿ. Give a larger one a guide, `q(z | x) = …`."
    ),
    wrong=("latent z[30] : binary\nobserved x : real\np(z) = bernoulli\np(x | z) = normal via linear\nq(z) = exact\n"),
    right=(
        "latent z[30] : binary\nobserved x : real\np(z) = bernoulli\np(x | z) = normal via linear\n"
        "q(z | x) = bernoulli via linear\n"
    ),
)

NOT_RELAXED = Rule(
    code="AR428",
    title="a variable that cannot be relaxed",
    message="`estimator = relaxed` is for `bernoulli` guides, and `{variable}` is {what}",
    label="drawn from this guide",
    explanation=(
        "A relaxed draw is a number between 0 and 1, whose gradient stands in for that of the binary value it is "
        "rounded to. Other discrete variables take the gradient of the score function, which is the default."
    ),
    wrong=(
        "latent k : category(3)\nobserved x : real\np(k) = categorical\np(x | k) = normal\nq(k | x) = categorical\n"
        "train { estimator = relaxed(temperature = 0.5) }\n"
    ),
    right=(
        "latent k[2] : binary\nobserved x : real\np(k) = bernoulli\np(x | k) = normal\nq(k | x) = bernoulli\n"
        "train { estimator = relaxed(temperature = 0.5) }\n"
    ),
)

OTHER_FORM = Rule(
    code="AR432",
    title="an option of the other form of a network",
    message="`{option}` is an option of `{network}` with {form}, `hidden = {hidden}`",
    label="not for {own}",
    explanation=(
        "With a number, `nade` has one hidden layer for each draw, a sum over what it reads, which `transposed`, "
        "`scaled` and `tied` change. With a list, of one width too, it is one network of so many layers for all draws, "
        "which is asked with a mask of what is known, and `residual` adds a layer's input to its output. An option of "
        "the other form would have no effect at any width."
    ),
    wrong="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via nade(hidden = [8], scaled = true)\n",
    right="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via nade(hidden = 8, scaled = true)\n",
)

NOT_TRANSPOSED = Rule(
    code="AR431",
    title="nothing whose weights could be shared",
    message="`transposed = true` shares the weights of no element here",
    label="no element that is read as one number and drawn by one parameter",
    explanation=(
        "Transposed, an element is read by the weights that give its draw its parameter: that takes one number read "
        "and one parameter drawn, as binary elements under `bernoulli` have. A normal has two parameters, a category "
        "has several of both."
    ),
    wrong="observed x[4] : real\np(x[i] | x[<i]) = normal via nade(hidden = 8, transposed = true)\n",
    right="observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via nade(hidden = 8, transposed = true)\n",
)

NOT_TIED = Rule(
    code="AR433",
    title="draws that cannot be tied along these axes",
    message="`{network}` cannot tie `{variable}` along `{axes}`: {reason}",
    label="not alike along this",
    explanation=(
        "Draws that are tied along an axis have the same weights at each place along it, by distance: what one of them "
        "reads there, each of them reads at its own place, as far as it is in the array. Contexts by index "
        "(`x[t-1, *]`) and raster orders are alike everywhere; shuffled ones are not."
    ),
    wrong=(
        "observed x[time: 4, 3] : binary\norder x by shuffle(seed = 1)\n"
        "p(x[t, i] | x[<]) = bernoulli via nade(hidden = 8, tied = time)\n"
    ),
    right=(
        "observed x[time: 4, 3] : binary\n"
        "p(x[t, i] | x[t, ..i-1], x[t-1, *]) = bernoulli via nade(hidden = 8, tied = time)\n"
    ),
)

BROKEN_NETWORK = Rule(
    code="AR434",
    title="a network of another package that fails",
    message="{problem}",
    label="this network",
    explanation=(
        "Networks of other packages are imported where a spec names them, and asked for a design. One that cannot be "
        "imported, is no network, or fails in its `design` is a fault of that package: mend it, or install it anew. "
        "`ardsl networks` marks those that cannot be imported; `ardsl.testing.check_network` tries one on its examples."
    ),
    wrong="",
    right="",
)
