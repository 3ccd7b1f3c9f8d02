"""A shelf as the vault proves it: base, delta and tail folded into one image.

    prove the rosters of base and delta against the digests in the head
    follow the chain from that head through the tail's entries, part by part
    lay the newest row of every record over the older ones
    prove every body against its row's digest; a body that is not found is held

A broken roster, a broken link of the chain, or a lost segment that may have touched the shelf
leaves it unproven, with the cause; everything that could be read is in the image all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from stillhere.errors import Damaged
from stillhere.vault.manifests import Level, Manifest, ShelfEntry
from stillhere.vault.opened import Vault
from stillhere.vault.packs import Role, open_chunk, read_chunk
from stillhere.vault.rosters import (
    DELETED,
    HELD,
    PRESENT,
    Item,
    Roster,
    empty_roster,
    read_bodies,
    read_roster,
    roster_of,
)
from stillhere.vault.segments import Entry, Row, chain_key, decode_entry, extend_chain
from stillhere.vault.tail import Source, Tail

PUT, DELETE = 0, 1
GENESIS = bytes(32)

Key = tuple[str, str]
Loaded = tuple[Item, bytes | None]


@dataclass
class Image:
    """A shelf out of the vault.

    ``columns`` are sorted by collection and name; ``bodies`` lie beside them (None for
    tombstones and held records). ``problems`` says why the shelf is not proven (empty: it
    is), ``missing`` why each held record's body is missing. ``notes`` are the tail's
    conflicts and notes, ``replaced`` what the tail superseded."""

    account: bytes
    kind: str
    columns: Roster = field(default_factory=empty_roster)
    bodies: Sequence[bytes | None] = ()
    last: int = 0
    chain: bytes = GENESIS
    ends: dict[int, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    missing: dict[Key, str] = field(default_factory=dict)
    notes: list[tuple[Entry, bytes | None]] = field(default_factory=list)
    replaced: list[tuple[Entry, bytes | None]] = field(default_factory=list)
    exists: bool = True

    @property
    def items(self) -> list[Item]:
        """The records and tombstones, one by one."""
        return list(self.columns.items())

    @property
    def proven(self) -> bool:
        """Whether every record that must exist is known."""
        return not self.problems


@dataclass(frozen=True)
class ShelfSource:
    """Where one shelf's pieces are: its manifest's entry and the tail."""

    vault: Vault
    manifest: Manifest | None
    entry: ShelfEntry | None
    tail: Tail
    account: bytes
    kind: str
    epoch: int
    """The epoch that is alive; every one before it is sealed and has an end."""
    broken: str = ""
    """Why the bucket's manifest can't be read, if it can't."""


def load_image(source: ShelfSource, data_key: bytes, *, trusted: bool = False) -> Image:
    """Fold and prove one shelf. Damage is in the image; BackendError is raised, and
    says nothing about what is there.

    ``trusted`` leaves out the digests of bodies in the ledger, for chunks proven before."""
    image = Image(source.account, source.kind)
    entry = source.entry
    rows: dict[Key, Loaded] = {}
    if source.broken:
        image.problems.append(source.broken)
    if entry is not None:
        image.problems += entry.problems
        image.last, image.chain = entry.top.last, entry.top.chain
        image.columns, image.bodies = _load_level(source, entry.base, data_key, image, trusted)
        if entry.delta is not None:
            rows = _by_key(image.columns, image.bodies)
            rows |= _by_key(*_load_level(source, entry.delta, data_key, image, trusted))
    parts = [
        (part, row)
        for part, row in source.tail.parts(source.account, source.kind)
        if row.last > image.last
    ]
    image.exists = entry is not None or bool(parts or source.broken)
    past = [(image.last, entry.ends if entry else {})]
    if parts or source.tail.gaps:
        applied = _follow_chain(image, parts, data_key)
        if applied and not rows:
            rows = _by_key(image.columns, image.bodies)
        for part, row, entries in applied:
            past.append((row.last, {}))
            _apply_part(image, rows, part, row, entries, data_key)
        _check_gaps(image, source.tail, applied)
    if rows:
        ordered = sorted(rows.items())
        image.columns = roster_of([item for _, (item, _) in ordered])
        image.bodies = [body for _, (_, body) in ordered]
        image.missing = {k: v for k, v in image.missing.items() if rows[k][0].state == HELD}
    image.ends = _find_ends(past, source.epoch)
    return image


def _load_level(
    source: ShelfSource, level: Level, data_key: bytes, image: Image, trusted: bool
) -> tuple[Roster, list[bytes | None]]:
    roster = _load_roster(source, level, data_key, image)
    if roster is None:
        return empty_roster(), []
    bodies, causes = _load_bodies(source, level, data_key, roster)
    if not trusted and not _all_match(bodies, roster):
        for number, (body, digest) in enumerate(zip(bodies, roster.digest_list(), strict=True)):
            if body is not None and sha256(body).digest() != digest:
                bodies[number] = None
                causes[number] = "its body does not match its digest"
    states = roster.states
    if causes or HELD in states:
        held = bytearray(states)
        for number, state in enumerate(states):
            if state == PRESENT and bodies[number] is None:
                held[number] = HELD
            if held[number] == HELD:
                key = (roster.collections[number], roster.hrefs[number])
                image.missing[key] = causes.get(number, "its body was lost before")
        roster.states = bytes(held)
    return roster, bodies


def _all_match(bodies: Sequence[bytes | None], roster: Roster) -> bool:
    """Whether every row has its body: the usual case, in one comparison."""
    if None in bodies:
        return False
    return (
        b"".join([sha256(body).digest() for body in bodies if body is not None]) == roster.digests
    )


def _load_roster(source: ShelfSource, level: Level, data_key: bytes, image: Image) -> Roster | None:
    assert source.manifest is not None
    causes = []
    for span in (level.roster, level.roster_twin):
        try:
            chunk = read_chunk(source.vault, source.manifest.place(span))
            plain = open_chunk(data_key, chunk, Role.ROSTER, source.account, source.kind)
            return read_roster(plain, level.digest)
        except Damaged as error:
            causes.append(error.what)
    image.problems.append(f"its roster and the roster's twin can't be read: {causes[0]}")
    return None


def _load_bodies(
    source: ShelfSource, level: Level, data_key: bytes, roster: Roster
) -> tuple[list[bytes | None], dict[int, str]]:
    """The bodies beside the roster's rows, and why each missing one is missing."""
    assert source.manifest is not None
    found: list[bytes] = []
    pieces: list[tuple[int, list[bytes]]] = []
    cause = ""
    for span in level.bodies:
        try:
            chunk = read_chunk(source.vault, source.manifest.place(span))
            plain = open_chunk(data_key, chunk, Role.BODIES, source.account, source.kind)
            pieces.append(read_bodies(plain))
        except Damaged as error:
            cause = error.what
    for first, bodies in pieces:
        if first == len(found):
            found += bodies
    states = roster.states
    if len(found) == len(states) and not any(states):
        return list(found), {}
    present = [number for number, state in enumerate(states) if state == PRESENT]
    beside: list[bytes | None] = [None] * len(states)
    for first, bodies in pieces:
        for number, body in zip(present[first:], bodies, strict=False):
            beside[number] = body
    lost = {n: cause or "its body is not there" for n in present if beside[n] is None}
    return beside, lost


def _by_key(columns: Roster, bodies: Sequence[bytes | None]) -> dict[Key, Loaded]:
    pairs = zip(columns.items(), bodies, strict=True)
    return {(item.collection, item.href): (item, body) for item, body in pairs}


def _supersede(image: Image, old: Loaded | None) -> None:
    if old is not None and old[0].state != DELETED:
        item, body = old
        image.replaced.append(
            (
                Entry(
                    item.seq,
                    item.modified,
                    "",
                    PUT,
                    item.collection,
                    item.href,
                    item.uid,
                    item.component,
                    item.media_type,
                    item.size,
                    item.digest,
                ),
                body,
            )
        )


def _follow_chain(
    image: Image, parts: Sequence[tuple[Source, Row]], data_key: bytes
) -> list[tuple[Source, Row, list[bytes]]]:
    """The parts that continue the chain, in its order; moves the image's head along.

    Where two writers claim one position, the one that the chain continues wins."""
    key = chain_key(data_key, image.kind)
    waiting: dict[bytes, list[tuple[Source, Row, list[bytes]]]] = {}
    for source, row in parts:
        try:
            before, entries = source.entries(data_key, row)
        except Damaged as error:
            image.problems.append(f"changes {row.first} to {row.last} are lost: {error.what}")
            continue
        waiting.setdefault(before, []).append((source, row, entries))
    applied = []
    while rivals := waiting.pop(image.chain, None):
        after = [extend_chain(key, image.chain, rival[2]) for rival in rivals]
        best = next((n for n, chain in enumerate(after) if chain in waiting), 0)
        applied.append(rivals[best])
        image.chain, image.last = after[best], rivals[best][1].last
    left = sorted((part for rest in waiting.values() for part in rest), key=lambda p: p[1].first)
    beyond = [part for part in left if part[1].first > image.last]
    if beyond:
        image.problems.append(
            f"changes between {image.last} and {beyond[0][1].first} are missing from the journal"
        )
        for source, row, entries in beyond:
            applied.append((source, row, entries))
            image.chain = extend_chain(key, _chain_before(source, row, data_key), entries)
            image.last = row.last
    return applied


def _chain_before(source: Source, row: Row, data_key: bytes) -> bytes:
    return source.entries(data_key, row)[0]


def _apply_part(
    image: Image,
    rows: dict[Key, Loaded],
    source: Source,
    row: Row,
    entries: Sequence[bytes],
    data_key: bytes,
) -> None:
    cause = ""
    bodies: Sequence[bytes | None]
    try:
        bodies = source.bodies(data_key, row)
    except Damaged as error:
        bodies, cause = [None] * len(entries), error.what
    for encoded, found in zip(entries, bodies, strict=True):
        entry, body = decode_entry(encoded), found
        if entry.op > DELETE:
            image.notes.append((entry, body))
            continue
        key = (entry.collection, entry.href)
        state = DELETED if entry.op == DELETE else PRESENT
        if state == PRESENT and (body is None or sha256(body).digest() != entry.digest):
            state, body = HELD, None
            image.missing[key] = cause or "its body does not match its digest"
        _supersede(image, rows.get(key))
        rows[key] = (_item(entry, state), body)


def _item(entry: Entry, state: int) -> Item:
    return Item(
        entry.collection,
        entry.href,
        entry.seq,
        state,
        entry.uid,
        entry.component,
        entry.media_type,
        entry.size,
        entry.digest,
        entry.time,
    )


def _check_gaps(
    image: Image, tail: Tail, applied: Sequence[tuple[Source, Row, list[bytes]]]
) -> None:
    """A lost segment leaves a shelf unproven unless something later proves it whole."""
    for gap in tail.gaps:
        if gap.touched is not None:
            concerned = (image.account, image.kind) in gap.touched
        else:
            concerned = not any(
                source.header.epoch > gap.epoch
                or (
                    (source.header.epoch, source.header.writer) == (gap.epoch, gap.writer)
                    and row.segment > gap.last
                )
                for source, row, _ in applied
            )
        if concerned:
            image.problems.append(
                f"segments {gap.first} to {gap.last} of writer {gap.writer}"
                f" in epoch {gap.epoch} are lost: {gap.cause}"
            )


def _find_ends(past: Sequence[tuple[int, dict[int, int]]], epoch: int) -> dict[int, int]:
    ends = dict(past[0][1])
    for number in range(1, epoch):
        if number not in ends:
            ends[number] = max((last for last, _ in past if last >> 40 <= number), default=0)
    return ends
