"""Masked convolutions: the weighted sum over what each stencil reads, with a bias, and what is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ardsl.networks.lattice.ops.layer import Layer
from ardsl.relations.ranked import Cut

if TYPE_CHECKING:
    from torch import Tensor

    from ardsl.networks.tape import Tape


@dataclass(frozen=True, eq=False)
class Convolve(Layer):
    """A convolution over the maps of its sources, through the weights of each. Where maps are ``added`` it has no bias.

    ``conditioned``: all that is given is added, through weights of its own; ``aligned``: what is given for a position.
    ``ranked``: of the stencil's sites each position reads those of a lower rank (``before``), or also of its own
    (``until``), which is for orders that do not look the same from everywhere.
    """

    ranked: Cut | None = None
    pointwise = False

    def record(
        self, tape: Tape, sums: Sequence[Tensor], products: Sequence[tuple[Tensor, Tensor]], into: Tensor
    ) -> None:
        """The sum of what is added and of products of weights [outputs, inputs] with what some sites read,
        [inputs, batch] or [sites, inputs, batch]."""
        start, *more = sums
        for weight, columns in products:
            _product(tape, start, weight, columns, into)
            start = into
        if not products:  # it reads nothing
            tape.record(into.copy_, start.expand_as(into))
        for term in more:
            tape.record(into.add_, term)


def _product(tape: Tape, base: Tensor, weight: Tensor, columns: Tensor, out: Tensor) -> None:
    """base + weight · columns, site by site: by whichever of torch's functions has the least to do."""
    import torch

    if columns.ndim == 2:
        tape.record(torch.addmm, base, weight, columns, out=out)
    elif len(columns) == 1:
        tape.record(torch.addmm, base[0], weight, columns[0], out=out[0])
    elif columns.shape[2] == 1:
        tape.record(torch.addmm, base[..., 0], columns[..., 0], weight.T, out=out[..., 0])
    else:
        tape.record(torch.baddbmm, base, weight.expand(len(columns), -1, -1), columns, out=out)
