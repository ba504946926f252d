"""The exceptions a user of the library may meet."""

from __future__ import annotations

import copyreg
from collections.abc import Iterable
from typing import Any

from ardsl.common.wording import one_line
from ardsl.diagnostics import Diagnostic, Rule


class ArdslError(Exception):
    """Base of every error that the user, not the library, can mend. Its text is for people to read."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as it is, whatever its class was made from: errors cross between processes."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class MissingMethodError(ArdslError, AttributeError):
    """A model was asked for a method that only another kind of model has; ``hasattr`` says no of it."""


class MissingArgumentError(ArdslError, TypeError):
    """A method was called with an argument that it takes only of another kind of model."""


class SpecError(ArdslError):
    """A spec was rejected. ``diagnostics`` holds every error and warning of it, in the order of the text."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = list(diagnostics)
        super().__init__("\n".join(str(d) for d in self.diagnostics))


class DataError(ArdslError):
    """Data, a file or a run folder is unusable: one line that names the file, row and column where there are such."""

    def __init__(self, code: str, message: str) -> None:
        self.code, self.problem = code, message
        super().__init__(f"error[{code}]: {message}")


def data_error(rule: Rule, **values: Any) -> DataError:
    """Makes the error of a rule, its message filled in and kept to one printable line."""
    return DataError(rule.code, one_line(rule.message.format(**values)))
