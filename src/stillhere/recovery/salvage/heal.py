"""Held records whose bodies a damaged core still has.

list what is held on open shelves, so many records at a time
    look for their bodies in the file
    write those that are found through the store's door, so that the vault has them too
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from stillhere.errors import Closed, Damaged, NotFound
from stillhere.recovery.salvage.scan import Salvage, Shelf
from stillhere.recovery.salvage.wanted import Wanted
from stillhere.store.core import Core
from stillhere.store.draft import ShelfWrite
from stillhere.store.pages import open_shelf
from stillhere.store.records import Record
from stillhere.store.shelf import find_shelf
from stillhere.store.store import Store

AT_ONCE = 200_000  # held records that are looked for in one reading of the file
TURN_BYTES, TURN_BODIES = 4 << 20, 200  # what is in memory until it is put back

Held = list[tuple[Shelf, Record]]


class Healed(NamedTuple):
    """Of so many held records on open shelves, so many have their bodies back."""

    held: int
    healed: int


def heal(store: Store, salvage: Salvage) -> Healed:
    """Heal what the file can. Raises Unavailable, Fenced; what was healed until then stays."""
    held = healed = 0
    for batch in _batches(store.core):
        held += len(batch)
        healed += _heal(store, salvage, batch)
    return Healed(held, healed)


def whence_of(salvage: Salvage) -> str:
    """Where the file's records come from, in the words of a report."""
    return f"the damaged core {salvage.path.name}"


def _heal(store: Store, salvage: Salvage, held: Held) -> int:
    owners: dict[bytes, set[Shelf]] = defaultdict(set)
    for shelf, record in held:
        owners[record.digest].add(shelf)
    wanted = Wanted((account, record) for (account, _), record in held)
    turn: dict[Shelf, dict[bytes, bytes]] = defaultdict(dict)
    healed = size = bodies = 0
    for digest, body in salvage.bodies(wanted):
        for shelf in owners.pop(digest, ()):
            turn[shelf][digest] = body
            bodies += 1
        size += len(body)
        if size >= TURN_BYTES or bodies >= TURN_BODIES:
            healed += _put_back(store, salvage, turn)
            turn.clear()
            size = bodies = 0
    return healed + _put_back(store, salvage, turn)


def _put_back(store: Store, salvage: Salvage, turn: dict[Shelf, dict[bytes, bytes]]) -> int:
    def write(shelf: ShelfWrite, bodies: dict[bytes, bytes]) -> int:
        shelf.whence = whence_of(salvage)
        return shelf.heal_all(bodies)

    written = [
        store.write(*shelf, partial(write, bodies=bodies), device="operator")
        for shelf, bodies in turn.items()
    ]
    healed = 0
    for future in written:
        with suppress(Closed, NotFound):  # closed or erased since it was listed
            healed += future.result()
    return healed


def _batches(core: Core) -> Iterator[Held]:
    """What is held on open shelves. A shelf that does not prove itself is left alone."""
    sql = core.reader()
    shelves = sql.execute(
        "SELECT account, kind FROM shelves WHERE held > 0 AND closed = '' ORDER BY account, kind"
    ).fetchall()
    batch: Held = []
    for account, kind in shelves:
        row = find_shelf(sql, account, kind)
        if row is None:
            continue
        with suppress(Damaged):
            batch += [((account, kind), record) for record in open_shelf(sql, row).held()]
        if len(batch) >= AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
