"""The registry of networks: everything under the entry-point group ``ardsl.networks``."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from ardsl.networks.network import Network

LATER: dict[str, str] = {
    "nade": "NADE (Larochelle & Murray 2011)",
    "conv_nade": "ConvNADE (Uria et al. 2016)",
    "row_lstm": "PixelRNN's Row LSTM (van den Oord et al. 2016)",
    "diagonal_bilstm": "PixelRNN's Diagonal BiLSTM (van den Oord et al. 2016)",
    "spatial_lstm": "spatial LSTM (Theis & Bethge 2015)",
    "wavenet": "WaveNet (van den Oord et al. 2016)",
    "video_pixel": "video pixel networks (Kalchbrenner et al. 2017)",
    "multiscale": "parallel multiscale (Reed et al. 2017)",
    "conv": "convolutional encoders",
    "deconv": "transposed-convolution decoders",
}
"""Names that are reserved for networks to come."""


@cache
def _entry_points() -> dict[str, object]:
    return {point.name: point for point in entry_points(group="ardsl.networks")}


def network_names() -> tuple[str, ...]:
    """The names of every registered network, sorted."""
    return tuple(sorted(_entry_points()))


@cache
def network(name: str) -> Network:
    """The registered network of this name; KeyError where there is none."""
    return _entry_points()[name].load()()  # type: ignore[attr-defined]
