"""The registry of networks: everything under the entry-point groups ``ardsl.networks`` and
``ardsl.context_networks``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from ardsl.networks.context import ContextNetwork
from ardsl.networks.network import Network

LATER: dict[str, str] = {
    "nade": "NADE (Larochelle & Murray 2011)",
    "conv_nade": "ConvNADE (Uria et al. 2016)",
    "row_lstm": "PixelRNN's Row LSTM (van den Oord et al. 2016)",
    "diagonal_bilstm": "PixelRNN's Diagonal BiLSTM (van den Oord et al. 2016)",
    "spatial_lstm": "spatial LSTM (Theis & Bethge 2015)",
    "video_pixel": "video pixel networks (Kalchbrenner et al. 2017)",
    "multiscale": "parallel multiscale (Reed et al. 2017)",
    "lstm": "long short-term memory (Hochreiter & Schmidhuber 1997)",
    "gru": "gated recurrent units (Cho et al. 2014)",
    "transformer": "the Transformer (Vaswani et al. 2017)",
}
"""Names that are reserved for networks to come."""


@cache
def _entry_points(kind: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"ardsl.{kind}")}


def network_names() -> tuple[str, ...]:
    """The names of every registered network, sorted."""
    return tuple(sorted(_entry_points("networks")))


@cache
def network(name: str) -> Network:
    """The registered network of this name; KeyError where there is none."""
    return _entry_points("networks")[name].load()()


@contextmanager
def registered(plugin: type[Network]) -> Iterator[None]:
    """Registers a network under its name for a while, as an installed package would; it has to be importable."""
    points = _entry_points("networks")
    before = points.get(plugin.name)
    points[plugin.name] = EntryPoint(plugin.name, f"{plugin.__module__}:{plugin.__qualname__}", "ardsl.networks")
    network.cache_clear()
    try:
        yield
    finally:
        points.pop(plugin.name)
        if before is not None:
            points[plugin.name] = before
        network.cache_clear()


def context_network_names() -> tuple[str, ...]:
    """The names of every network that a context can go through, sorted."""
    return tuple(sorted(_entry_points("context_networks")))


@cache
def context_network(name: str) -> ContextNetwork:
    """The one of this name; KeyError where there is none."""
    return _entry_points("context_networks")[name].load()()
