"""Texts of events: what they say of a row, and what is wrong with them."""

from __future__ import annotations

import operator
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ardsl
from ardsl.common.wording import truncated
from ardsl.compiler.queries.events import Event, both
from ardsl.compiler.queries.where import Cells, read_event, read_question
from ardsl.language.layout import string

SPEC = ardsl.loads("""
given place : category(3)
record person {
  age    : integer(0, 9)
  sex    : category("F", "M", "1")
  income : real
  visits : count
  share  : unit_interval
}
observed x[2, 3] : category(4)
observed member  : binary
observed wide    : integer(-1000000, 1000000)
observed gain    : positive
observed sound   : mulaw(8)
observed wind    : angle
p(person[i] | person[<i], place) = default via linear
p(x) = categorical
p(member) = bernoulli
p(wide) = discretized(logistic)
p(gain) = log_normal
p(sound) = categorical
p(wind) = von_mises
data { person = ["Age", "Sex", "Hours per week", "and", "share"] }
""")
CELLS = Cells(SPEC.model)
NUMBERS = {
    "age": (range(-2, 12), ("person", 0)),
    "`Hours per week`": ((-1.5, 0, 0.1, 1, 2, 1e300), ("person", 2)),
    "person.visits": (range(-1, 6), ("person", 3)),
    "share": ((-1, 0, 0.25, 0.5, 1, 2), ("person", 4)),
    "member": ((0, 1), ("member", 0)),
    "wide": ((-2000000, -1000000, -2, -1, 0, 1, 999999, 1000000), ("wide", 0)),
    "gain": ((-1, 0, 1e-5, 1, 2), ("gain", 0)),
    "wind": ((-4, -3, 0, 1, 3, 4), ("wind", 0)),
    "sound": ((-1, -0.1, 0, 0.2, 1), ("sound", 0)),
}
CODES = {"x[0, 0]": ("x", 0), "x[1,2]": ("x", 5), "place": ("place", 0), "`x[0, 1]`": ("x", 1)}
SIGNS: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
ROW = dict[tuple[str, int], float]
Holds = Callable[[ROW], bool]


def domain(cell: tuple[str, int]) -> ardsl.families.domains.Domain:
    return CELLS.domain(*cell)


def inside(cell: tuple[str, int], value: float) -> bool:
    return bool(domain(cell).inside(np.array([value])).all())


def quantized(cell: tuple[str, int], value: float) -> float:
    return float(domain(cell).quantized(np.array([float(value)]))[0]) if inside(cell, value) else float(value)


@st.composite
def atoms(draw: st.DrawFn) -> tuple[str, Holds]:
    """A comparison, and what it says in plain Python."""
    kind = draw(st.sampled_from(["number", "number", "range", "code", "label", "set"]))
    if kind in ("number", "range", "set"):
        column = draw(st.sampled_from(sorted(NUMBERS)))
        values, cell = NUMBERS[column]
        if kind == "set":
            chosen = draw(st.lists(st.sampled_from(list(values)), max_size=3))
            members = {quantized(cell, v) for v in chosen}
            negated = draw(st.booleans())
            text = f"{column} {'not ' if negated else ''}in {{{', '.join(map(str, chosen))}}}"
            return text, lambda row: (row[cell] in members) != negated
        if kind == "range":
            low, high = draw(st.sampled_from(list(values))), draw(st.sampled_from(list(values)))
            return f"{low} <= {column} < {high}", lambda row: low <= row[cell] < high
        sign = draw(st.sampled_from(sorted(SIGNS)))
        equality = sign in ("=", "!=")
        value = draw(st.sampled_from(list(values)))
        turned = draw(st.booleans())
        right = quantized(cell, value) if equality else value
        if turned:
            return f"{value} {sign} {column}", lambda row: SIGNS[sign](right, row[cell])
        return f"{column} {sign} {value}", lambda row: SIGNS[sign](row[cell], right)
    sign = draw(st.sampled_from(["=", "!="]))
    if kind == "label":
        code, label = draw(st.sampled_from(list(enumerate(['"F"', "M", "1"]))))
        return f"Sex {sign} {label}", lambda row: SIGNS[sign](row["person", 1], code)
    column = draw(st.sampled_from(sorted(CODES)))
    code = draw(st.integers(0, domain(CODES[column]).levels - 1))
    return f"{column} {sign} {code}", lambda row: SIGNS[sign](row[CODES[column]], code)


def _joined(word: str, parts: list[tuple[str, Holds]]) -> tuple[str, Holds]:
    texts = f" {word} ".join(f"({text})" for text, _ in parts)
    every = all if word.lower() == "and" else any
    return texts, lambda row: every(holds(row) for _, holds in parts)


def _negated(part: tuple[str, Holds]) -> tuple[str, Holds]:
    return f"not ({part[0]})", lambda row: not part[1](row)


EXPRESSIONS = st.recursive(
    atoms(),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: _joined("and", parts)),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: _joined("OR", parts)),
        inner.map(_negated),
    ),
    max_leaves=5,
)


@st.composite
def rows(draw: st.DrawFn) -> ROW:
    """A row with values that expressions speak of, and some between these."""
    row: ROW = {("person", 1): float(draw(st.integers(0, 2)))}
    for cell in CODES.values():
        row[cell] = float(draw(st.integers(0, domain(cell).levels - 1)))
    for values, cell in NUMBERS.values():
        near = [v for value in values for v in (value, np.nextafter(value, 9), np.nextafter(value, -9), value + 0.5)]
        legal = [float(v) for v in near if inside(cell, float(v))]
        row[cell] = quantized(cell, draw(st.sampled_from(legal)))
    return row


def arrays(examples: list[ROW]) -> dict[str, np.ndarray]:
    """Rows as arrays by variable; cells that they have no value of hold any."""
    values = {}
    for variable in (*SPEC.model.observed, *SPEC.model.given):
        cells = [(variable.name, e) for e in range(variable.size)]
        values[variable.name] = np.array([[row.get(cell, 0.0) for cell in cells] for row in examples])
    return values


def members(event: Event, examples: list[ROW]) -> np.ndarray:
    """Which boxes contain which examples, bool [boxes, examples]."""
    values = arrays(examples)
    found = [Event((box,)).contains(values, CELLS.domain) for box in event.boxes]
    return np.array(found).reshape(len(found), len(examples))


@pytest.mark.thorough
@given(expression=EXPRESSIONS, examples=st.lists(rows(), min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_meaning(expression: tuple[str, Holds], examples: list[ROW]) -> None:
    """An expression holds of a row exactly where one of its boxes contains it, and then just one does."""
    text, holds = expression
    inside = members(read_event(text, SPEC.model), examples).sum(0)
    assert inside.tolist() == [int(holds(row)) for row in examples]


@pytest.mark.thorough
@given(first=EXPRESSIONS, second=EXPRESSIONS, examples=st.lists(rows(), min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_both(first: tuple[str, Holds], second: tuple[str, Holds], examples: list[ROW]) -> None:
    event, condition = read_question(f"{first[0]} | {second[0]}", SPEC.model)
    assert condition is not None
    inside = members(both(event, condition, CELLS.domain), examples).sum(0)
    assert inside.tolist() == [int(first[1](row) and second[1](row)) for row in examples]


@given(expression=EXPRESSIONS)
@settings(max_examples=100, deadline=None)
def test_boxes(expression: tuple[str, Holds]) -> None:
    """What a box knows has one value, inside its domain; what it allows is more than one value, and not all."""
    for box in read_event(expression[0], SPEC.model).boxes:
        assert not set(box.known) & set(box.allowed)
        assert all(inside(cell, value) for cell, value in box.known.items())
        for cell, allowed in box.allowed.items():
            assert not allowed.empty
            assert allowed.single(domain(cell)) is None
            assert not allowed.others(domain(cell)).empty
            if allowed.intervals is not None:
                assert (np.diff(allowed.intervals.reshape(-1)) >= 0).all()


def test_intervals() -> None:
    """The ends of intervals: the next float64 of reals, half-way between whole numbers."""
    (box,) = read_event("`Hours per week` < 3 and visits >= 2", SPEC.model).boxes
    assert box.allowed["person", 2].intervals.tolist() == [[-np.inf, np.nextafter(3, 0)]]  # type: ignore[union-attr]
    assert box.allowed["person", 3].intervals.tolist() == [[1.5, np.inf]]  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["visits < 3 and visits >= 3", "wide < 3 and not wide < 3", "gain < 3 and gain >= 3"])
def test_nothing(text: str) -> None:
    """A set and its complement have nothing in common, not even an end."""
    assert read_event(text, SPEC.model).boxes == ()


def test_ends() -> None:
    test_nothing("visits < 3 and visits >= 3")


@pytest.mark.parametrize("text", ["Sex = F or Sex = M", "not age > 4 or age >= 3", "age < 5 or age > 4 and member = 1"])
def test_joined(text: str) -> None:
    """Boxes that differ in one cell are one."""
    assert len(read_event(text, SPEC.model).boxes) <= 2


SAME = {
    "age == 3": "age = 3",
    "age <> 3": "age != 3",
    "age ≥ 3": "age >= 3",
    "AGE_": None,
    "member = TRUE": "member = 1",
    "Sex = 'F'": 'Sex = "F"',
    "person.sex = F": "Sex = F",
    "Sex in (F, M)": 'Sex in {"F", "M"}',
    "not not age = 3": "age = 3",
    '"Hours per week" >= 2': "`Hours per week` >= 2",
    "`and` = 2": "person.visits = 2",
    "Sex = 1": 'Sex = "1"',
    "age = 12": "age in {}",
    "age = 3.5": "age > 100",
    "age != 12": "age >= 0",
    "age in {3, 12}": "age = 3",
    "gain = 0": "gain < -1",
    "wide = 1000001": "not wide < 1000001",
    "Sex in {}": "not Sex in {F, M, 1}",
}


@pytest.mark.parametrize("text", [text for text, same in SAME.items() if same])
def test_spellings(text: str) -> None:
    boxes = [read_event(each, SPEC.model).boxes for each in (text, SAME[text] or "")]
    described = [[(b.known, {c: a.key for c, a in b.allowed.items()}) for b in event] for event in boxes]
    assert described[0] == described[1]


WRONG = {
    "agee > 3": "there is no column `agee`: did you mean `Age`?",
    "zzzzzzzz > 3": "there is no column `zzzzzzzz`: there are `place`, `Age`, `Sex`, `Hours per week`, `and`, `share` "
    "and 7 more",
    "x = 3": "`x` has 6 elements: name one, such as `x[0, 0]`",
    "person = 3": "`person` has 5 elements: name one, such as `person.age`",
    "x[2, 0] = 1": "`x[2, 0]` is outside: an index of `x` there is from 0 to 1",
    "x[0] = 1": "`x[0]` is no element: `x` has the shape [2, 3]",
    "member[0] = 1": "`member[0]` is no element: `member` has no axes",
    "person[0] = 1": "`person` is a record: its fields are `age`, `sex`, `income`, `visits`, `share`",
    "Sex = Mm": "`Sex` takes one of `F`, `M`, `1`, not 'Mm': did you mean `M`?",
    "Sex < M": "the values of `Sex` have no order: compare by `=`, `!=` or `in {…}`",
    "x[0, 0] >= 1": "the values of `x[0, 0]` have no order: compare by `=`, `!=` or `in {…}`",
    "x[0, 0] = 7": "`x[0, 0]` takes a code from 0 to 3, not 7",
    "x[0, 0] = old": "`x[0, 0]` takes a code from 0 to 3, not 'old'",
    "age = old": "`Age` takes an integer from 0 to 9, not 'old'",
    "age > visits": "`age` is compared with another column, `visits`: compare a column with a value",
    "3 < 4": "`4` is a number: one side of a comparison is a column, such as `age >= 65`",
    "age > 1e999": "1e999 is too large",
    "age": "it ends too early: a comparison is `age >= 65`",
    "(age > 3": "it ends too early: a comparison is `age >= 65`",
    "age > 3)": "it cannot be read from ')' on",
    "age > 3 && member = 1": "write `and` instead of `&`",
    "age > 10%": "numbers have no unit: leave `%` out",
    "Sex = 'F": "a ' is not closed",
    "hours per week > 3": "it cannot be read from 'per week > 3' on; a name of several words stands in back quotes: "
    "`` `hours per week` >= 40 ``",
    "age > 3 | member = 1": "a condition behind `|` has no place here",
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong(text: str) -> None:
    with pytest.raises(ardsl.DataError) as raised:
        read_event(text, SPEC.model)
    assert str(raised.value) == f"error[AR540]: `{truncated(text)}`: {WRONG[text]}"


def test_texts() -> None:
    """An event and its condition have texts of their own."""
    event, condition = read_question("""Sex in {'F', "M"} and `and` = 2 | age >= 3 """, SPEC.model)
    assert condition is not None
    assert [event.text, condition.text] == ["""Sex in {'F', "M"} and `and` = 2""", "age >= 3"]


def test_same_field_twice() -> None:
    spec = ardsl.loads("""
    record a { age : binary  sex : binary }
    record b { age : binary  tax : binary }
    p(a) = bernoulli
    p(b) = bernoulli
    """)
    with pytest.raises(ardsl.DataError, match=r": `age` is the name of `a.age`, `b.age`: write one of these$"):
        read_event("age = 1", spec.model)
    assert read_event("b.age = 1", spec.model).boxes[0].known == {("b", 0): 1.0}


def test_latent() -> None:
    spec = ardsl.loads("""
    latent z : real
    latent k : category(2)
    observed x : binary
    p(z) = normal(0, 1)
    p(k) = categorical
    p(x | z, k) = bernoulli via mlp
    q(z | x) = normal via mlp
    q(k) = exact
    """)
    with pytest.raises(ardsl.DataError, match="`z` is latent: of such variables only `exact` ones can be asked about"):
        read_event("z = 1", spec.model)
    assert read_event("k = 1", spec.model).boxes[0].known == {("k", 0): 1.0}


def test_too_many_boxes() -> None:
    spec = ardsl.loads("observed x[12] : binary\nobserved y[12] : binary\np(x) = bernoulli\np(y) = bernoulli")
    text = " and ".join(f"(x[{e}] = 1 or y[{e}] = 1)" for e in range(12))
    problem = "it falls into more than 1,000 disjoint boxes: ask with fewer `or` of different columns"
    with pytest.raises(ardsl.DataError) as raised:
        read_event(text, spec.model)
    assert str(raised.value).endswith(problem)


@pytest.mark.parametrize("text", ["not " * 2_000 + "age = 3", "(" * 2_000 + "age = 3" + ")" * 2_000])
def test_deep(text: str) -> None:
    """Nesting does not exhaust the stack."""
    assert read_event(text, SPEC.model).boxes[0].known == {("person", 0): 3.0}


def test_long() -> None:
    with pytest.raises(ardsl.DataError, match="it has more than 10,000 characters"):
        read_event("age = 3 or " * 1_000 + "age = 3", SPEC.model)


@pytest.mark.parametrize("event", ['kind = "age"', "kind = age", "'person' = kind", "kind in {age, person}"])
def test_labels_spelled_as_variables_of_several_elements(event: str) -> None:
    spec = ardsl.loads("""
        record person { kind : category("age", "person", "f")  f : binary }
        observed age[2] : binary
        p(person[i] | person[<i]) = default
        p(age) = bernoulli
    """)
    kinds = [code for code, label in enumerate(["age", "person"]) if label in event.replace("kind", "")]
    rows = {"person": np.array([[0, 0], [1, 0], [2, 0]]), "age": np.zeros((3, 2))}
    inside = read_event(event, spec.model).contains(rows, Cells(spec.model).domain)
    assert np.flatnonzero(inside).tolist() == kinds
    with pytest.raises(ardsl.ArdslError, match="`age` has 2 elements"):
        read_event("person.f = age", spec.model)
    with pytest.raises(ardsl.ArdslError, match="takes binary values|takes"):
        read_event('person.f = "age"', spec.model)


_LABELS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(st.lists(_LABELS, min_size=2, max_size=4, unique_by=str.strip))
def test_every_label_can_be_named(labels: list[str]) -> None:
    """As a spec writes it, and in the other quotes."""
    names = [label.strip() or "blank" for label in labels]
    if len(set(names)) < len(names):
        return
    written = [string(name) for name in names]
    spec = ardsl.loads(f"observed k : category({', '.join(written)})\np(k) = categorical")
    for code, text in enumerate(written):
        single = "'" + text[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"
        for quoted in (text, single) if '\\\\"' not in text else (text,):
            asked, condition = read_question(f"k = {quoted} | k in {{{quoted}}}", spec.model)
            assert condition is not None
            assert [dict(box.known) for box in asked.boxes] == [{("k", 0): code}]
            assert [dict(box.known) for box in condition.boxes] == [{("k", 0): code}]


def test_what_is_no_escape() -> None:
    with pytest.raises(ardsl.ArdslError) as raised:
        read_event(r'sex = "\d"', SPEC.model)
    assert str(raised.value) == r"""error[AR540]: `sex = "\d"`: '\\d' is no escape: for a backslash write two"""
