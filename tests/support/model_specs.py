"""Text to model, as the tests of this folder want it."""

from __future__ import annotations

from ardsl.diagnostics import Diagnostic, Sink, Source
from ardsl.language import parse
from ardsl.model.check import check_model
from ardsl.model.model import Model


def resolve(text: str, directory: str = ".", **overrides: object) -> tuple[Model | None, list[Diagnostic]]:
    """The model of a text and what is wrong with it."""
    source = Source(text, "spec.ar", directory)
    sink = Sink(source)
    model = check_model(parse(source, sink), sink, overrides)
    return model, list(sink)


def model_of(text: str, directory: str = ".", **overrides: object) -> Model:
    """The model of a text in which nothing is wrong."""
    model, diagnostics = resolve(text, directory, **overrides)
    assert [str(d) for d in diagnostics] == []
    assert model is not None
    return model


def codes(text: str, **overrides: object) -> list[str]:
    """The codes of what is wrong with a text, in its order."""
    return [diagnostic.code for diagnostic in resolve(text, **overrides)[1]]


def stage(source: Source, sink: Sink) -> None:
    """The stages whose messages the bad specs of ``names`` show."""
    check_model(parse(source, sink), sink)
