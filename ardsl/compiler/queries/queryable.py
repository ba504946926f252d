"""The face of questions: what models can be asked beside likelihoods and samples."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from ardsl.compiler.base import CompiledModel
from ardsl.compiler.guards import evaluating
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.queries.answer import Answer
from ardsl.compiler.queries.ask import SAMPLES, conditional, marginal, probability
from ardsl.compiler.queries.cell import CellDistribution
from ardsl.compiler.queries.events import Event
from ardsl.compiler.queries.joint import Joint
from ardsl.compiler.steps.evaluator import Lender


class Queryable(CompiledModel):
    """A model that answers questions of its joint distribution, and says how exact each answer is."""

    @property
    @abstractmethod
    def factors(self) -> Sequence[Density]:
        """The densities whose product the joint distribution is."""

    @property
    @abstractmethod
    def lenders(self) -> Sequence[Lender]:
        """The lender of each factor's steppers."""

    @property
    def _joint(self) -> Joint:
        return Joint(self, self.factors, self.lenders)

    def marginal(self, x: Any, given: Any = None, *, samples: int = 1_000, seed: int | None = None) -> Answer:
        """log p of the values that each example has, NaN being those that it lacks: an answer [batch], in nats.

        Exact where that is affordable: see ``docs/queries.md``. Elsewhere it is estimated by particles, and the answer
        has its standard error.

        Args:
            x: the observed variables, as in :meth:`log_prob`, with NaN for missing values.
            given: the given variables, as in :meth:`log_prob`.
            samples: the particles that each example without an exact answer is estimated from.
            seed: decides the particles; by default they are fresh.

        Raises:
            ArdslError: for arrays that the model cannot take, and variables of varying length.

        >>> answer = model.marginal(torch.tensor([[0, torch.nan, 1, torch.nan]]))
        >>> answer.accuracy, answer.joint
        ('exact', 'the joint distribution of the spec')
        >>> bool(torch.allclose(model.marginal(x).value.float(), model.log_prob(x)))
        True
        """
        with evaluating(self):
            return marginal(self._joint, x, given, samples, seed)

    def conditional(
        self, cell: str, given: Any = None, *, samples: int = SAMPLES, seed: int | None = None
    ) -> CellDistribution:
        """The distribution of one cell given values of others, for each row of these.

        Args:
            cell: its name: an element ``x[3]``, a field, a scalar variable, or a column of the spec's data.
            given: a dict of values by the names of cells, [rows] or one for all rows, or of whole variables,
                [rows, *shape] with NaN for what is not known; given variables are among them. None: nothing is known.
            samples: the particles that the distributions are estimated from, where they are not exact.
            seed: decides the particles; by default they are fresh.

        Returns:
            A distribution of torch with the batch shape [rows]: ``probs`` of all ``values``, ``mean``, ``mode``, and
            quantiles by ``icdf``.

        Raises:
            ArdslError: for unknown names, and for values that are outside their domains or have probability 0.

        >>> model.conditional("x[0]", given={"x[3]": [0, 1]}).probs.shape
        torch.Size([2, 2])
        """
        with evaluating(self):
            return conditional(self._joint, cell, given, samples, seed)

    def probability(
        self, event: str | Event, given: Any = None, *, samples: int = 20_000, seed: int | None = None
    ) -> Answer:
        """The probability of an event, given another.

        Exact where that is affordable: see ``docs/queries.md``. Elsewhere it is estimated by particles, and the answer
        has its standard error.

        Args:
            event: a text such as ``age >= 65 and sex = "F"``, perhaps with a condition behind ``|``.
            given: the condition: a text, or a dict of values by the names of cells. It fixes all given variables.
            samples: the particles that it is estimated from, where it is not exact.
            seed: decides the particles; by default they are fresh.

        Raises:
            ArdslError: for a text that is no event, and a condition that cannot hold.

        >>> answer = model.probability("x[0] = 1 or x[1] = 1", given="x[3] = 0")
        >>> 0 < answer.value < 1, answer.accuracy
        (True, 'exact')
        """
        with evaluating(self):
            return probability(self._joint, event, given, samples, seed)
