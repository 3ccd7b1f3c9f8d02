"""The members: which places hold a core's vault, kept in its home and followed by its processes.

A process holds the lock of the generation that it works with. Whoever changes the members keeps
the next generation and waits until nobody holds the one before: from then on everything is made
in the new places.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import IO

import msgspec

from stillhere.durable import replace_file
from stillhere.errors import BadInput, Damaged, NotAVault, Unavailable, WrongKit
from stillhere.store.core import Identity
from stillhere.vault.backends import Backend
from stillhere.vault.backends.copies import Copies, without
from stillhere.vault.backends.place import Place, absolute, open_place, resolve
from stillhere.vault.copied import check_copies_apart
from stillhere.vault.opened import Vault, open_vault

FILE = "copies.json"
STEP_S = 0.02


class Members(msgspec.Struct, frozen=True):
    """The places, in their order. The last one is ``joining`` while it is being seeded: it gets
    all that is made from now on, and not everything from before is there yet."""

    generation: int
    places: list[str]
    joining: bool = False


def read_members(home: Path, place: str) -> Members:
    """The members of a home; of one that has never had several, ``place`` alone.

    Raises Damaged."""
    try:
        return msgspec.json.decode((home / FILE).read_bytes(), type=Members)
    except FileNotFoundError:
        return Members(0, [place])
    except (OSError, msgspec.DecodeError) as error:
        raise Damaged(
            f"{home / FILE} can't be read: {error}",
            safe="nothing was changed",
            hint="it says which places hold the vault: bring it back, or recover into a new home",
        ) from error


def keep_members(home: Path, members: Members) -> None:
    """Keep them, whole or not at all. Raises OSError."""
    replace_file(home / FILE, msgspec.json.encode(members) + b"\n")


def choose(members: Members, given: Sequence[Place]) -> Members:
    """The members where ``given`` says that they are: as many places may have moved, fewer
    change nothing. Raises BadInput for a place that was never seeded."""
    if [absolute(place) for place in given] == members.places:
        return members  # without a look at any: one may hang
    if len(given) > len(members.places):
        known = set(map(resolve, members.places))
        extra = [place for place in given if resolve(place) not in known]
        raise BadInput(
            f"{extra[0] if extra else given[-1]} is not a copy of this core's vault",
            safe="nothing was changed",
            hint="take it out of stillhere.toml; stillhere vault add makes it one",
        )
    if len(given) < len(members.places):
        return members
    return msgspec.structs.replace(members, places=list(map(absolute, given)))


class Follower:
    """What one process knows of the members; ``copies`` is its vault's backend. Any thread may
    ask it to follow."""

    def __init__(
        self, home: Path, place: str, given: Sequence[Place] = (), copies: Copies | None = None
    ) -> None:
        """``place`` is where the vault is if nothing was ever added, ``given`` where the copies
        are now, ``copies`` those that are opened already. Raises BadInput, Damaged."""
        self._home = home
        self._place = place
        self._mutex = Lock()
        self._held: IO[bytes] | None = None
        self._seen: tuple[int, int] | None = None
        kept = read_members(home, place)
        self.members = choose(kept, given)
        self.copies = copies or Copies([open_place(one) for one in self.members.places])
        if copies is None and self.members.places != kept.places:  # moved, and perhaps together
            check_copies_apart(self.copies)
        self._hold(self.members.generation)
        try:
            self.follow()
        except Damaged:
            self.close()
            raise

    def follow(self) -> None:
        """Work with the members of now. Costs a look at a file's times where nothing changed.

        Raises Damaged."""
        if self._stamp() == self._seen:
            return
        with self._mutex:
            seen = self._stamp()
            members = read_members(self._home, self._place)
            while members.generation != self.members.generation:
                before, self.members = self._held, members
                self.copies.become(self._open(members.places))
                self._hold(members.generation)
                if before is not None:
                    before.close()
                seen = self._stamp()
                members = read_members(self._home, self._place)
            self._seen = seen

    def close(self) -> None:
        """Nobody needs to wait for this process any more."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def _open(self, places: Sequence[str]) -> list[Backend]:
        known = {copy.place: copy for copy in self.copies.written}
        return [known.get(place) or open_place(place) for place in places]

    def _hold(self, generation: int) -> None:
        lock = open(_lock_of(self._home, generation), "a+b")  # noqa: SIM115 (kept open)
        fcntl.flock(lock, fcntl.LOCK_SH)
        self._held = lock

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = os.stat(self._home / FILE)
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns


def open_own(copies: Copies, identity: Identity) -> Vault:
    """The core's vault, of which every copy must be there. Raises WrongKit, NotAVault,
    FutureVault, Unavailable."""
    for copy in copies.written:
        try:
            _see_own(copy, identity)
        except (NotAVault, Unavailable) as error:
            if len(copies.written) > 1:
                error.hint = without(copy.place)
            raise
    return open_vault(copies, identity.root_public)


def _see_own(copy: Backend, identity: Identity) -> None:
    try:
        open_vault(copy, identity.root_public)
    except WrongKit as error:
        raise WrongKit(
            f"the vault in {copy.place} is another service's, and not this core's",
            safe="nothing was changed, in the core or in the vault",
            hint="bring this core's own vault there, or correct the vault line in stillhere.toml",
        ) from error


def wait_for_all(home: Path, generation: int, seconds: float) -> bool:
    """Whether no process works with a generation any more, within so many seconds."""
    until = time.monotonic() + seconds
    with open(_lock_of(home, generation), "a+b") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if time.monotonic() > until:
                    return False
                time.sleep(STEP_S)
            else:
                return True


def _lock_of(home: Path, generation: int) -> Path:
    return home / f"copies-{generation}.lock"
