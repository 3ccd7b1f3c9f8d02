"""What a core has, kind by kind, in the figures that are told to everybody: no name is in them."""

import sqlite3
from collections import Counter
from itertools import groupby
from pathlib import Path

import msgspec

from stillhere.server.figures import count_kinds, read_status
from stillhere.server.learned import Note, list_devices
from stillhere.status.bulletin import Known, Rehearsal
from stillhere.status.core import LastDrill
from stillhere.status.person import knowing_most
from stillhere.status.progress import KindCount
from stillhere.store import Op
from stillhere.store.schema import connect

_PARTIAL = "SELECT kind, sum(closed = '' AND held > 0) FROM shelves GROUP BY kind"
_NOTES = (
    "SELECT s.id, s.kind, n.time, n.device, n.body FROM notes n JOIN shelves s ON s.id = n.shelf"
    " WHERE n.op = ? ORDER BY s.id, n.seq"
)


def count(sql: sqlite3.Connection) -> tuple[KindCount, ...]:
    """Each kind: shelves, records proven and held, and changes that are known to be lost."""
    lost: Counter[str] = count_lost(sql)
    partial: dict[str, int] = dict(sql.execute(_PARTIAL).fetchall())
    return tuple(
        KindCount(
            k.kind,
            k.shelves,
            k.closed,
            k.records - k.held,
            k.held,
            lost[k.kind],
            partial.get(k.kind, 0),
        )
        for k in count_kinds(sql)[0]
    )


def count_lost(sql: sqlite3.Connection) -> Counter[str]:
    """Changes beyond the recovered end that devices have shown to know, per kind.

    Of several devices that know of one collection's the one counts that knows of most, until
    an export of it is merged."""
    lost: Counter[str] = Counter()
    rows = sql.execute(_NOTES, (int(Op.NOTE),))
    for (_, kind), noted in groupby(rows, key=lambda row: row[:2]):
        notes = [
            Note(time, device, msgspec.msgpack.decode(body)) for *_, time, device, body in noted
        ]
        lost[kind] += sum(first.changes for first in knowing_most(list_devices(notes, {})))
    return lost


def look(option: Path | None, witness: Path | None = None) -> Known:
    """What a core says of itself now, for everybody to read.

    Raises BadInput and NotFound where there is none, Damaged where it cannot be read."""
    status = read_status(option, witness)
    sql = connect(Path(status.home))
    try:
        kinds = count(sql)
    finally:
        sql.close()
    protection = status.protection
    return Known(
        known_at=status.told_at,
        people=status.accounts,
        kinds=kinds,
        rpo_s=protection.rpo_s,
        troubled=bool(protection.trouble or protection.missing),
        proven_at=protection.last_proven_at,
        unproven=protection.unproven_shelves,
        expected=status.loss,
        rehearsal=_rehearsal(protection.last_drill),
    )


def _rehearsal(drill: LastDrill | None) -> Rehearsal | None:
    if drill is None:
        return None
    return Rehearsal(drill.at, drill.accounts, drill.sampled, drill.whole_s, drill.flawed_shelves)
