"""Pruning: deleting from the vault what nothing has needed for seven days.

The epoch and the root are read again first: a core that was superseded deletes nothing. Every
copy of the vault has that root before it loses what came before it.
"""

from __future__ import annotations

import time

from stillhere.errors import Damaged
from stillhere.replication.start import Working
from stillhere.vault.layout import ROOT_FOLDER, epoch_name, root_name, twin
from stillhere.vault.manifests import (
    Root,
    complete_root,
    read_manifest,
    read_root,
    read_root_number,
)
from stillhere.vault.opened import exists
from stillhere.vault.tail import list_journal

KEEP_MS = 7 * 24 * 3600 * 1000


def prune(working: Working, *, keep_ms: int = KEEP_MS) -> int:
    """Delete what was dropped more than ``keep_ms`` ago; returns how many objects.

    Raises Damaged, BackendError."""
    vault = working.vault
    if exists(vault, epoch_name(working.identity.epoch + 1)):
        return 0
    root = read_root(vault)
    limit = time.time_ns() // 1_000_000 - keep_ms
    settled = _newest_before(working, root, limit)
    if settled is None:
        return 0
    complete_root(vault, root)
    names = _dropped(working, root, limit) + _old_roots(working, settled)
    names += _old_journal(working, settled)
    kept = set(root.keep)
    names = [name for name in names if name not in kept and exists(vault, name)]
    for name in names:
        vault.backend.delete(name)
    return len(names)


def _newest_before(working: Working, root: Root, limit: int) -> Root | None:
    """The newest root manifest from before the limit: nothing older is needed."""
    for number in range(root.number, 0, -1):
        name = root_name(number)
        if not exists(working.vault, name) and not exists(working.vault, twin(name)):
            return None
        try:
            found = read_root_number(working.vault, number)
        except Damaged:
            continue
        if found.created <= limit:
            return found
    return None


def _dropped(working: Working, root: Root, limit: int) -> list[str]:
    names = []
    for kind, buckets in root.buckets.items():
        for bucket, named in buckets.items():
            manifest = read_manifest(working.vault, kind, bucket, *named)
            names += [dropped.name for dropped in manifest.dropped if dropped.since <= limit]
    return names


def _old_roots(working: Working, settled: Root) -> list[str]:
    names = working.vault.backend.names(ROOT_FOLDER)
    numbers = {int(name.removesuffix(".twin")) for name in names}
    old = [root_name(number) for number in sorted(numbers) if number < settled.number]
    return [copy for name in old for copy in (name, twin(name))]


def _old_journal(working: Working, settled: Root) -> list[str]:
    names = []
    for epoch, writers in settled.cut.items():
        for writer, cut in writers.items():
            spans = list_journal(working.vault, epoch, writer).spans
            # the newest object stays: a vault without any journal is half a vault
            names += [span.name for span in spans[:-1] if span.last <= cut]
    return names
