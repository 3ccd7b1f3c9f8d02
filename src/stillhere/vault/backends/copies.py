"""One vault in several places: every object is made in each of them, and read from any.

The first place decides: whoever makes a name there has it, and the others follow. So of two who
make one name at the same time one wins in all places, and whoever finds a name taken first sees
to it that the others have what the first has, if that proves itself: what is broken there is
handed on to nobody. The promises of a backend are kept:

- a create is done when every copy has the object, durably; one that failed may have come as far
  as some of them, and whoever makes that name next completes it;
- a name is taken where any copy has other bytes under it: a seal in one copy fences;
- what one copy lacks or can't give is read from the next. Nothing is called missing while one
  of them is silent.

Which copy's bytes are right is for whoever can prove them: ``each`` names the copies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

from stillhere.errors import Damaged
from stillhere.vault.backends import (
    Backend,
    BackendError,
    Exists,
    Missing,
    NotInAll,
    first_of,
)

T = TypeVar("T")
Proof = Callable[[str, bytes], object]
"""Raises Damaged for an object (its name and bytes) that is not what its name says."""


def believe_nothing(name: str, _data: bytes) -> None:
    """The proof of somebody who has no keys. Raises Damaged."""
    raise Damaged(f"nobody here can prove {name}")


class Copies:
    """The copies of one vault, in their order. Nothing is made in those that are ``read_only``,
    which are asked last. ``proof`` proves what one copy has before another gets it."""

    def __init__(
        self,
        written: Sequence[Backend],
        read_only: Sequence[Backend] = (),
        proof: Proof = believe_nothing,
    ) -> None:
        self.proof = proof
        self.written: tuple[Backend, ...] = tuple(written)
        self.copies: tuple[Backend, ...] = (*written, *read_only)

    @property
    def place(self) -> str:
        """Where the copies are, for a message."""
        return ", ".join(copy.place for copy in self.copies)

    def become(self, copies: Sequence[Backend]) -> None:
        """Work with these from now on. What is being made at this moment is made in them too
        before it is done, and what is being removed is removed from them."""
        self.written = self.copies = tuple(copies)

    def only_read(self, copies: Iterable[Backend]) -> None:
        """Make nothing in these any more, and ask them last."""
        leaving = set(copies)
        self.written = tuple(copy for copy in self.written if copy not in leaving)
        others = tuple(copy for copy in self.copies if copy not in self.written)
        self.copies = self.written + others

    def create(self, name: str, data: bytes) -> None:
        """Keep an object durably in every copy. Raises Exists, NotInAll."""
        copies = self.written
        if len(copies) > 1:
            kept, taken = self._create(copies, name, data)
        else:
            copies[0].create(name, data)
            kept, taken = data, False
        while newcomers := [copy for copy in self.written if copy not in copies]:
            copies += tuple(newcomers)
            taken = not _follow_all(newcomers, name, kept) or taken
        if taken:
            raise Exists(name)

    def _create(self, copies: Sequence[Backend], name: str, data: bytes) -> tuple[bytes, bool]:
        """What the copies have under a name now, and whether it was taken."""
        first, *others = copies
        taken, kept = False, data
        try:
            first.create(name, data)
        except Exists:
            taken = True
            kept = self._find_kept(copies, name, data)
        except BackendError as error:
            raise _not_in_all(first, error) from error
        return kept, not _follow_all(others, name, kept) or taken

    def _find_kept(self, copies: Sequence[Backend], name: str, data: bytes) -> bytes:
        """What the copies follow where a name is taken: what the first of them has, if that is
        what is to be made or proves itself; else what does so in the next.

        Raises Exists where there is nothing to follow, NotInAll."""
        for copy in copies:
            try:
                there = copy.read(name)
                if copy is not copies[0] or there != data:
                    self.proof(name, there)
            except (Missing, Damaged):
                continue
            except BackendError as error:
                raise _not_in_all(copy, error) from error
            return there
        raise Exists(name)

    def read(self, name: str) -> bytes:
        """A whole object, from the first copy that has it. Raises Missing, Damaged,
        BackendError."""
        return self._first(name, lambda copy: copy.read(name))

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """``length`` bytes of an object from ``offset``, fewer at its end."""
        return self._first(name, lambda copy: copy.read_range(name, offset, length))

    def size(self, name: str) -> int:
        """How many bytes an object has. Raises Missing, BackendError."""
        return self._first(name, lambda copy: copy.size(name))

    def names(self, folder: str) -> list[str]:
        """The names right below a folder that any copy has. Raises BackendError where one can't
        be asked: what it has might be missing."""
        return sorted({name for copy in self.copies for name in copy.names(folder)})

    def delete(self, name: str, *, durable: bool = False) -> None:
        """Remove an object from every copy; all are tried. Raises BackendError."""
        failure: BackendError | None = None
        copies: tuple[Backend, ...] = ()
        while newcomers := [copy for copy in self.written if copy not in copies]:
            copies += tuple(newcomers)
            for copy in newcomers:
                try:
                    copy.delete(name, durable=durable)
                except BackendError as error:
                    failure = failure or error
        if failure is not None:
            raise failure

    def prove(self) -> None:
        """Of two creates of a name only one succeeds in every copy. Raises NotAVault,
        BackendError for one that could not be tried, when all were."""
        failure: BackendError | None = None
        for copy in self.written:
            try:
                copy.prove()
            except BackendError as error:
                failure = failure or error
        if failure is not None:
            raise failure

    def _first(self, name: str, ask: Callable[[Backend], T]) -> T:
        """The first answer; else silence counts before damage, and damage before absence."""
        found = first_of(partial(ask, copy) for copy in self.copies)
        if found is None:
            raise Missing(name)
        return found


def without(place: str) -> str:
    """What to do about a copy that fails."""
    return f"bring this copy back; or stillhere vault remove {place} goes on without it"


def _not_in_all(copy: Backend, error: BackendError) -> NotInAll:
    return NotInAll(error.what, safe=error.safe, hint=without(copy.place))


def _follow_all(copies: Sequence[Backend], name: str, data: bytes) -> bool:
    """Make an object in all of these; False where one has other bytes. Raises NotInAll."""
    same = True
    failure: NotInAll | None = None
    for copy in copies:
        try:
            same = _follow(copy, name, data) and same
        except BackendError as error:
            failure = failure or _not_in_all(copy, error)
    if failure is not None:
        raise failure
    return same


def _follow(copy: Backend, name: str, data: bytes) -> bool:
    """Make an object as the first copy has it; False where other bytes have the name."""
    try:
        copy.create(name, data)
    except Exists:
        with suppress(Missing, Damaged):  # its name is taken, and its bytes are no seal's
            return copy.read(name) == data
    except Missing as error:  # the place went away between two steps
        raise BackendError(f"{copy.place} can't be written: {error}") from error
    return True
