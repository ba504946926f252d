"""Families built: from a network's raw numbers to log-probabilities and draws."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Distribution

from ardsl.families.catalogue import CATALOGUE
from ardsl.families.colors import ColorMixtureLaw
from ardsl.families.discretized import DiscretizedLaw, grid
from ardsl.families.domains import Domain
from ardsl.families.family import Family
from ardsl.families.law import Law, Parts
from ardsl.families.laws import CatalogueLaw, MixtureLaw
from ardsl.families.shapes import common_shape
from ardsl.families.starting import Start


class Conditional:
    """The law of one draw given ``family.width`` raw numbers.

    Values are in the data's own form: category codes 0 … n − 1, the integers of ``integer(lo, hi)`` themselves, audio
    for ``mulaw`` (whose likelihoods are of the codes). Scalar families take values [...], joint ones [..., event].
    Raw numbers [..., width] give their dtype and device to every result; half precision is computed in float32.
    """

    def __init__(self, family: Family, domain: Domain, law: Law) -> None:
        self.family = family
        self.domain = domain
        self.law = law
        self._any_code = 0.0 if domain.discrete else domain.feasible
        self._names = [slot.name for slot in family.slots]
        self._sizes = [slot.size for slot in family.slots]
        self._only_scalars = law.scalars == set(self._names) != set()

    def log_prob(self, raw: Tensor, value: Tensor, *, validate: bool = True) -> Tensor:
        """Log-probability of values, or their log-density, in nats: [..., width] and [...] to [...].

        A value outside the domain has −inf, and no gradient. ``validate = False`` is for data that are known to be
        inside: it saves a pass, and leaves other values undefined.
        """
        parts = self._parts(raw)
        code = self.domain.code(value).to(parts.dtype)
        if not validate:
            return self._shaped(self.law.log_prob(parts, code), raw, code)
        inside = self.domain.inside(value)
        log_prob = self.law.log_prob(parts, torch.where(inside, code, self._any_code))
        if self.law.joint:
            inside = inside.all(-1)
        return self._shaped(torch.where(inside, log_prob, -math.inf), raw, code)

    def sample(self, raw: Tensor, noise: Tensor) -> Tensor:
        """The draw that ``noise``, uniform numbers [..., family.uniforms] in (0, 1), gives: [...], or [..., event].

        A function of the two alone: what one draw comes to does not depend on the others in the call.
        """
        dtype = torch.float32 if raw.dtype in (torch.float16, torch.bfloat16) else raw.dtype
        return self.domain.value(self.draw(raw, noise), dtype)

    def draw(self, raw: Tensor, noise: Tensor) -> Tensor:
        """The same as a code, the index of a value of a finite domain."""
        batch = common_shape(raw.shape[:-1], noise.shape[:-1])
        parts = self._parts(raw.expand(*batch, -1))
        info = torch.finfo(parts.dtype)
        uniforms = noise.to(parts.dtype).clamp(info.tiny, 1 - info.eps / 2).expand(*batch, -1)
        return self.law.sample(parts, uniforms)

    def parameters(self, raw: Tensor) -> dict[str, Tensor]:
        """The parameters in their own sets, by slot: [...], a vector's [..., n], a mixture's [..., components]."""
        return self.law.parameters(self._parts(raw))

    def distribution(self, raw: Tensor) -> Distribution | None:
        """The same law over codes as torch knows it; None where torch knows none (discretized laws of counts)."""
        distribution = self.law.distribution(self._parts(raw))
        if distribution is None or distribution.batch_shape == raw.shape[:-1]:
            return distribution
        return distribution.expand(raw.shape[:-1])

    def log_table(self, raw: Tensor) -> Tensor:
        """Log-probabilities of all codes of a finite domain, in the order of the values: [..., width] to [..., n]."""
        if self.domain.levels is None or self.law.joint:
            raise ValueError(f"{self.domain} has no finite table of probabilities")
        table = self.law.log_table(self._parts(raw), self.domain.levels)
        return table.expand(*raw.shape[:-1], self.domain.levels)

    def initial_raw(self) -> Tensor:
        """Raw numbers [width] to begin training with: locations spread over the domain, unit scales, even odds."""
        starts = self.law.initial(0.5)
        return torch.cat([starts[slot.name] for slot in self.family.slots] or [torch.zeros(0)])

    def _parts(self, raw: Tensor) -> Parts:
        if raw.dtype in (torch.float16, torch.bfloat16):
            raw = raw.float()
        scalars = self.law.scalars
        if self._only_scalars:
            slots = dict(zip(self._names, raw.unbind(-1), strict=True))
        else:
            parts = raw.split_with_sizes(self._sizes, -1) if self._sizes else ()
            slots = {
                name: part.squeeze(-1) if name in scalars else part
                for name, part in zip(self._names, parts, strict=True)
            }
        return Parts(slots, raw.dtype, raw.device, scalars)

    def _shaped(self, result: Tensor, raw: Tensor, code: Tensor) -> Tensor:
        """A family without free parameters broadcasts too."""
        values = code.shape[:-1] if self.law.joint else code.shape
        if result.shape == values == raw.shape[:-1]:
            return result
        return result.expand(common_shape(raw.shape[:-1], values))


def build_family(family: Family, domain: Domain) -> Conditional:
    """The law that a resolved family stands for."""
    return Conditional(family, domain, _law(family, domain))


def _law(family: Family, domain: Domain) -> Law:
    if family.name == "mixture" and family.inner is not None and family.components is not None:
        return MixtureLaw(_law(family.inner, domain), family.inner, family.components)
    if family.name == "discretized" and family.inner is not None:
        cells, start = grid(domain, CATALOGUE[family.inner.name].support)
        return DiscretizedLaw(CatalogueLaw(family.inner, None, start), cells)
    if family.name == "color_mixture":
        return ColorMixtureLaw(family, grid(domain, "real")[0])
    start = Start(reach=math.pi) if domain.circular else Start()
    return CatalogueLaw(family, domain.levels, start)
