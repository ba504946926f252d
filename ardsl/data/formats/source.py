"""The interface of formats: a file, or data in memory, as named arrays.

A format is a module with the ``SUFFIXES`` of its files and ``open_file(path, key)``, which gives a :class:`Source`. To
open is to list: the arrays are read when they are asked for, and what can be known of them before comes first
(``header``), since a file of a few bytes may claim any size.
"""

from __future__ import annotations

import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar, TypeVar

import numpy as np

from ardsl.common.memory import memory_problem
from ardsl.common.wording import size
from ardsl.diagnostics.rules.data import UNREADABLE
from ardsl.errors import data_error
from ardsl.families.domains import Domain
from ardsl.model.model import Variable

T = TypeVar("T")

LENGTHS = "_lengths"
"""The ending of the name of an array's lengths: ``train_lengths`` for ``train``."""
Header = tuple[tuple[int, ...], np.dtype]
"""The shape and the type of an array."""

_PICKLED = "holds pickled Python objects, which are never loaded: save numbers, or text of a fixed width"


@dataclass
class Source(ABC):
    """Named arrays. A nameless array is the ``only`` one.

    ``name`` is what messages call the source, ``key`` the name that ``#KEY`` chose.
    """

    name: str
    keys: tuple[str, ...]
    _: KW_ONLY
    key: str | None = None
    only: bool = False
    in_memory: bool = False
    """Named by the user, not by a file: names must be the variables'."""
    positional: bool = False
    """The parts of an example, in the order of the observed variables, then the given ones."""
    header: Callable[[str], Header | None] = field(repr=False, default=lambda _: None)
    """Gives an array's header, None where it can be known only by reading the array."""
    bound: int | None = None
    """The most rows that the blocks have together; None where there is one block."""
    line: Callable[[int], int | None] = field(repr=False, default=lambda _: None)
    """Gives the line of the file (from 1) that a row (from 0) is on, None where rows have no lines."""
    row_name: Callable[[int], str] | None = field(repr=False, default=None)
    """Gives an example the name that messages call it, where it has one: an image's file, or a line of text."""

    is_table: ClassVar[bool] = False
    """Its arrays are columns, as pyarrow's arrays."""

    @abstractmethod
    def blocks(self, keys: Sequence[str]) -> Iterator[tuple[dict[str, Any], int]]:
        """Reads all rows of these arrays, a block at a time, each with the number of its first row."""

    def place(self, key: str) -> str:
        """Names an array for messages."""
        if self.only or self.is_table or self.row_name is not None:
            return self.name
        return f"`{key}`" if self.in_memory else key if self.positional else f"{self.name}#{key}"

    def offered(self, variable: Variable, alone: bool) -> str | None:
        """Names the array that the format has for such a variable, ``alone`` if it is the only one. None: it has none
        of its own, and names decide."""
        return None

    def fitted(self, key: str, values: Any, variable: Variable) -> Any:
        """Gives an array in the form in which the variable takes it."""
        return values

    def cells(self, key: str, values: Any, domain: Domain) -> tuple[np.ndarray, Any]:
        """Gives an array as numpy's, and the text that its cells were, None where they were none."""
        return values, None


@dataclass
class Arrays(Source):
    """Arrays that ``read`` reads whole, as numpy's."""

    read: Callable[[str], np.ndarray] = field(repr=False)

    def blocks(self, keys: Sequence[str]) -> Iterator[tuple[dict[str, Any], int]]:
        yield {key: self.read(key) for key in (keys or ("",))}, 0


def guarded(name: str, read: Callable[[], T]) -> T:
    """Calls ``read``; whatever is wrong with the file is a ``DataError`` of one line."""
    try:
        return read()
    except FileNotFoundError:
        problem = "there is no such file"
    except PermissionError:
        problem = "may not be read (permission denied)"
    except OSError as error:
        problem = f"cannot be read: {os.strerror(error.errno).lower()}" if error.errno else "is cut short or damaged"
        if error.errno == errno.ENOMEM:
            problem = f"is larger than the memory, with its {size(os.path.getsize(name.partition('#')[0]))}"
    except MemoryError as error:
        problem = memory_problem(error) or ""
    except ValueError as error:
        # numpy offers pickle for anything it does not know, so only its words tell an object array from noise.
        objects = "Object arrays" in str(error) or "Python objects" in str(error)
        problem = _PICKLED if objects else "is cut short or damaged"
    raise data_error(UNREADABLE, path=name, problem=problem)
