"""Mending the vault from the live core: what the vault lost, the core may still have."""

from __future__ import annotations

import hashlib

from stillhere.errors import StillhereError
from stillhere.rosters import Item, roster_of
from stillhere.store.core import Core
from stillhere.store.records import Op, State
from stillhere.store.store import Store
from stillhere.vault.evidence import Kept
from stillhere.vault.image import Image
from stillhere.vault.segments import Entry


def mend_from_core(store: Store, image: Image) -> Image:
    """The image of a shelf as the core has it, if it is open and whole there.

    Bodies are proven against their digests; the vault's own image is returned where the core
    has no more than that. Conflicts and superseded revisions stay those of the vault."""
    try:
        with store.read(image.account, image.kind) as shelf:
            if shelf.last_seq < image.last:
                return image
            rows = shelf.everything()
            chain, last, ends = shelf.chain, shelf.last_seq, shelf.ends
    except StillhereError:
        return image
    items, bodies = [], []
    for record, body in rows:
        if body is not None and hashlib.sha256(body).digest() != record.digest:
            return image
        items.append(Item(*record))
        bodies.append(body)
    held = {
        (item.collection, item.href): "neither the vault nor the core has its body"
        for item in items
        if item.state == State.HELD
    }
    return Image(
        image.account,
        image.kind,
        roster_of(items),
        bodies,
        last,
        chain,
        ends,
        [],
        held,
        image.notes,
        image.replaced,
        image.evidence,
    )


def evidence_from_core(core: Core, image: Image) -> list[Kept]:
    """The notes of a shelf as the core has them, up to the image's head, oldest first."""
    rows = core.reader().execute(
        "SELECT n.seq, n.time, n.device, n.body FROM notes n JOIN shelves s ON s.id = n.shelf"
        " WHERE s.account = ? AND s.kind = ? AND n.op = ? AND n.seq <= ? ORDER BY n.seq",
        (image.account, image.kind, int(Op.NOTE), image.last),
    )
    return [(_note(*row), row[3]) for row in rows]


def _note(seq: int, time: int, device: str, body: bytes) -> Entry:
    digest = hashlib.sha256(body).digest()
    return Entry(seq, time, device, int(Op.NOTE), "", "", "", "", "", len(body), digest)
