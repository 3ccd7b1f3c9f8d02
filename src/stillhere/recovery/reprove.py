"""Shelves that nobody could prove, proven by a copy of the vault that reaches as far.

    load the shelf from the copy, and prove it as a recovery would
    go on only if it reaches the last position that anything knows of
    closed, and never accepted     what the copy proves takes the place of what was found
    accepted as it was found       what was not found comes in as changes; what was changed since
                                   stays, and the copy's revision goes into the history
    note it, say the new verdict, open the shelf, have the vault keep it as a new base

What an older copy has is left alone: nobody could tell what was deleted after it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial

import msgspec

from stillhere.errors import StillhereError
from stillhere.kinds import AT_ONCE, KINDS
from stillhere.kinds.item import Span
from stillhere.recovery.accept import known_then, last_word, read_words, set_gate, stands_in
from stillhere.recovery.install import make_shelf, make_verdict
from stillhere.replication.compact import compact
from stillhere.replication.start import Working
from stillhere.rosters import DELETED, Item
from stillhere.store.accounts import begin
from stillhere.store.draft import ShelfWrite
from stillhere.store.records import ACCEPTED, PROVEN, TAKEN_BACK, Record, State
from stillhere.store.recovered import Recovered, add_recovered
from stillhere.store.shelf import find_shelf
from stillhere.vault.anchor import Anchor
from stillhere.vault.image import Image, load_image

_encode = msgspec.msgpack.Encoder().encode
Shelf = tuple[bytes, str]


def find_unproven(working: Working) -> list[Shelf]:
    """The shelves that are closed, or open because they were accepted as they were found."""
    sql = working.core.reader()
    noted = sql.execute(
        "SELECT account, kind FROM shelves WHERE closed <> ''"
        " OR id IN (SELECT shelf FROM notes WHERE op = 3) ORDER BY account, kind"
    ).fetchall()
    return [shelf for shelf in noted if _is_unproven(sql, *shelf)]


def _is_unproven(sql: sqlite3.Connection, account: bytes, kind: str) -> bool:
    row = find_shelf(sql, account, kind)
    word = last_word(read_words(sql, account, kind)).get("what")
    return row is not None and (bool(row.closed) or word in (ACCEPTED, TAKEN_BACK))


def reprove(
    working: Working, anchor: Anchor, shelves: Sequence[Shelf], whence: str, now: int
) -> dict[Shelf, int]:
    """Prove what a copy of the vault can; returns the shelves that are proven now, and open,
    each with how many records the copy proves. ``now`` is in milliseconds. Raises BackendError."""
    proven = {}
    for account, kind in shelves:
        try:
            data_key = working.core.data_keys.get(account)
        except StillhereError:
            continue
        image = load_image(anchor.source(account, kind), data_key)
        word = last_word(read_words(working.core.reader(), account, kind))
        known = known_then(working, account, kind, word)
        whole = image.proven and not image.missing
        lost = not image.exists and kind in AT_ONCE
        if lost or not image.proven or image.last < known or (word and not whole):
            continue
        if not word:
            shelf = make_shelf(image, make_verdict(image, now), None)
            working.store.install(partial(_replace, shelf), durable=True).result()
        working.store.write(
            account,
            kind,
            partial(_merge, image=image, known=known, whence=whence),
            device="operator",
            closed=True,
        ).result()
        verdict = make_verdict(image, now)
        working.store.install(partial(_say, account, kind, _encode(verdict))).result()
        proven[account, kind] = verdict.records
    for account, kind in proven:
        set_gate(working, account, kind, "")
    if proven:
        compact(working, accept=proven)
    return proven


def _say(account: bytes, kind: str, verdict: bytes, sql: sqlite3.Connection) -> None:
    sql.execute(
        "UPDATE shelves SET verdict = ? WHERE account = ? AND kind = ?", (verdict, account, kind)
    )


def _replace(shelf: Recovered, sql: sqlite3.Connection) -> None:
    """Put a shelf in the place of one that is closed; it stays so, and keeps its notes."""
    row = find_shelf(sql, shelf.account, shelf.kind)
    if row is None or not row.closed or row.last_seq > shelf.last_seq:
        return
    for table in ("records", "pages", "pieces", "positions"):
        sql.execute(f"DELETE FROM {table} WHERE shelf = ?", (row.id,))  # noqa: S608 (as above)
    sql.execute("DELETE FROM shelves WHERE id = ?", (row.id,))
    add_recovered(sql, [msgspec.structs.replace(shelf, closed=row.closed, notes=[])])
    new = find_shelf(sql, shelf.account, shelf.kind)
    assert new is not None
    sql.execute("UPDATE notes SET shelf = ? WHERE shelf = ?", (new.id, row.id))


def _merge(shelf: ShelfWrite, image: Image, known: int, whence: str) -> None:
    """Bring in what the core lacks of a proven shelf, and note whence; one that is proven to have
    had nothing gets its first collection, as where a device looks for one."""
    shelf.whence = whence
    if not image.exists:
        begin(KINDS[shelf.kind], shelf)
    every = [record for record, _ in shelf.everything()]
    rows = {(record.collection, record.href): record for record in every}
    uids = {(r.collection, r.uid): r for r in every if r.uid and r.state != State.DELETED}
    came = 0
    for item, body in zip(image.items, image.bodies, strict=True):
        ours = rows.get((item.collection, item.href))
        if ours is None and item.state != DELETED:
            ours = uids.get((item.collection, item.uid))  # somebody has made it anew
        if ours is None or _is_behind(ours, item, image.last):
            came += _take(shelf, item, body)
        elif ours.seq > image.last and body is not None and ours.digest != item.digest:
            _keep_both(shelf, item, ours, body)
    shelf.note(PROVEN, {"whence": whence, "records": came, "known": known})


def _is_behind(ours: Record, item: Item, last: int) -> bool:
    """Whether the copy has a later state of a record that nobody has changed since."""
    if ours.seq > last:
        return False
    return ours.seq < item.seq or (ours.state == State.HELD and item.state == State.PRESENT)


def _take(shelf: ShelfWrite, item: Item, body: bytes | None) -> int:
    if item.state == DELETED:
        shelf.delete(item.collection, item.href)
    elif body is not None:
        shelf.put(
            item.collection,
            item.href,
            body,
            uid=item.uid,
            component=item.component,
            media_type=item.media_type,
            span=Span(item.starts, item.ends, bool(item.exact)),
        )
    return int(item.state == State.PRESENT and bool(item.collection))


def _keep_both(shelf: ShelfWrite, item: Item, ours: Record, body: bytes) -> None:
    """Ours stays; but for a first collection that was made because none was found."""
    if stands_in(ours):
        _take(shelf, item, body)
    elif not shelf.has_kept(body):
        shelf.keep_conflict(ours.collection, ours.href, body)
