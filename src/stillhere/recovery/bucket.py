"""One bucket brought near, chunk by chunk, and proven: the work of one process.

read its manifest, and unwrap its accounts' keys
for every shelf
    prove its rosters against its head, and every body against its digest
    nothing is the matter with it: its page goes into a file beside the core
    the journal has touched it: its chunks go into the mirror, to be folded with the journal
    damaged: whoever wants it asks the vault
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from stillhere.errors import Damaged
from stillhere.recovery.accept import heed_words
from stillhere.recovery.install import make_plain, make_shelf, make_verdict
from stillhere.recovery.keys import KitKeys, pack_keys
from stillhere.recovery.near import NearFile, Region
from stillhere.recovery.workers import Bucket, view_of
from stillhere.store.accounts import ACCOUNT
from stillhere.store.erased import read_erased
from stillhere.store.keyring import Keyring
from stillhere.store.recovered import Batch, Beside, Recovered
from stillhere.store.schema import connect
from stillhere.vault.anchor import Anchor
from stillhere.vault.backends import Missing
from stillhere.vault.backends.ahead import Ahead
from stillhere.vault.backends.overlay import Overlay
from stillhere.vault.image import Image, load_image
from stillhere.vault.layout import manifest_name
from stillhere.vault.manifests import (
    EMPTY_ROOT,
    Manifest,
    ShelfEntry,
    Span,
    find_later_manifest,
    open_manifest,
    read_signed_manifest,
)
from stillhere.vault.opened import Vault
from stillhere.vault.plain import Plain, prove_plain
from stillhere.vault.tail import Tail

BATCH_BYTES = 1 << 20  # some 5 ms of the writing thread
SHELF_BYTES = 4 << 10  # what a shelf has besides its pieces, as a rule


@dataclass(frozen=True)
class Mirrored:
    """A bucket that is near: its keys, packed, the records proven, where its objects and its
    pages lie, and the shelves with damage (None: nobody knows, since its manifest could not be
    read)."""

    kind: str
    bucket: int
    keys: bytes = field(default=b"", repr=False)
    records: int = 0
    size: int = 0
    damaged: frozenset[bytes] | None = None
    near: dict[str, Region] = field(default_factory=dict)
    batches: Sequence[Batch] = ()


def mirror_bucket(bucket: Bucket) -> Mirrored:
    """Prove one bucket, and bring near what the core is to have.

    Raises BackendError, OSError, sqlite3.Error."""
    view = view_of(bucket)
    checked = view.checked
    vault = checked.vault
    name = manifest_name(bucket.kind, bucket.bucket, bucket.number)
    try:
        signed = read_signed_manifest(
            vault, bucket.kind, bucket.bucket, bucket.number, bucket.digest
        )
        manifest = open_manifest(vault, name, signed)
    except Damaged:
        return Mirrored(bucket.kind, bucket.bucket)
    packs = Ahead(vault.backend)  # chunks lie in the order of the accounts, as the shelves do
    chunks = _Chunks(view.near, manifest, packs)
    pages = _Pages(bucket, view.beside) if bucket.touched is not None else None
    keys = KitKeys(checked, bucket.keys)
    prover = _Prover(bucket, vault, manifest, packs)
    found: dict[bytes, bytes] = {}
    damaged, records = set(), 0
    for entry in manifest.shelves:
        account = entry.account
        if account in checked.erased or account in bucket.there:
            continue
        try:
            data_key = found[account] = keys.get(account)
        except Damaged:
            damaged.add(account)
            continue
        shelf = prover.prove(entry, data_key)
        records += len(shelf.names if isinstance(shelf, Plain) else shelf.columns)
        if isinstance(shelf, Image) and (shelf.missing or shelf.problems):
            damaged.add(account)
        elif pages is None or not pages.add(account, shelf, data_key):
            chunks.keep(entry)
    chunks.add(name, signed)
    return Mirrored(
        bucket.kind,
        bucket.bucket,
        pack_keys(found),
        records,
        sum(pack.size for pack in manifest.packs),
        frozenset(damaged),
        chunks.regions,
        pages.close() if pages is not None else [],
    )


class _Prover:
    """Proves a bucket's shelves, without what the journal has."""

    def __init__(self, bucket: Bucket, vault: Vault, manifest: Manifest, packs: Ahead) -> None:
        later = find_later_manifest(vault, bucket.kind, bucket.bucket, bucket.number)
        loaded = Vault(Overlay(packs, vault.backend), vault.format, vault.verifier)
        self._newest = later is None
        self._anchor = Anchor(loaded, EMPTY_ROOT, Tail(), bucket.epoch)
        self._anchor.keep(bucket.kind, bucket.bucket, manifest, newest=self._newest)
        self._kind = bucket.kind
        self._manifest = manifest
        self._packs = packs

    def prove(self, entry: ShelfEntry, data_key: bytes) -> Plain | Image:
        """A shelf, and what is the matter with it if it is not plain. Raises BackendError."""
        if self._newest:  # else it may reach further than this manifest knows
            with suppress(Damaged, Missing):
                return prove_plain(entry, self._kind, data_key, self._read)
        return load_image(self._anchor.source(entry.account, self._kind), data_key, packed=True)

    def _read(self, span: Span) -> bytes:
        place = self._manifest.place(span)
        chunk = self._packs.read_range(*place)
        if len(chunk) != place.length:
            raise Damaged(f"{place.pack} is cut short")
        return chunk


class _Pages:
    """A bucket's pages, laid beside the core batch by batch."""

    def __init__(self, bucket: Bucket, beside: Beside) -> None:
        home = Path(bucket.home)
        self._epoch = bucket.epoch
        self._touched = bucket.touched or frozenset()
        self._beside = beside
        beside.begin()
        self._erased = _erased_by_now(home)  # after the file is there: an erasure waits for it
        self._keyring = Keyring(home) if bucket.kind == ACCOUNT else None
        self._now = time.time_ns() // 1_000_000
        self._batches: list[Batch] = []
        self._shelves: list[Recovered] = []
        self._room = BATCH_BYTES

    def add(self, account: bytes, shelf: Plain | Image, data_key: bytes) -> bool:
        """Keep a shelf as a page; False for one that is not to lie here."""
        if account in self._touched:
            return False
        if account in self._erased:
            return True
        wrapped = self._keyring.wrap(data_key, account) if self._keyring is not None else None
        if isinstance(shelf, Plain):
            made = make_plain(shelf, self._epoch, self._now, wrapped)
        else:
            heed_words(shelf)
            made = make_shelf(shelf, make_verdict(shelf, self._now), wrapped)
        self._shelves.append(made)
        self._room -= SHELF_BYTES + sum(map(len, shelf.pieces))
        if self._room <= 0:
            self._lay()
        return True

    def close(self) -> list[Batch]:
        self._lay()
        return self._batches

    def _lay(self) -> None:
        if self._shelves:
            self._batches.append(self._beside.lay(self._shelves))
        self._shelves, self._room = [], BATCH_BYTES


class _Chunks:
    """Some of a bucket's chunks, each where it lies in its pack; the rest of the pack is a hole."""

    def __init__(self, file: NearFile, manifest: Manifest, packs: Ahead) -> None:
        self._file = file
        self._manifest = manifest
        self._packs = packs
        self._sizes = {pack.name: pack.size for pack in manifest.packs}
        self.regions: dict[str, Region] = {}

    def keep(self, entry: ShelfEntry) -> None:
        """Copy a shelf's chunks, those that can be read: a roster may be lost, and known."""
        spans = [] if entry.evidence is None else [entry.evidence]
        for level in filter(None, (entry.base, entry.delta)):
            spans += (level.roster, *level.bodies)
        for place in map(self._manifest.place, spans):
            with suppress(Missing, Damaged):
                chunk = self._packs.read_range(*place)
                self._file.write(self._region(place.pack), place.offset, chunk)

    def add(self, name: str, data: bytes) -> None:
        """Copy an object of which everything is at hand."""
        region = self.regions[name] = self._file.reserve(len(data))
        self._file.write(region, 0, data)

    def _region(self, pack: str) -> Region:
        if pack not in self.regions:
            self.regions[pack] = self._file.reserve(self._sizes[pack])
        return self.regions[pack]


def _erased_by_now(home: Path) -> frozenset[bytes]:
    sql = connect(home)
    try:
        return frozenset(read_erased(sql))
    finally:
        sql.close()
