"""All errors of a spec are found in one run, and each once."""

from __future__ import annotations

import pytest

from ardsl.diagnostics import Sink, Source
from ardsl.language import parse
from ardsl.model.check import check_model
from tests.support.model_specs import codes, resolve

CASCADES = {
    "broken parameter": (
        "param w = 1 / 0\nparam v = w + 1\nobserved x[v] : real\norder x by listed_nowhere\n"
        "p(x[i] | x[<i]) = normal via made(hidden = [w, v])\ncheck steps(x) <= w",
        ["AR106", "AR250"],
    ),
    "broken variable": (
        "observed x[0] : real\nobserved y[4] : real\np(x[i] | x[<i]) = normal\np(y[t] | y[<t], x[t], x) = normal\n"
        "order x, y\ncheck complete(x)\ncheck independent(x[7], y[0])\ndata { x = 3 }",
        ["AR110"],
    ),
    "broken domain": ("observed x : reel\np(x) = normal\ncheck complete(x)", ["AR301"]),
    "broken net": ("observed x : real\nnet n = 3\np(x) = normal via n", ["AR146"]),
    "misspelled target": ("observed pixels[4] : real\np(pixel[i] | pixels[<i]) = normal", ["AR101"]),
    "misspelled field of a target": (
        "record r { age : real  size : real }\np(r.age) = default\np(r.siez) = default",
        ["AR136"],
    ),
    "misspelled guide": (
        "latent code : real\nobserved x : real\np(code) = normal\np(x | code) = normal\nq(coed | x) = normal",
        ["AR101"],
    ),
    "broken factor": ("observed x[4] : real\np(x[i] | x[<i], y) = nromal\ncheck complete(x)", ["AR101", "AR310"]),
    "declared twice": (
        "observed x : real\nobserved x[4] : binary\np(x) = normal\ngiven g : real\nparam g = 3",
        ["AR102", "AR102"],
    ),
    "unparsed declaration": (
        "observed x[4 : real\nparam w == 3\np(x[i] | x[<i]) = normal via made(hidden = [w])\ncheck complete(x)",
        ["AR0", "AR0"],
    ),
    "unparsed factor": ("observed x[4] : real\np(x[i] | x[<i] = normal\ncheck complete(x)", ["AR0"]),
    "misspelled keyword": ("obsrved x : real\np(x) = normal", ["AR0"]),
}


@pytest.mark.parametrize("name", CASCADES)
def test_no_cascades(name: str) -> None:
    text, expected = CASCADES[name]
    found = codes(text)
    assert len(found) == len(expected), found
    assert all(code.startswith(start) for code, start in zip(found, expected, strict=True)), found


def test_faults_of_every_stage_are_reported_together() -> None:
    """Planted in one spec: a fault of the syntax, of a name, of a shape, of a family, of a claim and of a setting."""
    text = (
        "given text[200, 39] : real\nobserved wave[16000] : mulaw(256)\nobserved level : real\nobserved flag : binary\n"
        "p(wave[t] | wave[<t], tekst) = categorical via wavenet(blocks = 3)\n"
        "p(level | text[0]) = normal\np(flag) = normal\nnet body = made(hidden = [8)\n"
        "check complet(wave)\ntrain { epoch = 3 }"
    )
    found = codes(text)
    assert sorted(found)[0].startswith("AR0")
    assert sorted(found)[1:] == ["AR101", "AR120", "AR150", "AR160", "AR311"]


def test_no_warnings_beside_errors() -> None:
    assert codes("param unused = 3\nobserved x : real\np(x | y) = normal") == ["AR101"]


def test_what_is_sound_of_a_broken_spec() -> None:
    source = Source(
        "observed x[4] : real\nobserved y : reel\np(x[i] | x[<i]) = normal\np(y | x) = normal\ncheck steps(x) <= 4"
    )
    sink = Sink(source)
    model = check_model(parse(source, sink), sink, partial=True)
    assert model is not None
    assert (list(model.variables), [f.variable for f in model.factors], model.claims) == (["x"], ["x"], ())
    sink = Sink(source)
    assert check_model(parse(source, sink), sink) is None


def test_second_declarations_point_at_the_first() -> None:
    _, diagnostics = resolve("observed x : real\nobserved x : real\np(x) = normal")
    assert [label.text for label in diagnostics[0].labels] == ["declared again", "first declared here"]


def test_messages_stay_short_however_long_the_text() -> None:
    name = "x" * 5000
    sum_of_ones = "1 + " * 90
    text = f"observed x[4] : real\np(x[t] | x[{sum_of_ones}t * t]) = normal\ncheck independent(x, x[{name}])"
    _, diagnostics = resolve(text)
    assert [d.code for d in diagnostics] == ["AR127", "AR152", "AR154"]
    assert all(len(d.message) < 200 for d in diagnostics)


def test_huge_specs_are_checked_soon() -> None:
    """Names without end, each unknown or much like the others."""
    many = ", ".join(f"abcdefhg{i}" for i in range(300))
    params = "\n".join(f"param abcdefgh{i} = 1" for i in range(500))
    long = "a" * 200_000
    text = f"{params}\nobserved x[{long}] : real\nobserved y : real\np(x) = normal\np(y | {many}) = normal"
    assert len(codes(text)) >= 300
