"""A spec and its phases: text, tree, model, graph, plan, report. Each is computed when it is first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ardsl.arguments import checked_name, checked_order
from ardsl.common.wording import truncated
from ardsl.diagnostics import Diagnostic, Sink, Source
from ardsl.errors import ArdslError, SpecError
from ardsl.graph.check import check_graph
from ardsl.graph.declared import declared_graph
from ardsl.graph.declared import dependence as declared_dependence
from ardsl.graph.guide import check_guide
from ardsl.graph.verify import Report
from ardsl.language import parse
from ardsl.language.syntax import Tree
from ardsl.model.check import check_model
from ardsl.model.model import Model, Variable
from ardsl.model.parts import conditionals, guide
from ardsl.networks.plan import Plan
from ardsl.networks.realize import make_plan, report_findings, verify_plan
from ardsl.networks.resolve import design_networks

if TYPE_CHECKING:
    import networkx


class Spec:
    """A spec without errors. Make one with :func:`load` or :func:`loads`."""

    def __init__(
        self,
        tree: Tree,
        model: Model,
        plan: Plan,
        report: Report,
        warnings: list[Diagnostic],
        overrides: dict[str, Any],
        part: tuple[str, str] | None = None,
    ) -> None:
        self.tree = tree
        self.model = model
        self.plan = plan
        self.report = report
        self.warnings = warnings
        self.overrides = overrides
        self._named = part

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def source(self) -> Source:
        return self.tree.source

    @property
    def text(self) -> str:
        return self.tree.source.text

    @property
    def variables(self) -> Mapping[str, Variable]:
        return self.model.variables

    @cached_property
    def graph(self) -> networkx.DiGraph:
        """The declared graph: one node per variable, an edge for what one reads of another."""
        return declared_graph(self.model)

    @cached_property
    def conditionals(self) -> dict[str, Spec]:
        """The conditionals of a model with latent variables: a spec for the factors of each variable, in which all that
        they read is given. A variable comes after those that it reads."""
        return {name: self._part(part, "conditionals", name) for name, part in conditionals(self.model).items()}

    @cached_property
    def guide(self) -> dict[str, Spec]:
        """The conditionals of the guide: a spec for the ``q`` factors of each latent variable."""
        whole = guide(self.model)
        parts = {} if whole is None else conditionals(whole)
        return {name: self._part(part, "guide", name) for name, part in parts.items()}

    def _part(self, model: Model, kind: str, name: str) -> Spec:
        sink = Sink(self.source)
        designs = design_networks(model, sink)
        plan = None if designs is None else make_plan(model, designs, sink)
        assert plan is not None  # as a part of what is sound
        return Spec(self.tree, model, plan, verify_plan(plan), [], self.overrides, (kind, name))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as its text and parameters; the phases run again."""
        return _again, (self.source, self.overrides, self._named)

    def __repr__(self) -> str:
        return f"<ardsl spec {self.name}: {truncated(self.plan.formula)}>"


def diagnose(source: Source, overrides: Mapping[str, Any] | None = None) -> tuple[list[Diagnostic], Spec | None]:
    """Everything there is to say about a text, and the spec where none of it is an error. Never raises."""
    diagnostics, spec = examine(source, overrides)
    return diagnostics, None if any(d.severity == "error" for d in diagnostics) else spec


def examine(source: Source, overrides: Mapping[str, Any] | None = None) -> tuple[list[Diagnostic], Spec | None]:
    """Does what :func:`diagnose` does, and gives the spec also where its report is all that is wrong: leaks, or blind
    spots that it claims away."""
    sink = Sink(source)
    spec = _phases(source, dict(overrides or {}), sink)
    return list(sink), spec


def _phases(source: Source, overrides: dict[str, Any], sink: Sink) -> Spec | None:
    """Runs the phases in turn, each on what the one before gave, and none after an error that it depends on."""
    tree = parse(source, sink)
    model = check_model(tree, sink, overrides)
    if model is None:
        sound_part = check_model(tree, Sink(source), overrides, partial=True)
        if sound_part is not None:
            check_graph(sound_part, sink)
            check_guide(sound_part, sink)
        return None
    check_graph(model, sink)
    check_guide(model, sink)
    guide_model = guide(model)
    designs = design_networks(model, sink)
    guide_designs = None if guide_model is None else design_networks(guide_model, sink)
    if designs is None or sink.errors:
        return None
    plan = make_plan(model, designs, sink)
    if guide_model is not None and guide_designs is not None:
        guide_plan = make_plan(guide_model, guide_designs, sink)
        plan = None if plan is None or guide_plan is None else replace(plan, guide=guide_plan)
    if plan is None:
        return None
    report = verify_plan(plan)
    report_findings(model, plan, report, sink)
    return Spec(tree, model, plan, report, [d for d in sink if d.severity != "error"], overrides)


def loads(text: str, /, **params: Any) -> Spec:
    """The spec of a text; ``params`` override its ``param``s. Raises :class:`ardsl.SpecError`."""
    return _sound(Source(text), params)


def load(path: str | Path, /, **params: Any) -> Spec:
    """The spec in a file. Raises :class:`ardsl.SpecError`, or :class:`ardsl.ArdslError` for an unreadable file."""
    return _sound(Source(read_spec(path), str(path), str(Path(path).parent)), params)


def _sound(source: Source, params: dict[str, Any]) -> Spec:
    diagnostics, spec = diagnose(source, params)
    if spec is None:
        raise SpecError(diagnostics)
    return spec


def _again(source: Source, params: dict[str, Any], part: tuple[str, str] | None) -> Spec:
    """Makes a pickled spec again; ``part`` names the one of its conditionals, or of its guide's, that was pickled."""
    spec = _sound(source, params)
    return spec if part is None else getattr(spec, part[0])[part[1]]


def read_spec(path: str | Path) -> str:
    """A spec file's text; any bytes are taken, for the parser to place what is wrong with them."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise ArdslError(f"{path}: {error.strerror or error}") from None


def plan(spec: Spec) -> Plan:
    """The plan: layers, parameters, FLOPs, sampling steps, and the factorization it realizes."""
    return as_spec(spec).plan


def verify(spec: Spec) -> Report:
    """Declared against realized, factor by factor, from the plan; :func:`ardsl.verify_numeric` probes the module."""
    return as_spec(spec).report


def as_spec(value: object) -> Spec:
    """Checks that an argument is a spec. Raises ``ArdslError`` for a path or a text, which has to be loaded first."""
    if isinstance(value, Spec):
        return value
    help = "make one with `ardsl.load(PATH)` or `ardsl.loads(TEXT)`"
    raise ArdslError(f"this takes a spec, not {type(value).__name__}: {help}")


def dependence(spec: Spec, variable: str, order: int = 0) -> np.ndarray:
    """The dependence that the spec declares: bool [elements, elements], element ``j`` of the variable reads its element
    ``i``."""
    order = checked_order(order, _known(spec, variable), len(spec.variables[variable].orders.orders))
    return declared_dependence(spec.model, variable, order)


def realized(spec: Spec, variable: str, order: int = 0) -> np.ndarray:
    """The dependence that the plan realizes, in the form of :func:`dependence`."""
    order = checked_order(order, _known(spec, variable), len(spec.variables[variable].orders.orders))
    size = spec.variables[variable].size
    reads = np.zeros((size, size), dtype=bool)
    for plan in spec.plan.groups:
        group = plan.group
        k = order if group.order_count > order else 0
        matrix = plan.realized[k].matrix()
        row = 0
        for target in group.targets:
            column = 0
            for source in group.sources:
                if source.variable.name == variable == target.variable.name:
                    block = matrix[row : row + target.draws, column : column + len(source.elements)]
                    for event in target.elements.T:
                        reads[np.ix_(event, source.elements)] |= block
                column += len(source.elements)
            row += target.draws
    return reads


def _known(spec: Spec, variable: str) -> str:
    return checked_name(variable, "variable", as_spec(spec).variables)
