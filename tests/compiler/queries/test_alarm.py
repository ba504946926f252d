"""A network of 37 variables and 46 arcs, far more states than can be listed: exact answers, at once."""

from __future__ import annotations

import time

import pytest
import torch
from torch import Tensor

import ardsl
from ardsl.testing import with_random_weights

# I. A. Beinlich, H. J. Suermondt, R. M. Chavez & G. F. Cooper 1989, The ALARM monitoring system: each variable with the
# number of its values, and its parents.
ALARM = {
    "hypovolemia": (2, ""),
    "lvfailure": (2, ""),
    "errlowoutput": (2, ""),
    "errcauter": (2, ""),
    "insuffanesth": (2, ""),
    "anaphylaxis": (2, ""),
    "kinkedtube": (2, ""),
    "fio2": (2, ""),
    "pulmembolus": (2, ""),
    "intubation": (3, ""),
    "disconnect": (2, ""),
    "minvolset": (3, ""),
    "history": (2, "lvfailure"),
    "lvedvolume": (3, "hypovolemia, lvfailure"),
    "cvp": (3, "lvedvolume"),
    "pcwp": (3, "lvedvolume"),
    "strokevolume": (3, "hypovolemia, lvfailure"),
    "tpr": (3, "anaphylaxis"),
    "pap": (3, "pulmembolus"),
    "shunt": (2, "intubation, pulmembolus"),
    "ventmach": (4, "minvolset"),
    "venttube": (4, "disconnect, ventmach"),
    "press": (4, "intubation, kinkedtube, venttube"),
    "ventlung": (4, "intubation, kinkedtube, venttube"),
    "minvol": (4, "intubation, ventlung"),
    "ventalv": (4, "intubation, ventlung"),
    "artco2": (3, "ventalv"),
    "expco2": (4, "artco2, ventlung"),
    "pvsat": (3, "fio2, ventalv"),
    "sao2": (3, "pvsat, shunt"),
    "catechol": (2, "artco2, insuffanesth, sao2, tpr"),
    "hr": (3, "catechol"),
    "hrbp": (3, "errlowoutput, hr"),
    "hrekg": (3, "errcauter, hr"),
    "hrsat": (3, "errcauter, hr"),
    "co": (3, "hr, strokevolume"),
    "bp": (3, "co, tpr"),
}


@pytest.fixture(scope="module")
def alarm() -> ardsl.AutoregressiveModel:
    lines = [f"observed {name} : category({levels})" for name, (levels, _) in ALARM.items()]
    for name, (_, parents) in ALARM.items():
        lines.append(f"p({name} | {parents}) = categorical via table" if parents else f"p({name}) = categorical")
    return with_random_weights(ardsl.loads("\n".join(lines)))


@pytest.fixture(scope="module")
def samples(alarm: ardsl.AutoregressiveModel) -> dict[str, Tensor]:
    return alarm.sample(200_000, seed=1)


def test_size() -> None:
    assert len(ALARM) == 37
    assert sum(len(parents.split(", ")) for _, parents in ALARM.values() if parents) == 46


@pytest.mark.thorough
@pytest.mark.parametrize(
    "event, condition",
    [
        ({"bp": 1}, {"history": 1, "press": 2}),
        ({"pulmembolus": 1}, {"bp": 0, "expco2": 3, "sao2": 2}),
        ({"catechol": 0, "lvfailure": 1}, {"hrbp": 2}),
        ({"kinkedtube": 1, "intubation": 2}, {"minvol": 1, "cvp": 0}),
    ],
)
def test_against_samples(
    alarm: ardsl.AutoregressiveModel, samples: dict[str, Tensor], event: dict[str, int], condition: dict[str, int]
) -> None:
    start = time.perf_counter()
    text = " and ".join(f"{name} = {value}" for name, value in event.items())
    answer = alarm.probability(text, given=condition)
    drawn = alarm.sample(2_000, given=condition, where=f"not ({text})", seed=0)
    assert time.perf_counter() - start < 60
    assert answer.exact
    assert not bool(torch.stack([drawn[name] == value for name, value in event.items()]).all(0).any())
    assert all(bool((drawn[name] == value).all()) for name, value in condition.items())
    given = torch.stack([samples[name] == value for name, value in condition.items()]).all(0)
    inside = torch.stack([samples[name] == value for name, value in event.items()]).all(0)[given].double()
    error = (float(answer.value) * (1 - float(answer.value)) / len(inside)) ** 0.5
    assert abs(float(inside.mean()) - float(answer.value)) < 5 * error
