"""A plain shelf: a base alone, with every body there, as compaction leaves nearly all of them.

open the roster's chunk, and prove it against the head
for every chunk of bodies, each beginning at the row where the one before has ended
    open it, and prove its bodies against the digests of the rows that are present

This is the proof of ``load_level``, and no row is made: a recovery proves every shelf of a
service. It tells nothing of damage but that there is some, or may be; ``load_image`` does.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import compress, count
from typing import NamedTuple

from stillhere.bodies import PLACE_SHIFT, Run, digest_bodies, open_piece, runs_of
from stillhere.errors import Damaged
from stillhere.rosters import DELETED, HELD, PRESENT, Names, open_roster, split_digests
from stillhere.vault.body_chunks import BodyChunk, read_bodies
from stillhere.vault.manifests import ShelfEntry, Span
from stillhere.vault.packs import Role, open_chunk

_THERE = bytes.maketrans(bytes((PRESENT, DELETED)), b"\1\0")


class Plain(NamedTuple):
    """A plain shelf, all of it proven: its roster's sheet and what that says, and its bodies in
    their pieces, with the runs in which they lie there."""

    entry: ShelfEntry
    kind: str
    names: Names
    sheet: bytes
    pieces: list[bytes]
    runs: list[Run]

    def body(self, number: int) -> bytes | None:
        """The body of one row."""
        for first, rows, place in self.runs:
            if first <= number < first + rows:
                at, nth = divmod(place + number - first, 1 << PLACE_SHIFT)
                return open_piece(self.pieces[at - 1]).body(nth, self.names.uids[number])
        return None


def prove_plain(
    entry: ShelfEntry, kind: str, data_key: bytes, read: Callable[[Span], bytes]
) -> Plain:
    """Prove a plain shelf, whose chunks ``read`` gets.

    Raises Damaged where anything is not as it should be, or the shelf is not plain, and what
    ``read`` raises."""
    if entry.delta is not None or entry.problems or entry.evidence is not None:
        raise Damaged("the shelf is more than a base")
    account, base = entry.account, entry.base
    sheet = open_chunk(data_key, read(base.roster), Role.ROSTER, account, kind)
    names, digests = open_roster(sheet, base.digest)
    if HELD in names.states:
        raise Damaged("a body was lost before")
    plain = Plain(entry, kind, names, sheet, [], [])
    row = 0
    for span in base.bodies:
        opened = open_chunk(data_key, read(span), Role.BODIES, account, kind)
        chunk = read_bodies(opened)
        if chunk.first != row:
            raise Damaged("the chunks of bodies do not follow each other")
        _prove_bodies(plain, digests, chunk)
        row += chunk.count
    if row != len(names):
        raise Damaged("the chunks of bodies are not of as many rows as the roster")
    return plain


def _prove_bodies(plain: Plain, digests: bytes, chunk: BodyChunk) -> None:
    """Prove that a chunk has the bodies of those of its rows that are present, and keep it."""
    first, end = chunk.first, chunk.first + chunk.count
    place = (len(plain.pieces) + 1) << PLACE_SHIFT
    states, uids = plain.names.states[first:end], plain.names.uids[first:end]
    digests = digests[32 * first : 32 * end]
    runs = [(first, len(states), place)] if states else []
    if DELETED in states:
        there = states.translate(_THERE)
        uids = list(compress(uids, there))
        digests = b"".join(compress(split_digests(digests), there))
        places = count(place)
        runs = runs_of([next(places) if present else 0 for present in there], first)
    piece = open_piece(chunk.piece)
    if len(piece.bodies) != len(uids) or digest_bodies(piece.restore(uids)) != digests:
        raise Damaged("a chunk of bodies is not its roster's")
    plain.pieces.append(chunk.piece)
    plain.runs.extend(runs)
