"""Networks as other packages would write them: a sound one, and some that are wrong in one thing each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ardsl.networks.dense.module import DenseNetwork
from ardsl.networks.dense.networks import Linear
from ardsl.networks.group import Group
from ardsl.networks.network import Network
from ardsl.networks.plan import GroupPlan
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

    def build(self, plan: GroupPlan) -> torch.nn.Module:
        return _Unmasked(plan)


class _Unmasked(DenseNetwork):
    """It multiplies by no mask, in either evaluator."""

    def masked(self, masks: tuple[list[Tensor], Tensor | None]) -> tuple[list[Tensor], Tensor | None]:
        return list(self.weights), self.direct


class Boastful(Straight):
    name = "boastful"
    examples = {"bits": "observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via boastful\n"}

    def plan(self, group: Group, options: Mapping[str, Any]) -> GroupPlan:
        return replace(super().plan(group, options), realized=(Everything(group.draws, group.elements),))


class Elsewhere(Straight):
    name = "elsewhere"
    examples = {"bits": "observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via linear\n"}


class Unshown(Network):
    """It has no examples."""

    name = "unshown"
    doc = "nothing to see"

    def plan(self, group: Group, options: Mapping[str, Any]) -> GroupPlan:
        raise NotImplementedError

    def build(self, plan: GroupPlan) -> torch.nn.Module:
        raise NotImplementedError
