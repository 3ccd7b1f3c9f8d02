"""Step 5: what the vault holds is brought near and proven, chunk by chunk.

    for every bucket, in the order of the stages
        copy its packs into the mirror, durably
        unwrap the accounts' keys
        prove every roster against its head and every body against its digest

Buckets are worked on by as many processes as there are processors; what a process needs goes
to it through a pipe, the kit included, and nothing of it is written down.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stillhere.errors import Damaged
from stillhere.recovery.check import Checked, check
from stillhere.recovery.keys import KitKeys
from stillhere.vault.anchor import Anchor
from stillhere.vault.backends import Backend, Missing
from stillhere.vault.backends.directory import Directory
from stillhere.vault.backends.overlay import Overlay
from stillhere.vault.image import load_image
from stillhere.vault.kit import Kit
from stillhere.vault.manifests import EMPTY_ROOT, Manifest, read_manifest
from stillhere.vault.opened import Vault
from stillhere.vault.tail import Tail

FEW_BYTES = 16 << 20  # a vault of less than this is proven without further processes
PIECE = 4 << 20
WATCH_S = 0.5
NICE = 10  # below the process that answers people


@dataclass(frozen=True)
class Task:
    """One bucket to be mirrored: enough for a process that knows nothing yet."""

    place: str
    mirror: str
    vault: bytes
    seed: bytes = field(repr=False)
    kind: str
    bucket: int
    number: int
    digest: bytes
    epoch: int


@dataclass(frozen=True)
class Mirrored:
    """A bucket that is near: its keys, the records proven, and the shelves with damage."""

    kind: str
    bucket: int
    keys: dict[bytes, bytes] = field(repr=False)
    records: int
    size: int
    damaged: frozenset[bytes]


def overlay(near: Path, vault: Vault) -> Vault:
    """The vault with a mirror before it."""
    backend = Overlay(Directory(near, create=True), vault.backend)
    return Vault(backend, vault.format, vault.verifier)


def mirror_tail(tail: Tail, folder: Path, near: Vault) -> None:
    """Bring the journal's large objects near; the others are in memory already."""
    for source in tail.sources:
        if source.whole is None:
            backend = source.vault.backend
            _copy(backend, source.name, backend.size(source.name), folder)
            source.vault = near


def mirror(
    checked: Checked,
    anchor: Anchor,
    kinds: Sequence[str],
    folder: Path,
    keys: KitKeys,
    tick: Callable[[Mirrored], None],
    give_way: Callable[[], None],
) -> frozenset[tuple[bytes, str]]:
    """Bring every bucket near; returns the shelves whose chunks are not all proven."""
    tasks = [
        Task(
            checked.vault.backend.place,
            str(folder),
            checked.kit.vault,
            checked.kit.seed,
            kind,
            bucket,
            *anchor.root.buckets[kind][bucket],
            anchor.epoch,
        )
        for kind in kinds
        for bucket in anchor.buckets(kind)
    ]
    damaged: set[tuple[bytes, str]] = set()
    for done in _run(tasks, anchor):
        give_way()
        keys.learn(done.keys)
        damaged |= {(account, done.kind) for account in done.damaged}
        tick(done)
    return frozenset(damaged)


def _run(tasks: Sequence[Task], anchor: Anchor) -> Iterator[Mirrored]:
    total = 0
    for task in tasks:
        manifest = anchor.manifest(task.kind, task.bucket)
        total += sum(pack.size for pack in manifest.packs) if manifest is not None else 0
    if total < FEW_BYTES:
        yield from map(mirror_bucket, tasks)
        _known.clear()
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    processes = max(1, len(os.sched_getaffinity(0)))
    with ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=_begin, initargs=(os.getpid(),)
    ) as pool:
        yield from pool.map(mirror_bucket, tasks)


def _begin(parent: int) -> None:
    """What a process does first: stand back behind the one that serves, and end with it."""
    os.nice(NICE)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_S)
        os._exit(1)

    threading.Thread(target=watch, name="watch", daemon=True).start()


def mirror_bucket(task: Task) -> Mirrored:
    """Copy and prove one bucket. Raises BackendError."""
    checked = _checked(task)
    vault = checked.vault
    empty: dict[bytes, bytes] = {}
    try:
        manifest = read_manifest(vault, task.kind, task.bucket, task.number, task.digest)
    except Damaged:
        return Mirrored(task.kind, task.bucket, empty, 0, 0, frozenset())
    near = Path(task.mirror)
    size = sum(_copy(vault.backend, pack.name, pack.size, near) for pack in manifest.packs)
    anchor = Anchor(overlay(near, vault), EMPTY_ROOT, Tail(), task.epoch)
    mirrored = _prove(task, checked, anchor, manifest, size)
    if mirrored.damaged:  # the copy may be at fault: what is broken is read from the vault
        for pack in manifest.packs:
            (near / pack.name).unlink(missing_ok=True)
    return mirrored


def _prove(task: Task, checked: Checked, anchor: Anchor, manifest: Manifest, size: int) -> Mirrored:
    keys = KitKeys(checked)
    found: dict[bytes, bytes] = {}
    damaged, records = set(), 0
    anchor.keep(task.kind, task.bucket, manifest)
    for entry in manifest.shelves:
        if entry.account in checked.erased:
            continue
        if keys.failing(entry.account):
            damaged.add(entry.account)
            continue
        found[entry.account] = keys.get(entry.account)
        image = load_image(
            anchor.source(entry.account, task.kind), found[entry.account], packed=True
        )
        records += len(image.columns)
        if image.missing or image.problems:
            damaged.add(entry.account)
    return Mirrored(task.kind, task.bucket, found, records, size, frozenset(damaged))


def _copy(backend: Backend, name: str, size: int, near: Path) -> int:
    """Copy an object into the mirror and sync it; one that is there in full stays."""
    path = near / name
    if path.exists() and path.stat().st_size == size:
        return size
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with open(path, "wb", buffering=0) as file:
            for offset in range(0, size, PIECE):
                file.write(backend.read_range(name, offset, PIECE))
            os.fsync(file.fileno())
    except (Missing, Damaged):
        path.unlink(missing_ok=True)
        return 0
    return size


_known: dict[bytes, Checked] = {}


def _checked(task: Task) -> Checked:
    """This process's own view of the vault, made at its first task."""
    if task.vault not in _known:
        _known[task.vault] = check(Path(task.place), Kit(task.vault, task.seed))
    return _known[task.vault]
