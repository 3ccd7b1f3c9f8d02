"""Seeding: another place gets what a vault has, while the vault is written to.

    copy every object that is not there, from whichever copy proves it, and what is there and
    does not prove itself; what names others comes after them
    take away segments that neither another copy nor the core has: nobody was told they are kept
    carry out the erasures there

A pass that began after everybody writes there, too, leaves nothing out, and nothing old in: what
can be kept anew under its name is looked at in each pass.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress

from stillhere.errors import Damaged
from stillhere.replication.proving import proof_of
from stillhere.replication.start import Working
from stillhere.store.erased import read_erased
from stillhere.vault.backends import Backend, Exists, Missing
from stillhere.vault.erasures import Erasure, carry_out, read_erasures
from stillhere.vault.layout import journal_epoch, journal_folder, numbers_of
from stillhere.vault.objects import list_beginnings, list_objects
from stillhere.vault.opened import Vault, find_proven

Tick = Callable[[int, int], None]

RENEWED = ("erasures/", "wraps/", "keys/", "names/")
"""Where a name may get other bytes: every other object stays as it was made."""
LOOKS = 10


class Seeder:
    """Copies a core's vault into another place, pass by pass."""

    def __init__(self, source: Vault, target: Backend, working: Working, tick: Tick) -> None:
        """``source`` has the copies to copy from, ``working`` is the core whose vault it is."""
        self._source = source
        self._target = target
        self._core = working.core
        self._identity = working.identity
        self._store = working.store
        self._proof = proof_of(working.core, working.identity, source)
        self._tick = tick
        self._done: set[str] = set()
        self.copied = 0

    def run(self) -> None:
        """One pass over everything but the beginnings of epochs. Raises BackendError."""
        self._done = {name for name in self._done if not name.startswith(RENEWED)}
        self._copy_all(list_objects(self._source.backend))
        self._clear_journal()
        self._erase()

    def begin_epochs(self) -> None:
        """Copy what makes the place a vault to a recovery: the last step."""
        self._copy_all(list_beginnings(self._source.backend))

    def _copy_all(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self._done:
                self._copy(name)
                self._done.add(name)
                self._tick(len(self._done), len(self._done))

    def _copy(self, name: str) -> None:
        for _ in range(LOOKS):
            try:
                data, proven = self._find(name)
            except Missing:  # taken away meanwhile, or erased
                if name.startswith(("keys/", "names/")):
                    self._target.delete(name, durable=True)
                return
            try:
                self._target.create(name, data)
                self.copied += 1
            except Exists:
                if proven:
                    self._compare(name, data)
            if not name.startswith(RENEWED) or self._is_still(name, data):
                return

    def _find(self, name: str) -> tuple[bytes, bool]:
        """An object from whichever copy proves it, and whether one did. Raises Missing."""
        try:
            data = find_proven(self._source, (name,), self._proof)
        except Damaged:  # in every copy: it may be evidence
            return self._source.backend.read(name), False
        if data is None:
            raise Missing(name)
        return data, True

    def _is_still(self, name: str, data: bytes) -> bool:
        """Whether nobody has kept it anew, or taken it away, since it was read."""
        try:
            return self._find(name)[0] == data
        except Missing:
            return False

    def _compare(self, name: str, data: bytes) -> None:
        """Another object of that name makes room for one that is proven."""
        with suppress(Missing, Damaged):
            if self._target.read(name) == data:
                return
        self._target.delete(name)
        with suppress(Exists):  # whoever writes was faster
            self._target.create(name, data)
        self.copied += 1

    def _clear_journal(self) -> None:
        """Segments beyond the last, of the source and of what is in the core: nobody was told
        that they are kept, and the core would take its slots for taken.

        One that is being written now looks the same, so they go while nobody writes."""
        if self._list_beyond(self._core.reader()):
            self._store.install(self._clear_beyond).result()

    def _clear_beyond(self, sql: sqlite3.Connection) -> None:
        for name in self._list_beyond(sql):
            self._target.delete(name)

    def _list_beyond(self, sql: sqlite3.Connection) -> list[str]:
        committed = dict(
            sql.execute(
                "SELECT writer, segment FROM writers WHERE epoch = ?", (self._identity.epoch,)
            )
        )
        beyond = []
        for writer in numbers_of(self._target.names(journal_epoch(self._identity.epoch))):
            folder = journal_folder(self._identity.epoch, writer)
            listed = map(_last_of, self._source.backend.names(folder))
            last = max([committed.get(writer, 0), *listed])
            there = self._target.names(folder)
            beyond += [f"{folder}/{name}" for name in there if _last_of(name) > last]
        return beyond

    def _erase(self) -> None:
        known = read_erased(self._core.reader()).values()
        listed = [Erasure(one.account, one.at, one.names) for one in known]
        target = Vault(self._target, self._source.format, self._source.verifier)
        for erasure in read_erasures(self._source, self._identity.epoch, listed).valid.values():
            carry_out(target, self._identity.names_key, erasure)


def _last_of(name: str) -> int:
    """The last segment of a journal object, by its name."""
    last = name.partition(".")[0].rpartition("-")[2]
    return int(last) if last.isdecimal() else 0
