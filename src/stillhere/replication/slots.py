"""Writers' slots: each process that writes for a core takes one, and gives it back.

A slot is registered in the vault once and locked in the home while a process uses it; the
lock goes with the process, however it ends.
"""

from __future__ import annotations

import fcntl
from typing import IO

from stillhere.errors import Fenced, Surplus
from stillhere.store.core import Core, Identity
from stillhere.vault.epochs import read_writers, register_writer
from stillhere.vault.opened import Vault
from stillhere.vault.signing import Signer


class Slots:
    """The writers' slots of one core's epoch."""

    def __init__(self, vault: Vault, core: Core, identity: Identity, signer: Signer) -> None:
        self._vault = vault
        self._identity = identity
        self._signer = signer
        self._folder = core.home / "writers"
        self._lock: IO[bytes] | None = None

    def take(self) -> int:
        """Lock the first free slot, registering another when all are in use.

        Raises Fenced when the epoch is sealed, BackendError."""
        own = own_writers(self._vault, self._identity)
        for writer in own:
            if self._try_lock(writer):
                return writer
        registered = register_writer(self._vault, self._signer, self._identity.core)
        if registered is None:
            raise sealed()
        if not self._try_lock(registered):
            raise Surplus(f"writer {registered} was registered and is in use already")
        return registered

    def release(self) -> None:
        """Let another process have the slot."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _try_lock(self, writer: int) -> bool:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        epoch = self._identity.epoch
        lock = open(self._folder / f"{epoch}-{writer}.lock", "a+b")  # noqa: SIM115 (kept open)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            return False
        self._lock = lock
        return True


def own_writers(vault: Vault, identity: Identity) -> list[int]:
    """The slots of this core in its epoch. Raises Surplus when a stranger has one.

    A slot that can't be read is nobody's: whoever used it finds it in the core's rows."""
    slots = read_writers(vault, identity.epoch)
    strangers = [n for n, slot in enumerate(slots) if slot.core not in (b"", identity.core)]
    if strangers:
        raise Surplus(
            f"another core is registered as writer {strangers[0]} of this epoch",
            safe="everything that was acknowledged is in the vault",
            hint="only one core may use a vault: stop this one, or recover",
        )
    return [number for number, slot in enumerate(slots) if slot.core == identity.core]


def sealed() -> Fenced:
    """What a core is told whose epoch has ended."""
    return Fenced(
        "this core's epoch is sealed: another core has taken over",
        safe="everything that was acknowledged is in the vault, and in the core that took over",
        hint="shut this core down and remove its home",
    )
