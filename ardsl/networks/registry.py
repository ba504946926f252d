"""The registry of networks: ours, and everything under the entry-point groups ``ardsl.networks`` and
``ardsl.context_networks``.

Ours are listed here: the entry points of all that is installed are read only for a name that is none of these.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pkgutil import resolve_name

from ardsl.networks.context import ContextNetwork
from ardsl.networks.network import Network

LATER: dict[str, str] = {
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


_NETWORKS = {
    "conv": "ardsl.networks.maps.networks:Conv",
    "conv_nade": "ardsl.networks.nade.conv:ConvNade",
    "deconv": "ardsl.networks.maps.networks:Deconv",
    "free": "ardsl.networks.dense.networks:Free",
    "linear": "ardsl.networks.dense.networks:Linear",
    "made": "ardsl.networks.dense.networks:Made",
    "mlp": "ardsl.networks.dense.networks:Mlp",
    "nade": "ardsl.networks.nade.networks:Nade",
    "pixelcnn": "ardsl.networks.lattice.networks:PixelCnn",
    "table": "ardsl.networks.dense.networks:Table",
    "wavenet": "ardsl.networks.lattice.networks:WaveNet",
}
_CONTEXT_NETWORKS = {"deconv": "ardsl.networks.maps.context:Deconv"}


@cache
def _installed(group: str) -> dict[str, str]:
    """The networks of other packages by name."""
    from importlib.metadata import entry_points  # which reads the metadata of every installed package

    return {point.name: point.value for point in entry_points(group=group)}


def network_names() -> tuple[str, ...]:
    """The names of every registered network, sorted."""
    return tuple(sorted({*_NETWORKS, *_installed("ardsl.networks")}))


def is_network(name: str) -> bool:
    """Says whether a network has this name."""
    return name in _NETWORKS or name in _installed("ardsl.networks")


@cache
def network(name: str) -> Network:
    """The registered network of this name; KeyError where there is none."""
    plugin: type[Network] = resolve_name(_NETWORKS.get(name) or _installed("ardsl.networks")[name])
    return plugin()


@contextmanager
def registered(plugin: type[Network]) -> Iterator[None]:
    """Registers a network under its name for a while, as an installed package would; it has to be importable."""
    before = _NETWORKS.get(plugin.name)
    _NETWORKS[plugin.name] = f"{plugin.__module__}:{plugin.__qualname__}"
    network.cache_clear()
    try:
        yield
    finally:
        _NETWORKS.pop(plugin.name)
        if before is not None:
            _NETWORKS[plugin.name] = before
        network.cache_clear()


def context_network_names() -> tuple[str, ...]:
    """The names of every network that a context can go through, sorted."""
    return tuple(sorted({*_CONTEXT_NETWORKS, *_installed("ardsl.context_networks")}))


@cache
def context_network(name: str) -> ContextNetwork:
    """The one of this name; KeyError where there is none."""
    target = _CONTEXT_NETWORKS.get(name) or _installed("ardsl.context_networks")[name]
    plugin: type[ContextNetwork] = resolve_name(target)
    return plugin()
