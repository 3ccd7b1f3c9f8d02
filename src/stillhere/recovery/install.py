"""Putting a proven shelf into rows: rows, head, gate and verdict in one transaction."""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Sequence
from itertools import chain, islice, repeat
from typing import NamedTuple

import msgspec

from stillhere.store.accounts import ACCOUNT, CREDENTIALS, LOST_NAME, Profile, add_account
from stillhere.store.erased import is_erased
from stillhere.store.pieces import add_pieces
from stillhere.store.records import State
from stillhere.vault.image import Image


class Loss(msgspec.Struct, frozen=True, array_like=True):
    """A record that is held: it must exist, and its body was not found."""

    collection: str
    href: str
    uid: str
    size: int
    modified: int
    cause: str


class Verdict(msgspec.Struct, frozen=True, array_like=True):
    """What a recovery says of one shelf.

    ``records`` counts those present, collections apart.
    Complete as of ``last`` and ``as_of`` (milliseconds) when ``problems`` and ``held`` are
    empty. ``recovered`` is when it was said."""

    last: int
    as_of: int
    records: int
    held: list[Loss]
    problems: list[str]
    recovered: int

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return not self.held and not self.problems


class Installed(NamedTuple):
    """What became of one shelf."""

    account: bytes
    kind: str
    records: int
    complete: bool
    new: bool


_encode = msgspec.msgpack.Encoder().encode
_AT_ONCE = 25  # rows in a statement: each costs half of what it would alone
_ROW = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)"
_INSERT = "INSERT INTO records VALUES " + _ROW  # noqa: S608 (constants only)
_INSERT_MANY = "INSERT INTO records VALUES " + ", ".join([_ROW] * _AT_ONCE)  # noqa: S608


def make_verdict(image: Image, now: int) -> Verdict:
    """The verdict on an image, at ``now`` (milliseconds)."""
    held = []
    if image.missing:
        for item in image.items:
            if item.state == State.HELD:
                cause = image.missing.get((item.collection, item.href), "its body was not found")
                held.append(
                    Loss(item.collection, item.href, item.uid, item.size, item.modified, cause)
                )
    columns = image.columns  # sorted: the collections' own records come first
    present = columns.states.count(State.PRESENT, bisect_right(columns.collections, ""))
    as_of = max(image.columns.modified, default=0)
    return Verdict(image.last, as_of, present, held, image.problems, now)


def install_image(
    sql: sqlite3.Connection, image: Image, verdict: Verdict, wrapped_key: bytes | None
) -> Installed:
    """Put a shelf into rows, open if it is proven. A shelf that is in rows already stays, and
    one of an erased account stays away.

    ``wrapped_key`` is the account's key for this core, given with its account shelf."""
    done = sql.execute(
        "SELECT id FROM shelves WHERE account = ? AND kind = ?", (image.account, image.kind)
    ).fetchone()
    if done is not None or is_erased(sql, image.account):
        return Installed(image.account, image.kind, 0, verdict.complete, new=False)
    (shelf,) = sql.execute(
        "INSERT INTO shelves (account, kind, closed, last_seq, chain, ends, verdict, settled, held)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?) RETURNING id",
        (
            image.account,
            image.kind,
            "" if image.proven else "unproven",
            image.last,
            image.chain,
            _encode(image.ends),
            _encode(verdict),
            len(verdict.held),
        ),
    ).fetchone()
    columns = image.columns
    bodies: Sequence[bytes | int | None] = image.bodies
    if image.pieces:
        add_pieces(sql, shelf, image.pieces)
        bodies = image.places
        if 0 in image.places:
            bodies = [place or body for place, body in zip(bodies, image.bodies, strict=True)]
    rows = zip(
        repeat(shelf),
        columns.collections,
        columns.hrefs,
        columns.seqs,
        columns.states,
        columns.uids,
        columns.components,
        columns.media_types,
        columns.sizes,
        columns.digest_list(),
        columns.modified,
        bodies,
        strict=False,
    )
    many = len(columns) - len(columns) % _AT_ONCE
    values = chain.from_iterable(islice(rows, many))
    sql.executemany(_INSERT_MANY, zip(*[values] * (12 * _AT_ONCE), strict=True))
    sql.executemany(_INSERT, rows)
    _install_positions(sql, shelf, image)
    if image.kind == ACCOUNT and wrapped_key is not None:
        add_account(sql, image.account, _name_of(image), wrapped_key)
    return Installed(image.account, image.kind, verdict.records, verdict.complete, new=True)


def _install_positions(sql: sqlite3.Connection, shelf: int, image: Image) -> None:
    collections, seqs = image.columns.collections, image.columns.seqs
    positions: dict[str, int] = {}
    start = 0
    while start < len(collections):
        end = bisect_right(collections, collections[start], start)
        positions[collections[start]] = max(seqs[start:end])
        start = end
    sql.executemany(
        "INSERT OR REPLACE INTO positions VALUES (?, ?, ?)",
        [(shelf, collection, seq) for collection, seq in positions.items()],
    )
    sql.executemany(
        "INSERT OR REPLACE INTO notes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (shelf, e.seq, e.op, e.collection, e.href, e.time, e.device, body or b"")
            for e, body in image.notes
        ],
    )


def _name_of(image: Image) -> str:
    """The account's name, or its id where the profile is lost."""
    names = zip(image.columns.collections, image.columns.hrefs, strict=True)
    for number, name in enumerate(names):
        if name == (CREDENTIALS, "profile") and (body := image.body(number)) is not None:
            return msgspec.msgpack.decode(body, type=Profile).name
    return LOST_NAME + image.account.hex()
