"""The face of questions: what models can be asked beside likelihoods and samples."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from ardsl.compiler.base import CompiledModel
from ardsl.compiler.guards import evaluating
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.queries.answer import Answer
from ardsl.compiler.queries.ask import Joint, conditional, marginal, probability
from ardsl.compiler.queries.cell import CellDistribution
from ardsl.compiler.queries.events import Event


class Queryable(CompiledModel):
    """A model that answers questions of its joint distribution, and says how exact each answer is."""

    @property
    @abstractmethod
    def factors(self) -> Sequence[Density]:
        """The densities whose product the joint distribution is."""

    @property
    def _joint(self) -> Joint:
        return Joint(self, self.factors)

    def marginal(self, x: Any, given: Any = None) -> Answer:
        """log p of the values that each example has, NaN being those that it lacks: an answer [batch], in nats.

        Args:
            x: the observed variables, as in :meth:`log_prob`, with NaN for missing values.
            given: the given variables, as in :meth:`log_prob`.

        Raises:
            ArdslError: where there is no exact answer at an affordable cost, and for arrays of other shapes.

        >>> answer = model.marginal(torch.tensor([[0, torch.nan, 1, torch.nan]]))
        >>> answer.accuracy, answer.joint
        ('exact', 'the joint distribution of the spec')
        >>> bool(torch.allclose(model.marginal(x).value.float(), model.log_prob(x)))
        True
        """
        with evaluating(self):
            return marginal(self._joint, x, given)

    def conditional(self, cell: str, given: Any = None) -> CellDistribution:
        """The distribution of one cell given values of others, for each row of these.

        Args:
            cell: its name: an element ``x[3]``, a field, a scalar variable, or a column of the spec's data.
            given: a dict of values by the names of cells, [rows] or one for all rows, or of whole variables,
                [rows, *shape] with NaN for what is not known; given variables are among them. None: nothing is known.

        Returns:
            A distribution of torch with the batch shape [rows]: ``probs`` of all ``values``, ``mean``, ``mode``, and
            quantiles by ``icdf``.

        Raises:
            ArdslError: where there is no exact answer at an affordable cost, for unknown names and strange values.

        >>> model.conditional("x[0]", given={"x[3]": [0, 1]}).probs.shape
        torch.Size([2, 2])
        """
        with evaluating(self):
            return conditional(self._joint, cell, given)

    def probability(self, event: str | Event, given: Any = None) -> Answer:
        """The probability of an event, given another.

        Args:
            event: a text such as ``age >= 65 and sex = "F"``, perhaps with a condition behind ``|``.
            given: the condition: a text, or a dict of values by the names of cells. It fixes all given variables.

        Raises:
            ArdslError: where there is no exact answer at an affordable cost, for a text that is no event, and for a
                condition that cannot hold.

        >>> answer = model.probability("x[0] = 1 or x[1] = 1", given="x[3] = 0")
        >>> 0 < answer.value < 1, answer.accuracy
        (True, 'exact')
        """
        with evaluating(self):
            return probability(self._joint, event, given)
