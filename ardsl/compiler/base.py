"""The base of compiled models: what all of them can do, and what training asks of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, wraps
from inspect import signature
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ardsl.common.wording import series
from ardsl.compiler.arrays.users import examples_by_name, require_inside
from ardsl.compiler.window import Window
from ardsl.errors import MissingArgumentError, MissingMethodError
from ardsl.spec import Spec

M = TypeVar("M", bound=Callable[..., Any])


class Loss(NamedTuple):
    """The loss of a batch, in nats per example. A named tuple, whose tensors torch's sharding finds.

    ``value`` is minimized, and has gradients; ``reported`` is the negative log-likelihood, or the negative bound on it,
    that training shows. ``divergences`` has the mean divergence of each latent variable that the guide draws.
    """

    value: Tensor
    reported: Tensor
    divergences: Mapping[str, Tensor]


class Rows(NamedTuple):
    """The rows of a batch of ``size`` that a process has, ``own``. What is drawn for each example is drawn for all of
    the batch, so that it does not depend on how many processes share it."""

    size: int
    own: slice = slice(None)


class Likelihood(NamedTuple):
    """The log-likelihood of each example, [batch] in nats, or a lower bound on it.

    Where it is a bound, ``elbo`` is the one from a single draw of the guide, [batch], and ``divergences`` are this
    draw's, by latent variable, [batch]; else None and empty.
    """

    log_prob: Tensor
    elbo: Tensor | None
    divergences: Mapping[str, Tensor]


class CompiledModel(nn.Module, ABC):
    """A spec as a torch module: it scores, samples, and gives the loss that training minimizes."""

    of_models: ClassVar[str] = ""
    """Of a kind of models, which ones these are, in words."""
    asks: bool = False
    """True where a network is asked with a mask: training estimates its likelihood by one question for each example."""
    kl_weight: float = 1.0
    """The weight of divergences in :meth:`objective`, which has some where there are latent variables."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.spec = spec
        self.data_directory: str | None = None
        """The folder of the spec's own data, for a model restored from elsewhere; None: beside the spec."""

    def __getattr__(self, name: str) -> Any:
        """Names the kind of model that has a method which this kind lacks."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            if problem := _lacking(self, name):
                raise MissingMethodError(problem) from None
            raise

    @property
    @abstractmethod
    def densities(self) -> Sequence[CompiledModel]:
        """The densities that the model is made of: itself, or the conditionals of p and of the guide."""

    @property
    def dims(self) -> int:
        """The number of observed elements: bits/dim is nats / (dims · ln 2)."""
        return sum(v.size for v in self.spec.model.observed)

    @property
    def like(self) -> Tensor:
        """A tensor with the model's dtype and device."""
        return next(self.parameters(), torch.zeros(()))

    @property
    def estimated(self) -> bool:
        """True where the loss of a batch is an estimate that a generator decides: under ``any(…)``, and where a network
        is asked with a mask."""
        return self.asks or any(variable.orders.mixed for variable in self.spec.model.observed)

    @cached_property
    def latent(self) -> tuple[str, ...]:
        """The names of the latent variables."""
        return tuple(name for name, variable in self.spec.variables.items() if variable.kind == "latent")

    def measure(self, examples: Any) -> None:
        """Standardizes real and positive variables, observed and given, by the mean and spread of examples.

        ``ardsl.fit`` does so with its training data; a training loop of one's own calls it once before it begins. Other
        variables keep the units they have.

        Args:
            examples: arrays [examples, *shape] by name, or one of the only observed variable.

        Raises:
            ArdslError: for unknown names, other shapes, and values outside their domains. NaN is a missing value where
                the model allows those.

        >>> model.measure(x)
        """
        checked = examples_by_name(examples, self.spec.variables)
        require_inside(checked, self.spec.variables, self.spec.model.may_miss)
        self.standardize_by(checked)

    @abstractmethod
    def standardize_by(self, examples: Mapping[str, Tensor]) -> None:
        """Standardizes by examples that are checked: tensors [examples, *shape] by name."""

    @abstractmethod
    def values(self, x: Any, given: Any = None, lengths: Any = None, *, check: bool = True) -> dict[str, Tensor]:
        """Users' arrays by variable, in the form that the model computes with; ``check`` refuses given values outside
        their domains.
        """

    @abstractmethod
    def log_prob(self, x: Any, given: Any = None) -> Any:
        """log p(x | given) of each example, [batch], in nats."""

    def forward(self, x: Any, given: Any = None, **options: Any) -> Any:
        """log p of each example: :meth:`log_prob`, called as a torch module is."""
        return self.log_prob(x, given, **options)

    @abstractmethod
    def likelihood(
        self,
        values: Mapping[str, Tensor],
        samples: int = 1,
        seed: int | None = None,
        *,
        exact: bool = True,
        rows: Rows | None = None,
    ) -> Likelihood:
        """log p of each example, of :meth:`values`; or the bound on it from ``samples`` draws of the guide, which the
        ``seed`` decides. Where it is not to be ``exact``, networks asked with a mask estimate it from one question for
        each example, which the ``seed`` decides, too; ``rows`` are then as in :meth:`objective`."""

    @abstractmethod
    def objective(
        self,
        batch: Mapping[str, Any],
        generator: np.random.Generator | None = None,
        window: Window | None = None,
        rows: Rows | None = None,
    ) -> Loss:
        """The loss of a batch, arrays [batch, *shape] by name, as training minimizes and reports it.

        Under ``any(…)`` the ``generator`` draws an order for the batch, and a question for each example where a network
        is asked with a mask; without one fresh random numbers do. With a ``window`` the loss is estimated from a part
        of each example along time. ``rows``: which of a batch's rows these examples are, where processes share it.
        """

    def loss(
        self, batch: Mapping[str, Any], generator: np.random.Generator | None = None, window: Window | None = None
    ) -> Tensor:
        """The number that training minimizes for a batch, in nats per example: the value of :meth:`objective`.

        >>> model.loss({"x": x}).backward()
        """
        return self.objective(batch, generator, window).value

    @abstractmethod
    def noise(self, n: int, seed: int | None = None) -> Any:
        """The randomness of ``n`` samples; opaque, for :meth:`sample`."""

    @abstractmethod
    def sample(self, n: int = 1, given: Any = None, *, seed: int | None = None) -> Any:
        """``n`` samples in the form of the data."""


def _lacking(model: CompiledModel, name: str) -> str | None:
    """Says which models have a public method that the model lacks; None where none have."""
    if name.startswith("_") or "spec" not in model.__dict__:
        return None
    for kind in _kinds(CompiledModel):  # type: ignore[type-abstract]
        if kind.of_models and callable(getattr(kind, name, None)):
            return _of_others(model, f"`{name}`", kind)
    return None


def own_arguments(method: M) -> M:
    """Makes a method name the kind of model that takes an argument which its own kind does not."""
    own = signature(method).parameters

    @wraps(method)
    def called(model: CompiledModel, *arguments: Any, **named: Any) -> Any:
        for name in named:
            if name not in own and (problem := _lacking_argument(model, method.__name__, name)):
                raise MissingArgumentError(problem)
        return method(model, *arguments, **named)

    return called  # type: ignore[return-value]


def _lacking_argument(model: CompiledModel, method: str, name: str) -> str | None:
    """Says which models' method takes an argument that the model's own does not; None where none's does."""
    for kind in _kinds(CompiledModel):  # type: ignore[type-abstract]
        other = getattr(kind, method, None)
        if kind.of_models and callable(other) and name in signature(other).parameters:
            return _of_others(model, f"`{name}` of `{method}`", kind)
    return None


def _of_others(model: CompiledModel, subject: str, kind: type[CompiledModel]) -> str:
    latent = series(f"`{latent}`" for latent in model.latent) or "none"
    return f"{subject} is of {kind.of_models}, and this one has {latent}"


def _kinds(base: type[CompiledModel]) -> Iterator[type[CompiledModel]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds(kind)
