"""The evaluator by steps of dense networks: a blocked triangular solve with nonlinearities.

Units are sorted by the step at which the last of their inputs is known. A step then computes its own outputs and the
units it completes, from contiguous prefixes, so that a whole sample costs about the arithmetic of one forward pass.
Steps are taken in blocks: what a block reads of everything before it is one matrix product for the whole block, and
within the block only the block's own columns are left to add (the left-looking blocked form of a triangular solve).
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

_At = tuple[np.ndarray, np.ndarray]
"""The rows and columns of a weight, in the order of steps."""

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
    feature and which parameter stands at each of the weights' columns and rows.
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
        self._weights, steps = weights, run.steps
        layer_weights, direct, biases = weights()
        like = biases[-1]
        inputs, outputs = Sorted(input_step, steps), Sorted(output_step, steps)
        layers, known = [inputs], input_step[layout[0]]
        for mask, weight in zip(masks, layer_weights[:-1], strict=True):
            known = _completed(mask, len(weight), known)
            layers.append(Sorted(known, steps))
        columns_at, rows_at = np.argsort(layout[0])[inputs.order], np.argsort(layout[1])[outputs.order]
        unit_orders = [columns_at, *(layer.order for layer in layers[1:]), rows_at]

        def buffer(numbers: int) -> Tensor:
            return torch.empty(numbers, run.batch, dtype=like.dtype, device=like.device)

        self._x = buffer(len(input_step))
        self._hidden = [buffer(len(w)) for w in layer_weights[:-1]]
        self._out = buffer(len(output_step))
        activate = IN_PLACE[activation]

        # The products, and where each one's weight is taken from: which of the weights, its rows and its columns.
        columns = [self._x, *self._hidden]
        self._kept: list[tuple[Tensor, int, Tensor, Tensor]] = []

        def product(number: int, target: Tensor, rows: Sorted, source: Tensor, read: Sorted, at: _At) -> _Product:
            weight = direct if number == len(layer_weights) else layer_weights[number]
            assert weight is not None  # there is a direct path where one is asked for
            row, column = (torch.as_tensor(each, device=like.device) for each in at)
            kept = torch.empty(len(row), len(column), dtype=like.dtype, device=like.device)
            self._kept.append((kept, number, row, column))
            return _Product(target, rows, kept, source, read)

        products = [
            product(
                n,
                self._hidden[n],
                layers[n + 1],
                columns[n],
                layers[n],
                (unit_orders[n + 1], unit_orders[n]),
            )
            for n in range(len(self._hidden))
        ]
        last = len(layer_weights)
        output_products = []
        if layer_weights:
            at = (rows_at, unit_orders[-2])
            output_products.append(product(last - 1, self._out, outputs, columns[-1], layers[-1], at))
        if direct is not None:
            output_products.append(product(last, self._out, outputs, self._x, inputs, (rows_at, columns_at)))
        targets = [*self._hidden, self._out]
        self._biases = [
            (torch.empty(len(target), 1, dtype=like.dtype, device=like.device), torch.as_tensor(order).to(like.device))
            for target, order in zip(targets, unit_orders[1:], strict=True)
        ]
        self._fill = Tape()
        for target, (bias, _) in zip(targets, self._biases, strict=True):
            self._fill.record(target.copy_, bias.expand_as(target))
        self.refresh()

        def complete(tape: Tape, step: int, since_step: int) -> Tape:
            """Finishes the hidden units that ``step`` completes; what was known at ``since_step`` is already in."""
            for number, each in enumerate(products):
                rows = (int(each.rows.until[step]) if step >= 0 else 0, int(each.rows.until[step + 1]))
                if rows[0] == rows[1]:
                    continue
                since = int(each.columns.until[since_step + 1]) if since_step >= -1 else 0
                each.record(tape, rows, since, int(each.columns.until[step + 1]))
                completed = each.target[rows[0] : rows[1]]
                tape.record(activate, completed)
                if residual and number and each.target.shape == each.source.shape:
                    tape.record(completed.add_, each.source[rows[0] : rows[1]])
            return tape

        complete(self._fill, -1, -2)
        self._entries: list[Tape] = []
        self._block_of: list[int] = []
        self._block = -1
        self._before: list[Calls] = []
        self._after: list[Calls] = []
        self._parameters: list[Tensor] = []
        self._written: list[Tensor] = []
        for start, stop in _blocks(steps, len(input_step)):
            self._entries.append(Tape())  # what the whole block reads of everything before it
            for each in (*products, *output_products):
                whole = (int(each.rows.until[start]), int(each.rows.until[stop]))
                each.record(self._entries[-1], whole, 0, int(each.columns.until[start]))
            for step in range(start, stop):
                before = Tape()
                rows_now = (int(outputs.until[step]), int(outputs.until[step + 1]))
                for each in output_products:
                    each.record(before, rows_now, int(each.columns.until[start]), int(each.columns.until[step]))
                self._block_of.append(len(self._entries) - 1)
                self._before.append(before.calls)
                self._after.append(complete(Tape(), step, start - 1).calls)
                self._parameters.append(self._out[rows_now[0] : rows_now[1]])
                self._written.append(self._x[int(inputs.until[step]) : int(inputs.until[step + 1])])
        self._known = self._x[: int(inputs.until[0])]
        self.slots = Slots(self._x[int(inputs.until[0]) :], self._written)

    def refresh(self) -> None:
        weights, direct, biases = self._weights()
        every = [*weights, direct]
        for kept, number, rows, columns in self._kept:
            weight = every[number]
            assert weight is not None  # there is a direct path where one is asked for
            kept.copy_(weight[rows][:, columns])
        for (kept, order), bias in zip(self._biases, biases, strict=True):
            kept.copy_(bias[order][:, None])

    def caches(self) -> Iterable[Tensor]:
        return (self._x, *self._hidden, self._out)

    def start(self, known: Tensor) -> None:
        self._block = -1
        self._known.copy_(known)
        self._fill.play()

    def _enter(self, block: int) -> None:
        """Begin a block. One that was passed over drew nothing and learned nothing, so it had nothing to begin."""
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
