"""Networks that read sets of inputs, as plug-ins: ``nade``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ardsl.diagnostics import Diagnostic
from ardsl.diagnostics.rules.names import NOT_BUILT_YET
from ardsl.networks.dense.networks import ACTIVATIONS
from ardsl.networks.design import Design
from ardsl.networks.group import Group
from ardsl.networks.network import Network, Option


class Nade(Network):
    name = "nade"
    doc = "neural autoregressive distribution estimator: one hidden layer over the sum of what each draw reads"
    paper = "Larochelle & Murray 2011; Uria, Murray & Larochelle 2013"
    options = (
        Option("hidden", "widths", 500, "the number of hidden units", 1, 100_000),
        Option("activation", "choice", "sigmoid", "the nonlinearity of the hidden units", choices=ACTIVATIONS),
    )

    def design(self, group: Group, options: Mapping[str, Any]) -> Design | list[Diagnostic]:
        if isinstance(options["hidden"], tuple):
            return self._deep(group, options)
        return self._shallow(group, options)

    def _deep(self, group: Group, options: Mapping[str, Any]) -> Design | list[Diagnostic]:
        """A network of several layers, asked with a mask."""
        return [NOT_BUILT_YET.at(group.call.option_spans["hidden"], feature="`nade` of a list of layers")]

    def _shallow(self, group: Group, options: Mapping[str, Any]) -> Design | list[Diagnostic]:
        """One hidden layer over sums of what each draw reads."""
        return [NOT_BUILT_YET.at(group.call.span, feature="`nade`")]
