"""Step 5: what the vault holds is brought near and proven, chunk by chunk.

for every bucket, in the order of the stages
    copy its manifest and its packs into the mirror, durably
    unwrap the accounts' keys
    prove every roster against its head and every body against its digest
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from stillhere.errors import Damaged
from stillhere.recovery.check import Checked
from stillhere.recovery.keys import KitKeys
from stillhere.recovery.workers import Bucket, Workers, view_of
from stillhere.vault.anchor import Anchor
from stillhere.vault.backends import Backend, Missing
from stillhere.vault.backends.directory import Directory
from stillhere.vault.backends.memory import Memory
from stillhere.vault.backends.overlay import Overlay
from stillhere.vault.image import load_image
from stillhere.vault.layout import manifest_name
from stillhere.vault.manifests import (
    EMPTY_ROOT,
    Manifest,
    open_manifest,
    read_signed_manifest,
)
from stillhere.vault.opened import Vault
from stillhere.vault.tail import Tail


@dataclass(frozen=True)
class Mirrored:
    """A bucket that is near: its keys, the records proven, and the shelves with damage
    (None: nobody knows, since its manifest could not be read)."""

    kind: str
    bucket: int
    keys: dict[bytes, bytes] = field(repr=False)
    records: int
    size: int
    damaged: frozenset[bytes] | None


def overlay(near: Path, vault: Vault) -> Vault:
    """The vault with a mirror before it."""
    backend = Overlay(Directory(near, create=True), vault.backend)
    return Vault(backend, vault.format, vault.verifier)


def mirror_tail(tail: Tail, folder: Path, near: Vault) -> None:
    """Bring the journal's large objects near; the others are in memory already."""
    for source in tail.sources:
        if source.whole is None:
            backend = source.vault.backend
            path = folder / source.name
            data = _copy(backend, source.name, backend.size(source.name), path)
            if data is not None:
                _sync([path])
            source.vault = near


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


def mirror_bucket(bucket: Bucket) -> Mirrored:
    """Copy and prove one bucket. Raises BackendError."""
    checked = view_of(bucket)
    vault = checked.vault
    near = Path(bucket.mirror)
    name = manifest_name(bucket.kind, bucket.bucket, bucket.number)
    try:
        signed = read_signed_manifest(
            vault, bucket.kind, bucket.bucket, bucket.number, bucket.digest
        )
        manifest = open_manifest(vault, name, signed)
    except Damaged:
        return Mirrored(bucket.kind, bucket.bucket, {}, 0, 0, None)
    _write(near / name, signed)
    packs = {
        pack.name: data
        for pack in manifest.packs
        if (data := _copy(vault.backend, pack.name, pack.size, near / pack.name)) is not None
    }
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as beside:
        syncing = beside.submit(_sync, [near / copied for copied in (name, *packs)])
        mirrored = _prove(bucket, checked, manifest, packs)
        syncing.result()
    if mirrored.damaged:  # the copy may be at fault: what is broken is read from the vault
        for pack in manifest.packs:
            (near / pack.name).unlink(missing_ok=True)
    return mirrored


def anchor_of_bucket(
    bucket: Bucket,
    vault: Vault,
    manifest: Manifest,
    packs: dict[str, bytes],
    *,
    newest: bool = False,
) -> Anchor:
    """What one bucket's shelves are loaded from: its packs in memory, and no journal."""
    loaded = Vault(Overlay(Memory(packs), vault.backend), vault.format, vault.verifier)
    anchor = Anchor(loaded, EMPTY_ROOT, Tail(), bucket.epoch)
    anchor.keep(bucket.kind, bucket.bucket, manifest, newest=newest)
    return anchor


def _prove(
    bucket: Bucket, checked: Checked, manifest: Manifest, packs: dict[str, bytes]
) -> Mirrored:
    keys = KitKeys(checked, bucket.keys)
    anchor = anchor_of_bucket(bucket, checked.vault, manifest, packs)
    found: dict[bytes, bytes] = {}
    damaged, records = set(), 0
    for entry in manifest.shelves:
        if entry.account in checked.erased:
            continue
        if keys.failing(entry.account):
            damaged.add(entry.account)
            continue
        data_key = found[entry.account] = keys.get(entry.account)
        image = load_image(anchor.source(entry.account, bucket.kind), data_key, packed=True)
        records += len(image.columns)
        if image.missing or image.problems:
            damaged.add(entry.account)
    size = sum(map(len, packs.values()))
    return Mirrored(bucket.kind, bucket.bucket, found, records, size, frozenset(damaged))


def _copy(backend: Backend, name: str, size: int, path: Path) -> bytes | None:
    """Copy an object into the mirror; one that is there in full stays. None: it can't be read."""
    if path.exists() and path.stat().st_size == size:
        return path.read_bytes()
    try:
        data = backend.read(name)
    except (Missing, Damaged):
        return None
    _write(path, data)
    return data


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_bytes(data)


def _sync(paths: Iterable[Path]) -> None:
    """What was copied survives a power cut from now on."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
