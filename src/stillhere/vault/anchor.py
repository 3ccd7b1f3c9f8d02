"""The anchor: what must exist in a vault, as of when, and where each shelf's pieces are.

Reading it costs the root manifest and an index of the journal's tail, both bounded; a
bucket's manifest is read when a shelf of it is asked for, and only a few are kept, so that the
memory for them does not grow with the service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeVar

from stillhere.errors import Damaged
from stillhere.vault.backends import BackendError
from stillhere.vault.epochs import read_writers, writers_with_journal
from stillhere.vault.layout import bucket_of, manifest_folder
from stillhere.vault.levels import ShelfSource
from stillhere.vault.manifests import (
    Index,
    Manifest,
    PackTable,
    Root,
    ShelfEntry,
    find_later_manifest,
    manifests_of,
    read_index,
    read_manifest,
    read_root,
)
from stillhere.vault.opened import Vault
from stillhere.vault.tail import Tail, read_tail

KEPT_ENTRIES = 40_000  # 0.2 kB each; reading 500 of them again takes a quarter of a millisecond
KEPT_LEAST = 2  # a knock goes to and fro between an account's shelf and another of its bucket

_Key = tuple[str, int]
T = TypeVar("T")


class _Kept:
    """The manifests that were asked for last, up to so many entries in all."""

    def __init__(self) -> None:
        self._manifests: dict[_Key, Manifest | Index] = {}
        self._entries = 0
        self._lock = Lock()  # knocks and the bulk read beside each other

    def get(self, key: _Key) -> Manifest | Index | None:
        """A manifest, if it is one of the last."""
        with self._lock:
            manifest = self._manifests.pop(key, None)
            if manifest is not None:
                self._manifests[key] = manifest
            return manifest

    def put(self, key: _Key, manifest: Manifest | Index) -> None:
        """Keep a manifest, and let go of those that nobody has asked for the longest."""
        with self._lock:
            if (before := self._manifests.pop(key, None)) is not None:
                self._entries -= len(before.shelves)
            self._manifests[key] = manifest
            self._entries += len(manifest.shelves)
            while self._entries > KEPT_ENTRIES and len(self._manifests) > KEPT_LEAST:
                oldest = self._manifests.pop(next(iter(self._manifests)))
                self._entries -= len(oldest.shelves)


@dataclass
class Anchor:
    """The newest root, the tail after it, and the buckets' manifests as they are needed.

    ``far`` is the vault itself once a mirror stands before it as ``vault``.
    ``broken`` has the buckets whose manifest can't be read, with the cause: their shelves
    can't be proven. A manifest that no root names is a witness all the same: what it says of
    a shelf was in the journal once."""

    vault: Vault
    root: Root
    tail: Tail
    epoch: int
    far: Vault | None = None
    broken: dict[_Key, str] = field(default_factory=dict)
    _kept: _Kept = field(default_factory=_Kept)
    _later: dict[_Key, dict[bytes, int]] = field(default_factory=dict)

    def manifest(self, kind: str, bucket: int) -> Manifest | None:
        """A bucket's manifest in full, or None where there is none (see ``broken``)."""
        return self._read(read_manifest, kind, bucket)

    def keep(self, kind: str, bucket: int, manifest: Manifest, *, newest: bool = False) -> None:
        """Take a bucket's manifest that was read already; of one that is known to be the
        ``newest`` no later one is looked for."""
        self._kept.put((kind, bucket), manifest)
        if newest:
            self._later[kind, bucket] = {}

    def source(self, account: bytes, kind: str, *, far: bool = False) -> ShelfSource:
        """Where one shelf's pieces are, in the mirror or (``far``) past it."""
        bucket = bucket_of(account, self.vault.bucket_bits)
        manifest, entry = self._find(account, kind, bucket)
        broken = self.broken.get((kind, bucket), "")
        vault, tail = self.vault, self.tail
        if far and self.far is not None:
            vault, tail = self.far, tail.read_from(self.far)
        later = self._known_later(kind, bucket).get(account, 0)
        return ShelfSource(vault, manifest, entry, tail, account, kind, self.epoch, broken, later)

    def _find(
        self, account: bytes, kind: str, bucket: int
    ) -> tuple[PackTable | None, ShelfEntry | None]:
        manifest = self._index(kind, bucket)
        try:
            return manifest, manifest.find(account) if manifest is not None else None
        except Damaged as error:
            self.broken[kind, bucket] = error.what
            return None, None

    def _index(self, kind: str, bucket: int) -> Manifest | Index | None:
        """A bucket's manifest for whoever looks for single shelves."""
        key = (kind, bucket)
        manifest = self._kept.get(key)
        if manifest is None:
            manifest = self._read(read_index, kind, bucket)
            if manifest is not None:
                self._kept.put(key, manifest)
        return manifest

    def _read(
        self, read: Callable[[Vault, str, int, int, bytes], T], kind: str, bucket: int
    ) -> T | None:
        """A manifest from the mirror, or past it where the mirror does not have it whole."""
        key = (kind, bucket)
        named = manifests_of(self.root, kind).get(bucket)
        if named is None or key in self.broken:
            return None
        if self.far is not None:
            with suppress(Damaged, BackendError):
                return read(self.vault, kind, bucket, *named)
        try:
            return read(self.far or self.vault, kind, bucket, *named)
        except Damaged as error:
            self.broken[key] = error.what
            return None

    def look_for_later(self, kinds: Iterable[str]) -> None:
        """Look for manifests that no root names in every bucket, while the vault can be read."""
        for kind in kinds:
            there = set(self.vault.backend.names(manifest_folder(kind)))
            for bucket in range(1 << self.vault.bucket_bits):
                if manifest_folder(kind, bucket).rpartition("/")[2] in there:
                    self._known_later(kind, bucket)
                else:  # most buckets of a kind that few people have
                    self._later[kind, bucket] = {}

    def _known_later(self, kind: str, bucket: int) -> dict[bytes, int]:
        """How far a bucket's shelves reach by a manifest that is newer than the root's."""
        key = (kind, bucket)
        if key not in self._later:
            named, _ = manifests_of(self.root, kind).get(bucket, (0, b""))
            manifest = find_later_manifest(self.vault, kind, bucket, named)
            shelves = manifest.shelves if manifest is not None else []
            self._later[key] = {entry.account: entry.top.last for entry in shelves}
        return self._later[key]

    def accounts_later(self, kind: str) -> set[bytes]:
        """The accounts whose shelf of this kind a manifest has that no root names, once they were
        looked for."""
        return set().union(*(later for (of, _), later in self._later.items() if of == kind))

    def buckets(self, kind: str) -> list[int]:
        """The buckets that have a manifest of this kind."""
        return sorted(manifests_of(self.root, kind))

    def touched(self, kind: str) -> set[bytes]:
        """The accounts whose shelf of this kind is in the tail."""
        return {account for account, touched in self.tail.shelves() if touched == kind}

    def accounts(self, kind: str) -> list[bytes]:
        """Every account with a shelf of this kind, the tail's included, bucket by bucket."""
        known = self.touched(kind)
        for bucket in self.buckets(kind):
            manifest = self.manifest(kind, bucket)
            if manifest is not None:
                known.update(entry.account for entry in manifest.shelves)
        return sorted(known)


def read_anchor(
    vault: Vault,
    journal_keys: Mapping[int, bytes],
    epoch: int,
    *,
    ends: Mapping[int, Mapping[int, int]] | None = None,
    writers: Mapping[int, Iterable[int]] | None = None,
) -> Anchor:
    """The anchor of a vault whose newest epoch is ``epoch``.

    ``ends`` gives the sealed ends of past epochs. Raises Damaged when the root manifest, or
    a writers' slot, can't be read; BackendError."""
    root = read_root(vault)
    if writers is None:
        writers = find_writers(vault, root, epoch, ends)
    return Anchor(vault, root, read_tail(vault, journal_keys, writers, root.cut, ends), epoch)


def find_writers(
    vault: Vault, root: Root, epoch: int, ends: Mapping[int, Mapping[int, int]] | None = None
) -> dict[int, list[int]]:
    """The writers whose journal may reach beyond the root's cut, by epoch.

    Those of whom a slot, a journal or a sealed end is left: one trace of the three is enough."""
    found = {}
    for number in range(min(root.cut, default=1), epoch + 1):
        slots = read_writers(vault, number)
        writers = {n for n, slot in enumerate(slots) if not slot.seal}
        writers |= set(writers_with_journal(vault, number))
        found[number] = sorted(writers | set((ends or {}).get(number, ())))
    return found
