"""The registry of networks: ours, and everything under the entry-point groups ``ardsl.networks`` and
``ardsl.context_networks``.

Ours are listed here: the entry points of all that is installed are read only for a name that is none of these.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pkgutil import resolve_name
from typing import TYPE_CHECKING, TypeVar

from ardsl.common.wording import one_line, series, shown
from ardsl.errors import ArdslError
from ardsl.networks.context import ContextNetwork
from ardsl.networks.network import Network

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

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


_LISTED = {"ardsl.networks": _NETWORKS, "ardsl.context_networks": _CONTEXT_NETWORKS}
"""Ours by the entry-point group that others register under."""
_registered: dict[str, type[Network]] = {}
"""Networks that are registered for a while, by name."""

P = TypeVar("P", Network, ContextNetwork)


@cache
def _installed(group: str) -> dict[str, EntryPoint]:
    """The networks of other packages by name."""
    from importlib.metadata import entry_points  # which reads the metadata of every installed package

    return {point.name: point for point in entry_points(group=group)}


def network_names() -> tuple[str, ...]:
    """The names of every registered network, sorted."""
    return tuple(sorted({*_NETWORKS, *_registered, *_installed("ardsl.networks")}))


def is_network(name: str) -> bool:
    """Says whether a network has this name."""
    return name in _NETWORKS or name in _registered or name in _installed("ardsl.networks")


@cache
def network(name: str) -> Network:
    """The registered network of this name; KeyError where there is none, ``ArdslError`` where its package fails."""
    if name in _registered:
        return _registered[name]()
    return _plugin(Network, name, "ardsl.networks")  # type: ignore[type-abstract]


@contextmanager
def registered(plugin: type[Network]) -> Iterator[None]:
    """Registers a network under its name for a while, as an installed package would."""
    before = _registered.get(plugin.name)
    _registered[plugin.name] = plugin
    network.cache_clear()
    try:
        yield
    finally:
        _registered.pop(plugin.name)
        if before is not None:
            _registered[plugin.name] = before
        network.cache_clear()


def context_network_names() -> tuple[str, ...]:
    """The names of every network that a context can go through, sorted."""
    return tuple(sorted({*_CONTEXT_NETWORKS, *_installed("ardsl.context_networks")}))


@cache
def context_network(name: str) -> ContextNetwork:
    """The one of this name; KeyError where there is none, ``ArdslError`` where its package fails."""
    return _plugin(ContextNetwork, name, "ardsl.context_networks")  # type: ignore[type-abstract]


def _plugin(base: type[P], name: str, group: str) -> P:
    """Makes the network of this name, ours or another package's."""
    if name in _LISTED[group]:
        made: P = resolve_name(_LISTED[group][name])()
        return made
    point = _installed(group)[name]
    with faults_of(name, group):
        plugin = point.load()
        if problem := plugin_problem(plugin, base):
            raise TypeError(problem)
        if plugin.name != name:
            raise ValueError(f"its class has the name `{plugin.name}`")
        made = plugin()
        return made


def plugin_problem(plugin: object, base: type) -> str | None:
    """Says what keeps an object from being a class of networks; None where nothing does."""
    if not isinstance(plugin, type) or not issubclass(plugin, base):
        return f"{shown(plugin)} is no subclass of `{base.__module__}.{base.__name__}`"
    lacking = sorted(getattr(plugin, "__abstractmethods__", ()))
    lacking += [name for name in ("name", "doc") if not isinstance(getattr(plugin, name, None), str)]
    return f"`{plugin.__name__}` has no {series(f'`{name}`' for name in lacking)}" if lacking else None


@contextmanager
def faults_of(name: str, group: str = "ardsl.networks") -> Iterator[None]:
    """Raises whatever fails in a network of another package as an ``ArdslError`` that names the two; what fails in ours
    is raised as it is."""
    try:
        yield
    except ArdslError:
        raise
    except Exception as error:
        if name in _LISTED[group] and name not in _registered:
            raise
        package = None if name in _registered else _installed(group)[name].dist
        of = f" of the package `{package.name}`" if package is not None else ""
        problem = f"{type(error).__name__}: {error}".rstrip(": ")
        raise ArdslError(one_line(f"the network `{name}`{of} fails: {problem}")) from error
