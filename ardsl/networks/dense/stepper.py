"""The evaluator by steps of dense networks: a blocked triangular solve with nonlinearities.

Units are sorted by the step at which the last of their inputs is known. A step then computes its own outputs and the
units it completes, from contiguous prefixes, so that a whole sample costs about the arithmetic of one forward pass.
Steps are taken in blocks: what a block reads of everything before it is one matrix product for the whole block, and
within the block only the block's own columns are left to add (the left-looking blocked form of a triangular solve)::

                    columns, by the step at which they are known
                       before        block       after
        rows, by     # # # # # # |           |             # one product, as the block is entered
        the step     # # # # # # | +         |             + one product a step, of what the block itself has drawn
        that com-    # # # # # # | + +       |             . what the masks forbid, and nothing computes
        pletes them  # # # # # # | + + + . . | . . . .

Which products, of which views of weights and buffers, is decided once: a step then plays its tape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ardsl.networks.dense.module import DenseNetwork
from ardsl.networks.stepper import Run, Slots, Stepper
from ardsl.networks.tape import Calls, Tape

Weights = tuple[list[Tensor], Tensor | None, list[Tensor]]
"""Of the layers, of the direct path, and the biases."""

IN_PLACE: dict[str, Callable[[Tensor], object]] = {
    "relu": torch.relu_,
    "elu": F.elu_,
    "gelu": lambda h: h.copy_(F.gelu(h)),
    "silu": lambda h: F.silu(h, inplace=True),
    "tanh": torch.tanh_,
    "sigmoid": torch.sigmoid_,
    "softplus": lambda h: h.copy_(F.softplus(h)),
    "leaky_relu": F.leaky_relu_,
}


class Sorted:
    """Numbers (inputs, units or outputs) in the order of the step at which they are known.

    ``until[s + 1]`` of them are known once step ``s`` is over; ``until[0]`` before the first.
    """

    def __init__(self, step: np.ndarray, steps: int) -> None:
        self.order = np.argsort(step, kind="stable")
        self.until = np.searchsorted(step[self.order], np.arange(-1, steps), side="right")


@dataclass(frozen=True)
class _Product:
    """A masked product: rows of ``target`` gain ``weight`` times rows of ``source``, both in the order of steps."""

    target: Tensor
    rows: Sorted
    weight: Tensor
    source: Tensor
    columns: Sorted

    def record(self, tape: Tape, rows: tuple[int, int], since: int, until: int) -> None:
        """Adds to some of the rows what the columns from ``since`` until ``until`` give."""
        first, last = rows
        if first < last and since < until:
            weight = self.weight[first:last, since:until]
            tape.record(self.target[first:last].addmm_, weight, self.source[since:until])


class DenseStepper(Stepper):
    """Evaluates a masked dense network by steps.

    ``weights`` gives the hidden layers' and the output's weights with their masks applied, the direct path's (or None)
    and the biases, as they are when it is called. ``masks`` are those of the hidden layers. ``layout`` says which
    feature and which parameter is at each of the weights' columns and rows.
    """

    def __init__(
        self,
        weights: Callable[[], Weights],
        masks: list[Tensor | None],
        activation: str,
        residual: bool,
        input_step: np.ndarray,
        output_step: np.ndarray,
        layout: tuple[np.ndarray, np.ndarray],
        run: Run,
    ) -> None:
        self._weights, self._activate, self._residual = weights, IN_PLACE[activation], residual
        layers, direct, biases = weights()
        self._like = biases[-1]

        # What is known when, of the inputs, each hidden layer and the outputs; and where the weights have each.
        inputs, outputs = Sorted(input_step, run.steps), Sorted(output_step, run.steps)
        hidden, known = [], input_step[layout[0]]
        for mask, weight in zip(masks, layers[:-1], strict=True):
            known = _completed(mask, len(weight), known)
            hidden.append(Sorted(known, run.steps))
        self._sorted = [inputs, *hidden, outputs]
        columns_at, rows_at = np.argsort(layout[0])[inputs.order], np.argsort(layout[1])[outputs.order]
        self._places = [columns_at, *(layer.order for layer in hidden), rows_at]
        self._buffers = [self._empty(len(layer_order.order), run.batch) for layer_order in self._sorted]

        self._copies: list[tuple[Tensor, int, Tensor, Tensor]] = []
        """Weights in the order of steps: the copy, the number of the weight, its rows and its columns."""
        self._biases: list[tuple[Tensor, Tensor]] = []
        last = len(hidden)
        self._hidden_products = [self._product(layer, layer + 1, layer) for layer in range(last)]
        self._output_products = [self._product(last, last + 1, last)] if layers else []
        if direct is not None:
            self._output_products.append(self._product(len(layers), last + 1, 0))
        self._fill = self._record_fill()
        self.refresh()

        self._entries: list[Tape] = []
        self._block_of: list[int] = []
        self._block = -1
        self._before: list[Calls] = []
        self._after: list[Calls] = []
        self._parameters: list[Tensor] = []
        self._written: list[Tensor] = []
        for start, stop in _blocks(run.steps, len(input_step)):
            self._record_block(start, stop)
        x, first = self._buffers[0], int(inputs.until[0])
        self._known = x[:first]
        self.slots = Slots(x[first:], self._written)

    def _empty(self, rows: int, columns: int) -> Tensor:
        return torch.empty(rows, columns, dtype=self._like.dtype, device=self._like.device)

    def _product(self, number: int, target: int, source: int) -> _Product:
        """The product by one of the weights from a buffer to another; :meth:`refresh` fills its copy of the weight."""
        rows, columns = (torch.as_tensor(self._places[buffer], device=self._like.device) for buffer in (target, source))
        weight = self._empty(len(rows), len(columns))
        self._copies.append((weight, number, rows, columns))
        buffers, order = self._buffers, self._sorted
        return _Product(buffers[target], order[target], weight, buffers[source], order[source])

    def _record_fill(self) -> Tape:
        """Records what is done before the first step: all buffers get their biases, and units without inputs are
        completed."""
        fill = Tape()
        for target, place in zip(self._buffers[1:], self._places[1:], strict=True):
            bias = self._empty(len(target), 1)
            self._biases.append((bias, torch.as_tensor(place).to(bias.device)))
            fill.record(target.copy_, bias.expand_as(target))
        self._record_units(fill, -1, -2)
        return fill

    def _record_units(self, tape: Tape, step: int, since_step: int) -> None:
        """Finishes the hidden units that ``step`` completes; what was known at ``since_step`` is already in."""
        for number, product in enumerate(self._hidden_products):
            rows = (int(product.rows.until[step]) if step >= 0 else 0, int(product.rows.until[step + 1]))
            if rows[0] == rows[1]:
                continue
            since = int(product.columns.until[since_step + 1]) if since_step >= -1 else 0
            product.record(tape, rows, since, int(product.columns.until[step + 1]))
            units = product.target[rows[0] : rows[1]]
            tape.record(self._activate, units)
            if self._residual and number and product.target.shape == product.source.shape:
                tape.record(units.add_, product.source[rows[0] : rows[1]])

    def _record_block(self, start: int, stop: int) -> None:
        """The tapes of the steps from ``start`` until ``stop``, and of what they all read of everything before."""
        x, out = self._buffers[0], self._buffers[-1]
        inputs, outputs = self._sorted[0], self._sorted[-1]
        entry = Tape()
        for product in (*self._hidden_products, *self._output_products):
            whole = (int(product.rows.until[start]), int(product.rows.until[stop]))
            product.record(entry, whole, 0, int(product.columns.until[start]))
        self._entries.append(entry)
        for step in range(start, stop):
            before, after = Tape(), Tape()
            rows = (int(outputs.until[step]), int(outputs.until[step + 1]))
            for product in self._output_products:
                product.record(before, rows, int(product.columns.until[start]), int(product.columns.until[step]))
            self._record_units(after, step, start - 1)
            self._block_of.append(len(self._entries) - 1)
            self._before.append(before.calls)
            self._after.append(after.calls)
            self._parameters.append(out[rows[0] : rows[1]])
            self._written.append(x[int(inputs.until[step]) : int(inputs.until[step + 1])])

    def refresh(self) -> None:
        layers, direct, biases = self._weights()
        weights = layers if direct is None else [*layers, direct]
        for copy, number, rows, columns in self._copies:
            copy.copy_(weights[number][rows][:, columns])
        for (copy, place), bias in zip(self._biases, biases, strict=True):
            copy.copy_(bias[place][:, None])

    def caches(self) -> Iterable[Tensor]:
        return self._buffers

    def start(self, known: Tensor) -> None:
        self._block = -1
        self._known.copy_(known)
        self._fill.play()

    def _enter(self, block: int) -> None:
        """Begins a block, by the products of all that was known before it. A block that was passed over made no
        draws."""
        self._block = block
        self._entries[block].play()

    def parameters(self, step: int) -> Tensor:
        if self._block_of[step] != self._block:
            self._enter(self._block_of[step])
        for function, arguments in self._before[step]:
            function(*arguments)
        return self._parameters[step]

    def write(self, step: int, inputs: Tensor) -> None:
        self._written[step].copy_(inputs)
        self.advance(step)

    def advance(self, step: int) -> None:
        if self._block_of[step] != self._block:
            self._enter(self._block_of[step])
        for function, arguments in self._after[step]:
            function(*arguments)


def dense_stepper(module: DenseNetwork, run: Run) -> DenseStepper:
    """The evaluator by steps of a network, under the orders of the run."""
    group, masks = module.plan.group, module.masks(run.orders)

    @torch.no_grad()
    def weights() -> Weights:
        return *module.masked(masks), [bias.detach() for bias in module.biases]

    return DenseStepper(
        weights=weights,
        masks=masks[0][:-1],
        activation=module.plan.options["activation"],
        residual=module.plan.options["residual"],
        input_step=run.element_step[group.feature_element],
        output_step=run.draw_step[group.output_draw],
        layout=module.layout,
        run=run,
    )


def _completed(mask: Tensor | None, units: int, known: np.ndarray) -> np.ndarray:
    """The step at which each of a layer's units has all its inputs: −1 where it has none."""
    if mask is None:
        return np.full(units, known.max(initial=-1))
    connected = mask.bool().cpu().numpy()
    return np.where(connected, known[None, :], -1).max(axis=1, initial=-1)


def _blocks(steps: int, inputs: int) -> list[tuple[int, int]]:
    """Ranges of steps: wide enough that the products before a block are worth their call, narrow enough that those
    inside it stay small."""
    size = max(1, 32 * steps // max(inputs, 1)) if inputs else max(1, steps)
    return [(start, min(start + size, steps)) for start in range(0, steps, size)]
