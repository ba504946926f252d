"""Models with latent variables and those without: what both can be asked, and what is said of the rest."""

from __future__ import annotations

import copy
import pickle
from inspect import signature

import pytest

import ardsl
from tests.support.latent_specs import HIDDEN_MARKOV

ONLY_WITHOUT_LATENTS = {
    "log_prob": {"elementwise", "order"},
    "sample": {"prefix", "where", "begin"},
}
"""Arguments about single draws, orders, time steps and cells, which models with latent variables do not take."""
ONLY_WITH_LATENTS = {"sample": {"fix", "latent"}}


def test_models_of_both_kinds_take_the_same_arguments() -> None:
    first, second = ardsl.AutoregressiveModel, ardsl.LatentModel
    shared = [name for name in dir(first) if not name.startswith("_") and callable(getattr(first, name))]
    for name in filter(second.__dict__.__contains__, shared):
        parameters = [dict(signature(getattr(kind, name)).parameters) for kind in (first, second)]
        for own, beside in zip(parameters, (ONLY_WITHOUT_LATENTS, ONLY_WITH_LATENTS), strict=True):
            assert beside.get(name, set()) <= own.keys(), name
            for argument in beside.get(name, ()):
                del own[argument]
        kinds = [{n: (p.kind, p.default) for n, p in own.items()} for own in parameters]
        assert kinds[0] == kinds[1], name


def methods(kind: type, other: type) -> list[str]:
    """The public methods of one kind of model that the other lacks."""
    own = [name for name in dir(kind) if not name.startswith("_") and callable(getattr(kind, name))]
    return [name for name in own if not hasattr(other, name)]


@pytest.fixture(scope="module")
def plain() -> ardsl.AutoregressiveModel:
    return ardsl.compile(ardsl.loads("observed x[2] : binary\np(x) = bernoulli\n"))


@pytest.fixture(scope="module")
def hidden() -> ardsl.LatentModel:
    return ardsl.compile(ardsl.loads(HIDDEN_MARKOV))


@pytest.mark.parametrize("name", methods(ardsl.LatentModel, ardsl.AutoregressiveModel))
def test_methods_of_models_with_latent_variables(plain: ardsl.AutoregressiveModel, name: str) -> None:
    assert not hasattr(plain, name)
    with pytest.raises(ardsl.ArdslError) as raised:
        getattr(plain, name)
    assert str(raised.value) == f"`{name}` is of models with latent variables, and this one has none"


@pytest.mark.parametrize("name", methods(ardsl.AutoregressiveModel, ardsl.LatentModel))
def test_methods_of_models_without_latent_variables(hidden: ardsl.LatentModel, name: str) -> None:
    assert not hasattr(hidden, name)
    with pytest.raises(ardsl.ArdslError) as raised:
        getattr(hidden, name)
    assert str(raised.value) == f"`{name}` is of models without latent variables, and this one has `s`"


def arguments(own: dict[str, set[str]]) -> list[tuple[str, str]]:
    return [(method, name) for method, names in own.items() for name in sorted(names)]


@pytest.mark.parametrize(("method", "name"), arguments(ONLY_WITH_LATENTS))
def test_arguments_of_models_with_latent_variables(plain: ardsl.AutoregressiveModel, method: str, name: str) -> None:
    with pytest.raises(ardsl.ArdslError) as raised:
        getattr(plain, method)(3, **{name: True})
    assert str(raised.value) == f"`{name}` of `{method}` is of models with latent variables, and this one has none"


@pytest.mark.parametrize(("method", "name"), arguments(ONLY_WITHOUT_LATENTS))
def test_arguments_of_models_without_latent_variables(hidden: ardsl.LatentModel, method: str, name: str) -> None:
    with pytest.raises(ardsl.ArdslError) as raised:
        getattr(hidden, method)(3, **{name: True})
    assert str(raised.value) == f"`{name}` of `{method}` is of models without latent variables, and this one has `s`"


def test_arguments_of_no_models_are_errors_of_python(hidden: ardsl.LatentModel) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'$"):
        hidden.sample(3, nonsense=1)  # type: ignore[call-arg]


def test_other_names_are_no_attributes(plain: ardsl.AutoregressiveModel, hidden: ardsl.LatentModel) -> None:
    for model in (plain, hidden, copy.deepcopy(plain), pickle.loads(pickle.dumps(hidden))):
        with pytest.raises(AttributeError, match="object has no attribute 'nonsense'$") as raised:
            model.nonsense  # noqa: B018
        assert not isinstance(raised.value, ardsl.ArdslError)


@pytest.mark.parametrize("declared", ["[3] : real", "[2, 3] : binary", '[..4] : category("a", "b")', " : count"])
def test_an_empty_list_is_no_examples(declared: str) -> None:
    model = ardsl.compile(ardsl.loads(f"observed x{declared}\np(x) = default\n"))
    assert model.log_prob([]).shape == (0,)


def test_one_of_a_thing_is_not_called_several(plain: ardsl.AutoregressiveModel) -> None:
    assert repr(plain.conditional("x[0]")) == "<distribution over 2 values for 1 row>"
    assert repr(plain.conditional("x[0]", given={"x[1]": [0, 1]})) == "<distribution over 2 values for 2 rows>"
