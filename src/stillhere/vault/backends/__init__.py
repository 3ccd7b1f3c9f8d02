"""Where a vault's objects live: bytes under names, created once and never changed.

Names are slash-separated paths of plain characters. Every backend keeps these promises:

- ``create`` is durable when it returns, and only one of two creates of a name succeeds; what
  ``Exists`` is raised for is durable too;
- an object is seen whole or not at all;
- bytes that the storage itself can't give back any more (a bad sector) raise ``Damaged``;
- a failed create raises ``BackendError`` and may or may not have happened: read the name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from stillhere.errors import Damaged, StillhereError

T = TypeVar("T")


class Exists(Exception):
    """The name is taken already."""


class Missing(Exception):
    """There is no object of that name."""


class BackendError(StillhereError):
    """The storage did not do what it was asked; whether it did part of it is not known."""


class NotInAll(BackendError):
    """Not every copy of the vault took an object; which have it is not known."""


class Readable(Protocol):
    """One place that objects can be read from."""

    def read(self, name: str) -> bytes:
        """A whole object. Raises Missing, BackendError."""

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """``length`` bytes of an object from ``offset``, fewer at its end."""

    def size(self, name: str) -> int:
        """How many bytes an object has. Raises Missing, BackendError."""


class Backend(Readable, Protocol):
    """One place that keeps objects."""

    @property
    def place(self) -> str:
        """Where it is, for a message."""

    def create(self, name: str, data: bytes) -> None:
        """Keep an object durably. Raises Exists, BackendError."""

    def names(self, folder: str) -> list[str]:
        """The names right below a folder, objects and folders, sorted; [] where it is none."""

    def delete(self, name: str, *, durable: bool = False) -> None:
        """Remove an object; one that is not there is no error. A ``durable`` removal is not
        undone by a power cut, and leaves no earlier version."""

    def prove(self) -> None:
        """Prove, where no kernel sees to it, that only one of two creates of a name succeeds.

        Raises NotAVault, BackendError where it could not be tried."""


def each(backend: Readable) -> Sequence[Readable]:
    """The places behind a backend, in the order in which it asks them: itself alone, unless it
    stands for several. An object that does not prove itself in one may in another."""
    copies: Sequence[Readable] = getattr(backend, "copies", (backend,))
    return copies


def first_of(attempts: Iterable[Callable[[], T]]) -> T | None:
    """What the first attempt that succeeds returns; None where all say Missing.

    Else raises BackendError when one was silent, and Damaged when none was."""
    silent: BackendError | None = None
    damaged: Damaged | None = None
    for attempt in attempts:
        try:
            return attempt()
        except Missing:
            continue
        except BackendError as error:
            silent = silent or error
        except Damaged as error:
            damaged = damaged or error
    failure: StillhereError | None = silent or damaged
    if failure is not None:
        raise failure
    return None
