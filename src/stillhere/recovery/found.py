"""What all copies together have of one shelf, and each by itself, record by record.

The newest row of a record, in whichever copy, says what must exist, and a body with its digest
is the record, in whichever copy it lies. What the copies prove together is proven: a recovery
from all of them brings it back. What is there besides can be recovered: a shelf of which
something else may be missing waits for ``stillhere accept``, a body that only an older copy
has for ``stillhere heal``, and what a damaged core alone has for ``recover --salvage``.

A damaged core's rows are signed by nobody. They say what must exist where no copy can: beyond
where the copies end, and on shelves that these do not prove.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from stillhere.recovery.salvage.remains import Key, Rows, is_newer
from stillhere.rosters import DELETED, PRESENT, Item
from stillhere.store.records import epoch_of
from stillhere.vault.image import Image


class Found(msgspec.Struct, frozen=True, array_like=True):
    """One shelf's records, collections apart.

    ``proven`` and ``recoverable`` are there; ``missing`` are known, and no copy has their
    bodies; ``unnamed`` is how many more there may be, by heads whose rosters are lost. ``holds``
    says how many each source has, the copies first, ``alone`` how many it alone has.
    ``uncounted`` is a shelf of
    which nothing says how many records it had; ``lacking`` one that a recovery does not bring
    back whole, its collections' own records included."""

    proven: int
    recoverable: int
    missing: int
    unnamed: int
    uncounted: bool
    lacking: bool
    holds: list[int]
    alone: list[int]

    @property
    def known(self) -> int:
        """How many records are known to have existed."""
        return self.proven + self.recoverable + self.missing


def find(
    together: Image,
    apart: Sequence[Image],
    cores: Sequence[Rows] = (),
    *,
    uncounted: bool,
    untorn: bool = True,
) -> tuple[Found, list[Item]]:
    """Put a shelf together from what all copies gave, each object from whichever proved it, what
    each gave by itself, and what damaged cores have; and the rows of what no source has.

    ``untorn``: every change up to a head is counted in it or in its ``unread``."""
    images = [together, *apart]
    if all(core.empty for core in cores) and all(
        _whole(image) and _head(image) == _head(together) for image in images
    ):
        there = together.columns.figures().present
        none = [0] * len(cores)
        alone = [there if len(apart) == 1 else 0] * len(apart)
        return Found(there, 0, 0, 0, False, False, [there] * len(apart) + none, alone + none), []
    newest = max(image.last for image in images)
    proven = together.exists and together.proven and together.last == newest
    rows = _newest_rows(images)
    added, named = _lay_cores(rows, cores, together, proven=proven)
    holds, alone = [0] * (len(apart) + len(cores)), [0] * (len(apart) + len(cores))
    sound = there = lost_collections = 0
    missing: list[Item] = []
    has = [_digests(image).__contains__ for image in apart] + [core.has for core in cores]
    joined = _digests(together)
    for key, row in rows.items():
        if row.state == DELETED:
            continue
        if not row.collection:
            lost_collections += row.digest not in joined
            continue
        holders = [number for number, held in enumerate(has) if held(row.digest)]
        for number in holders:
            holds[number] += 1
        if len(holders) == 1:
            alone[holders[0]] += 1
        sound += proven and row.digest in joined and key not in added
        if holders or row.digest in joined:
            there += 1
        else:
            missing.append(row)
    unread = min(image.unread for image in images if image.last == newest)
    found = Found(
        sound,
        there - sound,
        len(missing),
        0 if proven else max(0, unread - named * untorn),
        uncounted and not proven,
        bool(missing or lost_collections or added or there > sound or not proven),
        holds,
        alone,
    )
    return found, missing


def find_more(found: Found, holders: Sequence[Sequence[int]]) -> Found:
    """The same when some of what was missing has turned up: in these sources, for each."""
    holds, alone = list(found.holds), list(found.alone)
    for numbers in holders:
        for number in numbers:
            holds[number] += 1
        if len(numbers) == 1:
            alone[numbers[0]] += 1
    turned_up = sum(map(bool, holders))
    return msgspec.structs.replace(
        found,
        recoverable=found.recoverable + turned_up,
        missing=found.missing - turned_up,
        holds=holds,
        alone=alone,
    )


def is_beyond(seq: int, last: int, ends: dict[int, int]) -> bool:
    """Whether a position lies beyond where a shelf's epoch ends in the copies."""
    return seq > ends.get(epoch_of(seq), last)


def _lay_cores(
    rows: dict[Key, Item], cores: Sequence[Rows], image: Image, *, proven: bool
) -> tuple[set[Key], int]:
    """Lay what cores have over the newest rows, as far as these do not say better; the names
    changed beyond the copies' end, and how many that no copy can name lie before it."""
    newest: dict[Key, Item] = {}
    for key, item in (pair for core in cores for pair in core.newest.items()):
        if is_newer(item, newest.get(key)):
            newest[key] = item
    added: set[Key] = set()
    named = 0
    for key, item in newest.items():
        beyond, before = is_beyond(item.seq, image.last, image.ends), rows.get(key)
        if (proven and not beyond) or (before is not None and before.seq >= item.seq):
            continue
        named += before is None and not beyond
        rows[key] = item
        if beyond:
            added.add(key)
    return added, named


def _whole(image: Image) -> bool:
    return image.exists and image.proven and not image.missing


def _head(image: Image) -> tuple[int, bytes]:
    return image.last, image.chain


def _newest_rows(images: Sequence[Image]) -> dict[Key, Item]:
    """The newest row of every record and collection, whichever copy has it."""
    rows: dict[Key, Item] = {}
    for image in images:
        for item in image.columns.items():
            key = (item.collection, item.href)
            if key not in rows or rows[key].seq < item.seq:
                rows[key] = item
    return rows


def _digests(image: Image) -> set[bytes]:
    """Those of the bodies that are there, proven."""
    columns = image.columns
    rows = zip(columns.states, columns.digest_list(), strict=True)
    return {digest for state, digest in rows if state == PRESENT}
