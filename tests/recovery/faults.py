"""A vault's directory that fails as told, and a core opened over it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from stillhere.replication.start import Working, assemble, prove_start
from stillhere.store import Core
from stillhere.vault.backends import Backend, BackendError
from stillhere.vault.backends.directory import Directory
from stillhere.vault.opened import open_vault


class Died(BaseException):
    """The process ends here: nobody catches this."""


class Faulty(Directory):
    """Fails those of the next creates and deletes that a fault is planned for (None: it works).

    ``only`` limits the plan to names that begin so; once ``blind``, it can't read them either."""

    def __init__(self, root: Path, *, create: bool = False) -> None:
        super().__init__(root, create=create)
        self.plan: list[Fault | None] = []
        self.only = ""
        self.blind = False

    def create(self, name: str, data: bytes) -> None:
        """Keep an object, or do what is planned instead."""
        self._next(name, lambda: super(Faulty, self).create(name, data))

    def delete(self, name: str, *, durable: bool = False) -> None:
        """Remove an object, or do what is planned instead."""
        self._next(name, lambda: super(Faulty, self).delete(name, durable=durable))

    def _next(self, name: str, change: Callable[[], None]) -> None:
        planned = self.plan.pop(0) if self.plan and name.startswith(self.only) else None
        if planned is None:
            change()
        else:
            planned(self, change)

    def read(self, name: str) -> bytes:
        """A whole object."""
        if self.blind and name.startswith(self.only):
            raise BackendError("the storage can't be read", hint="try again")
        return super().read(name)


Fault = Callable[[Faulty, Callable[[], None]], None]
"""What happens in place of a change of the vault, which it is given."""


def lost(backend: Faulty, change: Callable[[], None]) -> None:
    """The storage fails and does nothing."""
    raise BackendError("the storage failed", safe="nothing was kept", hint="try again")


def unsure(backend: Faulty, change: Callable[[], None]) -> None:
    """The storage does it and says that it failed."""
    change()
    lost(backend, change)


def unknowable(backend: Faulty, change: Callable[[], None]) -> None:
    """The same, and the object can't be read either until the storage is well again."""
    backend.blind = True
    unsure(backend, change)


def died_before(backend: Faulty, change: Callable[[], None]) -> None:
    """The process ends before that."""
    raise Died


def died_after(backend: Faulty, change: Callable[[], None]) -> None:
    """The process ends when that is durable, before anything else."""
    change()
    raise Died


def open_over(home: Path, backend: Backend) -> Working:
    """A core opened as ``open_core`` does, over a backend of the test's."""
    core = Core(home)
    try:
        identity = core.identity()
        vault = open_vault(backend, identity.root_public)
        prove_start(core, identity, vault)
        return assemble(core, identity, vault)
    except BaseException:
        core.close()
        raise
