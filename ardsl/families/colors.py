"""One draw for all channels of a pixel: a mixture whose components share an indicator (PixelCNN++)."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from torch.distributions import Distribution

from ardsl.families.catalogue_distributions import continuous
from ardsl.families.code_distribution import CodeDistribution, RawParameters
from ardsl.families.constraints import constrain, unconstrain
from ardsl.families.discretized import Grid, cell_of, logistic_mass
from ardsl.families.family import Family
from ardsl.families.masses import LOG_MASSES
from ardsl.families.sampling import choose, weights_of_possible
from ardsl.families.truncation import Elements

_SCALE = 0.3


class ColorMixtureDistribution(CodeDistribution):
    """p(x) = Σ_k w_k Π_c P(x_c | m_kc + Σ_{d<c} a_kcd x_d, s_kc), by discretized logistics on [−1, 1] (Salimans et al.,
    PixelCNN++, 2017, section 2.2): each channel's location is linear in the channels before it.

    Codes are [..., channels]. The first uniform number chooses the component, the others the channels in turn.
    """

    joint = True

    def __init__(self, family: Family, cells: Grid) -> None:
        assert family.components is not None and cells.levels is not None  # see color_mixture_family
        self.components, self.channels, self.cells, self.levels = family.components, family.event, cells, cells.levels

    def log_prob(self, raw: RawParameters, code: Tensor) -> Tensor:
        code = code.to(raw.dtype)
        p = self.parameters(raw)
        if self.levels == 1:
            return torch.zeros_like(code[..., 0])
        x = self._place(code).unsqueeze(-2)  # beside the components
        total = raw.slots["weights"].log_softmax(-1)
        for channel in range(self.channels):
            loc = self._shifted(p, channel, x)
            cell = cell_of(self.cells, code[..., channel].unsqueeze(-1))
            total = total + logistic_mass({"loc": loc, "scale": p["scale"][..., channel]}, cell)
        return torch.logsumexp(total, -1)

    def sample(self, raw: RawParameters, uniforms: Tensor) -> Tensor:
        chosen = choose(raw.slots["weights"], uniforms[..., 0])
        p = {name: self._picked(value, chosen) for name, value in self.parameters(raw).items() if name != "weights"}
        codes: list[Tensor] = []
        x = uniforms.new_zeros(*chosen.shape, self.channels)
        for channel in range(self.channels):
            value = self._shifted(p, channel, x) + p["scale"][..., channel] * torch.logit(uniforms[..., 1 + channel])
            codes.append(((value - self.cells.origin) / self.cells.step).floor().clamp(0, self.levels - 1))
            x = x.clone()
            x[..., channel] = self._place(codes[-1])
        return torch.stack(codes, -1)

    def sample_elements(self, raw: RawParameters, uniforms: Tensor, elements: Elements) -> tuple[Tensor, Tensor]:
        """A draw of each component, channel by channel, one of which is chosen by its weight."""
        p = self.parameters(raw)
        x = p["loc"].new_zeros(*torch.broadcast_shapes(p["loc"].shape[:-1], (1,)), self.channels)
        codes: list[Tensor] = []
        log_weight = p["weights"].log()
        for channel, element in enumerate(elements):
            own = {"loc": self._shifted(p, channel, x), "scale": p["scale"][..., channel]}
            code, weight = element.beside().draw(
                uniforms[..., None, 1 + channel],
                lambda code, own=own: logistic_mass(own, cell_of(self.cells, code)),  # type: ignore[misc]
                partial(self._log_mass, own),
                partial(self._between, own),
            )
            codes.append(code.expand(log_weight.shape))
            log_weight = log_weight + weight
            x = x.clone()
            x[..., channel] = self._place(codes[-1])
        chosen = choose(weights_of_possible(log_weight), uniforms[..., 0])
        return self._picked(torch.stack(codes, -1), chosen), log_weight.logsumexp(-1)

    def _log_mass(self, own: dict[str, Tensor], low: Tensor, high: Tensor) -> Tensor:
        return LOG_MASSES["logistic"](own, *self.cells.edges(low, high))

    def _between(self, own: dict[str, Tensor], uniform: Tensor, low: Tensor, high: Tensor) -> Tensor:
        value = continuous("logistic").quantile(own, uniform, *self.cells.edges(low, high))
        return self.cells.code_between(value, low, high)

    def parameters(self, raw: RawParameters) -> dict[str, Tensor]:
        """``weights`` [..., components]; ``loc``, ``scale`` [..., components, channels]; ``coefficients`` in (−1, 1)
        [..., components, pairs], a channel's before the next one's."""
        shape = (self.components, -1)
        return {
            "weights": raw.slots["weights"].softmax(-1),
            "loc": raw.slots["loc"].unflatten(-1, shape),
            "scale": constrain("positive", raw.slots["scale"].unflatten(-1, shape)),
            "coefficients": raw.slots["coefficients"].unflatten(-1, (self.components, self._pairs)).tanh(),
        }

    def distribution(self, raw: RawParameters) -> Distribution | None:
        return None

    def initial(self, position: float) -> dict[str, Tensor]:
        places = 0.9 * (2 * (torch.arange(self.components) + 0.5) / self.components - 1)
        scale = torch.full((self.components * self.channels,), unconstrain("positive", _SCALE))
        return {
            "weights": torch.zeros(self.components),
            "loc": places.repeat_interleave(self.channels),
            "scale": scale,
            "coefficients": torch.zeros(self.components * self._pairs),
        }

    @property
    def _pairs(self) -> int:
        return self.channels * (self.channels - 1) // 2

    def _place(self, code: Tensor) -> Tensor:
        """A code's place on [−1, 1]: the middle of its cell."""
        return self.cells.origin + (code + 0.5) * self.cells.step

    def _shifted(self, p: dict[str, Tensor], channel: int, x: Tensor) -> Tensor:
        first = channel * (channel - 1) // 2
        own = p["coefficients"][..., first : first + channel]
        return p["loc"][..., channel] + (own * x[..., :channel]).sum(-1)

    def _picked(self, value: Tensor, chosen: Tensor) -> Tensor:
        index = chosen[..., None, None].expand(*chosen.shape, 1, value.shape[-1])
        return value.expand(*chosen.shape, *value.shape[-2:]).gather(-2, index).squeeze(-2)
