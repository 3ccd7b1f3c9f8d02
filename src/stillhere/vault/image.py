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

from stillhere.bodies import PLACE_SHIFT, open_piece
from stillhere.errors import Damaged
from stillhere.rosters import DELETED, HELD, PRESENT, Item, Roster, empty_roster, roster_of
from stillhere.vault.evidence import Causes, Evidence, Kept, read_evidence, recall_notes
from stillhere.vault.levels import LOST_BEFORE, Key, ShelfSource, load_level
from stillhere.vault.manifests import ShelfEntry
from stillhere.vault.segments import Entry, Row, chain_key, decode_entry, extend_chain
from stillhere.vault.tail import Source, Tail

PUT, DELETE = 0, 1
GENESIS = bytes(32)

Loaded = tuple[Item, bytes | None, int]


@dataclass
class Image:
    """A shelf out of the vault.

    ``columns`` are sorted by collection and name; ``bodies`` lie beside them (None for
    tombstones and held records), or ``places`` beside them says where in ``pieces`` a body is
    (0: in none). ``problems`` says why the shelf is not proven (empty: it is), ``missing`` why
    each held record's body is missing. ``notes`` are the tail's conflicts and notes,
    ``evidence`` what was kept before the tail (None: lost), ``recalled`` its notes out of the
    history where it is lost (None: lost too), ``replaced`` what the tail superseded.
    ``unread`` is how many rows and changes more there may be, by the heads of rosters and parts
    that can't be read. ``sheet`` is the columns' sheet and its digest, where they are just as
    the vault has them."""

    account: bytes
    kind: str
    columns: Roster = field(default_factory=empty_roster)
    bodies: Sequence[bytes | None] = ()
    last: int = 0
    chain: bytes = GENESIS
    ends: dict[int, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    missing: dict[Key, str] = field(default_factory=dict)
    notes: list[Kept] = field(default_factory=list)
    replaced: list[Kept] = field(default_factory=list)
    evidence: Evidence | None = field(default_factory=lambda: Evidence([], {}))
    recalled: list[Kept] | None = None
    exists: bool = True
    places: Sequence[int] = ()
    pieces: list[bytes] = field(default_factory=list)
    sheet: tuple[bytes, bytes] | None = None
    unread: int = 0

    @property
    def items(self) -> list[Item]:
        """The records and tombstones, one by one."""
        return list(self.columns.items())

    def body(self, number: int) -> bytes | None:
        """The body of one row, wherever it is."""
        place = self.places[number] if self.places else 0
        if not place:
            return self.bodies[number]
        piece = open_piece(self.pieces[(place >> PLACE_SHIFT) - 1])
        return piece.body(place & ((1 << PLACE_SHIFT) - 1), self.columns.uids[number])

    @property
    def every_note(self) -> list[Kept]:
        """The conflicts and notes of evidence and tail, as far as they can be read."""
        kept = self.evidence.notes if self.evidence is not None else self.recalled or ()
        return [*kept, *self.notes]

    @property
    def proven(self) -> bool:
        """Whether every record that must exist is known."""
        return not self.problems


def load_image(
    source: ShelfSource, data_key: bytes, *, trusted: bool = False, packed: bool = False
) -> Image:
    """Fold and prove one shelf. Damage is in the image; BackendError is raised, and
    says nothing about what is there.

    ``trusted`` leaves out the digests of bodies in the ledger, for chunks proven before.
    ``packed`` leaves the ledger's bodies in their pieces, as a page of the core takes them."""
    image = Image(source.account, source.kind)
    entry = source.entry
    rows: dict[Key, Loaded] = {}
    image.problems += filter(None, [source.broken])
    if entry is not None:
        image.problems += entry.problems
        image.last, image.chain = entry.top.last, entry.top.chain
        image.evidence = read_evidence(source, data_key)
        if image.evidence is None:
            image.recalled = recall_notes(source, data_key)
        rows = _load_levels(image, source, entry, data_key, trusted=trusted, packed=packed)
    parts = [
        (part, row)
        for part, row in source.tail.parts(source.account, source.kind)
        if row.last > image.last
    ]
    image.exists = entry is not None or bool(parts or source.broken or source.later)
    past = [(image.last, entry.ends if entry else {})]
    if parts or source.tail.gaps:
        applied = _follow_chain(image, parts, data_key)
        if applied and not rows:
            rows = _by_key(image.columns, image.bodies, image.places)
        for part, row, entries in applied:
            past.append((row.last, {}))
            _apply_part(image, rows, part, row, entries, data_key)
        _check_gaps(image, source.tail, applied)
    if rows:
        ordered = sorted(rows.items())
        image.sheet = None
        image.columns = roster_of([item for _, (item, _, _) in ordered])
        image.bodies = [body for _, (_, body, _) in ordered]
        image.places = [place for _, (_, _, place) in ordered]
        image.missing = {k: v for k, v in image.missing.items() if rows[k][0].state == HELD}
    image.ends = find_ends(past, source.epoch)
    if source.later > image.last:
        image.problems.append(
            f"a later manifest knows of changes up to {source.later}: they and its root are gone"
        )
    return image


def _load_levels(
    image: Image,
    source: ShelfSource,
    entry: ShelfEntry,
    data_key: bytes,
    *,
    trusted: bool,
    packed: bool,
) -> dict[Key, Loaded]:
    """Lay the base into an image; the rows of base and delta where there is a delta."""
    rows: dict[Key, Loaded] = {}
    for level in filter(None, (entry.base, entry.delta)):
        try:
            loaded = load_level(
                source, level, data_key, image.pieces, trusted=trusted, packed=packed
            )
        except Damaged as error:
            image.problems.append(error.what)
            image.unread += level.count
            continue
        image.missing |= _remember(loaded.missing, image.evidence)
        if level is entry.base:
            image.columns = loaded.roster
            image.bodies, image.places = loaded.bodies, loaded.places
            image.sheet = (loaded.sheet, level.digest) if loaded.sheet else None
        else:
            rows = _by_key(image.columns, image.bodies, image.places)
            rows |= _by_key(loaded.roster, loaded.bodies, loaded.places)
    return rows


def _remember(missing: Causes, evidence: Evidence | None) -> Causes:
    """Why bodies are missing, and where they were lost before, why they were then."""
    known = evidence.causes if evidence is not None else {}
    return {
        key: known.get(key, cause) if cause == LOST_BEFORE else cause
        for key, cause in missing.items()
    }


def _by_key(
    columns: Roster, bodies: Sequence[bytes | None], places: Sequence[int]
) -> dict[Key, Loaded]:
    rows = zip(columns.items(), bodies, places, strict=True)
    return {(item.collection, item.href): (item, body, place) for item, body, place in rows}


def _supersede(image: Image, old: Loaded | None) -> None:
    if old is not None and old[0].state != DELETED:
        item, body, _ = old
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
                    item.starts,
                    item.ends,
                    item.exact,
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
            image.unread += row.changes
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
        if len(bodies) != len(entries):
            raise Damaged(f"{len(bodies)} bodies lie beside {len(entries)} entries")
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
        rows[key] = (_item(entry, state), body, 0)


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
        entry.starts,
        entry.ends,
        entry.exact,
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


def find_ends(past: Sequence[tuple[int, dict[int, int]]], epoch: int) -> dict[int, int]:
    """The last position in every epoch before this one: ``past`` has the heads of a shelf, oldest
    first, with the ends that each knows."""
    ends = dict(past[0][1])
    for number in range(1, epoch):
        if number not in ends:
            ends[number] = max((last for last, _ in past if last >> 40 <= number), default=0)
    return ends
