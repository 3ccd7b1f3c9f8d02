"""One level of a shelf: its roster, and the bodies beside it.

read the chunks of bodies, those that open
read the roster and prove it; where it is lost, make it anew from the chunks
lay each body beside its row, proven, or say where it lies in its piece
hold the rows whose body is not there, each with its cause
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from stillhere.bodies import PLACE_SHIFT, digest_bodies, open_piece
from stillhere.errors import Damaged
from stillhere.rosters import HELD, PRESENT, Roster, read_roster
from stillhere.vault.body_chunks import BodyChunk, read_bodies, rebuild_roster
from stillhere.vault.manifests import Level, PackTable, ShelfEntry
from stillhere.vault.opened import Vault
from stillhere.vault.packs import Role, open_chunk, read_chunk
from stillhere.vault.tail import Tail

Key = tuple[str, str]
LOST_BEFORE = "its body was lost before"
"""Why a body is missing that was missing already when its roster was written."""


@dataclass(frozen=True)
class ShelfSource:
    """Where one shelf's pieces are: its manifest's entry and the tail."""

    vault: Vault
    manifest: PackTable | None
    entry: ShelfEntry | None
    tail: Tail
    account: bytes
    kind: str
    epoch: int
    """The epoch that is alive; every one before it is sealed and has an end."""
    broken: str = ""
    """Why the bucket's manifest can't be read, if it can't."""
    later: int = 0
    """How far the shelf reaches by a manifest that no root names."""


def load_level(
    source: ShelfSource,
    level: Level,
    data_key: bytes,
    pieces: list[bytes],
    *,
    trusted: bool,
    packed: bool,
) -> LoadedLevel:
    """Load and prove a level; ``trusted`` leaves out the bodies' digests, ``packed`` leaves
    bodies in their pieces, which are added to ``pieces``.

    Raises Damaged where its roster can't be had, BackendError."""
    chunks, lost = _read_chunks(source, level, data_key)
    loaded = LoadedLevel(*_load_roster(source, level, data_key, chunks), pieces)
    for chunk in chunks:
        if not (packed and loaded.refer(chunk, trusted=trusted)):
            loaded.unpack(chunk, trusted=trusted)
    loaded.hold_missing(lost)
    return loaded


class LoadedLevel:
    """A level's rows, and the columns beside them, filled chunk by chunk.

    A row's body is in ``bodies``, or in ``pieces`` at its place: number of the piece, from 1,
    << 32 | number in it (0: it is in no piece). ``missing`` says why a held record's body is
    missing; ``sheet`` are the roster's bytes as they were sealed (empty: they were not)."""

    def __init__(self, roster: Roster, sheet: bytes, pieces: list[bytes]) -> None:
        self.roster = roster
        self.sheet = sheet
        self.bodies: list[bytes | None] = [None] * len(roster)
        self.places: list[int] = [0] * len(roster)
        self.pieces = pieces
        self.missing: dict[Key, str] = {}
        self._causes: dict[int, str] = {}

    def refer(self, chunk: BodyChunk, *, trusted: bool) -> bool:
        """Leave a chunk's bodies in their piece; False where they are better taken out."""
        present = self._present(chunk)
        if not (trusted or self._proves(chunk, present)):
            return False
        self.pieces.append(chunk.piece)
        first = len(self.pieces) << PLACE_SHIFT
        if len(present) == chunk.count:
            self.places[chunk.first : chunk.first + chunk.count] = range(first, first + chunk.count)
        else:
            for place, number in enumerate(present, first):
                self.places[number] = place
        return True

    def unpack(self, chunk: BodyChunk, *, trusted: bool) -> None:
        """Take a chunk's bodies out, those that their digests prove."""
        present = self._present(chunk)
        try:
            bodies = self._restore(chunk, present)
        except Damaged as error:
            self._causes |= dict.fromkeys(present, error.what)
            return
        digests = self.roster.digests
        for number, body in zip(present, bodies, strict=True):
            if trusted or sha256(body).digest() == digests[32 * number : 32 * number + 32]:
                self.bodies[number] = body
            else:
                self._causes[number] = "its body does not match its digest"

    def _present(self, chunk: BodyChunk) -> Sequence[int]:
        rows = range(chunk.first, min(chunk.first + chunk.count, len(self.roster)))
        states = self.roster.states
        if not any(states[chunk.first : chunk.first + chunk.count]):
            return rows
        return [number for number in rows if states[number] == PRESENT]

    def _restore(self, chunk: BodyChunk, present: Sequence[int]) -> list[bytes]:
        piece = open_piece(chunk.piece)
        if len(piece.bodies) != len(present):
            raise Damaged("a chunk of bodies is not its roster's")
        uids = self.roster.uids
        if len(present) == chunk.count:
            return piece.restore(uids[chunk.first : chunk.first + chunk.count])
        return piece.restore([uids[number] for number in present])

    def _proves(self, chunk: BodyChunk, present: Sequence[int]) -> bool:
        """Whether every body is its row's: the usual case, in one comparison."""
        try:
            bodies = self._restore(chunk, present)
        except Damaged:
            return False
        digests = digest_bodies(bodies)
        if len(present) == chunk.count:
            return (
                digests == self.roster.digests[32 * chunk.first : 32 * (chunk.first + chunk.count)]
            )
        whole = self.roster.digests
        return digests == b"".join([whole[32 * n : 32 * n + 32] for n in present])

    def hold_missing(self, lost: str) -> None:
        """Rows whose body is not there are held, each with its cause."""
        roster, states = self.roster, self.roster.states
        if not any(states) and (None not in self.bodies or 0 not in self.places):
            return
        held = bytearray(states)
        rows = zip(states, self.bodies, self.places, strict=True)
        for number, (state, body, place) in enumerate(rows):
            if state == PRESENT and body is None and not place:
                held[number] = HELD
                cause = self._causes.get(number) or lost or "its body is not there"
            elif state == HELD:
                cause = LOST_BEFORE
            else:
                continue
            self.missing[roster.collections[number], roster.hrefs[number]] = cause
        if held != states:  # else the sheet says what is there
            roster.states, self.sheet = bytes(held), b""


def check_halves(source: ShelfSource, level: Level, data_key: bytes) -> Iterator[str]:
    """What is wrong with the roster, or with the names beside the bodies: each can stand for
    the other. Raises BackendError."""
    chunks, lost = _read_chunks(source, level, data_key)
    try:
        _read_sheet(source, level, data_key)
    except Damaged as error:
        yield f"its roster: {error.what}"
    try:
        rebuild_roster(chunks, level.digest)
    except Damaged as error:
        yield f"the names beside its bodies: {lost or error.what}"


def _read_chunks(source: ShelfSource, level: Level, data_key: bytes) -> tuple[list[BodyChunk], str]:
    """A level's chunks of bodies that open, and why another does not."""
    assert source.manifest is not None
    chunks, cause = [], ""

    def prove(chunk: bytes) -> BodyChunk:
        plain = open_chunk(data_key, chunk, Role.BODIES, source.account, source.kind)
        return read_bodies(plain)

    for span in level.bodies:
        try:
            chunks.append(read_chunk(source.vault, source.manifest.place(span), prove))
        except Damaged as error:
            cause = error.what
    return chunks, cause


def _load_roster(
    source: ShelfSource, level: Level, data_key: bytes, chunks: Sequence[BodyChunk]
) -> tuple[Roster, bytes]:
    """A level's roster with its sheet, or from the names beside its bodies, without.

    Raises Damaged."""
    try:
        return _read_sheet(source, level, data_key)
    except Damaged as error:
        cause = error.what
    try:
        return rebuild_roster(chunks, level.digest), b""
    except Damaged as error:
        raise Damaged(f"its roster can't be read: {cause}; {error.what}") from None


def _read_sheet(source: ShelfSource, level: Level, data_key: bytes) -> tuple[Roster, bytes]:
    assert source.manifest is not None

    def prove(chunk: bytes) -> tuple[Roster, bytes]:
        sheet = open_chunk(data_key, chunk, Role.ROSTER, source.account, source.kind)
        return read_roster(sheet, level.digest), sheet

    return read_chunk(source.vault, source.manifest.place(level.roster), prove)
