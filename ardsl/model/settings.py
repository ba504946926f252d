"""The settings of the ``data`` and ``train`` blocks, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Choice:
    """A named choice with its options: ``adam(rate = 1e-3)``."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DataSettings:
    """The sources of the data: ``PATH`` or ``PATH#KEY``; ``valid`` may be a share of ``train`` instead.

    ``columns`` maps a variable to its column or key, or to a list of columns; ``{split}`` stands for the split's name.
    ``dequantize``: integers that a continuous variable takes get uniform noise, so that a density has something to be
    a density of (Uria, Murray & Larochelle 2013, RNADE, section 4). ``rate``: time steps a second of sounds, read and
    written.
    """

    train: str | None = None
    valid: str | float | None = None
    test: str | None = None
    missing: str = "error"
    dequantize: bool = False
    rate: int | None = None
    columns: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainSettings:
    """The settings of training. ``patience``: epochs without a better validation likelihood before stopping (None:
    never).

    ``optimizer``: adam, adamw, sgd, rmsprop, adagrad or adadelta, each with ``rate`` and ``weight_decay`` (sgd also
    ``momentum``; adam and adamw ``beta1``, ``beta2``). ``schedule``: constant, cosine and linear(warmup = steps),
    exponential(factor per epoch), plateau(factor, patience in epochs). ``clip``: the gradient norm's bound.
    ``window``: how many time steps of each example a training step sees, at a place of its own each time, with those
    before them that the network reads (None: all).
    ``accumulate``: batches whose gradients make a step. ``ema``: the decay of the exponential moving average of the
    weights that is measured and kept in their place (None: no average).
    Of latent variables: ``samples`` draws of the guide for each example; ``estimator`` of the gradient of discrete
    draws: score, or of binary ones relaxed(temperature); ``anneal``: epochs in which the weight of the
    divergences rises from 0 to 1; ``free_bits`` of each variable's divergence that cost nothing.
    """

    optimizer: Choice = Choice("adam", {"rate": 1e-3})
    schedule: Choice = Choice("constant")
    batch: int = 100
    window: int | None = None
    epochs: int = 100
    patience: int | None = None
    clip: float | None = None
    accumulate: int = 1
    ema: float | None = None
    samples: int = 1
    estimator: Choice = Choice("score")
    anneal: int = 0
    free_bits: float = 0.0
    seed: int = 0
    precision: str = "32"


DATA_SETTINGS = ("train", "valid", "test", "missing", "dequantize", "rate")
TRAIN_SETTINGS = (
    "optimizer",
    "schedule",
    "batch",
    "window",
    "epochs",
    "patience",
    "clip",
    "accumulate",
    "ema",
    "samples",
    "estimator",
    "anneal",
    "free_bits",
    "seed",
    "precision",
)
MISSING = ("error", "drop", "marginalize")
PRECISIONS = ("16", "bf16", "32", "64")
LATER_SETTINGS = ("distill", "losses")
"""Settings of ``train`` that are reserved and not built yet."""

RESERVED: Mapping[str, str] = {name: "train" for name in TRAIN_SETTINGS} | {name: "data" for name in DATA_SETTINGS}
"""The names that no variable may take, with the block that has them as settings."""
