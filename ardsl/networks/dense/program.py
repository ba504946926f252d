"""The step evaluator of dense networks: a blocked triangular solve with nonlinearities.

Units are sorted by the step at which the last of their inputs is known. A step then computes its own outputs and the
units it completes, from contiguous prefixes, so that a whole sample costs about the arithmetic of one forward pass.
Steps are taken in blocks: what a block reads of everything before it is one matrix product for the whole block, and
within the block only the block's own columns are left to add (the left-looking blocked form of a triangular solve).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ardsl.networks.module import Program

Operation = tuple[Callable[..., object], tuple[object, ...]]

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


class DenseProgram(Program):
    """Evaluates a masked dense network a step at a time. ``weights`` come with their masks applied; ``masks`` are those
    of the hidden layers. ``layout`` says which feature and which raw number stands at each of the weights' columns and
    rows."""

    def __init__(
        self,
        weights: list[Tensor],
        masks: list[Tensor],
        biases: list[Tensor],
        direct: Tensor | None,
        activation: str,
        residual: bool,
        input_step: np.ndarray,
        output_step: np.ndarray,
        layout: tuple[np.ndarray, np.ndarray],
        steps: int,
        batch: int,
    ) -> None:
        like = biases[-1]
        inputs, outputs = Sorted(input_step, steps), Sorted(output_step, steps)
        layers, known = [inputs], input_step[layout[0]]
        for mask in masks:
            known = _completed(mask, known)
            layers.append(Sorted(known, steps))
        columns_at, rows_at = np.argsort(layout[0])[inputs.order], np.argsort(layout[1])[outputs.order]
        unit_orders = [columns_at, *(layer.order for layer in layers[1:]), rows_at]

        def buffer(numbers: int) -> Tensor:
            return torch.empty(numbers, batch, dtype=like.dtype, device=like.device)

        self.x = buffer(len(input_step))
        self._hidden = [buffer(len(w)) for w in weights[:-1]]
        self._out = buffer(len(output_step))
        activate = IN_PLACE[activation]

        # Every product the evaluation makes: (target buffer, its rows, weight, source buffer, its columns).
        columns = [self.x, *self._hidden]
        products: list[tuple[Tensor, Sorted, Tensor, Tensor, Sorted]] = []
        for number, weight in enumerate(weights[:-1]):
            permuted = _permute(weight, unit_orders[number + 1], unit_orders[number])
            products.append((self._hidden[number], layers[number + 1], permuted, columns[number], layers[number]))
        output_products = [
            (self._out, outputs, _permute(weight, rows_at, at), buffer_, source)
            for weight, at, buffer_, source in [
                *([(weights[-1], unit_orders[-2], columns[-1], layers[-1])] if weights else []),
                *([(direct, columns_at, self.x, inputs)] if direct is not None else []),
            ]
        ]
        targets = [*self._hidden, self._out]
        self._fill: list[Operation] = [
            (target.copy_, (bias[torch.as_tensor(order, device=like.device)][:, None].expand_as(target),))
            for target, order, bias in zip(targets, unit_orders[1:], biases, strict=True)
        ]

        def add(
            product: tuple[Tensor, Sorted, Tensor, Tensor, Sorted], rows: tuple[int, int], since: int, until: int
        ) -> list[Operation]:
            target, _, weight, source, _ = product
            (first, last) = rows
            if first == last or since == until:
                return []
            return [(target[first:last].addmm_, (weight[first:last, since:until], source[since:until]))]

        def complete(step: int, since_step: int) -> list[Operation]:
            """Finish the hidden units that ``step`` completes; what was known at ``since_step`` is already in."""
            found: list[Operation] = []
            for number, product in enumerate(products):
                target, sorted_rows, _, source, sorted_columns = product
                rows = (int(sorted_rows.until[step]) if step >= 0 else 0, int(sorted_rows.until[step + 1]))
                if rows[0] == rows[1]:
                    continue
                since = int(sorted_columns.until[since_step + 1]) if since_step >= -1 else 0
                found += add(product, rows, since, int(sorted_columns.until[step + 1]))
                found.append((activate, (target[rows[0] : rows[1]],)))
                if residual and number and target.shape == source.shape:
                    found.append((target[rows[0] : rows[1]].add_, (source[rows[0] : rows[1]],)))
            return found

        self._first = complete(-1, -2)
        self._entries: list[list[Operation]] = []
        self._block_of: list[int] = []
        self._block = -1
        self._before: list[list[Operation]] = []
        self._after: list[list[Operation]] = []
        self._raw: list[Tensor] = []
        self.written: list[Tensor] = []
        for start, stop in _blocks(steps, len(input_step)):
            entry: list[Operation] = []  # what the whole block reads of everything before it
            for product in (*products, *output_products):
                rows = product[1]
                whole = (int(rows.until[start]), int(rows.until[stop]))
                entry += add(product, whole, 0, int(product[4].until[start]))
            self._entries.append(entry)
            for step in range(start, stop):
                before: list[Operation] = []
                rows_now = (int(outputs.until[step]), int(outputs.until[step + 1]))
                for product in output_products:
                    before += add(product, rows_now, int(product[4].until[start]), int(product[4].until[step]))
                self._block_of.append(len(self._entries) - 1)
                self._before.append(before)
                self._after.append(complete(step, start - 1))
                self._raw.append(self._out[rows_now[0] : rows_now[1]])
                self.written.append(self.x[int(inputs.until[step]) : int(inputs.until[step + 1])])
        self._known = self.x[: int(inputs.until[0])]

    def start(self, inputs: Tensor) -> None:
        self._block = -1
        self._known.copy_(inputs)
        for function, arguments in self._fill:
            function(*arguments)
        for function, arguments in self._first:
            function(*arguments)

    def _enter(self, block: int) -> None:
        """Begin a block. One that was passed over drew nothing and learned nothing, so it had nothing to begin."""
        self._block = block
        for function, arguments in self._entries[block]:
            function(*arguments)

    def raw(self, step: int) -> Tensor:
        if self._block_of[step] != self._block:
            self._enter(self._block_of[step])
        for function, arguments in self._before[step]:
            function(*arguments)
        return self._raw[step]

    def write(self, step: int, inputs: Tensor) -> None:
        self.written[step].copy_(inputs)
        self.finish(step)

    def finish(self, step: int) -> None:
        """Complete the step's units, its inputs having been written into ``written[step]``."""
        if self._block_of[step] != self._block:
            self._enter(self._block_of[step])
        for function, arguments in self._after[step]:
            function(*arguments)


def _completed(mask: Tensor, known: np.ndarray) -> np.ndarray:
    """The step at which each row of a mask has all its inputs: −1 where it has none."""
    connected = mask.bool().cpu().numpy()
    return np.where(connected, known[None, :], -1).max(axis=1, initial=-1)


def _permute(weight: Tensor, rows: np.ndarray, columns: np.ndarray) -> Tensor:
    r = torch.as_tensor(rows, device=weight.device)
    c = torch.as_tensor(columns, device=weight.device)
    return weight[r][:, c].contiguous()


def _blocks(steps: int, inputs: int) -> list[tuple[int, int]]:
    """Ranges of steps: wide enough that the products before a block are worth their call, narrow enough that those
    inside it stay small."""
    size = max(1, 32 * steps // max(inputs, 1)) if inputs else max(1, steps)
    return [(start, min(start + size, steps)) for start in range(0, steps, size)]
