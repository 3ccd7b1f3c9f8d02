"""The spool: segments that are durable in the core's home and not yet in the vault.

With ``ack = "core"`` a segment is made here first, byte for byte and under the name that it
will have in the vault, and shipped behind the acknowledgement. Segments reach the vault in the
order in which they were committed, so that the vault always holds what the core was a moment
ago: the spool has segments of one writer, and whoever writes as another ships them first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

from stillhere.errors import Fenced, StillhereError, Unavailable
from stillhere.replication.deliver import deliver, taken
from stillhere.vault.backends import Backend, BackendError, Missing
from stillhere.vault.backends.directory import Directory
from stillhere.vault.backends.overlay import Overlay
from stillhere.vault.layout import JOURNAL, journal_epoch, journal_folder, segment_name
from stillhere.vault.opened import Vault, look

FOLDER = "spool"

E = TypeVar("E", bound=StillhereError)


class Spooled(NamedTuple):
    """One segment in the spool."""

    epoch: int
    writer: int
    number: int

    @property
    def name(self) -> str:
        """Its name, here and in the vault."""
        return segment_name(*self)


class Behind(NamedTuple):
    """How far the vault is behind: segments, their bytes, and the age of the oldest, seconds."""

    segments: int
    bytes: int
    age_s: float


class Spool:
    """The spool of one home. Any process of the core may ship what is in it."""

    def __init__(self, home: Path) -> None:
        self._root = home / FOLDER
        self._files = Directory(self._root, create=True)

    def keep(self, vault: Vault, name: str, data: bytes) -> None:
        """Make a segment durable here. Raises Unavailable."""
        with _as_unavailable():
            deliver(Vault(self._files, vault.format, vault.verifier), name, data)

    def segments(self, *, but: int | None = None) -> list[Spooled]:
        """What waits, oldest first; ``but`` leaves one writer's out.
        Raises Unavailable."""
        found = []
        with _as_unavailable():
            for epoch in _numbers(self._files.names(JOURNAL)):
                for writer in _numbers(self._files.names(journal_epoch(epoch))):
                    if writer != but:
                        names = self._files.names(journal_folder(epoch, writer))
                        found += [Spooled(epoch, writer, n) for n in _numbers(names)]
        return found

    def ship(self, vault: Vault, tell: Callable[[Spooled, float], object] | None = None) -> None:
        """Put all that waits into the vault, oldest first, and ``tell`` how long each took.

        Harmless beside another that ships the same. Raises Fenced when a slot is taken by a
        seal or a stranger, Unavailable, Damaged."""
        for segment in self.segments():
            began = time.monotonic()
            try:
                with _as_unavailable():
                    data = self._files.read(segment.name)
            except Missing:
                continue  # another process was faster
            try:
                deliver(vault, segment.name, data)
            except Fenced as error:
                raise self.name_rest(error) from error
            with _as_unavailable():
                self._files.delete(segment.name)
            if tell is not None:
                tell(segment, time.monotonic() - began)

    def check(self, vault: Vault) -> None:
        """See that the vault's slots are free for what waits, or have it already.

        Raises Fenced when one is taken, BackendError."""
        for segment in self.segments():
            with suppress(Missing):  # shipped meanwhile by another process
                ours = self._files.read(segment.name)
                there = look(vault, segment.name)
                if any(found != ours for found in there.found):
                    raise taken(vault, segment.name, *there.found)
                if there.silent is not None:
                    raise there.silent
                if not there.found:
                    return

    def before(self, vault: Vault) -> Vault:
        """The vault as it will be when everything is shipped, for reading its journal."""
        return Vault(_Before(self._files, vault.backend), vault.format, vault.verifier)

    def measure(self) -> Behind:
        """How much waits."""
        now = time.time()
        sizes, ages = [], [0.0]
        for segment in self.segments():
            with suppress(FileNotFoundError):  # shipped meanwhile
                status = (self._root / segment.name).stat()
                sizes.append(status.st_size)
                ages.append(now - status.st_mtime)
        return Behind(len(sizes), sum(sizes), max(ages))

    def name_rest(self, error: E) -> E:
        """The error, with what was acknowledged here and will never be in the vault."""
        rest = 0
        with suppress(Unavailable):
            rest = len(self.segments())
        if rest:
            error.safe = (
                "everything that was acknowledged is in the vault, but for"
                f" {rest} segment{'s' * (rest > 1)} that could not be shipped in time and"
                f" {'lie' if rest > 1 else 'lies'} in {self._root}"
            )
        return error


class _Before(Overlay):
    """The spool before the vault."""

    def __init__(self, spool: Backend, far: Backend) -> None:
        super().__init__(spool, far)
        self._spool = spool

    def create(self, name: str, data: bytes) -> None:
        """Make an object in the vault; one that waits here is there, and made durable here."""
        with suppress(Missing):
            self._spool.size(name)
            self._spool.create(name, data)
            return
        self._far.create(name, data)

    def names(self, folder: str) -> list[str]:
        """The names of both; what is shipped meanwhile is seen in one of the two."""
        near = self._spool.names(folder)
        return sorted({*near, *self._far.names(folder)})


def _numbers(names: list[str]) -> Iterator[int]:
    return (int(name.removesuffix(".seg")) for name in names)


@contextmanager
def _as_unavailable() -> Iterator[None]:
    """What goes wrong with the spool's own files is no fault of the vault."""
    try:
        yield
    except (BackendError, Unavailable) as error:
        cause = error.__cause__ if isinstance(error, Unavailable) else error
        reason = getattr(cause and cause.__cause__, "strerror", None) or error.what
        raise Unavailable(
            f"the core's spool can't be used: {reason}",
            safe="nothing that was acknowledged is lost; this change was not acknowledged",
            hint="look at the disk of the core: is it writable, and not full?",
            retry_after=30,
        ) from error
