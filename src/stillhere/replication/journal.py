"""The journal: a group of changes becomes one segment, durable before it commits.

settle    what a writer of this core made durable and did not commit is replayed first
order     what other writers of this core have in the spool goes to the vault first
encode    every change as an entry, each shelf's chain extended over its entries
seal      a part per shelf under its account's key, one segment for the group
create    the segment's slot in the vault; what is uncertain is resolved by reading it

With ``ack = "core"`` the slot is taken in the spool, while the window is open.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from stillhere.errors import Damaged
from stillhere.replication.deliver import deliver, unavailable
from stillhere.replication.replay import replay
from stillhere.replication.slots import Slots, sealed
from stillhere.replication.spool import Spool
from stillhere.replication.window import Window
from stillhere.store.core import Core, Identity
from stillhere.store.journal import Receipt
from stillhere.store.records import Change, ShelfChanges
from stillhere.vault.backends import BackendError, Missing
from stillhere.vault.epochs import is_sealed
from stillhere.vault.layout import segment_name
from stillhere.vault.manifests import read_root
from stillhere.vault.opened import Vault
from stillhere.vault.segments import (
    Entry,
    Part,
    build_segment,
    chain_key,
    digest_of,
    encode_entry,
    extend_chain,
    pack_touched,
    unpack_rows,
)
from stillhere.vault.tail import Span, list_journal, read_source

MAX_UNROLLED = 512  # segments outside roll-ups; past twice that, writes slow down
MAX_TAIL = 64 << 20  # bytes outside the ledger, likewise
SLOW_DOWN_S, SLOW_STEPS = 0.02, 50
_INTENT = struct.Struct(">QQQ")


class VaultJournal:
    """One writer's journal. Used by the writing thread only, but for its figures.

    With a ``window`` it acknowledges by the core."""

    def __init__(
        self,
        vault: Vault,
        core: Core,
        identity: Identity,
        slots: Slots,
        spool: Spool,
        window: Window | None = None,
    ) -> None:
        self._vault = vault
        self._near = spool.before(vault)
        self._spool = spool
        self._window = window
        self._core = core
        self._identity = identity
        self._slots = slots
        self._intent = os.open(core.home / "intent", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._sql: sqlite3.Connection = core.reader()  # until the writing thread's is known
        self._touched = b""
        self._digest = bytes(32)
        self.writer: int | None = None
        self.written = 0  # the last segment of this writer that is durable
        self._shipped = 0  # the last one that is known to be in the vault, with a window
        self.rolled = 0  # the last one that is in a roll-up
        self.tail_bytes = 0  # written since the last compaction
        self.busy = False
        self.wake: Callable[[], None] | None = None  # set by whoever tends this journal
        self.ship: Callable[[], None] | None = None  # set by whoever ships what is spooled
        self.follow: Callable[[], None] | None = None  # set by whoever knows where the vault is

    @property
    def shipped(self) -> int:
        """The last segment of this writer that is in the vault."""
        return self.written if self._window is None else self._shipped

    def note_shipped(self, number: int) -> None:
        """This writer's segments up to this one have been shipped."""
        self._shipped = max(self._shipped, number)

    def settle(self, connection: sqlite3.Connection) -> None:
        """Replay what was made durable and not committed, by this writer or a dead one."""
        if self.follow is not None:
            self.follow()
        self._sql = connection
        committed = {
            writer: (segment, digest)
            for writer, segment, digest in connection.execute(
                "SELECT writer, segment, digest FROM writers WHERE epoch = ?",
                (self._identity.epoch,),
            )
        }
        content = os.pread(self._intent, _INTENT.size, 0)
        if len(content) == _INTENT.size:
            epoch, writer, number = _INTENT.unpack(content)
            if epoch == self._identity.epoch and committed.get(writer, (0, b""))[0] < number:
                committed[writer] = self._look(connection, writer, number, committed)
        if self.writer is not None:
            self._continue(*committed.get(self.writer, (0, bytes(32))))

    def append(self, groups: Sequence[ShelfChanges]) -> Receipt:
        """Make a group durable in the vault. Raises Unavailable, Fenced."""
        self.busy = True
        try:
            return self._append(groups)
        finally:
            self.busy = False

    def _append(self, groups: Sequence[ShelfChanges]) -> Receipt:
        if self.writer is None:
            self._take_slot()
        assert self.writer is not None
        self._keep_order(self.writer)
        self._wait_for_window()
        self._slow_down()
        keys = [self._core.data_keys.get(group.account) for group in groups]
        parts, chains = [], []
        for group, key in zip(groups, keys, strict=True):
            part = _part(group)
            parts.append(part)
            chains.append(extend_chain(chain_key(key, group.kind), group.chain, part.entries))
        number = self.written + 1
        data, touched = build_segment(
            self._identity.journal_key,
            self._identity.epoch,
            self.writer,
            number,
            self._digest,
            self._touched,
            time.time_ns() // 1_000_000,
            parts,
            keys,
        )
        os.pwrite(self._intent, _INTENT.pack(self._identity.epoch, self.writer, number), 0)
        self._create(number, segment_name(self._identity.epoch, self.writer, number), data)
        self.written, self._touched, self._digest = number, touched, digest_of(data)
        self.tail_bytes += len(data)
        due = number - self.rolled >= MAX_UNROLLED // 2 or self.tail_bytes > MAX_TAIL // 2
        if due and self.wake is not None:
            self.wake()
        return Receipt(self._identity.epoch, self.writer, number, self._digest, chains)

    def _keep_order(self, writer: int) -> None:
        """Nothing of this writer reaches the vault before what was committed before it.

        The database's lock is held, so nobody puts more into the spool meanwhile."""
        own = None if self._window is None else writer
        if self._spool.segments(but=own):
            self._spool.ship(self._vault)

    def _wait_for_window(self) -> None:
        """With ``ack = "core"``: go on while the window is open, waiting a while for the one
        who ships. Raises Unavailable."""
        if self._window is None:
            return
        closed = self._window.unseen()
        for _ in range(SLOW_STEPS if closed is None else 0):
            closed = self._window.behind()
            if closed is None:
                return
            time.sleep(SLOW_DOWN_S)
        if closed is not None:
            raise closed

    def _create(self, number: int, name: str, data: bytes) -> None:
        if self._window is None:
            deliver(self._vault, name, data)
            return
        self._window.keep(number, len(data))
        self._spool.keep(self._vault, name, data)
        if self.ship is not None:
            self.ship()
        closed = self._window.unseen()  # a process that stood still meanwhile has old knowledge
        if closed is not None:
            raise closed

    def _slow_down(self) -> None:
        """Past the bounds, wait (a while, not for ever) for the one who tends the journal."""
        for _ in range(SLOW_STEPS if self.wake is not None else 0):
            over = self.shipped - self.rolled >= 2 * MAX_UNROLLED
            if not over and self.tail_bytes <= 2 * MAX_TAIL:
                break
            time.sleep(SLOW_DOWN_S)

    def _take_slot(self) -> None:
        try:
            self.writer = self._slots.take()
        except BackendError as error:
            raise unavailable(error) from error
        row = self._sql.execute(
            "SELECT segment, digest FROM writers WHERE epoch = ? AND writer = ?",
            (self._identity.epoch, self.writer),
        ).fetchone()
        self._continue(*(row or (0, bytes(32))))
        self.rolled = self._find_rolled(self.writer)

    def _find_rolled(self, writer: int) -> int:
        """The last segment of the slot that is in a roll-up or in the ledger."""
        epoch = self._identity.epoch
        try:
            cut = read_root(self._vault).cut.get(epoch, {}).get(writer, 0)
            spans = list_journal(self._vault, epoch, writer, cut).spans
        except (BackendError, Damaged):
            return self.written  # only a bound depends on it
        return max([cut, *(span.last for span in spans if span.last > span.first)])

    def _continue(self, number: int, digest: bytes) -> None:
        """Stand behind a segment; what it touched is read when this process has not written it.

        Where it can't be read (it is in a roll-up), the next segment says "not known"."""
        if (number, digest) == (self.written, self._digest):
            return
        self.written, self._digest, self._touched = number, digest, b""
        assert self.writer is not None
        epoch = self._identity.epoch
        name = segment_name(epoch, self.writer, number)
        with suppress(Missing, Damaged, BackendError):
            source = read_source(
                self._near,
                self._identity.journal_key,
                name,
                epoch,
                self.writer,
                Span(number, number, name),
            )
            if source is not None:
                self._touched = pack_touched(unpack_rows(source.header.rows))

    def _look(
        self,
        connection: sqlite3.Connection,
        writer: int,
        number: int,
        committed: dict[int, tuple[int, bytes]],
    ) -> tuple[int, bytes]:
        """Find out what became of a segment that was begun; replay it if it is there."""
        epoch = self._identity.epoch
        name = segment_name(epoch, writer, number)
        try:
            source = read_source(
                self._near,
                self._identity.journal_key,
                name,
                epoch,
                writer,
                Span(number, number, name),
            )
            if source is None or is_sealed(self._near, name):
                raise sealed()
            whole = source.whole or self._near.backend.read(name)
            replay(connection, [source], self._core.data_keys.get)
        except Missing:
            return committed.get(writer, (0, bytes(32)))
        except BackendError as error:
            raise unavailable(error) from error
        return number, digest_of(whole)

    def began(self, writer: int, number: int) -> bool:
        """Whether this is the segment that a process of this core has begun last."""
        content = os.pread(self._intent, _INTENT.size, 0)
        return content == _INTENT.pack(self._identity.epoch, writer, number)

    def close(self) -> None:
        """Give the writer's slot back for the next process of this core."""
        self._slots.release()
        if self._intent >= 0:
            os.close(self._intent)
            self._intent = -1


def _part(group: ShelfChanges) -> Part:
    return Part(
        group.account,
        group.kind,
        group.changes[0].seq,
        group.changes[-1].seq,
        group.chain,
        [encode_entry(_entry(change)) for change in group.changes],
        [change.body for change in group.changes],
    )


def _entry(change: Change) -> Entry:
    return Entry(
        change.seq,
        change.time,
        change.device,
        int(change.op),
        change.collection,
        change.href,
        change.uid,
        change.component,
        change.media_type,
        change.size,
        change.digest,
        change.starts,
        change.ends,
        change.exact,
    )
