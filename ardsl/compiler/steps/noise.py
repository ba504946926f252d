"""Noise first: a sample is a function of these numbers, so that two evaluators can be compared exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ardsl.arguments import checked_seed
from ardsl.common.wording import plural
from ardsl.networks.design import Design

_PORTION = 1 << 16
"""Draws whose noise is passed over at once."""


@dataclass(frozen=True)
class Noise:
    """For each group and each of its target blocks, uniforms [n, draws, uniforms] in (0, 1).

    ``orders[v]`` are the uniforms that choose each example's order of a variable under ``any(orders = K)``.
    """

    count: int
    draws: tuple[tuple[Tensor, ...], ...]
    orders: dict[str, Tensor]

    def __repr__(self) -> str:
        return f"<noise for {plural(self.count, 'sample')}>"

    def rows(self, index: Tensor | slice) -> Noise:
        """The noise of some of the examples."""
        chosen = tuple(tuple(t[index] for t in blocks) for blocks in self.draws)
        count = len(range(*index.indices(self.count))) if isinstance(index, slice) else len(index)
        return Noise(count, chosen, {k: v[index] for k, v in self.orders.items()})


def make_noise(plans: Sequence[Design], count: int, seed: int | None, like: Tensor) -> Noise:
    """Fresh noise for ``count`` samples: the same seed gives the same numbers, on any device."""
    generator = _generator(seed)
    orders: dict[str, Tensor] = {}
    draws = []
    for plan in plans:
        group = plan.group
        if group.mixed is not None and group.mixed.name not in orders:
            orders[group.mixed.name] = _uniform((count,), generator, like)
        if plan.receptive_field is not None:  # draw by draw, as they are needed along time
            (target,) = group.targets
            blocks = [_uniform((target.draws, count, target.family.uniforms), generator, like).transpose(0, 1)]
        else:
            blocks = [_uniform((count, t.draws, t.family.uniforms), generator, like) for t in group.targets]
        draws.append(tuple(blocks))
    return Noise(count, tuple(draws), orders)


def noise_along_time(
    plan: Design, count: int, seed: int | None, like: Tensor, draws: range, size: int
) -> Iterator[Tensor]:
    """The numbers of :func:`make_noise` for some draws of a model's only group, which runs along time: [n, up to
    ``size``, uniforms], one part after another."""
    generator, uniforms = _generator(seed), plan.group.targets[0].family.uniforms
    for first in range(0, draws.start, _PORTION):
        _uniform((min(_PORTION, draws.start - first), count, uniforms), generator, like)
    for first in range(draws.start, draws.stop, size):
        yield _uniform((min(size, draws.stop - first), count, uniforms), generator, like).transpose(0, 1)


def _generator(seed: int | None) -> torch.Generator:
    generator = torch.Generator()
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(checked_seed(seed))
    return generator


def _uniform(shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
    """Uniform in the open interval: an inverse CDF may be infinite at 0 and 1. In float32 at least: half precision has
    too few numbers for what is unlikely to be drawn."""
    dtype = torch.float64 if like.dtype == torch.float64 else torch.float32
    tiny = torch.finfo(dtype).eps
    return torch.rand(shape, generator=generator, dtype=dtype).clamp(tiny, 1 - tiny).to(like.device)
