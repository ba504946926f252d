"""What must hold of every spec that is accepted, beside ``soundness.py``: each a function of a case that names what
fails. A case is a spec checked and compiled once, for all of them."""

from __future__ import annotations

import json
import math
import pickle
import warnings
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product

import networkx
import numpy as np
import pyro
import pyro.infer
import torch
from scipy.special import gammaincc
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap

import ardsl
from ardsl.cli.plan_commands import plan_json
from ardsl.cli.verify_commands import report_json
from ardsl.compiler.queries.events import Allowed, Cell
from ardsl.compiler.queries.particles import Ordered, Question, Sampler
from ardsl.diagnostics import Sink, Source
from ardsl.families.domains import Domain
from ardsl.graph import draw as drawings
from ardsl.language import format_tree, parse
from ardsl.model.model import Variable
from ardsl.spec import Spec, diagnose
from ardsl.testing import probe_problems, with_random_weights
from ardsl.testing.values import values
from tests.support import oracle
from tests.support.described import Described

Data = dict[str, torch.Tensor]

SAMPLES = 24
MOST_LISTED = 1024
"""Joint values that are gone through."""
MOST_COUNTED = 128
"""Joint values whose frequencies are compared with their probabilities."""
COUNTED = 2000
DRAWN = 400
"""Draws of the guide for a bound."""
MAPPED = 3
"""Examples whose gradients are taken by transforms."""
UNLIKELY = 1e-6
ILLEGAL = ("AR128", "AR129", "AR166", "AR203")
"""What is said of contexts that are not earlier, or leave their source."""


@dataclass
class Case:
    """An accepted spec, what it was composed of (None of a text that came from elsewhere), and a model of it in float64
    with random weights."""

    spec: Spec
    described: Described | None = None

    @cached_property
    def model(self) -> ardsl.AutoregressiveModel:
        return with_random_weights(self.spec)

    @property
    def latent(self) -> bool:
        return bool(self.spec.model.guide)

    @cached_property
    def given(self) -> Data | None:
        """One example of what is given."""
        generator = torch.Generator().manual_seed(0)
        return {v.name: some_value(v, generator) for v in self.spec.model.given} or None

    @cached_property
    def lengths(self) -> dict[str, torch.Tensor] | None:
        """Of what has a length that varies and does not end by itself, how long each sample is."""
        generator = torch.Generator().manual_seed(1)
        return {
            v.name: torch.randint(0, v.shape[0] + 1, (SAMPLES,), generator=generator)
            for v in self.spec.model.observed
            if v.varies and v.end is None
        } or None

    @cached_property
    def samples(self) -> Data:
        noise = self.model.noise(SAMPLES, seed=3)
        return self.named(self.model.sample(SAMPLES, self.given, lengths=self.lengths, noise=noise))

    def named(self, drawn: Data | torch.Tensor) -> Data:
        return drawn if isinstance(drawn, dict) else {self.spec.model.observed[0].name: drawn}

    def given_rows(self, count: int) -> Data:
        return {name: value.expand(count, *value.shape[1:]) for name, value in (self.given or {}).items()}

    @torch.no_grad()
    def score(self, data: Data, model: ardsl.AutoregressiveModel | None = None, **options: object) -> torch.Tensor:
        return (model or self.model).log_prob(data, self.given, **options)

    @cached_property
    def listed(self) -> Data | None:
        """All joint values of what is observed, where they are few: of a sequence that ends those that are filled up
        with its end."""
        return every_value(self.spec.model.observed)

    @cached_property
    def hidden(self) -> Data | None:
        """All joint values of the latent variables, where they are few."""
        return every_value([v for v in self.spec.variables.values() if v.kind == "latent"])


def every_value(variables: list[Variable]) -> Data | None:
    places = [(v, e) for v in variables for e in range(v.size)]
    levels = [v.element_domain(e).levels for v, e in places]
    if not all(levels) or math.prod(levels) > MOST_LISTED:
        return None
    rows = list(product(*(values(v.element_domain(e)) for v, e in places)))
    table = torch.tensor(rows, dtype=torch.float64).reshape(len(rows), len(places))
    found, start, kept = {}, 0, torch.ones(len(rows), dtype=torch.bool)
    for variable in variables:
        part = table[:, start : start + variable.size]
        if variable.end is not None:
            ended = (part == variable.end).cummax(1).values
            kept &= ~(ended & (part != variable.end)).any(1)
        found[variable.name] = part.reshape(-1, *variable.shape)
        start += variable.size
    return {name: value[kept] for name, value in found.items()}


def some_value(variable: Variable, generator: torch.Generator) -> torch.Tensor:
    """One value of a variable, [1, *shape]; the last of what has a length that varies lies beyond it."""
    elements = [_some(variable.element_domain(e), generator) for e in range(variable.size)]
    value = torch.tensor(elements, dtype=torch.float64).reshape(1, *variable.shape)
    if variable.varies and variable.shape[0] > 1:
        value[:, -1] = torch.nan
    return value


def _some(domain: Domain, generator: torch.Generator) -> float:
    if domain.levels is not None:
        listed = values(domain)
        return listed[int(torch.randint(len(listed), (), generator=generator))]
    normal = torch.randn((), generator=generator, dtype=torch.float64)
    return {
        "real": normal,
        "angle": normal.clamp(-3, 3),
        "positive": normal.exp(),
        "count": normal.exp().round(),
        "unit_interval": normal.sigmoid(),
    }[domain.name].item()


# The text


def format_problems(case: Case) -> Iterator[str]:
    """The canonical layout is stable and means the same."""
    formatted = format_tree(case.spec.tree)
    again = parse(Source(formatted), Sink(Source(formatted)))
    if again != case.spec.tree:
        yield f"format: means something else:\n{formatted}"
    elif format_tree(again) != formatted:
        yield f"format: changes the second time:\n{formatted}"


def report_problems(case: Case) -> Iterator[str]:
    """Reports and drawings are made; the plan as JSON is JSON."""
    json.loads(json.dumps(plan_json(case.spec)))
    json.loads(json.dumps(report_json(case.spec.report)))
    for drawn in (drawings.to_svg, drawings.to_dot, drawings.to_mermaid, drawings.to_json):
        if not drawn(case.spec.model):
            yield f"drawing: {drawn.__name__} gives nothing"


# Dependences


def declared_problems(case: Case) -> Iterator[str]:
    """What is declared, and the number of steps, are what the language says of the text, read element by element."""
    if case.described is None:
        return
    factors = {(f.kind, f.variable, f.field): f for f in case.described.factors}
    for plan in case.spec.plan.every:
        group = plan.group
        for k in range(group.order_count):
            orders = group.orders(k)
            relation = group.declared(orders)
            draw = 0
            for target in group.targets:
                variable = case.described.variables[target.variable.name]
                order = orders[variable.name]
                rank = order.rank.tolist() if variable.order.mixed else None
                fields = {int(target.elements[0, 0]), None} if variable.fields else {None}
                factor = next(f for f in (factors.get((target.factor.kind, variable.name, n)) for n in fields) if f)
                expected = oracle.declared(case.described, factor, rank)
                for _ in range(target.draws):
                    name = group.draw_name(draw)
                    read = {group.element_name(int(e)) for e in relation.reads(draw)}
                    if read != expected[name]:
                        yield f"declared: under {order.name} {name} reads {sorted(read)}, not {sorted(expected[name])}"
                    draw += 1


def order_problems(case: Case) -> Iterator[str]:
    """The orders of ``any`` are as many different ones as it says, the first raster where that is asked for."""
    for variable in case.described.variables.values() if case.described else ():
        if not variable.order.mixed:
            continue
        orders = case.spec.variables[variable.name].orders.orders
        listed = [order.rank.tolist() for order in orders]
        draws = math.prod(variable.draw_shape)
        if len(set(map(tuple, listed))) != variable.order.arguments[0]:
            yield f"orders: {variable.order.text} has {listed}"
        if any(sorted(set(rank)) != list(range(draws)) for rank in listed):
            yield f"orders: {listed} are no ranks of {draws} draws"
        if variable.order.natural and listed[0] != [variable.draw_of(element) for element in range(variable.size)]:
            yield f"orders: the first of {variable.order.text} is {listed[0]}"


def step_problems(case: Case) -> Iterator[str]:
    """A sample takes as many steps as the longest path of what is declared, or fewer where not all is realized."""
    described, plan = case.described, case.spec.plan
    if described is None or case.latent:
        return
    count = max(plan.group.order_count for plan in plan.groups)
    longest = max(oracle.longest_path(described, _chosen(case, k)) for k in range(count))
    if plan.steps > longest or (plan.steps < longest and case.spec.report.complete):
        yield f"steps: {plan.steps}, and the longest path has {longest} draws"


def _chosen(case: Case, k: int) -> dict[str, list[int]]:
    found = {}
    for variable in case.described.variables.values() if case.described else ():
        if variable.order.mixed:
            orders = case.spec.variables[variable.name].orders.orders
            found[variable.name] = orders[min(k, len(orders) - 1)].rank.tolist()
    return found


def claim_problems(case: Case) -> Iterator[str]:
    """Claims on steps, reach and independence hold exactly where the graph that the text means says so."""
    if case.described is None:
        return
    random = np.random.default_rng(len(case.described.text))
    claims = dict(_claims(case, random))
    text = case.described.text + "".join(f"check {claim}\n" for claim in claims)
    refused = [
        text[d.labels[0].span.start :].splitlines()[0].removeprefix("check ")
        for d in diagnose(Source(text))[0]
        if d.severity == "error"
    ]
    for claim, holds in claims.items():
        if holds == (claim in refused):
            yield f"claims: `{claim}` is {'refused' if holds else 'accepted'}"


def _claims(case: Case, random: np.random.Generator) -> Iterator[tuple[str, bool]]:
    """Some claims, and whether each holds."""
    described = case.described
    assert described is not None
    drawn = described.of("observed", "latent")
    variable = drawn[random.integers(len(drawn))]
    ranks = [oracle.ranks(variable)] if not variable.order.mixed else []
    ranks = ranks or [order.rank.tolist() for order in case.spec.variables[variable.name].orders.orders]
    steps = max(oracle.steps(described, variable, rank) for rank in ranks)
    yield f"steps({variable.name}) <= {steps}", True
    if steps > 1:
        yield f"steps({variable.name}) <= {steps - 1}", False
    for axis, name in enumerate(variable.axis_names):
        if name is not None:
            reach = min(oracle.reach(described, variable, axis, rank) for rank in ranks)
            yield f"reach({variable.name}, {name}) >= {reach + 1}", False
            if reach:
                yield f"reach({variable.name}, {name}) >= {reach}", True
    if not any(v.order.mixed for v in drawn):
        yield from _independences(described, random)


def _independences(described: Described, random: np.random.Generator) -> Iterator[tuple[str, bool]]:
    graph = networkx.DiGraph()
    for name, read in oracle.graph(described).items():
        graph.add_node(name)
        graph.add_edges_from((source, name) for source in read)
    given = {v.element_name(e) for v in described.of("given") for e in range(v.size)} & set(graph)
    names = sorted(set(graph) - given)
    for _ in range(3):
        if len(names) > 1:
            first, second, *known = random.permutation(names)[: 2 + random.integers(3)].tolist()
            holds = networkx.is_d_separator(graph, {first}, {second}, {*known, *given})
            yield f"independent({first}, {second}{' | ' if known else ''}{', '.join(known)})", holds


def soundness_problems(case: Case) -> Iterator[str]:
    """Nothing is realized that is not declared, by the plan and by the probe, which agree."""
    for comparison in case.spec.report.comparisons:
        if comparison.leaks:
            yield f"plan: {comparison.leaks.count} leaks in {comparison.factor}"
    yield from probe_problems(case.spec)


# Likelihoods and samples


def sample_problems(case: Case) -> Iterator[str]:
    """The step evaluator and the whole one give the same on the same noise, and no sample is impossible.

    Both round: counts agree to twelve digits, and numbers to nine, or to fewer where the sample has numbers so large
    (or positive ones so small, which networks see by their logarithms) that the rounding of these moves the others.
    """
    noise = case.model.noise(SAMPLES, seed=3)
    whole = case.named(case.model.sample(SAMPLES, case.given, lengths=case.lengths, noise=noise, evaluator="whole"))
    every = torch.cat([value.double().reshape(SAMPLES, -1) for value in case.samples.values()], 1)
    largest = torch.where((every > 0).all(0), torch.maximum(every, 1 / every), every.abs()).nan_to_num(1.0).amax(1)
    for name, first in case.samples.items():
        second = whole[name]
        if first.shape != (SAMPLES, *case.spec.variables[name].shape):
            yield f"samples: `{name}` has the shape {tuple(first.shape)}"
            return
        far = (first.double() - second.double()).abs() / second.double().abs().clamp(min=1)
        far = far.reshape(SAMPLES, -1).amax(1)
        most = (1e-15 * largest).clamp(1e-9, 1e-6) if first.is_floating_point() else torch.full_like(far, 1e-12)
        if not (far <= most).all():
            yield f"evaluators: `{name}` differs by {far.max().item()}"
    score = case.model.elbo if case.latent else case.model.log_prob
    log_prob = score(case.samples, case.given, lengths=case.lengths)
    if log_prob.shape != (SAMPLES,):
        yield f"log_prob: has the shape {tuple(log_prob.shape)}"
    elif not log_prob.isfinite().all():
        worst = int((~log_prob.isfinite()).nonzero()[0])
        yield f"samples: log p of {[v[worst].tolist() for v in case.samples.values()]} is {log_prob[worst].item()}"


def unchecked_problems(case: Case) -> Iterator[str]:
    """Samples of full length, or with an end of their own, have the same log p where nothing is validated."""
    if case.lengths or (case.latent and case.model.guide):
        return
    given = case.given_rows(SAMPLES) or None
    with torch.no_grad():
        unchecked = case.model.log_prob(case.samples, given, validate=False)
    checked = case.score(case.samples)
    if not torch.allclose(unchecked, checked, rtol=1e-9, atol=1e-9):
        yield f"unchecked: log p is {unchecked.tolist()} where nothing is validated, not {checked.tolist()}"


def elementwise_problems(case: Case) -> Iterator[str]:
    """The conditionals of all draws add up to log p, also beside an example that is impossible, and to the loss."""
    if case.latent:
        return
    mixed = any(v.orders.mixed for v in case.spec.model.observed)
    options = {"order": 0} if mixed else {}
    whole = case.score(case.samples, lengths=case.lengths, **options)
    parts = case.score(case.samples, lengths=case.lengths, elementwise=True, **options)
    total = sum(part.reshape(SAMPLES, -1).sum(1) for part in parts.values())
    far = (total - whole).abs().max().item()
    if not far <= 1e-9 * max(1, whole.abs().max().item()):
        yield f"elementwise: the sum is {far} from log p"
    if mixed or case.model.asks or any(v.varies for v in case.spec.variables.values()):
        return  # the loss is an estimate
    near = partial(torch.allclose, rtol=1e-9, atol=1e-9)
    loss = case.model.loss(dict(case.samples) | case.given_rows(SAMPLES))
    if not near(loss, -whole.mean()):
        yield f"loss: {loss.item()}, where the mean of -log p is {-whole.mean().item()}"
    impossible = {name: value.double().clone() for name, value in case.samples.items()}
    next(iter(impossible.values())).view(SAMPLES, -1)[0, 0] = torch.inf
    beside = case.score(impossible)
    if beside[0] != -torch.inf or not near(beside[1:], whole[1:]):
        yield "elementwise: log p beside an impossible example is another"


def gradient_problems(case: Case) -> Iterator[str]:
    """The loss of training on samples and its gradients are finite."""
    batch = dict(case.samples) | case.given_rows(SAMPLES)
    for name, length in (case.lengths or {}).items():
        value = batch[name].double()
        beyond = torch.arange(value.shape[1]) >= length[:, None]
        batch[name] = value.masked_fill(beyond.reshape(*beyond.shape, *[1] * (value.ndim - 2)), torch.nan)
    model = case.model.train()
    torch.manual_seed(0)
    try:
        loss = model.loss(batch, np.random.default_rng(0))
        if not loss.isfinite():
            yield f"loss: {loss.item()}"
        if loss.requires_grad:
            loss.backward()
    finally:
        model.eval()
    for name, parameter in model.named_parameters():
        if parameter.grad is not None and not parameter.grad.isfinite().all():
            yield f"gradient: {name} is not finite"
        parameter.grad = None


class _Score(nn.Module):
    """log p of examples as the call of a module."""

    def __init__(self, model: ardsl.AutoregressiveModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, data: Data, given: Data | None, **options: object) -> torch.Tensor:
        return self.model.log_prob(data, given, **options)


def transform_problems(case: Case) -> Iterator[str]:
    """Gradients through ``torch.func`` are those of a backward pass, at the weights that are handed in; those of each
    example add up to them; and two sets of weights at once give what each gives alone: of one spec in four, since this
    takes as long as many of the others."""
    if (case.latent and case.model.guide) or zlib.crc32(case.spec.text.encode()) % 4:
        return
    data = {name: value[:MAPPED] for name, value in case.samples.items()}
    given = case.given_rows(MAPPED) or None
    options: dict[str, object] = {}
    if case.lengths:
        options["lengths"] = {name: length[:MAPPED] for name, length in case.lengths.items()}
    mapped = not any(v.varies for v in case.spec.variables.values())
    if mapped:
        options["validate"] = False
    module, other = _Score(case.model), _Score(with_random_weights(case.spec, seed=2))
    weights, buffers = dict(other.named_parameters()), dict(other.named_buffers())
    if not weights:
        return
    whole = other(data, given, **options)
    gradients = _gradients(whole, weights)
    yield from _unlike("functional call", _functional(module, weights, buffers, data, given, options), gradients)
    if not case.latent and case.model.may_miss:
        yield from _missing_transformed(case, module, weights, buffers, data, given)
    if not mapped:
        return

    def of_one(own: Data, row: Data, its: Data) -> torch.Tensor:
        row, its = ({name: value[None] for name, value in part.items()} for part in (row, its))
        return functional_call(module, (own, buffers), (row, its or None), options)[0]

    by_example = vmap(grad(of_one), in_dims=(None, 0, 0 if given else None))(weights, data, given or {})
    yield from _unlike("by example", {name: rows.sum(0) for name, rows in by_example.items()}, gradients)
    both = vmap(lambda *own: functional_call(module, own, (data, given), options))(*stack_module_state([module, other]))
    alone = torch.stack([module(data, given, **options), whole])
    yield from _unlike("two models", {"log p": both}, {"log p": alone})


def _gradients(log_prob: torch.Tensor, weights: Data) -> Data:
    if not log_prob.requires_grad:
        return {name: torch.zeros_like(weight) for name, weight in weights.items()}
    found = torch.autograd.grad(log_prob.sum(), list(weights.values()), materialize_grads=True, allow_unused=True)
    return dict(zip(weights, found, strict=True))


def _functional(
    module: nn.Module, weights: Data, buffers: Data, data: Data, given: Data | None, options: dict[str, object]
) -> Data:
    return grad(lambda own: functional_call(module, (own, buffers), (data, given), options).sum())(weights)


def _missing_transformed(
    case: Case, module: nn.Module, weights: Data, buffers: Data, data: Data, given: Data | None
) -> Iterator[str]:
    """Also where the first value of each variable that may miss some is missing in all examples but the last."""
    gaps = {name: value.double() for name, value in data.items()}
    for variable in case.model.may_miss:
        gaps[variable.name] = gaps[variable.name].clone()
        gaps[variable.name].view(MAPPED, -1)[:-1, 0] = torch.nan
    plain = _gradients(functional_call(module, (weights, buffers), (gaps, given)), weights)
    yield from _unlike("missing values", _functional(module, weights, buffers, gaps, given, {}), plain)


def _unlike(what: str, found: Data, right: Data) -> Iterator[str]:
    for name, value in right.items():
        largest = value.nan_to_num(0.0, 0.0, 0.0).abs().max().item() if value.numel() else 0.0
        if not torch.allclose(found[name], value, rtol=1e-7, atol=1e-9 * max(1.0, largest), equal_nan=True):
            yield f"transforms: {what}: {name} is {found[name].tolist()}, not {value.tolist()}"


def normalization_problems(case: Case) -> Iterator[str]:
    """The probabilities of all values sum to one."""
    if case.listed is None or (case.latent and case.model.guide):
        return
    total = case.score(case.listed).exp().sum().item()
    if not abs(total - 1) <= 1e-6:
        yield f"normalization: the probabilities sum to {total}"


def frequency_problems(case: Case) -> Iterator[str]:
    """Samples come as often as their probabilities say, by the likelihood ratio test."""
    if case.listed is None or len(next(iter(case.listed.values()))) > MOST_COUNTED or case.latent:
        return
    drawn = case.named(case.model.sample(COUNTED, case.given, seed=5))
    yield from _compared(case, drawn, case.listed, case.score(case.listed))


def _compared(case: Case, drawn: Data, listed: Data, log_prob: torch.Tensor) -> Iterator[str]:
    rows = torch.cat([value.double().reshape(len(value), -1) for value in drawn.values()], 1)
    cells = torch.cat([listed[name].reshape(len(listed[name]), -1) for name in drawn], 1)
    distance = (rows[:, None] - cells[None]).abs().sum(2)
    nearest = distance.min(1)
    if not (nearest.values < 1e-4).all():
        yield f"frequencies: {rows[int(nearest.values.argmax())].tolist()} is no value of the domain"
        return
    counts = np.bincount(nearest.indices.numpy(), minlength=len(cells)).astype(float)
    p = log_prob.detach().exp().numpy()
    unlikely = g_test(counts, p / p.sum())
    if unlikely < UNLIKELY:
        yield f"frequencies: {np.round(counts / counts.sum(), 3)}, not {np.round(p, 3)} (p = {unlikely:.1g})"


def g_test(counts: np.ndarray, p: np.ndarray) -> float:
    """How likely counts that differ so much are, cells of fewer than five expected being taken together."""
    expected = p * counts.sum()
    small = expected < 5
    observed = np.append(counts[~small], counts[small].sum())
    expected = np.append(expected[~small], expected[small].sum())
    if (observed[expected <= 0] > 0).any() or (expected[-1] < 1e-3 and observed[-1] > 1):
        return 0.0
    there = expected > 0
    observed, expected = observed[there], expected[there]
    if expected[-1] < 5 and len(expected) > 1 and small.any():
        observed = np.append(observed[:-2], observed[-2:].sum())
        expected = np.append(expected[:-2], expected[-2:].sum())
    some = observed > 0
    statistic = 2 * (observed[some] * np.log(observed[some] / expected[some])).sum()
    return float(gammaincc(max(1, len(observed) - 1) / 2, statistic / 2))


def fresh_problems(case: Case) -> Iterator[str]:
    """A model as it is first made, in single precision: its samples and their loss are finite."""
    model = ardsl.compile(case.spec, seed=0)
    drawn = case.named(model.sample(SAMPLES, case.given, lengths=case.lengths, seed=1))
    with torch.no_grad():
        score = partial(model.elbo, seed=2) if case.latent else model.log_prob
        log_prob = score(drawn, case.given, lengths=case.lengths)
    if not log_prob.isfinite().all():
        worst = int((~log_prob.isfinite()).nonzero()[0])
        yield f"fresh: log p of {[v[worst].tolist() for v in drawn.values()]} is {log_prob[worst].item()}"


def length_problems(case: Case) -> Iterator[str]:
    """Of what has a length that varies, the probabilities of all values of each length sum to one."""
    varying = [v for v in case.spec.model.observed if v.varies and v.end is None]
    if not varying or case.listed is None or (case.latent and case.model.guide):
        return
    lengths = {v.name: (len(v.name) + v.shape[0]) // 2 for v in varying}
    data = dict(case.listed)
    for variable in varying:
        kept = data[variable.name].clone()
        kept[:, lengths[variable.name] :] = torch.nan
        data[variable.name] = kept
    rows = torch.cat([value.reshape(len(value), -1) for value in data.values()], 1).nan_to_num(-999.0)
    different = torch.from_numpy(np.unique(rows.numpy(), axis=0, return_index=True)[1])
    total = case.score({name: value[different] for name, value in data.items()}).exp().sum().item()
    if not abs(total - 1) <= 1e-6:
        yield f"lengths: of the lengths {lengths} the probabilities sum to {total}"


def missing_problems(case: Case) -> Iterator[str]:
    """Where values may be missing, the probabilities of all others sum to one, whichever are missing."""
    if case.latent or case.listed is None or not case.model.may_miss:
        return
    data = dict(case.listed)
    for variable in case.model.may_miss:
        value = data[variable.name].clone().reshape(len(data[variable.name]), -1)
        value[:, :: 2 - len(variable.name) % 2] = torch.nan
        data[variable.name] = value.reshape(-1, *variable.shape)
    rows = torch.cat([value.reshape(len(value), -1) for value in data.values()], 1).nan_to_num(-999.0)
    different = torch.from_numpy(np.unique(rows.numpy(), axis=0, return_index=True)[1])
    total = case.score({name: value[different] for name, value in data.items()}).exp().sum().item()
    if not abs(total - 1) <= 1e-6:
        yield f"missing: the probabilities of what is there sum to {total}"


# Questions


def particle_problems(case: Case) -> Iterator[str]:
    """Where some cells are known, some confined and the others free, the mean weight of particles is the probability
    by enumeration, and particles are what was asked for."""
    variables = case.spec.model.observed
    if case.latent or case.listed is None or any(v.varies for v in case.spec.variables.values()):
        return
    random = np.random.default_rng(zlib.crc32(case.spec.text.encode()))
    listed = {name: value.reshape(len(value), -1) for name, value in case.listed.items()}
    log_p = case.score(case.listed).double()
    some = int(random.choice(len(log_p), p=log_p.softmax(0).numpy()))
    known = {v.name: np.zeros(v.size, dtype=bool) for v in case.spec.variables.values()}
    allowed: dict[Cell, Allowed] = {}
    inside = torch.ones(len(log_p), dtype=torch.bool)
    for variable, element in ((v, e) for v in variables for e in range(v.size)):
        domain, kind = variable.element_domain(element), random.integers(3)
        codes = domain.code(listed[variable.name][:, element]).long()
        if kind == 0:
            known[variable.name][element] = True
            inside &= codes == codes[some]
        elif kind == 1:
            mask = random.random(domain.levels) < 0.5
            mask[codes[some]] = True
            allowed[variable.name, element] = Allowed(codes=mask)
            inside &= torch.from_numpy(mask)[codes]
    right = log_p[inside].exp().sum().item()
    values = {name: value[[some] * 12].clone() for name, value in listed.items()}
    values |= {name: value.reshape(1, -1).expand(12, -1) for name, value in (case.given or {}).items()}
    mixed = [v for v in variables if v.orders.mixed]
    joints: list[Ordered] = []
    for numbers in product(*(range(len(v.orders.orders)) for v in mixed)):
        chosen = {v.name: k for v, k in zip(mixed, numbers, strict=True)}
        joints.append([(case.model, [chosen[g.mixed.name] if g.mixed else 0 for g in case.model.groups])])
    sampler = Sampler(joints, [case.model._lender])
    particles = sampler.particles(values, [Question(known, allowed)], 400, 1, keep=True)
    evidence = particles.log_evidence.exp().flatten()
    away, error = abs(evidence.mean().item() - right), evidence.std().item() / len(evidence) ** 0.5
    if not away <= 6 * error + 1e-6 * right:
        yield f"particles: the mean weight is {evidence.mean().item()} ± {error}, not {right}"
    possible = particles.log_weights.flatten() > -math.inf
    for variable in variables:
        drawn = particles.values[variable.name]
        codes = [variable.element_domain(e).code(drawn[:, e]).long() for e in range(variable.size)]
        for element, own in enumerate(codes):
            domain, cell = variable.element_domain(element), (variable.name, element)
            fixed = domain.code(listed[variable.name][some, element]).long()
            fits = own == fixed if known[variable.name][element] else torch.ones_like(possible)
            if cell in allowed:
                fits = torch.from_numpy(allowed[cell].codes)[own]
            if not bool(fits[possible].all()):
                yield f"particles: {variable.element_name(element)} is not what was asked for"


# Latent variables


def latent_problems(case: Case) -> Iterator[str]:
    """What is summed out and what is bounded are right, by going through all values of the latent variables."""
    if not case.latent or case.listed is None or case.hidden is None:
        return
    count, total = len(next(iter(case.listed.values()))), len(next(iter(case.hidden.values())))
    if count * total > 4 * MOST_LISTED:
        return
    joint, guide = _joint(case, count, total)
    log_prob = joint.logsumexp(0)
    if abs(log_prob.logsumexp(0).item()) > 1e-6:
        yield f"latent: the probabilities sum to {log_prob.exp().sum().item()}"
    drawn = [name for name in case.model.latent if name in case.model.q]
    if not drawn:
        far = (case.score(case.listed) - log_prob).abs().max().item()
        if not far <= 1e-8:
            yield f"latent: log p is {far} from the sum over the latent variables"
    else:
        yield from _bound_problems(case, joint, guide, drawn)
    if count * total <= MOST_COUNTED:
        sampled = case.model.sample(COUNTED, case.given, latent=True, seed=5)
        every = {n: v.repeat(total, *[1] * (v.ndim - 1)) for n, v in case.listed.items()}
        every |= {n: v.repeat_interleave(count, 0) for n, v in case.hidden.items()}
        yield from _compared(case, sampled, every, joint.reshape(-1))


def _joint(case: Case, count: int, total: int) -> tuple[torch.Tensor, torch.Tensor]:
    """log p(x, z) and log q(z | x), [values of z, values of x], variable by variable."""
    every = {n: v.repeat(total, *[1] * (v.ndim - 1)) for n, v in (case.listed or {}).items()}
    every |= {n: v.repeat_interleave(count, 0) for n, v in (case.hidden or {}).items()}
    every |= case.given_rows(count * total)

    def summed(parts: Mapping[str, ardsl.AutoregressiveModel]) -> torch.Tensor:
        found = torch.zeros(total * count, dtype=torch.float64)
        for name, part in parts.items():
            known = {v.name: every[v.name] for v in part.spec.model.given} or None
            found = found + part.log_prob(every[name], known)
        return found.detach().view(total, count)

    return summed(case.model.p), summed(case.model.q)


def _bound_problems(case: Case, joint: torch.Tensor, guide: torch.Tensor, drawn: list[str]) -> Iterator[str]:
    """Bounds from many draws of the guide, against their expectations with the variance that they must have. Rows of
    ``guide`` that differ in what is summed out alone are equal."""
    codes = torch.cat([case.hidden[name].reshape(len(case.hidden[name]), -1) for name in drawn], 1)
    same = torch.unique(codes, dim=0, return_inverse=True)[1]
    groups = [torch.nonzero(same == number)[:, 0] for number in range(int(same.max()) + 1)]
    log_joint = torch.stack([joint[rows].logsumexp(0) for rows in groups])
    log_q = torch.stack([guide[rows[0]] for rows in groups])
    some = torch.linspace(0, joint.shape[1] - 1, min(joint.shape[1], 6)).round().long().unique()
    data = {name: value[some] for name, value in case.listed.items()}
    weight, q = (log_joint - log_q)[:, some], log_q[:, some].exp()
    if not weight.isfinite().all():
        return  # a guide that gives some values no probability has bounds of another kind
    mean, ratio = (q * weight).sum(0), (weight - joint[:, some].logsumexp(0)).exp()
    spread = (q * (weight - mean) ** 2).sum(0).sqrt()
    with torch.no_grad():
        repeated = {name: value.repeat(DRAWN, *[1] * (value.ndim - 1)) for name, value in data.items()}
        elbo = case.model.elbo(repeated, case.given, seed=1).view(DRAWN, -1).mean(0)
        bound = case.model.log_prob_bound(data, case.given, samples=DRAWN, seed=1)
    off = ((elbo - mean).abs() - 7 * spread / math.sqrt(DRAWN)).max().item()
    if not off <= 1e-6 + 0.02 * spread.max().item():
        yield f"elbo: {elbo.tolist()}, not {mean.tolist()}"
    spread = (q * (ratio - 1) ** 2).sum(0).sqrt()
    if spread.max() < 3:  # else the mean of so few is not told by its variance
        off = (((bound - joint[:, some].logsumexp(0)).exp() - 1).abs() - 7 * spread / math.sqrt(DRAWN)).max().item()
        if not off <= 1e-6:
            yield f"bound: {bound.tolist()}, not {joint[:, some].logsumexp(0).tolist()}"


def pyro_problems(case: Case) -> Iterator[str]:
    """The Pyro programs give a finite bound, and log p where Pyro enumerates all latent variables."""
    if not case.latent or any(v.varies for v in case.spec.model.observed):
        return
    enumerated = [case.spec.variables[name] for name in case.model.enumerated]
    if any(v.shape or values(v.element_domain(0))[0] != 0 or v.element_domain(0).name == "mulaw" for v in enumerated):
        return  # which Pyro does not enumerate
    x = {name: value[:3] for name, value in case.samples.items()}
    given = case.given_rows(3) or None
    elbo = pyro.infer.TraceEnum_ELBO(max_plate_nesting=1) if enumerated else pyro.infer.Trace_ELBO()
    pyro.clear_param_store()
    torch.manual_seed(0)
    loss = elbo.loss(case.model.pyro_model, case.model.pyro_guide, x, given)
    pyro.clear_param_store()
    if not math.isfinite(loss):
        yield f"pyro: the bound is {-loss}"
    elif not case.model.q:
        log_prob = case.model.log_prob(x, given).sum().item()
        if not abs(loss + log_prob) <= 1e-6 * max(1, abs(log_prob)):
            yield f"pyro: enumeration gives {-loss}, not {log_prob}"


# Saving


def saving_problems(case: Case) -> Iterator[str]:
    """A spec and a model that were pickled, and weights that were saved, score as before: of one spec in three, since
    all phases run again."""
    if zlib.crc32(case.spec.text.encode()) % 3:
        return
    copied = pickle.loads(pickle.dumps(case.model))
    again = ardsl.compile(copied.spec, seed=2, dtype=torch.float64).eval()
    again.load_state_dict(case.model.state_dict())
    for what, model in (("saved weights", again), ("a pickled model", copied)):
        if case.latent:
            noise = case.model.noise(SAMPLES, seed=3)
            drawn = case.named(model.sample(SAMPLES, case.given, lengths=case.lengths, noise=noise))
            far = max((drawn[n].double() - v.double()).abs().max().item() for n, v in case.samples.items())
        else:
            first = case.score(case.samples, lengths=case.lengths)
            far = (case.score(case.samples, model, lengths=case.lengths) - first).abs().max().item()
        if not far <= 1e-12:
            yield f"saving: {what} differ by {far}"


PROPERTIES: Mapping[str, Callable[[Case], Iterator[str]]] = {
    "format": format_problems,
    "reports": report_problems,
    "declared": declared_problems,
    "orders": order_problems,
    "steps": step_problems,
    "claims": claim_problems,
    "soundness": soundness_problems,
    "samples": sample_problems,
    "unchecked": unchecked_problems,
    "elementwise": elementwise_problems,
    "gradients": gradient_problems,
    "transforms": transform_problems,
    "normalization": normalization_problems,
    "frequencies": frequency_problems,
    "fresh": fresh_problems,
    "lengths": length_problems,
    "missing": missing_problems,
    "particles": particle_problems,
    "latent": latent_problems,
    "saving": saving_problems,
    "pyro": pyro_problems,
}


def problems(text: str, described: Described | None = None, excused: Collection[str] = ()) -> list[str]:
    """Everything that is wrong with what ardsl makes of a text, whose refusal by a diagnostic is right."""
    try:
        diagnostics, spec = diagnose(Source(text))
    except Exception as error:  # noqa: BLE001  whatever it is, it should have been a diagnostic
        return [f"check: {type(error).__name__}: {error}"]
    errors = [d for d in diagnostics if d.severity == "error"]
    if spec is None:
        illegal = [d for d in errors if d.code in ILLEGAL]
        if illegal and described is not None and oracle.legal(described):
            return [f"check: every context is legal, and {illegal[0]}"]
        return [] if errors else ["check: refused without an error"]
    if described is not None and not oracle.legal(described):
        return ["check: a context that is not legal is accepted"]
    case = Case(spec, described)
    found = []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is not standardized")  # samples of random weights may be large
        for name, property in PROPERTIES.items():
            if name in excused:
                continue
            try:
                found += property(case)
            except Exception as error:  # noqa: BLE001  what is accepted never fails
                found.append(f"{name}: {type(error).__name__}: {error}")
    return found
