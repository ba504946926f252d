"""Faults to plant in dense networks, tables, and what is made of their numbers; and the specs that meet them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ardsl.networks.dense.labels import SetLabelling
from ardsl.relations import Beside, Labelled, Levels, boolean_product
from tests.support.planting import Fault
from tests.support.small_specs import SPECS

NAMES = (
    "order: shuffle",
    "order: any of 3",
    "made, category",
    "linear, integer",
    "table, category",
    "made, residual, binary",
    "made without direct path, category",
    "independent elements",
    "record",
    "record, any of 3",
    "record, a factor a field",
    "shared net",
    "shared net, arrays",
    "window",
    "last",
    "Markov chain",
    "second-order chain, tied",
    "Bayesian network",
    "given",
    "aligned",
    "linear by a category",
    "linear by an integer, tied",
    "tied along an axis",
)
CHECKED = {name: SPECS[name] for name in NAMES}

GROUP, LABELS = "ardsl.networks.group:Group", "ardsl.networks.dense.labels"
NETWORK, STEPPER = "ardsl.networks.dense.module:DenseNetwork", "ardsl.networks.dense.stepper"
BY = "ardsl.networks.dense.by_module"
SLOTS, TABLE = "ardsl.networks.dense.slot_module", "ardsl.networks.dense.slot_plan"
MODEL = "ardsl.compiler.likelihood.density:Density"


def own_level_lowered(right: Any, self: Any, orders: Any) -> Any:
    found = right(self, orders)
    if found is None:
        return None
    own = [np.full(len(s.elements), s.variable is self.targets[0].variable, dtype=np.int64) for s in self.sources]
    return Levels(found.target_level, found.source_level - np.concatenate([np.zeros(0, np.int64), *own]))


def permutations_for_ranks(right: Any, self: Any, orders: Any) -> Any:
    return right(self, {name: SimpleNamespace(rank=order.permutation) for name, order in orders.items()})


def places_for_ranks(right: Any, self: Any, targets: Any) -> Any:
    order = SimpleNamespace(rank=self.order.by_rank[0], shape=self.order.shape)
    return right(replace(self, order=order), targets)


def first_contexts(right: Any, self: Any, orders: Any) -> Any:
    factors = [replace(t.factor, contexts=t.factor.contexts[:1]) for t in self.targets]
    targets = tuple(replace(t, factor=factor) for t, factor in zip(self.targets, factors, strict=True))
    return right(replace(self, targets=targets), orders)


def met_sets(right: Any, declared: Any) -> Any:
    found = right(declared)
    if not isinstance(found, SetLabelling):
        return found
    return replace(found, inclusion=boolean_product(found.sets, found.sets.T))


def no_direct_product(right: Any, self: Any, inputs: Tensor, orders: Any) -> Any:
    product, direct = right(self, inputs, orders), len(self.weights)
    return lambda n, x: product(n, x) * (0 if 0 < direct == n else 1)


def rows_by_parameter(right: Any, self: Any, orders: Any) -> Any:
    layers, direct = right(self, orders)
    if layers:
        draw = self.plan.group.output_draw[self._outputs]
        wanted = np.resize(np.arange(self.plan.group.draws), len(draw))
        layers[-1] = layers[-1][[int(np.flatnonzero(draw == d)[0]) for d in wanted]]
    return layers, direct


def columns_by_feature(right: Any, self: Any, orders: Any) -> Any:
    layers, direct = right(self, orders)
    if layers:
        element = self.plan.group.feature_element[self._inputs]
        wanted = np.resize(np.arange(self.plan.group.elements), len(element))
        layers[0] = layers[0][:, [int(np.flatnonzero(element == e)[0]) for e in wanted]]
    return layers, direct


def first_layer_residual(right: Any, self: Any, inputs: Tensor, orders: Any = 0) -> Tensor:
    activation, done = self.activation, []
    below = inputs if self._sorted is None else inputs.index_select(1, self._sorted)

    def activated(value: Tensor) -> Tensor:
        above = activation(value)
        first = not done and self.plan.options["residual"] and above.shape == below.shape
        done.append(value)
        return above + below if first else above

    self.activation = activated
    try:
        return right(self, inputs, orders)
    finally:
        self.activation = activation


def sources_backwards(
    right: Any, group: Any, values: Any, reads: str, columns: range | None = None, **named: Any
) -> Tensor:
    wanted = range(group.elements) if columns is None else columns
    parts, start = [], 0
    for source in group.sources:
        stop = start + len(source.elements)
        some = range(max(wanted.start, start), min(wanted.stop, stop))
        parts += [right(group, values, reads, some, **named)] if len(some) else []
        start = stop
    return torch.cat(parts[::-1], 1) if parts else right(group, values, reads, columns, **named)


def fields_shifted(right: Any, group: Any, values: Any, *more: Any, **named: Any) -> Tensor:
    records = {s.variable.name for s in group.sources if s.variable.is_record}
    return right(group, {n: v.roll(1, 1) if n in records else v for n, v in values.items()}, *more, **named)


def draws_interleaved(right: Any, self: Any, group: int, raw: Tensor) -> Any:
    return [part.flatten(1).unflatten(1, part.shape[:0:-1]).mT for part in right(self, group, raw)]


def blocks_backwards(right: Any, self: Any, group: int, raw: Tensor) -> Any:
    found = right(self, group, raw)
    return [part.flatten(1).unflatten(1, own.shape[1:]) for part, own in zip(found[::-1], found, strict=True)]


def never_absent(right: Any, self: Any, orders: Any) -> Any:
    address = right(self, orders)
    return address._replace(gather=torch.where(address.gather < self.plan.group.elements, address.gather, 0))


def first_slot_alone(right: Any, group: Any, options: Any, orders: Any) -> Any:
    found = right(group, options, orders)
    stride = np.zeros_like(found.stride)
    stride[:, :1] = 1
    return replace(found, stride=stride)


def next_elements(right: Any, self: Any, orders: Any) -> Any:
    slots = right(self, orders)
    moved = np.minimum(slots.gather + 1, self.plan.group.elements - 1)
    return replace(slots, gather=np.where(slots.gather < 0, -1, moved))


def kinds_for_one_another(right: Any, self: Any, orders: Any) -> Any:
    slots = right(self, orders)
    return replace(slots, kind=slots.kind.max() - slots.kind)


def no_mask_of_kinds(right: Any, self: Any, plan: Any) -> None:
    right(self, plan)
    self._mask = None


def draws_within_values(right: Any, self: Any, every: Tensor, indicator: Tensor, blocks: Any) -> Tensor:
    levels, parts = indicator.shape[1], every.split([draws * indicator.shape[1] * width for draws, width in blocks], 1)
    parts = [
        part.unflatten(1, (levels, draws, width)).transpose(1, 2).flatten(1)
        for part, (draws, width) in zip(parts, blocks, strict=True)
    ]
    return right(self, torch.cat(parts, 1), indicator, blocks)


def first_forgotten(right: Any, self: Any, step: int, inputs: Tensor) -> Tensor:
    others = right(self, step, inputs)
    self._indicator[1:] = 0
    self._indicator[0] = 1
    return others


def last_inputs_unseen(right: Any, self: Any, step: int) -> Tensor:
    if step == 0:
        return right(self, step)
    last = self.slots.at[step - 1]
    kept = last.clone()
    last.zero_()
    raw = right(self, step)
    last.copy_(kept)
    return raw


def biases_backwards(right: Any, self: Any, **given: Any) -> None:
    def weights() -> Any:
        layers, direct, biases = given["weights"]()
        return layers, direct, [bias.flip(0) for bias in biases]

    right(self, **given | {"weights": weights})


def noise_of_others(right: Any, self: Any, *more: Any) -> None:
    *others, noise = more
    right(self, *others, noise.flip(1))


FAULTS = [
    # Masks
    Fault("≤ for < : a draw reads itself", f"{GROUP}.chain", own_level_lowered),
    Fault(
        "< for ≤ between hidden units and draws",
        f"{LABELS}:ChainLabelling.outputs",
        lambda right, self, units: Levels(self.declared.target_level - 1, units),
    ),
    Fault(
        "hidden masks transposed",
        f"{LABELS}:ChainLabelling.between",
        lambda right, self, units, below: Levels(-units, -below),
    ),
    Fault(
        "inclusion the wrong way round",
        f"{LABELS}:SetLabelling.between",
        lambda right, self, units, below: Labelled(units, below, self.inclusion.T),
    ),
    Fault("a draw reads units that only meet its context", f"{LABELS}:label", met_sets),
    Fault(
        "no mask on the direct path",
        f"{NETWORK}.masked",
        lambda right, self, masks: (right(self, masks)[0], self.direct),
    ),
    Fault(
        "no mask on the hidden layers",
        f"{NETWORK}.masked",
        lambda right, self, masks: (list(self.weights), right(self, masks)[1]),
    ),
    Fault("the direct path forgotten", f"{NETWORK}._products", no_direct_product),
    Fault("raw numbers repeated parameter by parameter, not draw by draw", f"{NETWORK}._make_masks", rows_by_parameter),
    Fault("features repeated feature by feature, not element by element", f"{NETWORK}._make_masks", columns_by_feature),
    Fault("a residual link around the first layer", f"{NETWORK}.forward", first_layer_residual),
    # Orders
    Fault("a permutation used for a rank", f"{GROUP}.chain", permutations_for_ranks),
    Fault(
        "rank and permutation mixed up in the declared order",
        "ardsl.relations.selection:EarlierInOrder.rows",
        places_for_ranks,
    ),
    Fault(
        "every order of a mixture with the masks of the first",
        f"{NETWORK}._make_masks",
        lambda right, self, orders: right(self, 0 if isinstance(orders, int) else orders),
    ),
    # Contexts
    Fault("a context forgotten", f"{GROUP}._matrix", first_contexts),
    Fault("given inputs fed to other columns", "ardsl.compiler.arrays.encoding:encode", sources_backwards),
    Fault("the columns of a record shifted by one", "ardsl.compiler.arrays.encoding:encode", fields_shifted),
    # Parameter layouts and densities
    Fault("a swapped parameter layout: the draws' numbers interleaved", f"{MODEL}.split", draws_interleaved),
    Fault("target blocks in reverse", f"{MODEL}.split", blocks_backwards),
    Fault(
        "the mean of logits over orders",
        f"{MODEL}._by_order",
        lambda right, *a: {name: [torch.stack(each).mean(0)] for name, each in right(*a).items()},
    ),
    Fault(
        "the mixture over orders not divided by K",
        f"{MODEL}._by_order",
        lambda right, *a: {name: [part + np.log(len(each)) for part in each] for name, each in right(*a).items()},
    ),
    Fault(
        "one factor of the product lost",
        f"{MODEL}.log_prob_of",
        lambda right, self, values, order=None, **_: next(iter(self.variable_log_probs(values, order).values())),
    ),
    # Tables and tied parameters
    Fault("an absent slot read as the first value", f"{SLOTS}:TableNetwork._make_address", never_absent),
    Fault("a table's strides in the wrong order", f"{TABLE}:table_shape", first_slot_alone),
    Fault("a tied slot that looks ahead", f"{SLOTS}:TiedNetwork._slots", next_elements),
    Fault("one place's draws taken for one another", f"{SLOTS}:TiedNetwork._slots", kinds_for_one_another),
    Fault("no mask where draws of a place read different slots", f"{SLOTS}:TiedNetwork.__init__", no_mask_of_kinds),
    # Weights by a value
    Fault("sets of parameters value by value, not draw by draw", f"{BY}:ByNetwork.chosen", draws_within_values),
    Fault("a step that forgets which value chooses", f"{BY}:ByStepper._without_first", first_forgotten),
    Fault(
        "what chooses taken for the last source",
        "ardsl.networks.dense.by:_beside",
        lambda right, others: Beside(others.targets, right(others).parts[::-1]),
    ),
    # The step evaluator
    Fault("a step that sees one step too few", f"{STEPPER}:DenseStepper.parameters", last_inputs_unseen),
    Fault(
        "units completed a step late",
        f"{STEPPER}:DenseStepper.advance",
        lambda right, self, step: right(self, max(step - 1, 0)),
    ),
    Fault("the activation left out", f"{STEPPER}:IN_PLACE", lambda right: dict.fromkeys(right, lambda hidden: hidden)),
    Fault(
        "biases in another order than the units",
        f"{STEPPER}:DenseStepper.__init__",
        biases_backwards,
    ),
    Fault("noise of another draw", "ardsl.compiler.steps.walk:ByCode.__init__", noise_of_others),
]
