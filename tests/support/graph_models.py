"""Models for the graph's tests: built by hand where structure is all that matters, from text where messages do."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ardsl.diagnostics import Diagnostic, Sink, Source, Span
from ardsl.families.domains import Binary
from ardsl.graph.check import check_graph
from ardsl.graph.guide import check_guide
from ardsl.language import parse
from ardsl.model.check import check_model
from ardsl.model.model import Axis, Claim, Context, Factor, Model, NetworkCall, Variable
from ardsl.model.settings import DataSettings, TrainSettings
from ardsl.relations import Everything, OrderMixture, Selection
from ardsl.relations.order import Order, raster

NOWHERE = Span(0, 0)


def variable(
    name: str, shape: tuple[int, ...] = (), orders: Order | OrderMixture | None = None, kind: str = "observed"
) -> Variable:
    order = orders or raster(shape)
    mixture = order if isinstance(order, OrderMixture) else OrderMixture((order,))
    axes = tuple(Axis(None, size) for size in shape)
    return Variable(name, kind, axes, Binary(), (), mixture, NOWHERE)  # type: ignore[arg-type]


def factor(
    target: Variable,
    contexts: Sequence[tuple[Variable, Selection | None]] = (),
    event_axes: tuple[int, ...] = (),
) -> Factor:
    """``p(target | contexts)``; a context without a selection reads the whole variable."""
    found = tuple(
        Context(source.name, selection or Everything(target.size, source.size), None, Span(i, i + 1), source.name)
        for i, (source, selection) in enumerate(contexts)
    )
    network = NetworkCall("linear", {}, NOWHERE, {})
    return Factor("p", target.name, range(prod(target.shape)), event_axes, (), found, network, None)


def model(variables: Sequence[Variable], factors: Sequence[Factor], claims: Sequence[Claim] = ()) -> Model:
    named = {v.name: v for v in variables}
    settings = DataSettings(), TrainSettings()
    return Model("m", None, {}, named, tuple(factors), (), (), tuple(claims), *settings, Source(""))


def model_of(text: str) -> Model:
    found, sink = _resolved(text)
    if found is None:
        raise ValueError([str(d) for d in sink])
    return found


def diagnostics(text: str) -> list[Diagnostic]:
    """Everything that the checks up to the graph's have to say."""
    found, sink = _resolved(text)
    if found is not None:
        check_graph(found, sink)
        check_guide(found, sink)
    return list(sink)


def codes(text: str) -> list[str]:
    return [d.code for d in diagnostics(text)]


def _resolved(text: str) -> tuple[Model | None, Sink]:
    sink = Sink(Source(text, "spec.ar"))
    return check_model(parse(sink.source, sink), sink, {}), sink
