"""A plain shelf: a base alone, with every body there, as compaction leaves nearly all of them.

open the roster's chunk, and prove it against the head
for every chunk of bodies, each beginning at the row where the one before has ended
    open it, and prove its bodies against the digests of the rows that are present

This is the proof of ``load_level`` and no row is made of it: a recovery proves every shelf of
a service. It tells nothing of damage but that there is some, or may be; ``load_image`` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

from stillhere.bodies import digest_bodies, open_piece
from stillhere.errors import Damaged
from stillhere.rosters import DELETED, HELD, PRESENT, prove_roster, split_digests
from stillhere.vault.body_chunks import read_bodies
from stillhere.vault.manifests import ShelfEntry, Span
from stillhere.vault.packs import Role, open_chunk

_THERE = bytes.maketrans(bytes((PRESENT, DELETED)), b"\1\0")


def prove_plain(entry: ShelfEntry, kind: str, data_key: bytes, packs: Sequence[memoryview]) -> int:
    """How many rows a plain shelf has, all of them proven. ``packs`` are the bytes of the
    manifest's packs, in its order (empty: not there).

    Raises Damaged where anything is not as it should be, or the shelf is not plain."""
    if entry.delta is not None or entry.problems:
        raise Damaged("the shelf is more than a base")
    account, base = entry.account, entry.base
    sheet = open_chunk(data_key, _find_chunk(packs, base.roster), Role.ROSTER, account, kind)
    states, uids, digests = prove_roster(sheet, base.digest)
    if HELD in states:
        raise Damaged("a body was lost before")
    row = 0
    for span in base.bodies:
        plain = open_chunk(data_key, _find_chunk(packs, span), Role.BODIES, account, kind)
        chunk = read_bodies(plain)
        end = row + chunk.count
        if chunk.first != row:
            raise Damaged("the chunks of bodies do not follow each other")
        _prove_bodies(chunk.piece, states[row:end], uids[row:end], digests[32 * row : 32 * end])
        row = end
    if row != len(states):
        raise Damaged("the chunks of bodies are not of as many rows as the roster")
    return row


def _find_chunk(packs: Sequence[memoryview], span: Span) -> memoryview:
    """A chunk's bytes. Raises Damaged."""
    if span.pack >= len(packs):
        raise Damaged("a chunk lies in a pack that there is not")
    chunk = packs[span.pack][span.offset : span.offset + span.length]
    if len(chunk) != span.length:
        raise Damaged("a pack is missing or cut short")
    return chunk


def _prove_bodies(packed: bytes, states: bytes, uids: list[str], digests: bytes) -> None:
    """Prove that a piece has the bodies of those of these rows that are present."""
    if DELETED in states:
        there = states.translate(_THERE)
        uids = list(compress(uids, there))
        digests = b"".join(compress(split_digests(digests), there))
    piece = open_piece(packed)
    if len(piece.bodies) != len(uids) or digest_bodies(piece.restore(uids)) != digests:
        raise Damaged("a chunk of bodies is not its roster's")
