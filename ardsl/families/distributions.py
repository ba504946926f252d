"""Families built: from a network's unconstrained parameters to log-probabilities and draws."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Distribution

from ardsl.families.catalogue import CATALOGUE
from ardsl.families.catalogue_distributions import CatalogueDistribution, MixtureDistribution
from ardsl.families.code_distribution import CodeDistribution, RawParameters
from ardsl.families.colors import ColorMixtureDistribution
from ardsl.families.constraints import wide
from ardsl.families.discretized import DiscretizedDistribution, grid
from ardsl.families.domains import Domain
from ardsl.families.exact import LARGEST_WHOLE, exact_type
from ardsl.families.family import Family
from ardsl.families.sampling import choose, choose_and_rest, weights_of_possible
from ardsl.families.shapes import common_shape
from ardsl.families.starting import Start
from ardsl.families.truncation import Elements, Truncation


class Conditional:
    """The distribution of one draw given its ``family.width`` unconstrained parameters, ``raw``.

    Values are in the data's own form: category codes 0 … n − 1, the integers of ``integer(lo, hi)`` themselves, audio
    for ``mulaw`` (whose likelihoods are of the codes). Scalar families take values [...], joint ones [..., event].
    Parameters [..., width] give their dtype and device to every result; half precision is computed in float32.
    """

    def __init__(self, family: Family, domain: Domain, distribution: CodeDistribution) -> None:
        self.family = family
        self.domain = domain
        self.over_codes = distribution
        self.joint = distribution.joint
        self._any_code = 0.0 if domain.discrete else domain.feasible
        self._wide = domain.discrete and (domain.levels is None or domain.levels > LARGEST_WHOLE[torch.float32])
        self._names = [slot.name for slot in family.slots]
        self._sizes = [slot.size for slot in family.slots]
        self._only_scalars = distribution.scalars == set(self._names) != set()

    def log_prob(self, raw: Tensor, value: Tensor, *, validate: bool = True) -> Tensor:
        """Log-probability of values, or their log-density, in nats: [..., width] and [...] to [...].

        A value outside the domain has −inf, and no gradient. ``validate = False`` is for data that are known to be
        inside: it saves a pass, and leaves other values undefined.
        """
        by_slot = self._by_slot(raw)
        code = self.domain.code(value)
        code = wide(code) if self._wide else code.to(by_slot.dtype)
        if not validate:
            return self._shaped(self.over_codes.log_prob(by_slot, code).to(by_slot.dtype), raw, code)
        inside = self.domain.inside(value)
        log_prob = self.over_codes.log_prob(by_slot, torch.where(inside, code, self._any_code)).to(by_slot.dtype)
        if self.joint:
            inside = inside.all(-1)
        return self._shaped(torch.where(inside, log_prob, -math.inf), raw, code)

    def sample(self, raw: Tensor, noise: Tensor) -> Tensor:
        """The draw that ``noise``, uniform numbers [..., family.uniforms] in (0, 1), gives: [...], or [..., event].

        A function of the two alone: what one draw comes to does not depend on the others in the call.
        """
        return self.value(self.draw(raw, noise), raw)

    def value(self, code: Tensor, raw: Tensor) -> Tensor:
        """The values of codes that were drawn, in the parameters' type, or one that holds them."""
        half = raw.dtype in (torch.float16, torch.bfloat16)
        return self.domain.value(
            code, exact_type(self.domain.largest_whole, torch.float32 if half else raw.dtype, raw.device)
        )

    def draw(self, raw: Tensor, noise: Tensor) -> Tensor:
        """The same as a code, the index of a value of a finite domain."""
        batch = common_shape(raw.shape[:-1], noise.shape[:-1])
        by_slot = self._by_slot(raw.expand(*batch, -1))
        info = torch.finfo(by_slot.dtype)
        uniforms = noise.to(by_slot.dtype).clamp(info.tiny, 1 - info.eps / 2).expand(*batch, -1)
        return self.over_codes.sample(by_slot, uniforms)

    def parameters(self, raw: Tensor) -> dict[str, Tensor]:
        """The parameters in their own sets, by slot: [...], a vector's [..., n], a mixture's [..., components]."""
        return self.over_codes.parameters(self._by_slot(raw))

    def distribution(self, raw: Tensor) -> Distribution | None:
        """The distribution over codes as one of torch's; None where torch has none (of discretized counts)."""
        distribution = self.over_codes.distribution(self._by_slot(raw))
        if distribution is None or distribution.batch_shape == raw.shape[:-1]:
            return distribution
        return distribution.expand(raw.shape[:-1])

    def log_table(self, raw: Tensor) -> Tensor:
        """Log-probabilities of all codes of a finite domain, in the order of the values: [..., width] to [..., n]."""
        if self.domain.levels is None or self.joint:
            raise ValueError(f"{self.domain} has no finite table of probabilities")
        table = self.over_codes.log_table(self._by_slot(raw), self.domain.levels)
        return table.expand(*raw.shape[:-1], self.domain.levels)

    @property
    def by_intervals(self) -> bool:
        """Says whether there is a distribution function, which intervals need; finite ones without have a table."""
        return self.over_codes.by_intervals

    def log_mass(self, raw: Tensor, allowed: Truncation) -> Tensor:
        """The log-probability that a draw is allowed, in nats: [..., width] to float64 [...].

        Of an element by itself: a joint draw has :meth:`sample_elements`.
        """
        log_masses, _, _ = self._log_masses(raw, allowed)
        return log_masses.logsumexp(-1)

    def sample_within(self, raw: Tensor, noise: Tensor, allowed: Truncation) -> Tensor:
        """The draw, given that it is allowed, that ``noise`` gives, as of :meth:`sample`: [...]. Where nothing that is
        allowed is possible, it is any value that is allowed."""
        return self.value(self.draw_within(raw, noise, allowed), raw)

    def draw_within(self, raw: Tensor, noise: Tensor, allowed: Truncation) -> Tensor:
        """The same as a code, float64 [...]."""
        raw = raw.expand(*common_shape(raw.shape[:-1], noise.shape[:-1]), -1)
        log_masses, by_slot, ends = self._log_masses(raw, allowed)
        uniforms = _open(noise).expand(*log_masses.shape[:-1], -1)
        if allowed.codes is not None:
            possible = torch.where(allowed.codes, weights_of_possible(log_masses), -math.inf)
            return choose(possible, uniforms[..., 0]).double()
        chosen, rest = choose_and_rest(weights_of_possible(log_masses), uniforms[..., 0])
        place = chosen[..., None, None].expand(*chosen.shape, 1, 2)
        low, high = ends.expand(*log_masses.shape, 2).gather(-2, place).squeeze(-2).unbind(-1)
        uniforms = torch.cat([rest.unsqueeze(-1), uniforms[..., 1:]], -1)
        return self.over_codes.sample_between(by_slot, uniforms, low, high)

    def sample_elements(self, raw: Tensor, noise: Tensor, elements: Elements) -> tuple[Tensor, Tensor]:
        """A joint draw some elements of which are known or confined, and its log-weight: [..., width] to [..., event]
        and float64 [...]. The mean weight is the probability, or the density, of what is asked of the elements."""
        codes, log_weight = self.over_codes.sample_elements(self._by_slot(wide(raw)), _open(noise), elements)
        return self.value(codes, raw), log_weight

    def _log_masses(self, raw: Tensor, allowed: Truncation) -> tuple[Tensor, RawParameters, Tensor]:
        """The log-probabilities of the codes that are allowed, or of the intervals, float64 [..., n]; the parameters in
        float64; and the intervals within the domain, [..., n, 2], none where there are codes."""
        by_slot, ends = self._by_slot(wide(raw)), allowed.intervals
        if allowed.codes is not None:
            return torch.where(allowed.codes, wide(self.log_table(wide(raw))), -math.inf), by_slot, raw.new_zeros(0, 2)
        if self.domain.levels is not None:
            ends = ends.clamp(-0.5, self.domain.levels - 0.5)
        beside = by_slot.map(lambda slot: slot.unsqueeze(-2))
        log_masses = self.over_codes.log_mass(beside, ends[..., 0], ends[..., 1])
        batch = common_shape(raw.shape[:-1], ends.shape[:-2])
        return log_masses.expand(*batch, ends.shape[-2]), by_slot, ends

    def initial_raw(self) -> Tensor:
        """Unconstrained parameters [width] to begin training with: locations spread over the domain, unit scales, even
        odds."""
        starts = self.over_codes.initial(0.5)
        return torch.cat([starts[slot.name] for slot in self.family.slots] or [torch.zeros(0)])

    def _by_slot(self, raw: Tensor) -> RawParameters:
        if raw.dtype in (torch.float16, torch.bfloat16):
            raw = raw.float()
        scalars = self.over_codes.scalars
        if self._only_scalars:
            slots = dict(zip(self._names, raw.unbind(-1), strict=True))
        else:
            by_slot = raw.split_with_sizes(self._sizes, -1) if self._sizes else ()
            slots = {
                name: slot.squeeze(-1) if name in scalars else slot
                for name, slot in zip(self._names, by_slot, strict=True)
            }
        return RawParameters(slots, raw.dtype, raw.device, scalars)

    def _shaped(self, result: Tensor, raw: Tensor, code: Tensor) -> Tensor:
        """A family without free parameters broadcasts too."""
        values = code.shape[:-1] if self.joint else code.shape
        if result.shape == values == raw.shape[:-1]:
            return result
        return result.expand(common_shape(raw.shape[:-1], values))


def _open(noise: Tensor) -> Tensor:
    """Uniform numbers in float64, none of which is 0 or 1."""
    return wide(noise).clamp(torch.finfo(torch.float64).tiny, 1 - 2**-53)


def build_family(family: Family, domain: Domain) -> Conditional:
    """The distribution that a resolved family stands for."""
    return Conditional(family, domain, _over_codes(family, domain))


def _over_codes(family: Family, domain: Domain) -> CodeDistribution:
    if family.name == "mixture" and family.inner is not None and family.components is not None:
        return MixtureDistribution(_over_codes(family.inner, domain), family.inner, family.components)
    if family.name == "discretized" and family.inner is not None:
        cells, start = grid(domain, CATALOGUE[family.inner.name].support)
        return DiscretizedDistribution(CatalogueDistribution(family.inner, None, start), cells)
    if family.name == "color_mixture":
        return ColorMixtureDistribution(family, grid(domain, "real")[0])
    start = Start(reach=math.pi) if domain.circular else Start()
    return CatalogueDistribution(family, domain.levels, start)
