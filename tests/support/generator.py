"""Strategies that compose specs over the whole language, small enough to list what they mean. Imports nothing of ardsl.

A generated spec comes with a description of itself (``described.py``), from which an oracle reads what the text says.
Most are accepted; what is refused must be refused by a diagnostic.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import gcd, log, prod
from typing import TypeVar

from hypothesis import strategies as st

from tests.support import oracle
from tests.support.described import (
    RASTER,
    Before,
    Box,
    Context,
    Described,
    Domain,
    Factor,
    Field,
    Index,
    Order,
    Variable,
    Whole,
)

T = TypeVar("T")

ROOM = 512
"""The most joint values of a spec whose probabilities are summed."""
MOST_ROWS = 300
"""The most rows of a table."""
NAMES = ("x", "y", "u", "v", "w", "a", "b")
COORDINATES = ("t", "r", "c", "k")


def category(n: int) -> Domain:
    return Domain(f"category({n})", "category", tuple(range(n)))


def labels(*names: str) -> Domain:
    written = ", ".join(f'"{name}"' for name in names)
    return Domain(f"category({written})", "category", tuple(range(len(names))))


def integer(low: int, high: int) -> Domain:
    return Domain(f"integer({low}, {high})", "integer", tuple(range(low, high + 1)))


def mulaw(levels: int) -> Domain:
    """Its codes are evenly spaced on the companded scale of μ = levels − 1."""
    companded = [2 * code / (levels - 1) - 1 for code in range(levels)]
    audio = [(1 if y > 0 else -1) * (levels ** abs(y) - 1) / (levels - 1) for y in companded]
    return Domain(f"mulaw({levels})", "mulaw", tuple(audio))


BINARY = Domain("binary", "binary", (0, 1))
REAL = Domain("real", "real")
FINITE = (
    BINARY,
    category(3),
    integer(0, 2),
    category(2),
    labels("no", "yes"),
    labels("low", "mid", "high"),
    integer(0, 1),
    integer(-1, 1),
    integer(2, 3),
    integer(-3, -2),
    integer(0, 3),
    mulaw(2),
    mulaw(3),
    mulaw(4),
    category(1),
    integer(4, 4),
)
INFINITE = (
    REAL,
    REAL,
    REAL,
    Domain("positive", "positive"),
    Domain("count", "count"),
    Domain("unit_interval", "unit_interval"),
    Domain("angle", "angle"),
    integer(0, 300),
    integer(-500, 500),
)

NUMBERS = ("0.5", "1", "2", "1.5", "3")
PARAMETERS = {
    "asymmetric_laplace": ("loc", "scale", "asymmetry"),
    "bernoulli": ("logits",),
    "beta": ("concentration1", "concentration0"),
    "cauchy": ("loc", "scale"),
    "chi2": ("df",),
    "continuous_bernoulli": ("logits",),
    "exponential": ("rate",),
    "fisher_snedecor": ("df1", "df2"),
    "gamma": ("concentration", "rate"),
    "gamma_poisson": ("concentration", "rate"),
    "geometric": ("logits",),
    "gumbel": ("loc", "scale"),
    "half_cauchy": ("scale",),
    "half_normal": ("scale",),
    "inverse_gamma": ("concentration", "rate"),
    "kumaraswamy": ("concentration1", "concentration0"),
    "laplace": ("loc", "scale"),
    "log_normal": ("loc", "scale"),
    "logistic": ("loc", "scale"),
    "negative_binomial": ("total_count", "logits"),
    "normal": ("loc", "scale"),
    "ordered_logistic": ("predictor",),
    "poisson": ("rate",),
    "skew_logistic": ("loc", "scale", "asymmetry"),
    "soft_asymmetric_laplace": ("loc", "scale", "asymmetry", "softness"),
    "soft_laplace": ("loc", "scale"),
    "student_t": ("df", "loc", "scale"),
    "von_mises": ("loc", "concentration"),
    "weibull": ("scale", "concentration"),
    "zero_inflated_negative_binomial": ("total_count", "logits", "gate_logits"),
    "zero_inflated_poisson": ("rate", "gate_logits"),
}
"""The parameters of a family that a spec may fix."""
UNBOUNDED = ("loc", "logits", "gate_logits", "predictor")

REALS = (
    "normal",
    "logistic",
    "laplace",
    "student_t",
    "cauchy",
    "gumbel",
    "asymmetric_laplace",
    "skew_logistic",
    "soft_laplace",
    "soft_asymmetric_laplace",
)
POSITIVES = (
    "log_normal",
    "gamma",
    "exponential",
    "weibull",
    "chi2",
    "inverse_gamma",
    "half_normal",
    "half_cauchy",
    "fisher_snedecor",
)
COUNTS = (
    "poisson",
    "geometric",
    "negative_binomial",
    "gamma_poisson",
    "zero_inflated_poisson",
    "zero_inflated_negative_binomial",
)
UNITS = ("beta", "kumaraswamy", "continuous_bernoulli")
WITH_CDF = ("logistic", "normal", "laplace", "cauchy", "gumbel", "skew_logistic", "soft_laplace")
POSITIVE_WITH_CDF = ("log_normal", "exponential", "weibull", "half_normal", "half_cauchy")
UNITS_WITH_CDF = ("kumaraswamy", "continuous_bernoulli")
ACTIVATIONS = ("relu", "elu", "gelu", "silu", "tanh", "sigmoid", "softplus", "leaky_relu")


@dataclass
class Composer:
    """One spec as it grows. ``pick`` takes the first of its options, and ``chance`` fails, where an example shrinks."""

    draw: st.DrawFn
    finite: bool = True
    room: float = ROOM
    statements: list[str] = field(default_factory=list)
    variables: dict[str, Variable] = field(default_factory=dict)
    factors: list[Factor] = field(default_factory=list)
    nets: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, int] = field(default_factory=dict)

    def pick(self, options: Sequence[T]) -> T:
        return options[self.draw(st.integers(0, len(options) - 1))] if len(options) > 1 else options[0]

    def chance(self, percent: int) -> bool:
        return self.draw(st.integers(0, 99)) >= 100 - percent

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, max(low, high)))

    # Variables

    def domain(self, count: int = 1, kinds: Sequence[str] | None = None) -> Domain:
        """Of ``count`` elements that fit into the room."""
        if not self.finite and self.chance(60):
            options = [d for d in INFINITE if kinds is None or d.kind in kinds]
            if options:
                return self.pick(options)
        options = [
            d for d in FINITE if (kinds is None or d.kind in kinds) and len(d.values or ()) ** count <= self.room
        ]
        return self.pick(options or [category(1)])

    def take(self, variable: Variable) -> Variable:
        """Declares a variable."""
        if self.finite and variable.kind != "given":
            self.room /= variable.values
        self.variables[variable.name] = variable
        self.statements.append(declaration(variable))
        if variable.order is not RASTER:
            self.statements.append(f"order {variable.name} by {variable.order.text}")
        return variable

    def name(self) -> str:
        return next(name for name in NAMES if name not in self.variables)

    def shape(self, most: int, axes: Sequence[int] = (1, 1, 0, 2, 2, 3)) -> tuple[int, ...]:
        """Of up to ``most`` elements."""
        found: list[int] = []
        for _ in range(self.pick(axes)):
            room = most // max(prod(found), 1)
            found.append(self.number(1, min(room, 5)) if self.chance(15) else self.number(min(2, room), min(room, 5)))
        return tuple(found)

    def most(self, domain: Domain) -> int:
        """The most elements of a domain that there is room for."""
        levels = domain.levels or 1
        if not self.finite or levels == 1:
            return 8 if not self.finite else 4
        return max(1, int(log(self.room) / log(levels) + 1e-9))

    def axis_names(self, shape: Sequence[int]) -> tuple[str | None, ...]:
        if not self.chance(30):
            return (None,) * len(shape)
        return ("time", "row", "column")[: len(shape)]

    def array(self, kind: str, shape: tuple[int, ...] | None = None, domain: Domain | None = None) -> Variable:
        """A variable of one domain, not declared yet."""
        domain = domain or self.domain(prod(shape or ()))
        if shape is None:
            shape = self.shape(self.most(domain) if kind != "given" else 6)
        names = self.axis_names(shape)
        varies = bool(shape) and kind != "latent" and self.chance(12)
        variable = Variable(kind, self.name(), shape, (domain,), names, varies=varies)
        if kind == "given":
            return variable
        events = self.events(variable)
        variable = replace(variable, events=events)
        if varies and len(shape) == 1 and domain.kind == "category" and not events and self.chance(60):
            return replace(variable, domains=(self.ended(domain),))
        return replace(variable, order=self.order(variable))

    def ended(self, domain: Domain) -> Domain:
        end = self.number(0, len(domain.values or ()) - 1)
        label = domain.text.split('"')[1::2][end : end + 1]
        written = f'"{label[0]}"' if label else str(end)
        return replace(domain, text=f"{domain.text[:-1]}, end = {written})", end=end)

    def events(self, variable: Variable) -> tuple[int, ...]:
        if variable.domains[0].kind not in ("real", "integer", "mulaw") or not variable.shape or not self.chance(40):
            return ()
        axes = range(len(variable.shape))
        found = tuple(axis for axis in axes if self.chance(50)) or (len(variable.shape) - 1,)
        kept = found if not variable.varies else tuple(axis for axis in found if axis)
        return kept if prod(variable.shape[axis] for axis in kept) > 1 else ()

    def record(self) -> Variable:
        domains: list[Domain] = []
        for _ in range(self.number(1, 4)):
            before = prod(d.levels or 1 for d in domains)
            options = [d for d in FINITE if before * len(d.values or ()) <= self.room]
            if not self.finite and self.chance(50):
                options = list(INFINITE)
            domains.append(self.pick(options or [category(1)]))
        fields = ("age", "kind", "size", "end")[: len(domains)]
        variable = Variable("observed", self.name(), (len(domains),), tuple(domains), fields=fields)
        return replace(variable, order=self.order(variable))

    # Orders

    def order(self, variable: Variable) -> Order:
        shape, draws = variable.draw_shape, prod(variable.draw_shape)
        if not variable.shape or not self.chance(70):
            return RASTER
        kinds = ["reverse", "shuffle", "explicit", "any", "raster", "snake", "diagonal", "checkerboard", "blocks"]
        kinds += ["multiscale"]
        kinds += ["spiral"] * (len(shape) == 2) + ["any"]
        kind = self.pick(kinds)
        if kind == "raster":
            if variable.fields or not shape:
                return Order("raster", kind)
            axes = self.draw(st.permutations([a for a in range(len(variable.shape)) if a not in variable.events]))
            kept = [a for a in range(len(variable.shape)) if a not in variable.events]
            written = [variable.axis_names[a] if self.chance(50) else None for a in axes]
            names = [name or str(axis) for name, axis in zip(written, axes, strict=True)]
            return Order(f"raster({', '.join(names)})", kind, tuple(kept.index(axis) for axis in axes))
        if kind == "shuffle":
            seed = self.number(0, 5)
            return Order(f"shuffle(seed = {seed})" if seed else "shuffle", kind, (seed,))
        if kind == "explicit":
            listed = self.draw(st.permutations(range(draws)))
            called = variable.fields and self.chance(70)
            return Order(
                f"[{', '.join(variable.fields[d] if called else str(d) for d in listed)}]", kind, tuple(listed)
            )
        if kind == "blocks":
            sizes = [self.number(1, 3) for _ in shape] or [1]
            sizes = sizes[:1] if self.chance(30) else sizes
            return Order(f"blocks({', '.join(map(str, sizes))})", kind, tuple(sizes))
        if kind == "multiscale":
            base = self.pick((2, 4))
            return Order(f"multiscale({'base = ' * self.chance(50)}{base})", kind, (base,))
        if kind == "any":
            possible = prod(range(1, min(draws, 4) + 1))
            count, seed = self.number(1, min(3, possible)), self.number(0, 3)
            natural = self.chance(30)
            written = [f"orders = {count}"] + [f"seed = {seed}"] * (seed > 0) + ['train = "all"'] * self.chance(40)
            return Order(f"any({', '.join(written + ['natural = true'] * natural)})", kind, (count,), natural)
        return Order(kind, kind)

    # Families

    def fixed(self, family: str) -> str:
        """The family, some of its parameters fixed, or given another link."""
        parameters = PARAMETERS.get(family, ())
        if not parameters or not self.chance(15):
            return family
        chosen = [p for p in parameters if self.chance(50)]
        written = []
        for parameter in chosen:
            links = ("identity",) if parameter in UNBOUNDED else ("exp", "softplus")
            written.append(f"{parameter} = {self.pick(links if self.chance(40) else NUMBERS)}")
        return f"{family}({', '.join(written)})" if written else family

    def mixed(self, family: str) -> str:
        if not self.chance(25):
            return family
        return f"mixture({family}, {'components = ' * self.chance(80)}{self.number(1, 3)})"

    def discretized(self, kind: str) -> str:
        names = WITH_CDF + POSITIVE_WITH_CDF + (UNITS_WITH_CDF if kind != "count" else ())
        inner = self.fixed(self.pick(names))
        if self.chance(20):
            return f"discretized(mixture({inner}, components = 2))"
        return self.mixed(f"discretized({inner})")

    def family(self, domain: Domain, event: int = 1) -> str:
        if event > 1:
            if domain.kind == "real":
                return self.mixed(self.pick(("multivariate_normal", "multivariate_normal", "default")))
            return self.pick((f"color_mixture(components = {self.number(1, 3)})", "default"))
        if self.chance(15):
            return "default"
        names = {
            "real": REALS,
            "positive": POSITIVES,
            "count": (*COUNTS, "discretized"),
            "unit_interval": UNITS,
            "angle": ("von_mises",),
        }.get(domain.kind, ())
        if names:
            name = self.pick(names)
            return self.discretized(domain.kind) if name == "discretized" else self.mixed(self.fixed(name))
        levels = domain.levels or 1
        if levels > 256:
            return self.discretized(domain.kind)
        options = ["categorical"] + ["ordered_logistic"] * (levels > 1)
        if levels == 2:
            options = ["bernoulli", *options]
        if levels == 2 or (domain.kind != "category" and levels > 1):
            options += [f"binomial(total_count = {levels - 1})", f"beta_binomial(total_count = {levels - 1})"]
        if domain.kind in ("integer", "mulaw") and levels > 1:
            options += ["discretized"] * 3
        name = self.pick(options)
        return self.discretized(domain.kind) if name == "discretized" else self.mixed(self.fixed(name))

    # Contexts

    def index(self, target: Variable, own: bool, size: int, axis: int, indices: dict[int, str]) -> Index:
        """One index, along an axis of a source of this ``size``."""
        if not indices or (not own and self.chance(25)):
            return Index(None, offset=self.number(0, size - 1))
        over = axis if own and axis in indices and self.chance(85) else self.pick(tuple(indices))
        if own:
            return Index(over, offset=self.number(0, 3) - 2)
        kind = self.pick(("aligned", "aligned", "offset", "scaled", "backwards"))
        if kind == "backwards":
            return Index(over, -1, offset=size - 1)
        if kind == "scaled":
            divisor = self.number(1, 3)
            multiplier = self.pick([m for m in (1, 2, 3) if gcd(m, divisor) == 1])
            return Index(over, multiplier, self.number(0, divisor - 1), divisor, self.number(0, 2) - 1)
        coarser = -(-target.shape[over] // size)
        return Index(over, divisor=coarser, offset=0 if kind == "aligned" else self.number(0, 2) - 1)

    def box(self, target: Variable, source: Variable, indices: dict[int, str]) -> Box:
        own = source.name == target.name
        ends: list[tuple[Index | None, Index | None]] = []
        for axis, size in enumerate(source.shape):
            if own and axis in target.events and self.chance(80):
                ends.append((None, None))
                continue
            index = self.index(target, own, size, axis, indices)
            kind = self.pick(("at", "at", "all", "range", "up to", "from"))
            if kind == "at":
                ends.append((index, index))
            elif kind == "all":
                ends.append((None, None))
            elif kind == "range":
                high = replace(index, offset=index.offset + self.number(0, 2))
                ends.append((index, high if index.axis is not None or high.offset < size else index))
            else:
                ends.append((None, index) if kind == "up to" else (index, None))
        return Box(tuple(ends))

    def own(self, variable: Variable, indices: dict[int, str], element: str, limits: bool = True) -> list[Context]:
        """Contexts of a variable on itself, all of them earlier."""
        name = element if element else next(iter(indices.values()), "") if len(variable.shape) == 1 else ""
        spelled = name if self.chance(70) else ""
        kinds = ["all", "all", "box", "within", "last"]
        if variable.order.weak:
            kinds.remove("last")
        if variable.fields or not limits:
            kinds = [kind for kind in kinds if kind not in ("within", "box")]
        if variable.order.mixed:
            kinds = [kind for kind in kinds if kind != "box"]
        found: list[Context] = []
        for _ in range(1 + self.chance(20)):
            kind = self.pick(kinds)
            if kind == "box":
                for _ in range(3):
                    context = Context(variable.name, self.box(variable, variable, indices))
                    if self.chance(1) or not oracle.faults(context, variable, variable, range(variable.size)):
                        found.append(context)
                        break
            elif kind == "last":
                found.append(Context(variable.name, Before(spelled, last=self.number(1, 3))))
            elif kind == "within":
                found.append(Context(variable.name, self.window(variable, spelled)))
            else:
                found.append(Context(variable.name, Before(spelled)))
        return found

    def window(self, variable: Variable, index: str) -> Before:
        """``within`` limits, one number for all axes or one for each."""
        axes = range(len(variable.shape))
        if self.chance(40) and len(variable.events) < len(variable.shape):
            limit = self.number(0, 2)
            limits = tuple(None if axis in variable.events else limit for axis in axes)
            return Before(index, limits, alone=True)
        unlimited = [self.chance(90 if axis in variable.events else 20) for axis in axes]
        return Before(index, tuple(None if free else self.number(0, 3) for free in unlimited))

    def others(
        self,
        variable: Variable,
        sources: Sequence[Variable],
        indices: dict[int, str],
        positions: Sequence[int],
        alike: bool = False,
    ) -> list[Context]:
        """Contexts on other variables; ``alike``: the same for every element of the target."""
        found: list[Context] = []
        for source in sources:
            if not self.chance(70):
                continue
            if source.fields:
                if self.chance(60):
                    number = self.number(0, source.size - 1)
                    found.append(Context(source.name, Field(number, source.fields[number])))
                else:
                    found.append(Context(source.name, Whole()))
                continue
            if not source.shape or self.chance(40):
                found.append(Context(source.name, Whole()))
                continue
            for _ in range(3):
                context = Context(source.name, self.box(variable, source, {} if alike else indices))
                if self.chance(1) or not oracle.faults(context, variable, source, positions):
                    found.append(context)
                    break
        return found

    def target(self, variable: Variable) -> tuple[str, dict[int, str], str]:
        """A target of all elements: its spelling, its coordinates by axis, and the index that names an element."""
        name = variable.name
        if variable.fields:
            return (f"{name}[i]", {}, "i") if self.chance(80) else (name, {}, "")
        if variable.events:
            names = {a: COORDINATES[a] for a in range(len(variable.shape)) if a not in variable.events}
            written = ", ".join(names.get(axis, "*") for axis in range(len(variable.shape)))
            return f"{name}[{written}]", names, ""
        if not variable.shape:
            return name, {}, ""
        forms = ["coordinates", "coordinates", "bare"] + ["element"] * (len(variable.shape) > 1)
        form = self.pick(forms)
        if form == "bare":
            return name, {}, ""
        if form == "element":
            return f"{name}[i]", {}, "i"
        names = {axis: COORDINATES[axis] for axis in range(len(variable.shape))}
        return f"{name}[{', '.join(names.values())}]", names, ""

    # Networks

    def hidden(self, least: int = 1, most: int = 3) -> str:
        if self.chance(10):
            self.parameters["width"] = self.number(2, 7)
            return self.pick(("width", "[width]", "[width, 2 * width - 1]")) if most > 1 else "width"
        widths = [self.number(2, 7) for _ in range(self.number(least, most))]
        if len(widths) > 1 and self.chance(40):
            widths = widths[:1] * len(widths)
        return str(widths[0]) if len(widths) == 1 and self.chance(50) else f"[{', '.join(map(str, widths))}]"

    def activated(self) -> str:
        return f', activation = "{self.pick(ACTIVATIONS)}"' if self.chance(30) else ""

    def made(self) -> str:
        written = f"hidden = {self.hidden()}" + self.activated()
        written += ", direct = false" * self.chance(25) + ", residual = true" * self.chance(25)
        return f"made({written}{self.dropout()})"

    def nade(self, tied: str = "") -> str:
        written = f"hidden = {self.number(1, 6)}" + self.activated()
        written += ", scaled = true" * self.chance(35) + ", transposed = true" * self.chance(15)
        return f"nade({written}{tied}{self.dropout()})"

    def tied(self, factor: Factor) -> str:
        """Tied along all axes, or along some that have names."""
        variable = self.variables_of(factor)
        named = [axis for axis in variable.axis_names if axis and self.chance(30)] if not variable.fields else []
        return f"tied = [{', '.join(named)}]" if named else "tied = true"

    def deep(self) -> str:
        """``nade`` of several layers, asked with a mask."""
        widths = [self.number(2, 6) for _ in range(self.number(1, 3))]
        return f"nade(hidden = {widths}{self.activated()}{', residual = true' * self.chance(25)}{self.dropout()})"

    def conv_nade(self) -> str:
        kernels = [self.number(1, 4) for _ in range(self.number(1, 2))]
        written = f"features = {self.number(1, 3)}, kernels = {kernels}, hidden = {self.hidden(1, 2)}"
        written += ", dense = false" * self.chance(40) + f", axes = {self.number(1, 3)}" * self.chance(40)
        return f"conv_nade({written}{self.activated()}{self.dropout()})"

    def dropout(self) -> str:
        return ", dropout = 0.2" * self.chance(10)

    def dense(self, variable: Variable, sources: Sequence[Variable], kind: str = "p") -> None:
        """A factor of all elements of a variable (or one of each field), through a dense network."""
        if variable.fields and self.chance(50):
            before: list[int] = []
            rank = oracle.ranks(variable) if not variable.order.mixed else [0] * variable.size
            for number in sorted(range(variable.size), key=lambda n: rank[n]):
                self.field(variable, number, before if not variable.order.mixed else [], sources)
                before.append(number)
            return
        target, indices, element = self.target(variable)
        network = self.pick(("made", "made", "nade", "nade", "linear", "", "mlp", "table", "tied", "tied"))
        if variable.fields and network in ("tied", "table"):
            network = "made"
        positions = range(variable.size)
        if network == "mlp":
            contexts = self.others(variable, sources, indices, positions, alike=True)
        else:
            contexts = self.others(variable, sources, indices, positions)
            limits = not (network == "tied" and variable.order.mixed)
            if kind == "p" and variable.shape and (not contexts or self.chance(80)):
                contexts = self.own(variable, indices, element, limits) + contexts
        contexts = list({(c.source, c.how.text(c.source, indices)): c for c in contexts}.values())
        draft = Factor(kind, variable.name, target, tuple(contexts), "", field=None, indices=indices)
        written = self.spelled(network, draft)
        if variable.fields:
            same = len({d.text for d in variable.domains}) == 1 and self.chance(50)
            family = self.family(variable.domains[0]) if same else "default"
        else:
            family = self.family(variable.domains[0], variable.event)
        self.factors.append(replace(draft, family=family, network=written))

    def field(self, variable: Variable, number: int, before: Sequence[int], sources: Sequence[Variable]) -> None:
        """The factor of one field, which reads those before it."""
        contexts = self.others(variable, sources, {}, [number])
        if self.chance(30):
            last = self.number(1, 2) if not variable.order.weak and self.chance(30) else None
            contexts.insert(0, Context(variable.name, Before(last=last)))
        elif before:
            ranks = oracle.ranks(variable)
            earlier = [n for n in before if ranks[n] < ranks[number] and self.chance(60)]
            contexts = [Context(variable.name, Field(n, variable.fields[n])) for n in earlier] + contexts
        target = f"{variable.name}.{variable.fields[number]}"
        draft = Factor("p", variable.name, target, tuple(contexts), "", field=number, indices={})
        written = self.spelled(self.pick(("made", "nade", "linear", "", "mlp", "table", "tied")), draft)
        self.factors.append(replace(draft, family=self.family(variable.domains[number]), network=written))

    def spelled(self, network: str, factor: Factor) -> str:
        """A dense network for a factor, as it is written."""
        if not factor.contexts:
            return self.pick(("", "free", ""))
        if network == "mlp" and any(isinstance(c.how, Before) for c in factor.contexts):
            network = "made"
        if self.chance(15):
            return self.asked(factor)
        tied = network == "tied"
        choosers = self.choosers(factor)
        if choosers and self.chance(30):
            return f"linear(by = {self.pick(choosers)}{', tied = true' * tied})"
        if tied:
            network = self.pick(("linear", "mlp", "table"))
        if network == "table" and self.rows(factor) > MOST_ROWS:
            network, tied = "linear", False
        if network == "table" and self.variables_of(factor).order.mixed:
            tied = True
        if network == "linear":
            return f"linear({self.tied(factor)})" if tied else "linear"
        if network == "table":
            return "table(tied = true)" if tied else "table"
        if network == "mlp":
            return f"mlp(hidden = {self.hidden()}{self.activated()}{', ' + self.tied(factor) if tied else ''})"
        if network == "nade":
            return self.nade(f", {self.tied(factor)}" if self.chance(20) else "")
        return self.made() if network == "made" else ""

    def asked(self, factor: Factor) -> str:
        """A network asked with a mask for a factor, of one that reads its own array perhaps a convolutional one."""
        variable = self.variables_of(factor)
        reads_own = any(context.source == variable.name for context in factor.contexts)
        array = bool(variable.shape) and not variable.fields and 0 not in variable.events
        return self.conv_nade() if reads_own and array and self.chance(50) else self.deep()

    def choosers(self, factor: Factor) -> list[str]:
        """What of a factor's contexts may choose its weights."""
        sources = [self.variables[context.source] for context in factor.contexts]
        return [s.name for s in sources if not s.shape and 0 < (s.domains[0].levels or 0) < 500]

    def variables_of(self, factor: Factor) -> Variable:
        return self.variables[factor.variable]

    def rows(self, factor: Factor) -> float:
        """About how many rows a table would have for a draw; infinity where a context is not finite."""
        found = 1.0
        for context in factor.contexts:
            source = self.variables[context.source]
            if isinstance(context.how, Field):
                found *= source.domain(context.how.number).levels or float("inf")
            else:
                found *= source.values
        return found

    # Networks over arrays

    def aligned(self, variable: Variable, source: Variable, axes: int) -> Box | None:
        """One element of a source for each position, or what there is of the channels."""
        ends: list[tuple[Index | None, Index | None]] = []
        for axis, size in enumerate(source.shape):
            if axis < min(axes, len(source.shape)):
                index = Index(axis, divisor=-(-variable.shape[axis] // size), offset=-self.chance(20))
                ends.append((index, index))
            else:
                ends.append((None, None))
        return Box(tuple(ends)) if ends else None

    def lattice(self, variable: Variable, sources: Sequence[Variable]) -> None:
        """A factor through ``pixelcnn``."""
        indices = {axis: COORDINATES[axis] for axis in range(len(variable.shape)) if axis not in variable.events}
        written = ", ".join(indices.get(axis, "*") for axis in range(len(variable.shape)))
        limits = None
        if self.chance(30):
            limits = (self.number(0, 2), None if self.chance(30) else self.number(0, 2))
            limits += (None,) * (len(variable.shape) - 2)
        contexts = [Context(variable.name, Before(limits=limits))]
        for source in sources:
            if not self.chance(70):
                continue
            box = self.aligned(variable, source, 2) if not source.fields and self.chance(50) else None
            context = Context(source.name, box or Whole())
            if oracle.faults(context, variable, source, range(variable.size)):
                continue
            through = f"deconv(hidden = {self.hidden(1, 2)})" if box is None and self.chance(30) else ""
            if through and self.chance(30) and "grown" not in self.nets:
                self.nets["grown"] = through
                self.statements.append(f"net grown = {through}")
                through = "grown"
            contexts.append(replace(context, through=through))
        options = f"layers = {self.number(0, 2)}, features = {self.number(2, 5)}, first = {self.pick((3, 3, 5, 7))}"
        options += (
            ", gated = true" * self.chance(50) + ", kernel = 5" * self.chance(10) + ", dropout = 0.2" * self.chance(10)
        )
        self.factors.append(
            Factor(
                "p",
                variable.name,
                f"{variable.name}[{written}]",
                tuple(contexts),
                self.family(variable.domains[0], variable.event),
                f"pixelcnn({options})",
                indices=indices,
            )
        )

    def along_time(self, variable: Variable, sources: Sequence[Variable]) -> None:
        """A factor through ``wavenet``."""
        indices = {axis: COORDINATES[axis] for axis in range(len(variable.shape)) if axis not in variable.events}
        written = ", ".join(indices.get(axis, "*") for axis in range(len(variable.shape)))
        backwards = variable.order.kind == "reverse"
        limits = None
        if self.chance(40):
            limits = (self.number(0, 4), *(None for _ in variable.shape[1:]))
        contexts = [Context(variable.name, Before(limits=limits))]
        for source in sources:
            if not self.chance(70):
                continue
            how: Whole | Box = Whole()
            if source.shape and not source.fields and self.chance(60):
                at = Index(0, divisor=-(-variable.shape[0] // source.shape[0]), offset=-self.chance(30))
                how = Box((((at, None) if backwards else (None, at)), *((None, None) for _ in source.shape[1:])))
            context = Context(source.name, how)
            if not oracle.faults(context, variable, source, range(variable.size)):
                contexts.append(context)
        options = (
            f"blocks = {self.number(1, 2)}, layers = {self.number(1, 3)}, features = {self.number(2, 5)}, skip = 4"
        )
        options += ", kernel = 3" * self.chance(20) + ", dropout = 0.2" * self.chance(10)
        options += ', upsampling = "repeated"' * self.chance(20)
        self.factors.append(
            Factor(
                "p",
                variable.name,
                f"{variable.name}[{written}]",
                tuple(contexts),
                self.family(variable.domains[0], variable.event),
                f"wavenet({options})",
                indices=indices,
            )
        )

    def map(self, variable: Variable, sources: Sequence[Variable], kind: str = "p") -> None:
        """A factor through ``conv`` or ``deconv``, of whole variables."""
        read = [s for s in sources if self.chance(80)] or list(sources[:1])
        network = "deconv"
        if any(len(s.shape) > 1 and not s.fields and prod(s.shape[:2]) >= variable.size for s in read):
            network = "conv"
        blocks = ", blocks = 1" * self.chance(30)
        contexts = tuple(Context(source.name, Whole()) for source in read)
        family = self.family(variable.domains[0])
        written = f"{network}(hidden = {self.hidden(1, 2)}{blocks})"
        self.factors.append(Factor(kind, variable.name, variable.name, contexts, family, written, indices={}))

    # Whole specs

    def givens(self, most: int = 2) -> list[Variable]:
        found = []
        for _ in range(self.number(0, most)):
            domain = self.pick((*FINITE[:6], REAL, *INFINITE[:4]))
            found.append(self.take(self.array("given", domain=domain)))
        return found

    def several(self) -> None:
        """Variables through dense networks, each after those that it reads."""
        sources = self.givens() if self.chance(35) else []
        for _ in range(self.pick((1, 1, 2, 2, 3))):
            variable = self.take(self.record() if self.chance(25) else self.array("observed"))
            self.dense(variable, sources)
            sources.append(variable)
        if self.chance(30):
            self.share()

    def share(self) -> None:
        """Some factors through one net."""
        able = [
            number
            for number, factor in enumerate(self.factors)
            if factor.contexts and factor.kind == "p" and factor.network and "tied" not in factor.network
        ]
        chosen = [number for number in able if self.chance(80)]
        if not chosen:
            return
        self.nets["body"] = self.pick((self.made, self.made, self.nade, self.deep, lambda: "linear"))()
        self.statements.append(f"net body = {self.nets['body']}")
        for number in chosen:
            self.factors[number] = replace(self.factors[number], network="body")

    def before(self) -> list[Variable]:
        """What an array's factor may read: given variables, and perhaps an observed one."""
        sources = self.givens() if self.chance(50) else []
        if self.chance(30):
            variable = self.take(self.record() if self.chance(20) else self.array("observed"))
            self.dense(variable, list(sources))
            sources.append(variable)
        return sources

    def picture(self) -> None:
        sources = self.before()
        domain = self.domain(3)
        most = min(self.most(domain), 9)
        shape: tuple[int, ...] = (self.number(1, min(3, most)),)
        shape += (self.number(1, min(3, most // shape[0])),)
        if self.chance(30):
            shape += (self.number(1, max(1, min(3, most // prod(shape)))),)
        variable = Variable("observed", self.name(), shape, (domain,), self.axis_names(shape))
        channels = shape[2] if len(shape) > 2 else 1
        if channels > 1 and domain.kind in ("real", "integer", "mulaw") and self.chance(50):
            variable = replace(variable, events=(2,))
        order = self.order(variable)
        variable = self.take(replace(variable, order=RASTER if order.mixed else order))
        self.lattice(variable, sources)

    def series(self) -> None:
        sources = self.before()
        domain = self.domain(3)
        most = min(self.most(domain), 9)
        shape: tuple[int, ...] = (self.number(1, most),)
        if self.chance(30):
            shape += (self.number(1, max(1, min(3, most // shape[0]))),)
        variable = Variable("observed", self.name(), shape, (domain,), self.axis_names(shape), varies=self.chance(35))
        if shape[1:] and shape[1] > 1 and domain.kind in ("real", "integer", "mulaw") and self.chance(50):
            variable = replace(variable, events=(1,))
        if variable.varies and len(shape) == 1 and domain.kind == "category" and self.chance(60):
            variable = replace(variable, domains=(self.ended(domain),))
        elif self.chance(20):
            variable = replace(variable, order=Order("reverse", "reverse"))
        self.along_time(self.take(variable), sources)

    def maps(self) -> None:
        """An array after another that is coarser or finer, or after a vector."""
        first = self.pick(((2, 2), (1, 2), (3,), (), (2, 2, 2), (4, 2), (1, 1)))
        kind = "given" if prod(first) > 4 or self.chance(50) else "observed"
        source = self.take(Variable(kind, self.name(), first, (self.domain(max(prod(first), 1)),)))
        if kind == "observed":
            self.dense(source, [])
        second = self.pick(((2, 2), (4, 2), (1, 1), (3,), (1, 1, 2), (2, 1)))
        domain = self.domain(prod(second))
        if self.finite and (domain.levels or 1) ** prod(second) > self.room:
            second = (1, 1)
        variable = self.take(Variable("observed", self.name(), second, (domain,)))
        self.map(variable, [*(self.givens(1) if self.chance(30) else []), source])

    def hidden_variables(self) -> None:
        """Latent variables with their guides, and what is observed of them."""
        sources = self.givens(1) if self.chance(25) else []
        latent: list[Variable] = []
        for _ in range(self.pick((1, 1, 2))):
            domain = self.domain(2) if self.finite or self.chance(40) else REAL
            shape = self.pick(((), (), (2,), (1,), (2, 1))) if self.most(domain) > 1 else ()
            variable = Variable("latent", self.name(), shape, (domain,), self.axis_names(shape))
            variable = replace(variable, events=self.events(variable))
            variable = self.take(replace(variable, order=self.order(variable)) if shape else variable)
            self.dense(variable, [*sources, *latent])
            latent.append(variable)
        drawn: list[Variable] = []
        seen: list[Variable] = []
        for _ in range(self.pick((1, 1, 2))):
            variable = self.array("observed")
            able = len(variable.shape) == 2 and not (variable.varies or variable.order.mixed or variable.events)
            if able and self.chance(30):
                self.take(variable)
                self.lattice(variable, [*sources, *latent])
            else:
                self.take(variable)
                self.dense(variable, [*latent, *sources, *seen])
            seen.append(variable)
        for variable in reversed(latent):
            if variable.domains[0].levels is not None and self.chance(50):
                self.factors.append(Factor("q", variable.name, variable.name, (), "exact", indices={}))
            else:
                self.dense(variable, [*seen, *sources, *drawn], "q")
                drawn.append(variable)

    def finished(self) -> Described:
        """The text, its statements in any order."""
        lines = self.statements + [factor.text() for factor in self.factors]
        if self.chance(30):
            lines = list(self.draw(st.permutations(lines)))
        lines = [f"param {name} = {value}" for name, value in self.parameters.items()] + lines
        drawn = [v.name for v in self.variables.values() if v.kind != "given"]
        if len(drawn) > 1 and self.chance(15):
            lines.append(f"order {', '.join(drawn)}")
        if self.chance(10):
            lines.insert(0, f'model {self.pick(("m", "mine"))} "A spec"')
        observed = [v for v in self.variables.values() if v.kind == "observed"]
        if self.chance(10):
            variable = self.pick(observed)
            lines.append(f"check steps({variable.name}) <= {variable.size}")
        if self.chance(5):
            lines.append(f"check complete({self.pick(observed).name})")
        if self.chance(5):
            lines.append("train { epochs = 2  optimizer = sgd(rate = 0.1) }")
        return Described("\n".join(lines) + "\n", dict(self.variables), tuple(self.factors))


def declaration(variable: Variable) -> str:
    if variable.fields:
        fields = [f"{name} : {domain.text}" for name, domain in zip(variable.fields, variable.domains, strict=True)]
        return f"record {variable.name} {{ {'  '.join(fields)} }}"
    axes = []
    for axis, size in enumerate(variable.shape):
        name = variable.axis_names[axis] if variable.axis_names else None
        axes.append(f"{name + ': ' if name else ''}{'..' if variable.varies and axis == 0 else ''}{size}")
    written = f"[{', '.join(axes)}]" if axes else ""
    return f"{variable.kind} {variable.name}{written} : {variable.domains[0].text}"


@st.composite
def specs(draw: st.DrawFn) -> Described:
    """Any spec."""
    composer = Composer(draw)
    composer.finite = not composer.chance(40)
    kinds = ("several",) * 9 + ("hidden_variables",) * 4 + ("picture",) * 3 + ("series",) * 3 + ("maps",) * 1
    getattr(composer, composer.pick(kinds))()
    return composer.finished()


@st.composite
def broken_texts(draw: st.DrawFn) -> str:
    """A spec with some of its words left out, doubled, moved or replaced by others: mostly no spec any more."""
    words = re.findall(r'"[^"]*"|\w+|\s+|.', draw(specs()).text)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(words) - 1))
        change = draw(st.sampled_from(("leave out", "double", "replace", "insert")))
        other = words[draw(st.integers(0, len(words) - 1))]
        words[at : at + 1] = {
            "leave out": [],
            "double": [words[at], words[at]],
            "replace": [other],
            "insert": [words[at], other],
        }[change]
        words = words or ["x"]
    return "".join(words)
