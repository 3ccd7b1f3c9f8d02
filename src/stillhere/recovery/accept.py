"""Accepting a shelf that could not be proven: opened as it was found, and proven from then on.

It can be taken back: the shelf is closed again with everything that it has by then, so that
devices keep what they still have until another copy proves it (``recovery/reprove.py``), or until
it is accepted again. Both are noted with the shelf, and every recovery heeds the last word.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from stillhere.errors import BadInput, Damaged
from stillhere.kinds import KINDS, in_order
from stillhere.replication.compact import compact
from stillhere.replication.start import Working, anchor_of
from stillhere.store.draft import ShelfWrite
from stillhere.store.records import ACCEPTED, PROVEN, TAKEN_BACK, Op, Record
from stillhere.store.shelf import encode_properties, find_shelf
from stillhere.vault.codec import decode
from stillhere.vault.image import Image

Word = dict[str, str | int]

_words: msgspec.msgpack.Decoder[Word] = msgspec.msgpack.Decoder(dict[str, Any])


def accept(
    working: Working, account: bytes, kind: str, fill: Callable[[], object] = lambda: None
) -> None:
    """Open a closed shelf with what it has, and write that to the vault as its new base. ``fill``
    may add to it first: devices drop what they find missing when it opens.

    Raises BadInput when the shelf is not closed, NotFound when its key is lost. One that was
    cut short is finished by the next."""
    working.core.data_keys.get(account)
    sql = working.core.reader()
    if _is_open(working, account, kind):
        if not _vault_has_problems(working, account, kind):
            raise BadInput(f"the {kind} shelf is not closed", safe="nothing was changed")
        compact(working, accept=[(account, kind)])
        return
    row = find_shelf(sql, account, kind)
    if row is None:
        raise BadInput(f"there is no {kind} shelf", safe="nothing was changed")
    word = last_word(read_words(sql, account, kind))
    known = known_then(working, account, kind, word)

    def note(shelf: ShelfWrite) -> None:
        shelf.note(ACCEPTED, {"known": known})
        if kind in KINDS and not shelf.collections():
            shelf.put_collection(*KINDS[kind].first, KINDS[kind].collection)

    working.store.write(account, kind, note, device="operator", closed=True).result()
    fill()
    set_gate(working, account, kind, "")
    compact(working, accept=[(account, kind)])


def stands_in(record: Record) -> bool:
    """Whether it is the first collection of a kind, as it is made where none was found."""
    made = [hashlib.sha256(encode_properties(kind.first[1])).digest() for kind in KINDS.values()]
    return not record.collection and record.digest in made


def take_back(working: Working, account: bytes, kind: str) -> None:
    """Close a shelf again that was accepted; what was changed on it since stays with it.

    Raises BadInput when it was not accepted, or was taken back already. One that was cut short
    is finished by the next."""
    word = last_word(read_words(working.core.reader(), account, kind))
    if word.get("what") != ACCEPTED:
        raise BadInput(
            f"the {kind} shelf was not accepted as it was found", safe="nothing was changed"
        )
    set_gate(working, account, kind, "unproven")
    said: Word = {"known": word.get("known", 0)}
    try:
        working.store.write(
            account,
            kind,
            lambda shelf: shelf.note(TAKEN_BACK, said),
            device="operator",
            closed=True,
        ).result()
    except BaseException:  # not in the vault: not taken back
        set_gate(working, account, kind, "")
        raise


def accepted_kinds(working: Working, account: bytes) -> list[str]:
    """The kinds of an account that were accepted as they were found, and not taken back."""
    sql = working.core.reader()
    rows = sql.execute("SELECT kind FROM shelves WHERE account = ?", (account,))
    kinds = sorted((kind for (kind,) in rows.fetchall()), key=in_order)
    return [k for k in kinds if last_word(read_words(sql, account, k)).get("what") == ACCEPTED]


def heed_words(image: Image) -> None:
    """A shelf of the vault whose acceptance was taken back is not proven, whatever it has; nor is
    one of which that can't be ruled out."""
    word: Word = {}
    unknown = image.evidence is None and image.recalled is None
    lost = False
    for entry, body in image.every_note:
        if entry.op != Op.NOTE:
            continue
        note = _read_word(body)
        if note is None:
            lost = True
        elif said := last_word([note]):
            word, lost = said, False
    if word.get("what") == TAKEN_BACK:
        image.problems.append("it was accepted as it was found, and that was taken back")
    elif unknown and not word:
        image.problems.append("its notes are lost: it may have been accepted, and that taken back")
    elif word.get("what") == ACCEPTED and lost:
        image.problems.append("it was accepted as it was found; a note after that is lost")


def read_words(sql: sqlite3.Connection, account: bytes, kind: str) -> list[Word]:
    """What the notes of a shelf say, oldest first."""
    rows = sql.execute(
        "SELECT n.body FROM notes n JOIN shelves s ON s.id = n.shelf"
        " WHERE s.account = ? AND s.kind = ? AND n.op = ? ORDER BY n.seq",
        (account, kind, int(Op.NOTE)),
    )
    return [word for (body,) in rows if (word := _read_word(body)) is not None]


def _read_word(body: bytes | None) -> Word | None:
    """What a note says; None where its body is lost, or nothing that can be read."""
    try:
        return decode(_words, body, "a note") if body is not None else None
    except Damaged:
        return None


def last_word(notes: Iterable[Word]) -> Word:
    """The newest note on whether the shelf was accepted; an empty one where there is none."""
    word: Word = {}
    for note in notes:
        if note.get("what") in (ACCEPTED, TAKEN_BACK, PROVEN):
            word = note
    return word


def known_then(working: Working, account: bytes, kind: str, word: Word) -> int:
    """How far a shelf is known to have been when the core was lost: 0 where nothing says that.
    ``word`` is its last one, from before anything was written since."""
    return int(word["known"]) if "known" in word else find_known(working, account, kind)


def find_known(working: Working, account: bytes, kind: str) -> int:
    """The last position that anything says a shelf had reached when the core was lost."""
    row = find_shelf(working.core.reader(), account, kind)
    source = anchor_of(working).source(account, kind)
    tail = [part.last for _, part in source.tail.parts(account, kind)]
    top = source.entry.top.last if source.entry is not None else 0
    return max(row.last_seq if row is not None else 0, source.later, top, *tail, 0)


def set_gate(working: Working, account: bytes, kind: str, closed: str) -> None:
    """Open a shelf's gate ("") or close it, so that it stays so through a power cut."""
    working.store.install(
        lambda sql: sql.execute(
            "UPDATE shelves SET closed = ? WHERE account = ? AND kind = ?", (closed, account, kind)
        ),
        durable=True,
    ).result()


def _is_open(working: Working, account: bytes, kind: str) -> bool:
    row = find_shelf(working.core.reader(), account, kind)
    return row is not None and not row.closed


def _vault_has_problems(working: Working, account: bytes, kind: str) -> bool:
    entry = anchor_of(working).source(account, kind).entry
    return entry is not None and bool(entry.problems)
