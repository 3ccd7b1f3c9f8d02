"""Writing one shelf: changes are drafted first, then applied and journalled together."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Mapping, Sequence
from itertools import count

import msgspec

from stillhere.errors import BadInput, NotFound
from stillhere.kinds.item import NO_SPAN, Item, Span
from stillhere.store.pages import settle
from stillhere.store.records import (
    GIVEN_UP,
    HEALED,
    Change,
    Op,
    Record,
    State,
    epoch_of,
    seq_of,
)
from stillhere.store.rows import RowShelf
from stillhere.store.shelf import ShelfRow, encode_properties

COLLECTION_MEDIA_TYPE = "application/vnd.stillhere.collection"
_EMPTY = hashlib.sha256(b"").digest()
_STATE_AFTER = {Op.PUT: State.PRESENT, Op.DELETE: State.DELETED}


class ShelfWrite(RowShelf):
    """A shelf that can be changed, inside ``store.write`` only.

    Its readings show the state before this draft; nothing of a draft is kept when the
    function that wrote it raises. What ends a held record is noted with ``whence`` it came,
    where that is no device (a file, a vault).
    """

    def __init__(
        self, connection: sqlite3.Connection, row: ShelfRow, epoch: int, device: str
    ) -> None:
        super().__init__(connection, row)
        first = row.last_seq + 1 if epoch_of(row.last_seq) == epoch else seq_of(epoch, 1)
        self._seqs = count(first)
        self._now = time.time_ns() // 1_000_000
        self.device = device
        self.whence = ""
        self.changes_made: list[Change] = []

    def put(
        self,
        collection: str,
        href: str,
        body: bytes,
        *,
        uid: str = "",
        component: str = "",
        media_type: str = "",
        span: Span = NO_SPAN,
    ) -> Record:
        """Store a body under a name, and heal every held record that these bytes prove.

        ``span`` is what the body says of when the record is."""
        digest = hashlib.sha256(body).digest()
        before = self.record(collection, href) if self._row.held else None
        record = self._change(
            Op.PUT, collection, href, uid, component, media_type, digest, body, len(body), span
        )
        if before is not None and before.state == State.HELD:
            self._note_end(HEALED, before, {"same": int(before.digest == digest)})
        if self._row.held:
            self._heal_twins(digest, body, except_for=(collection, href))
        return record

    def put_item(self, collection: str, href: str, body: bytes, item: Item) -> Record:
        """Store a body as its kind has read it."""
        return self.put(
            collection,
            href,
            body,
            uid=item.uid,
            component=item.component,
            media_type=item.media_type,
            span=item.span,
        )

    def delete(self, collection: str, href: str) -> int:
        """Delete a present or held record and leave its tombstone; returns that one's position."""
        record = self.record(collection, href)
        if record is None:
            return self._change(Op.DELETE, collection, href, "", "", "", _EMPTY, None, 0).seq
        return self._delete(record)

    def keep_conflict(self, collection: str, href: str, body: bytes) -> None:
        """Keep a revision that lost against a newer one, in the owner's history."""
        digest = hashlib.sha256(body).digest()
        self._change(Op.CONFLICT, collection, href, "", "", "", digest, body, len(body))

    def has_kept(self, body: bytes) -> bool:
        """Whether this very revision is in the owner's history as one that lost."""
        row = self._sql.execute(
            "SELECT 1 FROM notes WHERE shelf = ? AND op = ? AND body = ?",
            (self._row.id, int(Op.CONFLICT), body),
        ).fetchone()
        return row is not None

    def has_noted(self, what: str, detail: dict[str, str | int]) -> bool:
        """Whether this very piece of evidence is with the shelf."""
        row = self._sql.execute(
            "SELECT 1 FROM notes WHERE shelf = ? AND op = ? AND body = ?",
            (self._row.id, int(Op.NOTE), _note(what, detail)),
        ).fetchone()
        return row is not None

    def note(self, what: str, detail: dict[str, str | int]) -> None:
        """Keep a piece of evidence with the shelf (a token of a lost tail, …)."""
        body = _note(what, detail)
        digest = hashlib.sha256(body).digest()
        self._change(Op.NOTE, "", "", "", "", "", digest, body, len(body))

    def put_collection(
        self, name: str, properties: dict[str, str], component: str = "ADDRESSBOOK"
    ) -> None:
        """Make a collection, or give it these properties in place of those it has."""
        body = encode_properties(properties)
        self.put("", name, body, component=component, media_type=COLLECTION_MEDIA_TYPE)

    def delete_collection(self, name: str) -> None:
        """Delete a collection and everything in it; all of it leaves tombstones."""
        collection = self.record("", name)
        if collection is None:
            raise NotFound(f"there is no collection {name!r}", safe="nothing was changed")
        for record in self.records(name):
            self._delete(record)
        self._delete(collection)

    def heal(self, body: bytes) -> int:
        """Give these bytes to every held record that they prove; returns how many those are."""
        return self._heal_twins(hashlib.sha256(body).digest(), body)

    def heal_all(self, bodies: Mapping[bytes, bytes]) -> int:
        """The same of many bodies, by their digests, which are proven."""
        twins = [twin for twin in self.held() if twin.digest in bodies]
        for twin in twins:
            self._heal(twin, bodies[twin.digest])
        return len(twins)

    def _heal_twins(
        self, digest: bytes, body: bytes, except_for: tuple[str, str] | None = None
    ) -> int:
        twins = [
            twin
            for twin in self.held()
            if twin.digest == digest and (twin.collection, twin.href) != except_for
        ]
        for twin in twins:
            self._heal(twin, body)
        return len(twins)

    def _heal(self, twin: Record, body: bytes) -> None:
        self._change_of(Op.PUT, twin, body)
        self._note_end(HEALED, twin, {"same": 1})

    def _delete(self, record: Record) -> int:
        tombstone = self._change_of(Op.DELETE, record, None)
        if record.state == State.HELD:
            self._note_end(GIVEN_UP, record, {})
        return tombstone.seq

    def _note_end(self, what: str, held: Record, more: dict[str, str | int]) -> None:
        about = {"collection": held.collection, "href": held.href, "uid": held.uid}
        self.note(what, about | more | {"whence": self.whence})

    def _change_of(self, op: Op, record: Record, body: bytes | None) -> Record:
        return self._change(
            op,
            record.collection,
            record.href,
            record.uid,
            record.component,
            record.media_type,
            record.digest,
            body,
            record.size,
            record.span,
        )

    def _change(
        self,
        op: Op,
        collection: str,
        href: str,
        uid: str,
        component: str,
        media_type: str,
        digest: bytes,
        body: bytes | None,
        size: int,
        span: Span = NO_SPAN,
    ) -> Record:
        try:
            f"{collection}{href}{uid}{component}{media_type}".encode()
        except UnicodeEncodeError:
            raise BadInput(
                "a name or UID has characters that no text can have (lone surrogates)",
                safe="nothing was changed",
            ) from None
        seq = next(self._seqs)
        when = (span.starts, span.ends, int(span.exact))
        self.changes_made.append(
            Change(
                seq,
                self._now,
                self.device,
                op,
                collection,
                href,
                uid,
                component,
                media_type,
                size,
                digest,
                body,
                *when,
            )
        )
        state = _STATE_AFTER.get(op, State.PRESENT)
        return Record(
            collection, href, seq, state, uid, component, media_type, size, digest, self._now, *when
        )


def _note(what: str, detail: dict[str, str | int]) -> bytes:
    return msgspec.msgpack.encode({"what": what} | detail)


def apply_changes(connection: sqlite3.Connection, row: ShelfRow, changes: Sequence[Change]) -> None:
    """Bring the rows of a shelf to the state after ``changes``, which follow its last one.

    Idempotent: changes already applied leave the same rows when they are applied again.
    """
    settle(connection, row)
    state_changes = [change for change in changes if change.op in _STATE_AFTER]
    connection.executemany(
        "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                row.id,
                c.collection,
                c.href,
                c.seq,
                int(_STATE_AFTER[c.op]),
                c.uid,
                c.component,
                c.media_type,
                c.size,
                c.digest,
                c.time,
                c.starts,
                c.ends,
                c.exact,
                c.body,
            )
            for c in state_changes
        ],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO positions VALUES (?, ?, ?)",
        [(row.id, name, seq) for name, seq in {c.collection: c.seq for c in state_changes}.items()],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO notes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (row.id, c.seq, int(c.op), c.collection, c.href, c.time, c.device, c.body or b"")
            for c in changes
            if c.op not in _STATE_AFTER
        ],
    )
    row.last_seq = changes[-1].seq


def save_head(connection: sqlite3.Connection, row: ShelfRow, last_seq: int, chain: bytes) -> None:
    """Keep where the shelf's sequence and chain stand; recounts what is held if anything was."""
    if row.held:
        (row.held,) = connection.execute(
            "SELECT count(*) FROM records WHERE shelf = ? AND state = 2", (row.id,)
        ).fetchone()
    connection.execute(
        "UPDATE shelves SET last_seq = ?, chain = ?, held = ? WHERE id = ?",
        (last_seq, chain, row.held, row.id),
    )
    row.last_seq, row.chain = last_seq, chain
