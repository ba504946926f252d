"""The plan of a whole model: the design of each network, the formula they realize, and the sampling steps. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from ardsl.common.wording import cut, plural
from ardsl.networks.design import Design, LayerPlan


@dataclass(frozen=True)
class Plan:
    """The whole model's plan. ``formula`` is the factorization it realizes; ``steps`` the sampling steps."""

    groups: tuple[Design, ...]
    formula: str
    steps: int
    batch: int
    """The batch size activation memory is reported for."""
    window: int | None = None
    """Of what runs along time, how many moments a training step sees."""
    guide: Plan | None = None
    """That of the ``q`` factors, where there are latent variables. All sums count it in."""

    def __repr__(self) -> str:
        sizes = f"{plural(self.parameters, 'parameter')}, {plural(self.steps, 'sampling step')}"
        return f"<plan of {cut(self.formula)}: {sizes}>"

    @property
    def every(self) -> tuple[Design, ...]:
        """The groups, and those of the guide."""
        return self.groups + (self.guide.groups if self.guide is not None else ())

    @property
    def layers(self) -> tuple[LayerPlan, ...]:
        return tuple(layer for group in self.every for layer in group.layers)

    @property
    def parameters(self) -> int:
        return sum(group.parameters for group in self.every)

    @property
    def flops(self) -> int:
        """Of one example's likelihood under one order (of its bound, where there are latent variables)."""
        return sum(group.flops for group in self.every)

    @property
    def activation_bytes(self) -> int:
        """Of one training batch, in float32."""
        return round(4 * self.batch * sum(group.activations * self._share(group) for group in self.every))

    def _share(self, group: Design) -> float:
        """Which part of the moments a training step evaluates."""
        if self.window is None or group.back is None:
            return 1
        return min(1, (self.window + group.back) / group.group.targets[0].variable.shape[0])
