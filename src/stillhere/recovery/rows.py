"""A bucket's shelves as rows, made by a process of its own in a core beside the one that serves.

Only plain shelves: what the journal has touched, what is damaged and what is not proven is
left to the process that serves, shelf by shelf.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stillhere.errors import StillhereError
from stillhere.recovery.install import install_image, make_verdict
from stillhere.recovery.keys import KitKeys
from stillhere.recovery.mirror import anchor_of_bucket, overlay
from stillhere.recovery.workers import Bucket, view_of
from stillhere.store.accounts import ACCOUNT
from stillhere.store.erased import read_erased
from stillhere.store.keyring import Keyring
from stillhere.store.schema import connect
from stillhere.store.side import make_side, side_path
from stillhere.vault.image import load_image
from stillhere.vault.manifests import read_manifest

BATCH_ROWS = 6000  # some 10 ms of the writing thread


@dataclass(frozen=True)
class Plain:
    """A bucket whose plain shelves are wanted as rows: all but ``others``."""

    bucket: Bucket
    home: Path
    others: frozenset[bytes]


@dataclass(frozen=True)
class Rows:
    """What a process made: the core beside, and its shelves in batches of (first id, records
    of each)."""

    side: Path
    batches: Sequence[tuple[int, list[int]]]


def make_rows(plain: Plain) -> Rows:
    """Put a bucket's plain shelves into a core beside; none where anything is in the way."""
    bucket = plain.bucket
    side = side_path(plain.home, f"{bucket.kind}-{bucket.bucket:04x}")
    try:
        return Rows(side, _fill(plain, side))
    except (StillhereError, OSError, sqlite3.Error):
        side.unlink(missing_ok=True)
        return Rows(side, [])


def _fill(plain: Plain, side: Path) -> list[tuple[int, list[int]]]:
    bucket = plain.bucket
    checked = view_of(bucket)
    keys, keyring = KitKeys(checked, bucket.keys), Keyring(plain.home)
    near = Path(bucket.mirror)
    vault = overlay(near, checked.vault)  # which may be gone by now
    manifest = read_manifest(vault, bucket.kind, bucket.bucket, bucket.number, bucket.digest)
    packs = {pack.name: (near / pack.name).read_bytes() for pack in manifest.packs}
    # a shelf that a later manifest knows more of is damaged, and one of the others
    anchor = anchor_of_bucket(bucket, checked.vault, manifest, packs, newest=True)
    now = time.time_ns() // 1_000_000
    batches: list[tuple[int, list[int]]] = []
    room, number = 0, 0
    sql = make_side(side)
    erased = _erased_by_now(plain.home)  # after the file is there: an erasure waits for it to go
    sql.execute("BEGIN")
    for entry in manifest.shelves:
        account = entry.account
        if account in plain.others or account in erased:
            continue
        data_key = keys.get(account)
        image = load_image(anchor.source(account, bucket.kind), data_key, trusted=True, packed=True)
        if image.problems or image.missing:
            continue
        wrapped = keyring.wrap(data_key, account) if bucket.kind == ACCOUNT else None
        installed = install_image(sql, image, make_verdict(image, now), wrapped)
        number += 1
        if room <= 0:
            batches.append((number, []))
            room = BATCH_ROWS
        batches[-1][1].append(installed.records)
        room -= len(image.columns) + 1
    sql.execute("COMMIT")
    sql.close()
    return batches


def _erased_by_now(home: Path) -> frozenset[bytes]:
    sql = connect(home)
    try:
        return frozenset(read_erased(sql))
    finally:
        sql.close()
