"""A shelf's evidence: the notes that were ever kept with it, in one chunk, so that every recovery
has them. History has them too, among all that was superseded; nobody looks there in a hurry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from stillhere.errors import Damaged
from stillhere.vault.codec import decode
from stillhere.vault.levels import ShelfSource
from stillhere.vault.packs import Role, open_chunk, read_chunk
from stillhere.vault.segments import Entry, decode_entry, encode_entry

NOTE = 3

Kept = tuple[Entry, bytes | None]
"""An entry that changes no record, and its body."""

_kept = msgspec.msgpack.Decoder(tuple[list[bytes], list[bytes | None]])


def pack_kept(kept: Sequence[Kept]) -> bytes:
    """The plaintext of a chunk of history, or of evidence."""
    return msgspec.msgpack.encode(
        [[encode_entry(entry) for entry, _ in kept], [body for _, body in kept]]
    )


def read_evidence(source: ShelfSource, data_key: bytes) -> list[Kept] | None:
    """A shelf's notes up to its head, oldest first; None where they can't be read.

    Raises BackendError."""
    entry, manifest = source.entry, source.manifest
    if entry is None or entry.evidence is None or manifest is None:
        return []

    def prove(chunk: bytes) -> list[Kept]:
        plain = open_chunk(data_key, chunk, Role.HISTORY, source.account, source.kind)
        entries, bodies = decode(_kept, plain, "a shelf's evidence")
        return list(zip(map(decode_entry, entries), bodies, strict=True))

    try:
        return read_chunk(source.vault, manifest.place(entry.evidence), prove)
    except (Damaged, ValueError):
        return None


def add_evidence(kept: Iterable[Kept], later: Iterable[Kept]) -> list[Kept]:
    """The notes among both, oldest first; what a device said several times is there as it said it
    last."""
    notes = [one for one in (*kept, *later) if one[0].op == NOTE]
    notes.sort(key=lambda one: one[0].seq)
    last = {(entry.device, body): entry.seq for entry, body in notes}
    return [(entry, body) for entry, body in notes if last[entry.device, body] == entry.seq]
