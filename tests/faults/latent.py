"""Faults to plant in what bounds likelihoods, each with the check that has to object then."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ardsl.compiler.latent.bound import table
from tests.compiler.latent import test_latent
from tests.networks.maps import test_maps
from tests.support.planting import Fault, of_test

BOUND, LATENT = "ardsl.compiler.latent.bound", "ardsl.compiler.latent.model:LatentModel"
CONDITIONALS = "ardsl.compiler.latent.conditionals:LatentConditionals"


def no_logarithm(right: Any, model: Any, data: Any, samples: int) -> Any:
    bound, first = right(model, data, samples)
    return bound + math.log(samples), first


def the_largest(right: Any, model: Any, values: Any, generator: Any = None, **options: Any) -> Any:
    parts = table(model, values, generator, **options)
    totals = torch.stack(tuple(parts.values())).cumsum(0).amax(1)
    return totals[-1], dict(zip(parts, torch.diff(totals, dim=0, prepend=0 * totals[:1]), strict=True))


def of_other_examples(right: Any, *given: Any, **options: Any) -> Any:
    found = {}
    for name, each in right(*given, **options).items():
        rows, count = each.shape
        place = torch.arange(rows * count)
        found[name] = each[place % rows, place % count].view(rows, count)
    return found


def from_the_prior(right: Any, self: Any, values: Any) -> Any:
    count, assignments = self.count(values), self.assignments
    chosen = torch.randint(self.count(assignments), (count,))
    return {name: value[chosen] for name, value in assignments.items()}


def columns_first(right: Any, self: Any, *more: Any) -> Tensor:
    found = right(self, *more)
    return found.unflatten(1, (*self._cells, -1)).transpose(1, 2).flatten(1) if len(self._cells) == 2 else found


FAULTS = [
    Fault(
        "a mean of bounds for their logarithmic mean",
        f"{BOUND}:importance_weighted",
        no_logarithm,
        of_test(test_latent.test_gradients_of_bounds_count_in_draws_without_their_own, 2),
    ),
    Fault(
        "mixtures that begin alike",
        "ardsl.compiler.latent.start:tell_apart",
        lambda right, model: None,
        of_test(test_latent.test_what_is_summed_out_begins_apart, "table"),
    ),
    Fault(
        "no gradient of discrete draws",
        f"{BOUND}:Terms.differentiable",
        lambda right, self: self.elbo,
        of_test(test_latent.test_gradients_of_bounds_count_in_draws_without_their_own, 1),
    ),
    Fault(
        "the joint of the values for their sum",
        f"{BOUND}:marginalize",
        the_largest,
        of_test(test_latent.test_what_is_summed_out_is_exact, "summed out"),
    ),
    Fault(
        "closed forms where there is none",
        f"{CONDITIONALS}.closed",
        lambda right, self: frozenset(self.latent),
        of_test(test_latent.test_a_closed_form_that_would_be_wrong_is_not_taken),
    ),
    Fault(
        "a divergence the other way round",
        f"{BOUND}:_closed",
        lambda right, guide, prior: right(prior, guide),
        of_test(test_latent.test_closed_forms_do_not_change_the_bound, "Gaussian"),
    ),
    Fault(
        "draws without a gradient",
        f"{BOUND}:as_data",
        lambda right, part, site, value: right(part, site, value).detach(),
        of_test(test_latent.test_pathwise_gradients_are_those_of_the_bound),
    ),
    Fault(
        "a score that is left out",
        f"{BOUND}:draw",
        lambda right, *given, **options: replace(right(*given, **options), score=None),
        of_test(test_latent.test_gradients_of_bounds_count_in_draws_without_their_own, 1),
    ),
    Fault(
        "a baseline that knows the draw",
        f"{BOUND}:_baseline",
        lambda right, gain: gain,
        of_test(test_latent.test_the_score_function_has_the_gradient_of_the_bound, 2),
    ),
    Fault(
        "free bits that the score function pays for",
        f"{BOUND}:_weights",
        lambda right, model, kl: {name: model.kl_weight * (each > 0) for name, each in kl.items()},
        of_test(test_latent.test_free_bits_are_free_of_the_score_function_too),
    ),
    Fault(
        "values beyond an end",
        f"{LATENT}._cut",
        lambda right, self, drawn, name, lengths: drawn,
        of_test(test_latent.test_what_lies_beyond_an_end_is_read_by_nothing),
    ),
    Fault(
        "the order of a set",
        "ardsl.model.parts:conditionals",
        lambda right, model: right(replace(model, variables=dict(reversed(model.variables.items())))),
        of_test(test_latent.test_the_order_of_conditionals_is_that_of_the_declarations),
    ),
    Fault(
        "free nats for all together",
        f"{BOUND}:_counted",
        lambda right, model, kl: list(kl.values()),
        of_test(test_latent.test_free_bits_and_annealing_weigh_the_divergences),
    ),
    Fault(
        "values of one example given to another",
        f"{BOUND}:table",
        of_other_examples,
        of_test(test_latent.test_what_is_summed_out_is_exact, "summed out"),
    ),
    Fault(
        "a prior that is not read",
        f"{LATENT}._kept",
        lambda right, self, fix, n: {},
        of_test(test_latent.test_what_is_fixed_is_shared),
    ),
    Fault(
        "shared draws that are not",
        f"{LATENT}._shared",
        lambda right, self, fix: set(),
        of_test(test_latent.test_what_is_fixed_is_shared),
    ),
    Fault(
        "a posterior for a prior",
        f"{LATENT}._exact",
        from_the_prior,
        of_test(test_latent.test_exact_posteriors_are_drawn_from),
    ),
    Fault(
        "a site that is not observed",
        "ardsl.compiler.latent.programs:run_model",
        lambda right, model, x, given, n: right(model, None, given, n if x is None else len(x)),
        of_test(test_latent.test_model_and_guide_are_the_program_by_hand),
    ),
    Fault(
        "elements that are not one event",
        "ardsl.compiler.distribution:independent",
        lambda right, *given: (found := right(*given)) and found.mask(False),
        of_test(test_latent.test_model_and_guide_are_the_program_by_hand),
    ),
    Fault(
        "cells in the order of columns",
        "ardsl.networks.maps.module:MapNetwork.forward",
        columns_first,
        of_test(test_maps.test_a_cell_reads_what_is_near),
    ),
]
