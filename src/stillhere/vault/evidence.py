"""A shelf's evidence: the notes that were ever kept with it, in one chunk, so that every recovery
has them, and why the bodies of held records were missed, which nobody could tell later. History
has the notes too, among all that was superseded; nobody looks there in a hurry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import msgspec

from stillhere.errors import Damaged
from stillhere.vault.codec import decode
from stillhere.vault.levels import Key, ShelfSource
from stillhere.vault.packs import Place, Role, open_chunk, read_chunk
from stillhere.vault.segments import Entry, decode_entry, encode_entry

NOTE = 3

Kept = tuple[Entry, bytes | None]
"""An entry that changes no record, and its body."""

Causes = dict[Key, str]
"""Why the body of each held record was not found when it was first missed."""


class _Chunk(msgspec.Struct, frozen=True, array_like=True):
    """What a chunk of history says; evidence has the causes as well: collection, href, cause."""

    entries: list[bytes]
    bodies: list[bytes | None]
    causes: list[tuple[str, str, str]] = []


_chunks = msgspec.msgpack.Decoder(_Chunk)


class Evidence(NamedTuple):
    """What is kept beside a shelf: its notes up to its head, oldest first, and the causes."""

    notes: list[Kept]
    causes: Causes


def pack_kept(kept: Sequence[Kept], causes: Causes | None = None) -> bytes:
    """The plaintext of a chunk of history, or with ``causes`` of evidence."""
    parts: list[object] = [[encode_entry(entry) for entry, _ in kept], [body for _, body in kept]]
    if causes is not None:
        parts.append([(*key, cause) for key, cause in sorted(causes.items())])
    return msgspec.msgpack.encode(parts)


def read_kept(source: ShelfSource, place: Place, data_key: bytes) -> Evidence:
    """What a chunk of history or evidence keeps. Raises Damaged, BackendError."""

    def prove(chunk: bytes) -> Evidence:
        plain = open_chunk(data_key, chunk, Role.HISTORY, source.account, source.kind)
        found = decode(_chunks, plain, "a chunk of history")
        if len(found.entries) != len(found.bodies):
            raise Damaged("a chunk of history has not a body for each entry")
        notes = list(zip(map(decode_entry, found.entries), found.bodies, strict=True))
        return Evidence(notes, {(place, href): cause for place, href, cause in found.causes})

    return read_chunk(source.vault, place, prove)


def read_evidence(source: ShelfSource, data_key: bytes) -> Evidence | None:
    """A shelf's evidence; None where it can't be read. Raises BackendError."""
    entry, manifest = source.entry, source.manifest
    if entry is None or entry.evidence is None or manifest is None:
        return Evidence([], {})
    try:
        return read_kept(source, manifest.place(entry.evidence), data_key)
    except Damaged:
        return None


def recall_notes(source: ShelfSource, data_key: bytes) -> list[Kept] | None:
    """The notes among all that a shelf's history has; None where a part of it can't be read.

    Raises BackendError."""
    entry, manifest = source.entry, source.manifest
    if entry is None or manifest is None:
        return []
    try:
        chunks = [read_kept(source, manifest.place(span), data_key).notes for span in entry.history]
    except Damaged:
        return None
    return add_evidence((), chain.from_iterable(chunks))


def add_evidence(kept: Iterable[Kept], later: Iterable[Kept]) -> list[Kept]:
    """The notes among both, oldest first; what a device said several times is there as it said it
    last."""
    notes = [one for one in (*kept, *later) if one[0].op == NOTE]
    notes.sort(key=lambda one: one[0].seq)
    last = {(entry.device, body): entry.seq for entry, body in notes}
    return [(entry, body) for entry, body in notes if last[entry.device, body] == entry.seq]
