"""Plans of lattice networks: layers composed, borders included, to what the network realizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ardsl.networks.design import LayerPlan
from ardsl.networks.group import Group
from ardsl.networks.lattice.given import Given, Spread, given
from ardsl.networks.lattice.lattice import Lattice
from ardsl.networks.lattice.ops.convolve import Convolve
from ardsl.networks.lattice.ops.layer import Layer
from ardsl.networks.lattice.wiring import INPUT, Wiring, weights
from ardsl.relations import Band, Beside, Everything, Matrix, Relation, Union
from ardsl.relations.ranked import Ranked, compose_ranked
from ardsl.relations.translated import Reading, compose, work


def plan_lattice(group: Group, options: Mapping[str, Any], wiring: Wiring) -> dict[str, Any]:
    """Plans a lattice network: its layers, what they realize, its receptive field along time and its tied axes, as
    fields of its design."""
    conditions = given(group, wiring.lattice, options.get("upsampling", "repeated"))
    maps = [layer for conditioned in conditions.through for layer in conditioned.plan.layers]
    maps += [_upsampling(conditioned) for conditioned in conditions.spread if conditioned.learned]
    own = [_layer_plan(wiring, layer, conditions) for layer in wiring.convolutions]
    realized = Beside(group.draws, tuple(_realized(group, wiring, conditions)))
    return {
        "layers": (*maps, *own),
        "realized": (realized,),
        "receptive_field": reach(wiring) if wiring.lattice.along_time else None,
        "tied_axes": _tied_axes(group, wiring.lattice, conditions),
    }


def _tied_axes(group: Group, lattice: Lattice, conditions: Given) -> dict[str, tuple[int, ...]]:
    """The axes of positions, of the variable itself and of what is aligned to them."""
    parts = [*conditions.aligned, *((spread.source, spread.part) for spread in conditions.spread)]
    axes = {source.variable.name: part.placed_axes() for source, part in parts}
    return {group.targets[0].variable.name: tuple(range(len(lattice.shape)))} | axes


def _realized(group: Group, wiring: Wiring, conditions: Given) -> list[Relation]:
    """Source by source, what the draws depend on."""
    conditioned = any(layer.conditioned for layer in wiring.layers)
    aligned = {source.variable.name: part for source, part in conditions.aligned}
    spread = {source_spread.source.variable.name: source_spread for source_spread in conditions.spread}
    relations: list[Relation] = []
    for source in group.sources:
        if source.variable is group.targets[0].variable:
            relations.append(own_relation(wiring))
        elif source in conditions.sources:
            relations.append((Everything if conditioned else _nothing)(group.draws, len(source.elements)))
        elif source.variable.name in spread:
            relations.append(spread_relation(wiring, spread[source.variable.name]))
        elif any(layer.aligned for layer in wiring.layers):
            relations.append(group.at_draws(aligned[source.variable.name]))
        else:
            relations.append(_nothing(group.draws, len(source.elements)))
    return relations


def _upsampling(spread: Spread) -> LayerPlan:
    """A transposed convolution along time whose kernel is its stride."""
    features, cells = spread.features, spread.part.source_shape[0]
    steps = spread.part.target_shape[0]
    weights = (spread.phases * features + 1) * features
    return LayerPlan(
        name=f"{spread.source.variable.name} upsampled",
        inputs=cells * features,
        outputs=steps * features,
        parameters=weights,
        connections=weights,
        flops=2 * steps * features**2,
        relation=spread.part,
    )


def spread_relation(wiring: Wiring, spread: Spread) -> Band:
    """Sites × elements of a source that enters every layer: the cells at the time steps that reach a site."""
    lattice, at = wiring.lattice, spread.at
    way = lattice.priority[0][1] if lattice.priority else 1
    step = np.repeat(np.arange(lattice.positions), lattice.groups)
    first = np.clip(step - way * spread_reach(wiring), 0, lattice.positions - 1)
    ends = np.sort([at.at([positions], len(positions)) for positions in (first, step)], axis=0)
    cells = spread.part.source_shape[0]
    low, high = np.maximum(ends[0], 0), np.minimum(ends[1], cells - 1)
    return Band(low, high, cells, spread.part.sources // cells)


def spread_reach(wiring: Wiring) -> int:
    """The number of later time steps that what enters every layer reaches; it reaches all of these, since the layers
    leave no gaps."""
    return _farthest(wiring, (INPUT,))


def reach(wiring: Wiring) -> int:
    """The receptive field along time: the number of earlier time steps that are read of the variable, or of any map."""
    return _farthest(wiring, ())


def _farthest(wiring: Wiring, without: tuple[str, ...]) -> int:
    """The number of earlier time steps on the longest path through the layers, maps in ``without`` not counted."""
    far = {INPUT: 0}
    for layer in wiring.layers:
        steps = [far[name] + stencil.reach()[0] for name, stencil in wiring.readings(layer) if name not in without]
        far[layer.target] = max(steps, default=0)
    return far[wiring.output]


def _nothing(targets: int, sources: int) -> Relation:
    return Union(targets, sources, ())


def own_relation(wiring: Wiring) -> Relation:
    """Sites × elements of the variable: the composition of the layers."""
    lattice = wiring.lattice
    if wiring.ranked:
        ranked = [(layer.target, ranked_readings(wiring, layer)) for layer in wiring.layers]
        return Matrix(np.repeat(compose_ranked(lattice.sites, ranked, INPUT), lattice.elements_per_site, axis=1))
    return compose(lattice.shape, lattice.groups, _maps(wiring), INPUT).of_elements(lattice.elements_per_site)


def _maps(wiring: Wiring) -> list[tuple[str, tuple[Reading, ...]]]:
    return [(layer.target, wiring.readings(layer)) for layer in wiring.layers]


def planning_work(wiring: Wiring) -> int:
    """About how many steps of a processor the composition of the layers takes."""
    lattice = wiring.lattice
    if not wiring.ranked:
        return work(lattice.shape, lattice.groups, _maps(wiring), INPUT)
    reads = sum(stencil.reads[:, 0].sum() for layer in wiring.layers for _, stencil in wiring.readings(layer))
    return int(reads) * lattice.sites**2 // 8


def ranked_readings(wiring: Wiring, layer: Layer) -> list[tuple[str, Ranked]]:
    """The readings of a layer, each position by rank."""
    lattice = wiring.lattice
    by_rank = layer.ranked if isinstance(layer, Convolve) else None
    cut = [by_rank if (source, stencil) in layer.sources else None for source, stencil in wiring.readings(layer)]
    return [
        (source, Ranked(lattice.shape, stencil, lattice.rank, by_rank_of))
        for (source, stencil), by_rank_of in zip(wiring.readings(layer), cut, strict=True)
    ]


def _layer_plan(wiring: Wiring, layer: Convolve, conditions: Given) -> LayerPlan:
    """A convolution, with its weights on what is given and the numbers that the functions after it keep."""
    lattice = wiring.lattice
    outputs = layer.groups * layer.features
    counts = weights(wiring, layer)
    stored, let_through = sum(n for n, _ in counts), sum(n for _, n in counts)
    inputs = sum(groups * features for groups, features in (wiring.sizes[source] for source, _ in layer.sources))
    extra = conditions.whole_features * outputs if layer.conditioned else 0
    local = located_features(layer, conditions) * outputs
    after = [function for function in wiring.functions if function.source == layer.target]
    return LayerPlan(
        name=layer.target,
        inputs=lattice.positions * inputs,
        outputs=lattice.positions * outputs,
        parameters=stored + extra + local + (0 if layer.added else outputs),
        connections=let_through + extra + local,
        flops=2 * (lattice.positions * (let_through + local) + extra),
        relation=_single(wiring, layer),
        activation=after[0].name if after else None,
        activated=sum(lattice.positions * pointwise.groups * pointwise.features for pointwise in after),
    )


def located_features(layer: Layer, conditions: Given) -> int:
    """The number of features of each position that a convolution adds besides those it reads: of maps, which depend on
    all of their sources, in every layer that is conditioned; of what is aligned where no other position reads the
    result."""
    maps = conditions.map_features if layer.conditioned else 0
    return maps + (conditions.aligned_features if layer.aligned else 0)


def _single(wiring: Wiring, layer: Convolve) -> Relation:
    """The layer by itself: its sites × those of the map it reads first."""
    if not layer.sources:
        sites = wiring.lattice.positions * layer.groups
        return _nothing(sites, sites)
    source, stencil = layer.sources[0]
    if layer.ranked:
        return Ranked(wiring.lattice.shape, stencil, wiring.lattice.rank, layer.ranked)
    maps = [(layer.target, [(source, stencil)])]
    return compose(wiring.lattice.shape, wiring.sizes[source][0], maps, source)
