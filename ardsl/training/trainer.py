"""Surroundings of a training: Lightning's Trainer, its silence, the random state and the threads."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.plugins.environments import TorchElasticEnvironment
from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy

from ardsl.model.settings import TrainSettings
from ardsl.spec import Spec
from ardsl.system.processes import Processes

_LIGHTNING_PRECISION = {"16": "16-mixed", "bf16": "bf16-mixed", "32": "32-true", "64": "64-true"}
_SMALL = 1e9
"""FLOPs of a training step, about 20 milliseconds of one core."""


def make_trainer(
    settings: TrainSettings,
    place: torch.device,
    processes: Processes,
    sharded: bool,
    callbacks: Sequence[Callback],
    epochs: int,
    trial: bool,
) -> Trainer:
    """Lightning's loop with everything off that would cost time at each step or write files of its own; a ``trial`` is
    one step."""
    used = list(callbacks)
    if settings.patience is not None:
        used.append(EarlyStopping("watched", patience=settings.patience, check_on_train_epoch_end=True))
    world: dict[str, Any] = {"devices": 1 if place.index is None else [place.index]}
    if processes.world > 1:
        world = {
            "devices": processes.local_world,
            "num_nodes": processes.world // processes.local_world,
            "strategy": _sharded(processes) if sharded else _data_parallel(),
        }
    return Trainer(
        accelerator=place.type,
        **world,
        max_epochs=epochs,
        # Lightning casts the model for 64, which is of that type already; where weights are split it refuses to.
        precision=_LIGHTNING_PRECISION["32" if sharded and settings.precision == "64" else settings.precision],  # type: ignore[arg-type]
        gradient_clip_val=settings.clip,
        accumulate_grad_batches=settings.accumulate,
        callbacks=used,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_train_batches=1 if trial else None,
        limit_val_batches=0,
        use_distributed_sampler=False,
    )


def _data_parallel() -> DDPStrategy:
    """A copy of the model in each process, and the mean of their gradients.

    Looking for parameters that a step leaves unused allows for a drawn order that has weights of its own. It also keeps
    gradients in the buckets of the first step: torch would sort them anew after it, and with them the sums of three
    processes or more, so that a training gone on with would round otherwise than the unbroken one.
    """
    return DDPStrategy(
        cluster_environment=TorchElasticEnvironment(), find_unused_parameters=True, broadcast_buffers=False
    )


def _sharded(processes: Processes) -> ModelParallelStrategy:
    """A share of the model in each process: see :mod:`ardsl.training.distributed.sharding`."""
    strategy = ModelParallelStrategy(data_parallel_size=processes.world, tensor_parallel_size=1)
    strategy.cluster_environment = TorchElasticEnvironment()
    return strategy


@contextmanager
def seeded(seed: int, place: torch.device) -> Iterator[None]:
    """torch's random state set by the seed for a while, for what draws from it (dropout)."""
    with torch.random.fork_rng(devices=[place] if place.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@contextmanager
def few_threads(spec: Spec, batch: int) -> Iterator[None]:
    """One thread for a while where a step is little work: more would wait for each other longer than they compute."""
    before = torch.get_num_threads()
    if 3 * spec.plan.flops * batch < _SMALL:  # a backward pass is two forward ones
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def quiet() -> Iterator[None]:
    """Without Lightning's banners and hints, which are about options that users of ``fit`` do not have."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric", "lightning_fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for message in _HINTS:
                warnings.filterwarnings("ignore", message)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


_HINTS = (
    ".*available but not used",  # the user chose the device
    ".*isinstance.treespec, LeafSpec.. is deprecated",  # between Lightning and torch
    "find_unused_parameters=True was specified",  # see _data_parallel
    "`broadcast_buffers` is deprecated",  # and what replaces it is too new
    ".*sync_dist=True.*",  # what is logged is the same in all processes
)
