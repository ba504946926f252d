"""The plan of a whole model: the design of each network, the formula they realize, and the sampling steps. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from ardsl.common.wording import plural, truncated
from ardsl.networks.design import Design, LayerPlan


@dataclass(frozen=True)
class Plan:
    """The whole model's plan.

    ``groups`` has the design of each network; ``formula`` is the factorization that they realize, ``steps`` the number
    of sampling steps.
    """

    groups: tuple[Design, ...]
    formula: str
    steps: int
    batch: int
    """The batch size activation memory is reported for."""
    window: int | None = None
    """The number of time steps of an example that a training step sees, where networks run along time."""
    guide: Plan | None = None
    """The plan of the ``q`` factors, where there are latent variables. All sums count it in."""

    def __repr__(self) -> str:
        sizes = f"{plural(self.parameters, 'parameter')}, {plural(self.steps, 'sampling step')}"
        return f"<plan of {truncated(self.formula)}: {sizes}>"

    @property
    def every(self) -> tuple[Design, ...]:
        """The designs of the model's own networks, and those of the guide."""
        return self.groups + (self.guide.groups if self.guide is not None else ())

    @property
    def layers(self) -> tuple[LayerPlan, ...]:
        return tuple(layer for group in self.every for layer in group.layers)

    @property
    def parameters(self) -> int:
        return sum(group.parameters for group in self.every)

    @property
    def flops(self) -> int:
        """The FLOPs of one example's likelihood under one order (of its bound, where there are latent variables)."""
        return sum(group.flops for group in self.every)

    @property
    def activation_bytes(self) -> int:
        """The memory of the activations of one training batch, in float32."""
        return round(4 * self.batch * sum(group.activations * self._share(group) for group in self.every))

    def _share(self, group: Design) -> float:
        """The share of the time steps that a training step evaluates."""
        if self.window is None or group.receptive_field is None:
            return 1
        return min(1, (self.window + group.receptive_field) / group.group.targets[0].variable.shape[0])
