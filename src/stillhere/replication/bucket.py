"""One bucket of a compaction: its touched shelves folded, its packs kept dense."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import msgspec

from stillhere.errors import Damaged, NotFound
from stillhere.replication.mend import evidence_from_core, mend_from_core
from stillhere.replication.start import Working
from stillhere.rosters import build_roster, roster_of
from stillhere.store.erased import is_erased, read_erased
from stillhere.vault.anchor import Anchor
from stillhere.vault.body_chunks import build_bodies
from stillhere.vault.evidence import Causes, Evidence, Kept, add_evidence, pack_kept
from stillhere.vault.image import Image, load_image
from stillhere.vault.layout import bucket_of, manifest_name, twin
from stillhere.vault.manifests import (
    Dropped,
    Level,
    Manifest,
    Pack,
    ShelfEntry,
    Span,
    next_number,
    write_manifest,
)
from stillhere.vault.opened import Vault, exists
from stillhere.vault.packs import MAX_PACK, PackWriter, Place, Role, open_chunk, read_chunk

DELTA_SHARE = 4  # a delta of more than a quarter of its base becomes a new base
MANY_PACKS = 32
KEEP_DROPPED_MS = 8 * 24 * 3600 * 1000


class Built(NamedTuple):
    """A bucket's new manifest; ``keyless`` when a touched shelf could not be folded for lack of
    its key, so that the journal must still be read for it; ``evidence`` has the packs in which
    an unproven shelf's chunks lay."""

    number: int
    digest: bytes
    unproven: list[bytes]
    keyless: bool
    evidence: list[str]


class _Packs:
    """The packs that a bucket's new chunks go to: bodies, rosters and history apart."""

    def __init__(self, working: Working, kind: str, bucket: int) -> None:
        vault, epoch = working.vault, working.identity.epoch
        self.epoch = epoch
        self.bodies = PackWriter(vault, kind, bucket, f"{epoch:06d}b")
        self.rosters = PackWriter(vault, kind, bucket, f"{epoch:06d}r")
        self.history = PackWriter(vault, kind, bucket, f"{epoch:06d}h")

    def close(self) -> dict[str, tuple[int, bytes]]:
        """Keep them all; name → (size, SHA-256)."""
        made: dict[str, tuple[int, bytes]] = {}
        for writer in (self.bodies, self.rosters, self.history):
            made |= writer.close()
        return made


class _Numbering:
    """Turns places into spans: pack names become numbers in the new manifest's list."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}

    def span(self, place: Place) -> Span:
        """A place as the manifest writes it."""
        number = self.names.setdefault(place.pack, len(self.names))
        return Span(number, place.offset, place.length)


def build_bucket(
    working: Working,
    anchor: Anchor,
    kind: str,
    bucket: int,
    touched: Sequence[bytes],
    anew: frozenset[tuple[bytes, str]],
) -> Built:
    """Fold the touched shelves of a bucket and write its next manifest, without those of erased
    accounts; those ``anew`` get a new base. Raises Damaged, BackendError."""
    old = anchor.manifest(kind, bucket)
    if (kind, bucket) in anchor.broken:  # every shelf of it is written anew, or says so
        touched = sorted({*touched, *_shelves_of(working, kind, bucket)})
    packs, numbering = _Packs(working, kind, bucket), _Numbering()
    known = {pack.name: (pack.size, pack.sha256) for pack in old.packs} if old else {}
    entries: dict[bytes, ShelfEntry] = {}
    unproven: list[bytes] = []
    keyless = False
    evidence: set[str] = set()
    erased = read_erased(working.core.reader())
    for account in touched:
        if account in erased:
            continue
        try:
            data_key = working.core.data_keys.get(account)
        except NotFound:
            keyless = keyless or not is_erased(working.core.reader(), account)
            continue
        source = anchor.source(account, kind)
        found = load_image(source, data_key)
        image = _mended(working, found)
        rebase = image is not found or (account, kind) in anew
        evident = found.evidence or Evidence(evidence_from_core(working.core, found), {})
        if image.problems:
            unproven.append(account)
            if old is not None and source.entry is not None:
                evidence |= {old.packs[span.pack].name for span in _spans(source.entry)}
        entries[account] = _write_shelf(
            image, source.entry, old, data_key, packs, numbering, rebase=rebase, evident=evident
        )
    if old is not None:
        rest = [e for e in old.shelves if e.account not in entries and e.account not in erased]
        move = _sparse_packs(old, rest) | {
            span.pack for e in old.shelves if e.account in erased for span in _spans(e)
        }
        for entry in rest:
            entries[entry.account] = _carry(working, old, entry, packs, numbering, move)
    known |= packs.close()
    number = next_number(working.vault, kind, bucket)
    manifest = Manifest(
        kind,
        bucket,
        number,
        [Pack(name, *known[name]) for name in numbering.names],
        [entries[account] for account in sorted(entries)],
        _find_dropped(working.vault, old, numbering.names),
    )
    digest = write_manifest(working.vault, working.signer, manifest)
    return Built(number, digest, unproven, keyless, sorted(evidence))


def _mended(working: Working, found: Image) -> Image:
    """A shelf as the core has it where that is more; it can't say more of why a body is missing."""
    if not found.problems and not found.missing:
        return found
    image = mend_from_core(working.store, found)
    image.missing = {key: found.missing.get(key, why) for key, why in image.missing.items()}
    return image


def _shelves_of(working: Working, kind: str, bucket: int) -> list[bytes]:
    bits = working.vault.bucket_bits
    accounts = working.core.shelves_of(kind)
    return [account for account in accounts if bucket_of(account, bits) == bucket]


def _write_shelf(
    image: Image,
    entry: ShelfEntry | None,
    old: Manifest | None,
    data_key: bytes,
    packs: _Packs,
    numbering: _Numbering,
    *,
    rebase: bool,
    evident: Evidence,
) -> ShelfEntry:
    """Write what is new of a shelf; ``evident`` is its evidence before the tail."""
    base = entry.base if entry is not None else None
    last = base.last if base is not None else 0
    changed = [number for number, seq in enumerate(image.columns.seqs) if seq > last]
    delta = None
    if base is None or rebase or image.problems or len(changed) * DELTA_SHARE > base.count:
        base = _write_level(image, range(len(image.columns)), data_key, packs, numbering)
    else:
        assert old is not None
        base = _renumber(base, old, numbering)
        if image.last > last:  # notes move the head too, and change no row
            delta = _write_level(image, changed, data_key, packs, numbering)
    history = [numbering.span(old.place(s)) for s in entry.history] if entry and old else []
    if image.replaced or image.notes:
        kept = image.replaced + image.notes
        history.append(_write_kept(image, kept, data_key, packs, numbering))
    now = Evidence(add_evidence(evident.notes, image.notes), image.missing)
    evidence = None
    if image.evidence == now and entry and old and entry.evidence:
        evidence = numbering.span(old.place(entry.evidence))
    elif now.notes or now.causes:
        evidence = _write_kept(image, now.notes, data_key, packs, numbering, now.causes)
    return ShelfEntry(image.account, base, delta, image.ends, history, image.problems, evidence)


def _write_level(
    image: Image,
    rows: Sequence[int],
    data_key: bytes,
    packs: _Packs,
    numbering: _Numbering,
) -> Level:
    every = image.items
    items = [every[number] for number in rows]
    columns = roster_of(items)
    roster, digest = build_roster(columns)
    first = min((item.seq for item in items), default=image.last)
    whose = (packs.epoch, image.account, (first, image.last))
    chunks = build_bodies(columns, [image.bodies[number] for number in rows])
    return Level(
        image.last,
        image.chain,
        len(items),
        digest,
        numbering.span(packs.rosters.add(data_key, Role.ROSTER, *whose, 0, roster)),
        [
            numbering.span(packs.bodies.add(data_key, Role.BODIES, *whose, number, chunk))
            for number, chunk in enumerate(chunks)
        ],
    )


def _write_kept(
    image: Image,
    kept: list[Kept],
    data_key: bytes,
    packs: _Packs,
    numbering: _Numbering,
    causes: Causes | None = None,
) -> Span:
    positions = [entry.seq for entry, _ in kept] or [image.last]
    place = packs.history.add(
        data_key,
        Role.HISTORY,
        packs.epoch,
        image.account,
        (min(positions), max(positions)),
        0,
        pack_kept(kept, causes),
    )
    return numbering.span(place)


def _renumber(level: Level, old: Manifest, numbering: _Numbering) -> Level:
    def again(span: Span) -> Span:
        return numbering.span(old.place(span))

    return msgspec.structs.replace(
        level,
        roster=again(level.roster),
        bodies=[again(span) for span in level.bodies],
    )


def _sparse_packs(old: Manifest, rest: Sequence[ShelfEntry]) -> frozenset[int]:
    """The packs that are worth less than half their size, or small where there are many."""
    live = [0] * len(old.packs)
    for entry in rest:
        for span in _spans(entry):
            live[span.pack] += span.length
    many = len(old.packs) > MANY_PACKS
    return frozenset(
        number
        for number, pack in enumerate(old.packs)
        if live[number] * 2 < pack.size or (many and pack.size < MAX_PACK // 4)
    )


def _spans(entry: ShelfEntry) -> list[Span]:
    spans = list(entry.history)
    if entry.evidence is not None:
        spans.append(entry.evidence)
    for level in (entry.base, entry.delta):
        if level is not None:
            spans += [level.roster, *level.bodies]
    return spans


def _carry(
    working: Working,
    old: Manifest,
    entry: ShelfEntry,
    packs: _Packs,
    numbering: _Numbering,
    move: frozenset[int],
) -> ShelfEntry:
    """An untouched shelf in the new manifest; its chunks leave packs that are sparse."""

    def carry(span: Span, writer: PackWriter, role: Role) -> Span:
        place = old.place(span)
        if span.pack in move:
            # what is broken, or has no key, stays where it is, for its verdict
            with suppress(Damaged, NotFound):
                data_key = working.core.data_keys.get(entry.account)

                def prove(chunk: bytes) -> bytes:
                    open_chunk(data_key, chunk, role, entry.account, old.kind)
                    return chunk

                place = writer.copy(read_chunk(working.vault, place, prove))
        return numbering.span(place)

    def carry_level(level: Level) -> Level:
        return msgspec.structs.replace(
            level,
            roster=carry(level.roster, packs.rosters, Role.ROSTER),
            bodies=[carry(span, packs.bodies, Role.BODIES) for span in level.bodies],
        )

    return msgspec.structs.replace(
        entry,
        base=carry_level(entry.base),
        delta=carry_level(entry.delta) if entry.delta is not None else None,
        history=[carry(span, packs.history, Role.HISTORY) for span in entry.history],
        evidence=carry(entry.evidence, packs.history, Role.HISTORY)
        if entry.evidence is not None
        else None,
    )


def _find_dropped(vault: Vault, old: Manifest | None, needed: dict[str, int]) -> list[Dropped]:
    if old is None:
        return []
    now = time.time_ns() // 1_000_000
    kept = [d for d in old.dropped if d.since > now - KEEP_DROPPED_MS or exists(vault, d.name)]
    name = manifest_name(old.kind, old.bucket, old.number)
    gone = [pack.name for pack in old.packs if pack.name not in needed]
    return kept + [Dropped(n, now) for n in (*gone, name, twin(name))]
