"""Step 5: what the vault holds is brought near and proven, bucket by bucket, in the order of the
stages; then the vault is no longer needed to read."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from stillhere.errors import Damaged
from stillhere.recovery.bucket import Mirrored, mirror_bucket
from stillhere.recovery.check import Checked
from stillhere.recovery.keys import KitKeys
from stillhere.recovery.near import Near, NearFile, Region
from stillhere.recovery.workers import Bucket, Workers
from stillhere.store.core import Core
from stillhere.store.recovered import MIRROR_FOLDER
from stillhere.vault.anchor import Anchor
from stillhere.vault.backends import Missing
from stillhere.vault.backends.overlay import Overlay
from stillhere.vault.copied import places_of
from stillhere.vault.layout import bucket_of
from stillhere.vault.opened import Vault
from stillhere.vault.tail import Source, Tail

PIECE_BYTES = 1 << 20  # of a copy, at once


@dataclass
class Proving:
    """How far the proof of one kind is: buckets that are near, of how many, and what their
    rosters have, records and the rest; when the last of them was (ms since 1970)."""

    kind: str
    total: int = 0
    buckets: int = 0
    records: int = 0
    over_at: int | None = None

    def add(self, records: int) -> None:
        """One more bucket is near."""
        self.buckets += 1
        self.records += records
        if self.buckets == self.total:
            self.over_at = time.time_ns() // 1_000_000


def buckets_of(
    checked: Checked, anchor: Anchor, core: Core, kinds: Sequence[str], *, beside: bool
) -> list[Bucket]:
    """Every bucket of these kinds that the root manifest names, kind by kind.

    ``beside``: shelves become pages in files beside the core, but for those that the journal
    has touched; none where the journal has gaps, which may touch any. What the core has already
    is left out."""
    bits = anchor.vault.bucket_bits
    found = []
    for kind in kinds:
        there = _by_bucket(core.shelves_of(kind), bits)
        touched = _by_bucket(anchor.touched(kind), bits)
        found += [
            Bucket(
                places_of(checked.vault.backend),
                str(core.home),
                str(core.home / MIRROR_FOLDER),
                checked.kit.vault,
                checked.kit.seed,
                kind,
                bucket,
                *anchor.root.buckets[kind][bucket],
                anchor.epoch,
                there=frozenset(there[bucket]),
                touched=frozenset(touched[bucket]) if beside and not anchor.tail.gaps else None,
            )
            for bucket in anchor.buckets(kind)
        ]
    return found


def _by_bucket(accounts: Iterable[bytes], bits: int) -> defaultdict[int, set[bytes]]:
    found: defaultdict[int, set[bytes]] = defaultdict(set)
    for account in accounts:
        found[bucket_of(account, bits)].add(account)
    return found


def overlay(near: Near, vault: Vault) -> Vault:
    """The vault, with what is near before it."""
    return Vault(Overlay(near, vault.backend), vault.format, vault.verifier)


def mirror_tail(tail: Tail, folder: Path, near: Near, vault: Vault, far: Vault) -> None:
    """Bring the journal's large objects near from ``far``, to be read from ``vault``; the others
    are in memory already."""
    large = [source for source in tail.sources if source.whole is None]
    if not large:
        return
    for source in large:  # one that was near before lay in a file of this one's name
        source.vault = far
    file = NearFile(folder)
    for source in large:
        with suppress(Missing, Damaged):  # a part of it must not stand before the vault
            near.add({source.name: _copy(source, file)})
        source.vault = vault
    file.close()


def _copy(source: Source, file: NearFile) -> Region:
    """Copy a journal object piece by piece: some are as large as all that is kept of the tail."""
    region = file.reserve(source.size)
    for offset in range(0, source.size, PIECE_BYTES):
        length = min(PIECE_BYTES, source.size - offset)
        file.write(region, offset, source.vault.backend.read_range(source.name, offset, length))
    return region


def mirror(
    anchor: Anchor,
    buckets: Sequence[Bucket],
    workers: Workers,
    keys: KitKeys,
    tick: Callable[[Mirrored], None],
    give_way: Callable[[], None],
) -> frozenset[tuple[bytes, str]]:
    """Bring every bucket near; returns the shelves whose chunks are not all proven."""
    damaged: set[tuple[bytes, str]] = set()
    with_keys = (replace(bucket, keys=keys.of_bucket(bucket.bucket)) for bucket in buckets)
    for done in workers.run(mirror_bucket, with_keys):
        give_way()
        keys.learn(done.bucket, done.keys)
        concerned = done.damaged
        if concerned is None:
            manifest = anchor.manifest(done.kind, done.bucket)
            shelves = manifest.shelves if manifest is not None else []
            concerned = frozenset(entry.account for entry in shelves)
        damaged |= {(account, done.kind) for account in concerned}
        tick(done)
    return frozenset(damaged)
