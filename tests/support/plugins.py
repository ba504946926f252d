"""Networks as other packages would write them: a sound one, and some that are wrong in one thing each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ardsl.diagnostics import Diagnostic
from ardsl.networks.dense.designs import DenseDesign
from ardsl.networks.dense.module import DenseNetwork
from ardsl.networks.dense.networks import Linear
from ardsl.networks.design import Design
from ardsl.networks.group import Group
from ardsl.networks.network import Network
from ardsl.relations import Everything


class Straight(Linear):
    name = "straight"
    doc = "a linear network by another name"
    examples = {
        "bits": "observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via straight\ncheck complete(x)\n",
        "conditioned": "given z : real\nobserved x[3] : category(3)\np(x[i] | x[<i], z) = categorical via straight\n",
    }


class Unmasked(Straight):
    name = "unmasked"
    examples = {"bits": "observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via unmasked\n"}

    def design(self, group: Group, options: Mapping[str, Any]) -> Design | list[Diagnostic]:
        designed = super().design(group, options)
        return _UnmaskedDesign(**vars(designed)) if isinstance(designed, Design) else designed


@dataclass(frozen=True, repr=False)
class _UnmaskedDesign(DenseDesign):
    def build(self) -> DenseNetwork:
        return _Unmasked(self)


class _Unmasked(DenseNetwork):
    """It multiplies by no mask, in either evaluator."""

    def masked(self, masks: tuple[list[Tensor], Tensor | None]) -> tuple[list[Tensor], Tensor | None]:
        return list(self.weights), self.direct


class Boastful(Straight):
    name = "boastful"
    examples = {"bits": "observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via boastful\n"}

    def design(self, group: Group, options: Mapping[str, Any]) -> Design | list[Diagnostic]:
        designed = super().design(group, options)
        if not isinstance(designed, Design):
            return designed
        return replace(designed, realized=(Everything(group.draws, group.elements),))


class Elsewhere(Straight):
    name = "elsewhere"
    examples = {"bits": "observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via linear\n"}


class Unshown(Network):
    """It has no examples."""

    name = "unshown"
    doc = "nothing to see"

    def design(self, group: Group, options: Mapping[str, Any]) -> Design | list[Diagnostic]:
        raise NotImplementedError
