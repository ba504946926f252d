"""Any spec that can be parsed gives a model or diagnostics, never an exception."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ardsl.diagnostics import Sink, Source
from ardsl.diagnostics.render import render_all
from ardsl.language import parse
from ardsl.model.check import check_model
from tests.support.texts import grammatical, mangled

NAMES = st.sampled_from(["x", "y", "z", "g", "r", "r.a", "r.b", "r.c", "w", "nowhere"])
INDEX = st.sampled_from(
    [
        "i",
        "t",
        "c",
        "*",
        "<",
        "<i",
        "<t",
        "0",
        "3",
        "-1",
        "t-1",
        "t+1",
        "..t-1",
        "t-3..t-1",
        "t / 2",
        "..t / 2",
        "i-1",
        "t*c",
        "t/0",
        "w",
        "7 - t",
        "..",
        "5..3",
        "99999999999",
        "1.5",
        '"a"',
        "[1]",
        "made(a = 1)",
        "t / 2 * 2",
    ]
)
PLACES = st.builds(
    lambda name, indices: name + (f"[{', '.join(indices)}]" if indices else ""),
    NAMES,
    st.lists(INDEX, max_size=3),
)
WINDOWS = st.sampled_from(
    ["", "", "", " within 2", " within (1, *)", " within (1, 2, 3)", " last 2", " last 0", " last w"]
)
NETWORKS = st.sampled_from(
    [
        "",
        "",
        " via made(hidden = [w])",
        " via body",
        " via linear",
        " via 3",
        " via made(1)",
        " via w",
        " via body(a = 1)",
    ]
)
CONTEXTS = st.builds(lambda *parts: "".join(parts), st.sampled_from(["", "", "noise "]), PLACES, WINDOWS, NETWORKS)
FAMILIES = st.sampled_from(
    [
        "normal",
        "bernoulli",
        "categorical",
        "default",
        "exact",
        "normal(0, w)",
        "mixture(normal, components = 3)",
        "poisson",
        "multivariate_normal",
        "nothing",
        "normal(1 / 0, 1)",
        "3",
    ]
)
FACTORS = st.builds(
    lambda kind, target, contexts, family, network: (
        f"{kind}({target}{' | ' if contexts else ''}{', '.join(contexts)}) = {family}{network}"
    ),
    st.sampled_from("ppq"),
    PLACES,
    st.lists(CONTEXTS, max_size=3),
    FAMILIES,
    NETWORKS,
)
ORDERS = st.sampled_from(
    [
        "raster",
        "raster(1, 0)",
        "raster(row, column)",
        "reverse",
        "snake",
        "diagonal",
        "spiral",
        "shuffle(seed = 1)",
        "shuffle(-1)",
        "[1, 0]",
        "[a, b]",
        "[b, a, c]",
        "[]",
        "[1, [2]]",
        "any(orders = 2)",
        'any(orders = 9, train = "all")',
        "any",
        "multiscale(base = 2)",
        "checkerboard",
        "blocks(2)",
        "blocks(2, 2)",
        "blocks",
        '"o.npy"',
        "3",
        "w",
        "nothing(1)",
    ]
)
AXES = st.sampled_from(
    [
        "",
        "[4]",
        "[t: 8]",
        "[2, 3]",
        "[row: 2, column: 2]",
        "[w]",
        "[0]",
        "[time]",
        "[t: ..9]",
        "[99999999, 99]",
        "[1.5]",
    ]
)
DOMAINS = st.sampled_from(
    ["real", "binary", "category(3)", "integer(0, 7)", "category(w)", "what", "count", "mulaw(256)"]
)
CLAIMS = st.sampled_from(["complete", "independent", "steps", "reach", "other"])
STATEMENTS = st.one_of(
    st.builds(
        lambda kind, name, axes, domain: f"{kind} {name}{axes} : {domain}",
        st.sampled_from(["observed", "latent", "given"]),
        st.sampled_from("xyzg"),
        AXES,
        DOMAINS,
    ),
    FACTORS,
    FACTORS,
    FACTORS,
    st.builds(lambda name, order: f"order {name} by {order}", NAMES.filter(lambda n: "." not in n), ORDERS),
    st.builds(lambda a, b: f"order {a}, {b}", st.sampled_from("xyzg"), st.sampled_from("xyzg")),
    st.builds(
        lambda claim, places, given, bound: f"check {claim}({', '.join(places)}{given}){bound}",
        CLAIMS,
        st.lists(PLACES, min_size=1, max_size=2),
        st.sampled_from(["", " | g", " | x[0]"]),
        st.sampled_from(["", " <= 3", " >= w", " <= 1.5"]),
    ),
    st.sampled_from(
        [
            "param w = 3",
            'param w = "a"',
            "param w = w",
            "param w = [1, 0]",
            "net body = made(hidden = [8])",
            "net body = w",
            "record r { a : real  b : binary ~ normal }",
            "record r { a : real  b : category(3) }",
            "record r { }",
            'data { train = "a" x = ["c"] missing = drop }',
            "data { valid = w missing = marginalize r = 3 }",
            "train { epochs = w optimizer = adam(rate = 0) seed = -1 }",
            "train { schedule = cosine(warmup = 3) foo = bar }",
        ]
    ),
)


def check(text: str) -> None:
    source = Source(text)
    sink = Sink(source)
    tree = parse(source, sink)
    model = check_model(tree, sink)
    assert model is not None or sink.errors
    render_all(sink)
    for diagnostic in sink:
        assert 0 <= diagnostic.span.start <= diagnostic.span.end <= len(text)
    if model is not None:
        for factor in (*model.factors, *model.guide):
            target = model.variables[factor.variable]
            for context in factor.contexts:
                relation = context.relation(target.orders.orders[0])
                assert relation.sources == model.variables[context.variable].size
                assert relation.targets == len(factor.elements)
    partial = Sink(source)
    assert check_model(parse(source, partial), partial, partial=True) is not None


@pytest.mark.thorough
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.lists(STATEMENTS, max_size=8))
def test_specs_about_few_names(statements: list[str]) -> None:
    check("\n".join(statements))


@pytest.mark.thorough
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(grammatical())
def test_texts_from_the_grammar(text: str) -> None:
    check(text)


@pytest.mark.thorough
@settings(max_examples=100, deadline=None)
@given(mangled())
def test_mangled_specs(text: str) -> None:
    check(text)
