"""The distributions of the catalogue, and mixtures of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial
from importlib import import_module
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, MixtureSameFamily

from ardsl.families.catalogue import CATALOGUE
from ardsl.families.code_distribution import CodeDistribution, RawParameters
from ardsl.families.constraints import SCALAR, constrain, wide
from ardsl.families.density import LOG_DENSITIES
from ardsl.families.family import Family
from ardsl.families.masses import LOG_MASSES, SUPPORTS
from ardsl.families.quantiles import Continuous, count_quantile
from ardsl.families.resolve import component_name
from ardsl.families.sampling import SAMPLERS, choose, weights_of_possible
from ardsl.families.special import log_softmax
from ardsl.families.starting import Start, starting_values
from ardsl.families.truncation import Elements

Parameters = Mapping[str, Tensor]


class CatalogueDistribution(CodeDistribution):
    """A distribution of torch or Pyro; ``levels`` is the number of its values where it is finite."""

    def __init__(self, family: Family, levels: int | None, start: Start) -> None:
        self.entry = CATALOGUE[family.name]
        self.family = family
        self.levels = levels
        self.start = start
        self.joint = self.entry.joint
        self.links = {slot.name: slot.link for slot in family.slots}
        self.scalars = frozenset(slot.name for slot in family.slots if slot.constraint in SCALAR)
        self.by_intervals = self.entry.name in LOG_MASSES

    def parameters(self, raw: RawParameters) -> dict[str, Tensor]:
        fixed = self.family.fixed
        return {
            p.name: torch.full((), fixed[p.name], dtype=raw.dtype, device=raw.device)
            if p.name in fixed
            else constrain(p.constraint, raw.slots[p.name], self.links[p.name])
            for p in self.entry.parameters
        }

    def log_prob(self, raw: RawParameters, code: Tensor) -> Tensor:
        return self.log_density(self.parameters(raw), code)

    def log_density(self, parameters: Parameters, code: Tensor) -> Tensor:
        """The log-probability under parameters that are in their sets already."""
        return _log_density(self.entry.name, parameters, code)

    def sample(self, raw: RawParameters, uniforms: Tensor) -> Tensor:
        if self.entry.name not in SAMPLERS and self.levels is not None and self.entry.discrete:
            return choose(self.log_table(raw, self.levels), uniforms[..., 0]).to(uniforms.dtype)
        return _draw(self.entry.name, self.parameters(raw), uniforms)

    def distribution(self, raw: RawParameters) -> Distribution:
        return _distribution(self.entry.name, self.parameters(raw))

    def initial(self, position: float) -> dict[str, Tensor]:
        return {slot.name: starting_values(self.entry, slot, self.start, position) for slot in self.family.slots}

    def log_table(self, raw: RawParameters, levels: int) -> Tensor:
        if self.entry.name == "categorical":
            return self.parameters(raw)["logits"].log_softmax(-1)
        return super().log_table(raw, levels)

    def log_mass(self, raw: RawParameters, low: Tensor, high: Tensor) -> Tensor:
        return LOG_MASSES[self.entry.name](self._wide_parameters(raw), low, high)

    def sample_between(self, raw: RawParameters, uniforms: Tensor, low: Tensor, high: Tensor) -> Tensor:
        parameters = self._wide_parameters(raw)
        if self.entry.discrete:
            return count_quantile(partial(LOG_MASSES[self.entry.name], parameters), uniforms[..., 0], low, high)
        return continuous(self.entry.name).quantile(parameters, uniforms[..., 0], low, high)

    def _wide_parameters(self, raw: RawParameters) -> dict[str, Tensor]:
        return {name: wide(parameter) for name, parameter in self.parameters(raw).items()}

    def sample_elements(self, raw: RawParameters, uniforms: Tensor, elements: Elements) -> tuple[Tensor, Tensor]:
        """Of the normal distribution of vectors, by its triangle: each element is normal given those before it."""
        p = self._wide_parameters(raw)
        loc, scale = p["loc"], p["scale_tril"]
        codes: list[Tensor] = []
        standard: list[Tensor] = []
        log_weight = torch.zeros_like(loc[..., 0])
        for number, element in enumerate(elements):
            shift = sum((scale[..., number, k] * z for k, z in enumerate(standard)), loc[..., number])
            own = {"loc": shift, "scale": scale[..., number, number]}
            code, weight = element.draw(
                uniforms[..., number],
                partial(LOG_DENSITIES["normal"], own),
                partial(LOG_MASSES["normal"], own),
                partial(continuous("normal").quantile, own),
            )
            codes.append(code)
            standard.append((code - shift) / own["scale"])
            log_weight = log_weight + weight
        return torch.stack(torch.broadcast_tensors(*codes), -1), log_weight


class MixtureDistribution(CodeDistribution):
    """p(x) = Σ_k w_k p_k(x), the weights a softmax. The first uniform number chooses k, the others draw from p_k."""

    def __init__(self, inner: CodeDistribution, inner_family: Family, components: int) -> None:
        self.inner = inner
        self.components = components
        self.names = {component_name(slot.name): slot.name for slot in inner_family.slots}
        self.joint = inner.joint
        self.by_intervals = inner.by_intervals

    def log_prob(self, raw: RawParameters, code: Tensor) -> Tensor:
        log_probs = self.inner.log_prob(self._components(raw), code.unsqueeze(-2 if self.joint else -1))
        return torch.logsumexp(log_softmax(raw.slots["weights"]) + log_probs, -1)

    def sample(self, raw: RawParameters, uniforms: Tensor) -> Tensor:
        chosen = choose(raw.slots["weights"], uniforms[..., 0])
        return self.inner.sample(self._picked(raw, chosen), uniforms[..., 1:])

    def parameters(self, raw: RawParameters) -> dict[str, Tensor]:
        components = self.inner.parameters(self._components(raw))
        weights = {"weights": raw.slots["weights"].softmax(-1)}
        return weights | {component_name(name): value for name, value in components.items()}

    def distribution(self, raw: RawParameters) -> Distribution | None:
        component = self.inner.distribution(self._components(raw))
        if component is None:
            return None
        weights = Categorical(logits=raw.slots["weights"], validate_args=False)
        shape = torch.Size([*weights.batch_shape, self.components])
        # Only where needed, as in components without parameters of their own: not every class can be expanded.
        component = component if component.batch_shape == shape else component.expand(shape)
        return MixtureSameFamily(weights, component, validate_args=False)

    def initial(self, position: float) -> dict[str, Tensor]:
        """The components stand side by side in the part of the spread that is this distribution's own."""
        count = self.components
        starts = [self.inner.initial(position + ((k + 0.5) / count - 0.5) * _own_share(position)) for k in range(count)]
        slots = {outer: torch.cat([start[name] for start in starts]) for outer, name in self.names.items()}
        return {"weights": torch.zeros(count)} | slots

    def log_table(self, raw: RawParameters, levels: int) -> Tensor:
        tables = self.inner.log_table(self._components(raw), levels)
        return torch.logsumexp(log_softmax(raw.slots["weights"]).unsqueeze(-1) + tables, -2)

    def log_mass(self, raw: RawParameters, low: Tensor, high: Tensor) -> Tensor:
        return torch.logsumexp(self._log_masses(raw, low, high), -1)

    def sample_between(self, raw: RawParameters, uniforms: Tensor, low: Tensor, high: Tensor) -> Tensor:
        chosen = choose(weights_of_possible(self._log_masses(raw, low, high)), uniforms[..., 0])
        return self.inner.sample_between(self._picked(raw, chosen), uniforms[..., 1:], low, high)

    def sample_elements(self, raw: RawParameters, uniforms: Tensor, elements: Elements) -> tuple[Tensor, Tensor]:
        """A draw of each component, one of which is chosen by its weight."""
        beside = [element.beside() for element in elements]
        codes, log_weight = self.inner.sample_elements(self._components(raw), uniforms[..., None, 1:], beside)
        log_weight = log_softmax(raw.slots["weights"]) + log_weight
        chosen = choose(weights_of_possible(log_weight), uniforms[..., 0])
        index = chosen[..., None, None].expand(*chosen.shape, 1, codes.shape[-1])
        codes = codes.expand(*log_weight.shape, codes.shape[-1]).gather(-2, index).squeeze(-2)
        return codes, log_weight.logsumexp(-1)

    def _log_masses(self, raw: RawParameters, low: Tensor, high: Tensor) -> Tensor:
        """The log-probability of an interval and each component, [..., components]."""
        masses = self.inner.log_mass(self._components(raw), low.unsqueeze(-1), high.unsqueeze(-1))
        return log_softmax(raw.slots["weights"]) + masses

    def _picked(self, raw: RawParameters, chosen: Tensor) -> RawParameters:
        """The parameters of the components chosen, int64 [...]."""

        def pick(slot: Tensor) -> Tensor:
            index = chosen[..., None, None].expand(*chosen.shape, 1, slot.shape[-1])
            return slot.expand(*chosen.shape, *slot.shape[-2:]).gather(-2, index).squeeze(-2)

        return self._components(raw).map(pick)

    def _components(self, raw: RawParameters) -> RawParameters:
        """The slots of the inner distribution, [..., components] and [..., components, size], as views."""
        scalars, shape = self.inner.scalars, (self.components, -1)
        slots = {
            name: raw.slots[outer] if name in scalars else raw.slots[outer].unflatten(-1, shape)
            for outer, name in self.names.items()
        }
        return RawParameters(slots, raw.dtype, raw.device, scalars)


def continuous(name: str) -> Continuous:
    """A continuous family of single numbers, by its functions."""
    entry = CATALOGUE[name]
    log_density, draw = partial(_log_density, name), partial(_draw, name)
    return Continuous(LOG_MASSES[name], log_density, draw, entry.uniforms, *SUPPORTS[entry.support])


def _log_density(name: str, parameters: Parameters, code: Tensor) -> Tensor:
    """The log-probability of a family under parameters that are in their sets already."""
    own = LOG_DENSITIES.get(name)
    log_density: Tensor = _distribution(name, parameters).log_prob(code) if own is None else own(parameters, code)
    return log_density


def _draw(name: str, parameters: Parameters, uniforms: Tensor) -> Tensor:
    """The draw of a family under such parameters."""
    sampler = SAMPLERS.get(name)
    drawn: Tensor = (
        _distribution(name, parameters).icdf(uniforms[..., 0])
        if sampler is None
        else sampler.draw(parameters, uniforms)
    )
    return drawn


def _distribution(name: str, parameters: Parameters) -> Any:
    entry = CATALOGUE[name]
    return _class(entry.library, entry.distribution)(**parameters, validate_args=False)


def _own_share(position: float) -> float:
    """All of (0, 1) for a distribution that stands alone in the middle; a narrow part for a component of a mixture."""
    return 1.0 if position == 0.5 else 0.1 * min(position, 1 - position)


_MENDED = {
    "Bernoulli": "ardsl.families.mended_torch",
    "SkewLogistic": "ardsl.families.mended_pyro",
    "SoftAsymmetricLaplace": "ardsl.families.mended_pyro",
}
"""The modules of classes that replace a library's own."""


@lru_cache(maxsize=256)
def _class(library: str, name: str) -> Any:
    """A class of a library, or ours in its place. Pyro is imported only for what torch lacks."""
    module = _MENDED.get(name, f"{library}.distributions")
    return getattr(import_module(module), name)
