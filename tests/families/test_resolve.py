"""Every family and domain a spec may write, and every reason to refuse one."""

from __future__ import annotations

import pytest

from ardsl.diagnostics import Rule, Sink, Source, Span
from ardsl.diagnostics.rules import families as rules
from ardsl.families.catalogue import CATALOGUE
from ardsl.families.domains import (
    Angle,
    Binary,
    Category,
    Count,
    Domain,
    Integer,
    MuLaw,
    Positive,
    Real,
    UnitInterval,
)
from ardsl.families.family import Family
from ardsl.families.fitting import discretizes, fits, fitting_names
from ardsl.families.resolve import FAMILY_NAMES, default_family, resolve_family
from ardsl.families.resolve_domain import DOMAIN_NAMES, resolve_domain
from ardsl.language import parse, syntax

RULES = [rule for rule in vars(rules).values() if isinstance(rule, Rule)]
PLAIN: list[Domain] = [
    Binary(),
    Category(5),
    Integer(-4, 250),
    Count(),
    Real(),
    Positive(),
    UnitInterval(),
    Angle(),
    MuLaw(256),
]


def evaluate(expression: syntax.Expression) -> object:
    """Literals, their negatives and sums; a name, as a parameter that could not be evaluated, gives None."""
    if isinstance(expression, syntax.Number | syntax.String | syntax.Boolean):
        return expression.value
    if isinstance(expression, syntax.Negative):
        value = evaluate(expression.operand)
        return -value if isinstance(value, int | float) else None
    if isinstance(expression, syntax.Binary) and expression.operator == "+":
        left, right = evaluate(expression.left), evaluate(expression.right)
        return left + right if isinstance(left, int | float) and isinstance(right, int | float) else None
    return None


def read(text: str) -> tuple[list[syntax.VariableStatement], list[syntax.FactorStatement], Sink]:
    sink = Sink(Source(text))
    tree = parse(sink.source, sink)
    assert not sink.errors, [str(d) for d in sink]
    variables = [s for s in tree.statements if isinstance(s, syntax.VariableStatement)]
    return variables, [s for s in tree.statements if isinstance(s, syntax.FactorStatement)], sink


def domain_of(text: str) -> tuple[Domain | None, list[str]]:
    (variable,), _, sink = read(f"observed x : {text}\n")
    return resolve_domain(variable.domain, evaluate, sink), [d.code for d in sink]


def family_of(text: str, domain: Domain, event: int = 1) -> tuple[Family | None, list[str]]:
    _, (factor,), sink = read(f"observed x : real\np(x) = {text}\n")
    found = resolve_family(factor.family, domain, evaluate=evaluate, sink=sink, event=event)
    return found, [d.code for d in sink]


def run(text: str) -> list[str]:
    """The codes that resolving a small spec's one variable and one factor gives."""
    (variable,), factors, sink = read(text)
    domain = resolve_domain(variable.domain, evaluate, sink)
    for factor in factors:
        stars = [k for k, index in enumerate(factor.target.indices or ()) if isinstance(index, syntax.Star)]
        event = 1
        for axis in stars:
            extent = evaluate((variable.axes or ())[axis].extent)
            event *= extent if isinstance(extent, int) else 1
        if domain is not None:
            resolve_family(factor.family, domain, evaluate=evaluate, sink=sink, event=event)
    return [d.code for d in sink]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_examples_of_the_rules(rule: Rule) -> None:
    assert run(rule.wrong) == [rule.code]
    assert run(rule.right) == []


def test_codes_are_all_3xx_and_distinct() -> None:
    codes = [rule.code for rule in RULES]
    assert len(set(codes)) == len(codes)
    assert all(code.startswith("AR3") for code in codes)


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("binary", Binary()),
        ("category(10)", Category(10)),
        ("category(n = 4 + 6)", Category(10)),
        ('category("HS", "BSc")', Category(2, ("HS", "BSc"))),
        ('category("one")', Category(1, ("one",))),
        ("integer(0, 255)", Integer(0, 255)),
        ("integer(-5, 5)", Integer(-5, 5)),
        ("integer(hi = 3, lo = 1)", Integer(1, 3)),
        ("integer(1, hi = 1)", Integer(1, 1)),
        ("count", Count()),
        ("real", Real()),
        ("positive", Positive()),
        ("unit_interval", UnitInterval()),
        ("angle", Angle()),
        ("mulaw(256)", MuLaw(256)),
        ("mulaw(levels = 256)", MuLaw(256)),
    ],
)
def test_domains(text: str, domain: Domain) -> None:
    assert domain_of(text) == (domain, [])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("binari", "AR301"),
        ("normal", "AR301"),
        ('"binary"', "AR301"),
        ("3", "AR301"),
        ("real(3)", "AR302"),
        ("category", "AR302"),
        ("category(2.0)", "AR302"),
        ("category(true)", "AR302"),
        ('category(2, "a")', "AR302"),
        ("category(m = 2)", "AR302"),
        ("integer", "AR302"),
        ("integer(3)", "AR302"),
        ("integer(0, 1, 2)", "AR302"),
        ("integer(0, lo = 1)", "AR302"),
        ("integer(0, 1.5)", "AR302"),
        ("integer(0, up = 3)", "AR302"),
        ("integer(0, 1" + 18 * "0" + ")", "AR302"),
        ("mulaw", "AR302"),
        ('mulaw("a")', "AR302"),
        ("category(0)", "AR303"),
        ("category(-3)", "AR303"),
        ("integer(1, 0)", "AR303"),
        ("mulaw(1)", "AR303"),
        ('category("a", "b", "a")', "AR304"),
        ("category(65537)", "AR305"),
        ("category(1" + 18 * "0" + ")", "AR305"),
        ("mulaw(100000)", "AR305"),
        ('category("a", "b", end = "c")', "AR302"),
        ("category(3, end = 3)", "AR302"),
        ("category(3, end = true)", "AR302"),
    ],
)
def test_refused_domains(text: str, code: str) -> None:
    assert domain_of(text) == (None, [code])


def test_unevaluated_arguments_are_reported_elsewhere() -> None:
    assert domain_of("category(width)") == (None, [])
    assert domain_of("integer(0, width)") == (None, [])
    assert family_of("normal(scale = width)", Real()) == (None, [])
    assert family_of("mixture(normal, components = width)", Real()) == (None, [])


def test_layout() -> None:
    family, codes = family_of("mixture(normal(scale = 2), components = 10)", Real())
    assert codes == [] and family is not None and family.inner is not None
    assert [(s.name, s.start, s.size) for s in family.slots] == [("weights", 0, 10), ("loc", 10, 10)]
    assert family.inner.fixed == {"scale": 2.0}
    assert (family.width, family.uniforms) == (20, 2)
    assert str(family) == "mixture(normal(scale = 2), components = 10)"

    family, _ = family_of("mixture(mixture(student_t, 2), 3)", Real())
    assert family is not None
    assert [(s.name, s.size) for s in family.slots] == [
        ("weights", 3),
        ("component_weights", 6),
        ("df", 6),
        ("loc", 6),
        ("scale", 6),
    ]
    assert family.uniforms == 4

    family, _ = family_of("multivariate_normal", Real(), event=3)
    assert family is not None
    assert [(s.name, s.size) for s in family.slots] == [("loc", 3), ("scale_tril", 6)]
    assert (family.event, family.uniforms) == (3, 3)

    family, _ = family_of("normal(0, 1)", Real())
    assert family is not None and family.width == 0 and family.fixed == {"loc": 0.0, "scale": 1.0}


def test_discretized_and_mixture_commute() -> None:
    outside, _ = family_of("discretized(mixture(logistic, components = 5))", Integer(0, 255))
    inside, _ = family_of("mixture(discretized(logistic), components = 5)", Integer(0, 255))
    assert outside == inside is not None
    assert str(inside) == "mixture(discretized(logistic), components = 5)"


@pytest.mark.parametrize("domain", PLAIN, ids=str)
def test_defaults(domain: Domain) -> None:
    """``default`` is what its documentation says."""
    written, codes = family_of(domain.default, domain)
    assert codes == []
    assert written == family_of("default", domain)[0] == default_family(domain)


def test_wide_integers_and_vectors_have_defaults() -> None:
    assert str(default_family(Integer(0, 256))) == "mixture(discretized(logistic), components = 10)"
    assert str(default_family(Real(), event=3)) == "multivariate_normal"
    for domain in PLAIN:
        family, codes = family_of("default", domain, event=3)
        assert codes == ([] if domain.joint_default else ["AR319"]) and str(family) == str(domain.joint_default)
    assert str(default_family(Integer(0, 255), event=3)) == "color_mixture(components = 10)"


def test_one_draw_of_several_channels() -> None:
    family, codes = family_of("color_mixture(components = 4)", Integer(0, 255), event=3)
    assert codes == [] and family is not None
    assert [(s.name, s.size) for s in family.slots] == [
        ("weights", 4),
        ("loc", 12),
        ("scale", 12),
        ("coefficients", 12),
    ]
    assert (family.width, family.event, family.uniforms) == (40, 3, 4)
    assert family_of("color_mixture", Integer(0, 255), event=3) == (None, ["AR317"])
    assert family_of("color_mixture(components = 0)", Integer(0, 255), event=3) == (None, ["AR317"])
    assert family_of("color_mixture(components = 4)", Category(4), event=3) == (None, ["AR311"])


@pytest.mark.parametrize("domain", PLAIN, ids=str)
def test_every_family_on_every_domain(domain: Domain) -> None:
    """A family is taken where it fits, and else refused with AR311 alone; every domain has families."""
    assert fitting_names(domain)
    for entry in CATALOGUE.values():
        if entry.joint:
            assert family_of(entry.name, domain)[1] == ["AR318"]
            continue
        text = f"{entry.name}(total_count = {(domain.levels or 2) - 1})" if entry.support == "interval" else entry.name
        family, codes = family_of(text, domain)
        assert (family is not None, codes) == ((True, []) if fits(entry, domain) else (False, ["AR311"])), text
        family, codes = family_of(f"discretized({entry.name})", domain)
        assert (family is not None) == discretizes(entry, domain)
        assert family_of(entry.name, domain, event=2)[1] == ["AR319"]


@pytest.mark.parametrize(
    ("text", "domain", "code"),
    [
        ("gausian", Real(), "AR310"),
        ('"normal"', Real(), "AR321"),
        ("[normal]", Real(), "AR321"),
        ("mixture", Real(), "AR321"),
        ("mixture(3, components = 2)", Real(), "AR321"),
        ("mixture(normal)", Real(), "AR317"),
        ("mixture(normal, 2.0)", Real(), "AR317"),
        ("mixture(normal, true)", Real(), "AR317"),
        ("mixture(normal, -1)", Real(), "AR317"),
        ("mixture(normal, 10001)", Real(), "AR317"),
        ("mixture(normal, 1" + 18 * "0" + ")", Real(), "AR317"),
        ("mixture(normal, 2, 3)", Real(), "AR314"),
        ("mixture(normal, count = 3)", Real(), "AR312"),
        ("mixture(poisson, 3)", Real(), "AR311"),
        ("default(3)", Real(), "AR314"),
        ("poisson", Integer(0, 255), "AR311"),
        ("beta", Positive(), "AR311"),
        ("half_normal", Real(), "AR311"),
        ("von_mises", Real(), "AR311"),
        ("binomial(total_count = 3)", Integer(0, 4), "AR311"),
        ("binomial(total_count = 4)", Category(5), "AR311"),
        ("bernoulli(probs = 0.3)", Binary(), "AR312"),
        ("normal(scale = 0)", Real(), "AR315"),
        ('normal(scale = "a")', Real(), "AR315"),
        ("normal(loc = true)", Real(), "AR315"),
        ("poisson(rate = 1" + 18 * "0" + ")", Count(), "AR324"),
        ("normal(0, 1e-50)", Real(), "AR324"),
        ("normal(-1e30)", Real(), "AR324"),
        ("gamma(rate = 1e39)", Positive(), "AR324"),
        ("poisson(1e16)", Count(), "AR324"),
        ("mixture(poisson(1e-46), 2)", Count(), "AR324"),
        ("binomial(total_count = 2.5)", Integer(0, 4), "AR315"),
        ("binomial(total_count = -1)", Integer(0, 4), "AR315"),
        ("beta_binomial", Integer(0, 4), "AR316"),
        ("discretized(bernoulli)", Integer(0, 4), "AR320"),
        ("discretized(student_t)", Integer(0, 4), "AR320"),
        ("discretized(discretized(logistic))", Integer(0, 4), "AR320"),
        ("discretized(mixture(discretized(logistic), 2))", Integer(0, 4), "AR320"),
        ("discretized(default)", Integer(0, 4), "AR320"),
        ("discretized(kumaraswamy)", Count(), "AR320"),
        ("discretized(logistic)", Category(4), "AR311"),
        ("discretized(multivariate_normal)", Integer(0, 4), "AR318"),
        ("discretized", Integer(0, 4), "AR321"),
        ("categorical(0.5)", Category(4), "AR322"),
        ("categorical", Integer(0, 65_536), "AR305"),
        ("discretized(kumaraswamy)", Integer(0, 65_536), "AR305"),
        ("color_mixture(components = 3)", Integer(0, 255), "AR318"),
        ("color_mixture(components = 3)", Real(), "AR311"),
    ],
)
def test_refused_families(text: str, domain: Domain, code: str) -> None:
    assert family_of(text, domain) == (None, [code])


def test_numbers_beyond_any_float() -> None:
    """A parameter's value may be what no spec can spell."""
    span = Span(0, 1)
    for value in (10**5_000, -(10**5_000), float("inf"), float("nan")):
        number = syntax.Number(value, "…", span=span)
        for name, argument in (("normal", "loc"), ("mixture", "components")):
            arguments = [syntax.Argument(syntax.Name(argument, span=span), number, span=span)]
            if name == "mixture":
                inner = syntax.Reference("normal", span=span)
                arguments.insert(0, syntax.Argument(None, inner, span=span))
            call = syntax.Call(syntax.Name(name, span=span), tuple(arguments), span=span)
            sink = Sink(Source("x"))
            assert resolve_family(call, Real(), evaluate=evaluate, sink=sink) is None
            size = isinstance(value, int)
            assert [d.code for d in sink] == [("AR324" if size else "AR315") if name == "normal" else "AR317"]
        for domain in ("category", "integer", "mulaw"):
            both = (syntax.Argument(None, number, span=span),) * (2 if domain == "integer" else 1)
            sink = Sink(Source("x"))
            call = syntax.Call(syntax.Name(domain, span=span), both, span=span)
            assert resolve_domain(call, evaluate, sink) is None
            assert len(sink.errors) == 1


def test_all_errors_of_a_family_at_once() -> None:
    assert family_of("mixture(normal(scale = -1), components = 0)", Real()) == (None, ["AR315", "AR317"])
    assert family_of("student_t(df = 0, scale = 0)", Real()) == (None, ["AR315", "AR315"])


def test_messages_help() -> None:
    def last(text: str, domain: Domain) -> str:
        _, (factor,), sink = read(f"observed x : real\np(x) = {text}\n")
        resolve_family(factor.family, domain, evaluate=evaluate, sink=sink)
        (found,) = sink
        return f"{found.message} / {found.help}"

    assert last("bernouli", Binary()) == "there is no family `bernouli` / did you mean `bernoulli`?"
    assert last("normal", UnitInterval()) == (
        "`normal` is a distribution of the real numbers, but the values here are unit_interval / "
        "use `beta`, `continuous_bernoulli`, `kumaraswamy`"
    )
    assert last("normal", Integer(0, 255)).endswith(
        "use `discretized(normal)`, or `beta_binomial`, `binomial`, `categorical`, `ordered_logistic`, "
        "`discretized(logistic)`"
    )
    assert last("binomial", Integer(0, 9)).endswith("for integer(0, 9) write `total_count = 9`")
    assert "logits = -0.847298" in last("bernoulli(probs = 0.3)", Binary())


def test_names() -> None:
    assert len(set(FAMILY_NAMES)) == len(FAMILY_NAMES)
    assert {"mixture", "discretized", "default", "normal"} <= set(FAMILY_NAMES)
    assert len(DOMAIN_NAMES) == len(PLAIN)
