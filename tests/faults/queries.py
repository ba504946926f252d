"""Faults to plant in weighted answers, each with the test that has to fail then."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tests.compiler.queries import test_filters, test_particles
from tests.families import test_truncation
from tests.support import family_cases
from tests.support.planting import Fault, of_test

FILTERS = "ardsl.compiler.queries.filters:Filters"
CONFINED = "ardsl.compiler.queries.particles:Confined"
CONDITIONAL = "ardsl.families.distributions:Conditional"
WALK = "ardsl.compiler.steps.walk:ByValue"
CHAIN = of_test(test_filters.test_the_evidence_of_a_chain_is_unbiased)
AT_ONCE, UNEVEN = test_particles.AT_ONCE, test_particles.UNEVEN


def weights_forgotten(right: Any, self: Any) -> Tensor | None:
    before = self.log_evidence_before
    rows = right(self)
    self.log_evidence_before = before
    return rows


def weights_kept(right: Any, self: Any) -> Tensor | None:
    before = self.log_weights.clone()
    rows = right(self)
    self.log_weights = before
    return rows


def ancestors_of_the_next_filter(right: Any, self: Any) -> Tensor | None:
    rows = right(self)
    return None if rows is None else rows.roll(self.log_weights.shape[1])


def not_resampled(right: Any, self: Any) -> Tensor | None:
    rows = right(self)
    return None if rows is None else torch.arange(len(rows))


def values_alone(right: Any, self: Any, rows: Tensor) -> None:
    """The values of the survivors with the caches of those that they replace."""
    kept = self._steppers, self._features, self._at_once
    self._steppers, self._features, self._at_once = [], {}, {}
    right(self, rows)
    self._steppers, self._features, self._at_once = kept


def caches_alone(right: Any, self: Any, rows: Tensor) -> None:
    kept = {name: value.clone() for name, value in self._values.items()}
    right(self, rows)
    for name, value in self._values.items():
        value.copy_(kept[name])


def mass_of_the_first(right: Any, self: Any, raw: Tensor, allowed: Any) -> Tensor:
    log_masses, _, _ = self._log_masses(raw, allowed)
    return log_masses[..., 0]


def mass_of_the_others(right: Any, self: Any, raw: Tensor, allowed: Any) -> Tensor:
    return torch.log1p(-right(self, raw, allowed).clamp(max=-1e-12).exp())


def density_for_mass(right: Any, self: Any, raw: Tensor, allowed: Any) -> Tensor:
    drawn = self.sample_within(raw, torch.full((len(raw), self.family.uniforms), 0.5).to(raw), allowed)
    return self.log_prob(raw, drawn).double()


FOLLOW, MEAN = (
    test_particles.test_weighted_draws_follow_the_conditional,
    (test_particles.test_the_mean_weight_is_the_probability),
)
LATER = "x[1] = 2 and x[2] != 1 and x[3] = 0"

FAULTS = [
    Fault("weights forgotten at a resampling", f"{FILTERS}.resample", weights_forgotten, CHAIN),
    Fault("weights kept over a resampling", f"{FILTERS}.resample", weights_kept, CHAIN),
    Fault("ancestors of another filter", f"{FILTERS}.resample", ancestors_of_the_next_filter, CHAIN),
    Fault("weights evened out without resampling", f"{FILTERS}.resample", not_resampled, CHAIN),
    Fault(
        "weights of particles that are not those drawn from",
        "ardsl.compiler.queries.filters:systematic",
        lambda right, log_weights, start, count: right(log_weights.flip(1), start, count),
        CHAIN,
    ),
    Fault(
        "resampled values with the caches of others",
        f"{WALK}._select",
        values_alone,
        of_test(FOLLOW, UNEVEN, "x[1] = 1 and x[3] = 0 and x[5] = 1 and x[7] = 0"),
    ),
    Fault(
        "resampled caches with the values of others",
        f"{WALK}._select",
        caches_alone,
        of_test(FOLLOW, UNEVEN, "x[1] = 1 and x[3] = 0 and x[5] = 1 and x[7] = 0"),
    ),
    Fault(
        "the mass of one set of several",
        f"{CONDITIONAL}.log_mass",
        mass_of_the_first,
        of_test(MEAN, AT_ONCE, LATER),
    ),
    Fault(
        "the mass of what is not allowed", f"{CONDITIONAL}.log_mass", mass_of_the_others, of_test(MEAN, AT_ONCE, LATER)
    ),
    Fault("a density for a mass", f"{CONDITIONAL}.log_mass", density_for_mass, of_test(MEAN, AT_ONCE, LATER)),
    Fault(
        "units that known cells are not divided by",
        f"{CONFINED}._log_scale",
        lambda right, self, name, elements: 0.0,
        of_test(test_particles.test_numbers_in_the_units_of_the_data, "u > 3", {"w": 120.0}),
    ),
    Fault(
        "ends of intervals that are not standardized",
        "ardsl.compiler.standardization:Standardization.standardize_ends",
        lambda right, self, name, element, ends: ends,
        of_test(test_particles.test_numbers_in_the_units_of_the_data, "v <= 100 and w > 150", {}),
    ),
    Fault(
        "draws from the whole of a component",
        "ardsl.families.quantiles:Continuous.quantile",
        lambda right, self, parameters, u, low, high: right(self, parameters, u, low - 1, high),
        of_test(
            test_truncation.test_a_partition_and_its_draws,
            next(case for case in family_cases.ALL if str(case) == "mixture(normal, components = 3) of real"),
        ),
    ),
    Fault(
        "a component chosen without what is allowed",
        "ardsl.families.catalogue_distributions:MixtureDistribution._log_masses",
        lambda right, self, raw, low, high: right(self, raw, low - 1e9, high + 1e9),
        of_test(
            test_truncation.test_a_partition_and_its_draws,
            next(case for case in family_cases.ALL if str(case) == "mixture(normal, components = 3) of real"),
        ),
    ),
    Fault(
        "the first of many for their spread",
        "ardsl.compiler.queries.filters:mean_of",
        lambda right, log_evidence: (right(log_evidence)[0], right(log_evidence)[1] / 20**0.5),
        of_test(MEAN, AT_ONCE, LATER),
    ),
]
