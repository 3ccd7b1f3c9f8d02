"""What all copies together have of one shelf, and each by itself, record by record.

The newest row of a record, in whichever copy, says what must exist, and a body with its digest
is the record, in whichever copy it lies. What the copies prove together is proven: a recovery
from all of them brings it back. What is there besides can be recovered: a shelf of which
something else may be missing waits for ``stillhere accept``, and a body that only an older copy
has for ``stillhere heal``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from stillhere.rosters import DELETED, PRESENT
from stillhere.vault.image import Image

Key = tuple[str, str]


class Found(msgspec.Struct, frozen=True, array_like=True):
    """One shelf's records, collections apart.

    ``proven`` and ``recoverable`` are there; ``missing`` are known, and no copy has their
    bodies; ``unnamed`` is how many more there may be, by heads whose rosters are lost. ``holds``
    says how many each copy has, ``alone`` how many it alone has. ``uncounted`` is a shelf of
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


class _Row(NamedTuple):
    seq: int
    state: int
    digest: bytes


def find(together: Image, apart: Sequence[Image], *, uncounted: bool) -> Found:
    """Put a shelf together from what all copies gave, each object from whichever proved it, and
    what each gave by itself."""
    images = [together, *apart]
    if all(_whole(image) and _head(image) == _head(together) for image in images):
        there = together.columns.figures().present
        alone = [there if len(apart) == 1 else 0] * len(apart)
        return Found(there, 0, 0, 0, False, False, [there] * len(apart), alone)
    newest = max(image.last for image in images)
    proven = together.exists and together.proven and together.last == newest
    holds, alone = [0] * len(apart), [0] * len(apart)
    sound = there = missing = lost_collections = 0
    bodies, joined = [_digests(image) for image in apart], _digests(together)
    for (collection, _), row in _newest_rows(images).items():
        if row.state == DELETED:
            continue
        if not collection:
            lost_collections += row.digest not in joined
            continue
        holders = [number for number, digests in enumerate(bodies) if row.digest in digests]
        for number in holders:
            holds[number] += 1
        if len(holders) == 1:
            alone[holders[0]] += 1
        sound += proven and row.digest in joined
        there += bool(holders) or row.digest in joined
        missing += not (holders or row.digest in joined)
    unread = min(image.unread for image in images if image.last == newest)
    return Found(
        sound,
        there - sound,
        missing,
        0 if proven else unread,
        uncounted and not proven,
        bool(missing or lost_collections or there > sound or not proven),
        holds,
        alone,
    )


def find_nothing(most: int, sources: int, *, uncounted: bool) -> Found:
    """Of a shelf whose key no copy has: all that it may have had is lost."""
    return Found(0, 0, 0, most, uncounted, True, [0] * sources, [0] * sources)


def _whole(image: Image) -> bool:
    return image.exists and image.proven and not image.missing


def _head(image: Image) -> tuple[int, bytes]:
    return image.last, image.chain


def _newest_rows(images: Sequence[Image]) -> dict[Key, _Row]:
    """The newest row of every record and collection, whichever source has it."""
    rows: dict[Key, _Row] = {}
    for image in images:
        for item in image.columns.items():
            key = (item.collection, item.href)
            if key not in rows or rows[key].seq < item.seq:
                rows[key] = _Row(item.seq, item.state, item.digest)
    return rows


def _digests(image: Image) -> set[bytes]:
    """Those of the bodies that are there, proven."""
    columns = image.columns
    rows = zip(columns.states, columns.digest_list(), strict=True)
    return {digest for state, digest in rows if state == PRESENT}
