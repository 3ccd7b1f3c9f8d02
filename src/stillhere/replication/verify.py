"""Verifying: the whole vault is read and proven, and compared with the core.

    every shelf      loaded and proven as a recovery would, then compared with the core's rows
    its spare parts  the roster's twin and the history, which a recovery may need
    every account    its wrapped key and its name; what is missing or broken is kept again
    the service      its keys

The core's data keys open what it has written, so no kit is needed. The result is kept in the
core, so that ``status`` can say when everything was last proven and how fast it went.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from stillhere.errors import Damaged, NotFound, StillhereError
from stillhere.replication.rewrap import WrappedKeys
from stillhere.replication.start import Working, anchor_of
from stillhere.store.accounts import ACCOUNT
from stillhere.store.core import Core
from stillhere.store.schema import get_meta, set_meta
from stillhere.vault.anchor import Anchor
from stillhere.vault.epochs import mend_epoch
from stillhere.vault.image import Image, load_image
from stillhere.vault.keys import find_name, keep_name, proves_service_keys
from stillhere.vault.levels import ShelfSource, check_halves
from stillhere.vault.opened import mend_format
from stillhere.vault.packs import Role, open_chunk, read_chunk

LOOKS = 3


class Finding(NamedTuple):
    """A shelf that is not as it must be, and in what; an account's key is its shelf "account"."""

    account: bytes
    kind: str
    problems: list[str]


class Verified(msgspec.Struct, frozen=True):
    """What a verification found; ``records`` leaves collections out.

    ``findings`` are what a loss now would cost; ``spares`` are second copies that are broken
    while the first one proves itself. Times in milliseconds since 1970, lengths in seconds."""

    at: int
    seconds: float
    shelves: int
    records: int
    bytes: int
    findings: list[Finding]
    spares: list[Finding]

    @property
    def proven(self) -> bool:
        """Whether every shelf is proven and equals the core's."""
        return not self.findings


def verify(working: Working, *, tick: Callable[[int, int], None] | None = None) -> Verified:
    """Prove every shelf of the vault and compare it with the core. Raises BackendError, Fenced."""
    started = time.monotonic()
    rows = working.core.reader().execute(
        "SELECT account, kind, last_seq FROM shelves WHERE last_seq > 0"
    )
    reached = {(account, kind): last for account, kind, last in rows}
    anchor = anchor_of(working)  # after the core's positions: it must have them all
    shelves = reached.keys() | _in_vault(anchor)
    keys = WrappedKeys(working)
    findings, spares, records = list(_check_service(working)), [], 0
    for number, (account, kind) in enumerate(sorted(shelves, key=lambda s: (s[1], s[0]))):
        position = reached.get((account, kind), 0)
        shelf = _prove(working, anchor, account, kind, position)
        if shelf.problems:
            shelf = _prove_again(working, shelf, position)
        records += shelf.records
        problems = shelf.problems + list(_check_account(working, keys, account, kind))
        if problems:
            findings.append(Finding(account, kind, problems))
        if shelf.broken:
            spares.append(Finding(account, kind, shelf.broken))
        if tick is not None:
            tick(number + 1, len(shelves))
    result = Verified(
        time.time_ns() // 1_000_000,
        time.monotonic() - started,
        len(shelves),
        records,
        _size(anchor),
        findings,
        spares,
    )
    working.store.install(
        lambda sql: set_meta(sql, "verified", msgspec.msgpack.encode(result))
    ).result()
    return result


def last_verified(core: Core) -> Verified | None:
    """The result of the last verification, or None where there was none."""
    kept = get_meta(core.reader(), "verified")
    return None if kept is None else msgspec.msgpack.decode(kept, type=Verified)


def _in_vault(anchor: Anchor) -> set[tuple[bytes, str]]:
    known = anchor.tail.shelves()
    for kind in anchor.root.buckets:
        known |= {(account, kind) for account in anchor.accounts(kind)}
    return known


def _size(anchor: Anchor) -> int:
    manifests = [
        anchor.manifest(kind, bucket)
        for kind in anchor.root.buckets
        for bucket in anchor.buckets(kind)
    ]
    packs = {pack.name: pack.size for manifest in manifests if manifest for pack in manifest.packs}
    return anchor.tail.size + sum(packs.values())


class _Shelf(NamedTuple):
    """What is wrong with a shelf, and which of its spare parts are broken."""

    account: bytes
    kind: str
    records: int
    problems: list[str]
    broken: list[str]


def _prove(working: Working, anchor: Anchor, account: bytes, kind: str, reached: int) -> _Shelf:
    try:
        data_key = working.core.data_keys.get(account)
    except NotFound:
        return _Shelf(account, kind, 0, ["the core has no key for this shelf"], [])
    source = anchor.source(account, kind)
    image = load_image(source, data_key)
    problems = list(image.problems)
    problems += [f"{href}: {cause}" for (_, href), cause in sorted(image.missing.items())]
    if not image.exists:
        problems.append("nothing of this shelf is in the vault")
    if image.last < reached:
        problems.append(f"the vault ends at {image.last}, and the core is further")
    problems += _compare(working, image)
    records = sum(map(bool, image.columns.collections))
    return _Shelf(account, kind, records, problems, list(_check_spares(source, data_key)))


def _prove_again(working: Working, shelf: _Shelf, reached: int) -> _Shelf:
    """A shelf that is written to meanwhile may look torn between two listings of the journal:
    only what is still wrong in a view taken later is wrong."""
    again = shelf
    for _ in range(LOOKS):
        working.store.install(_nothing).result()  # behind the commit that is under way
        again = _prove(working, anchor_of(working), shelf.account, shelf.kind, reached)
        if not again.problems:
            break
    return again


def _nothing(sql: sqlite3.Connection) -> None:
    """A transaction that changes nothing."""


def _compare(working: Working, image: Image) -> list[str]:
    """How the vault's shelf differs from the core's; changes since the anchor are none."""
    try:
        with working.store.read(image.account, image.kind) as shelf:
            rows = shelf.everything()
            last, chain = shelf.last_seq, shelf.chain
    except StillhereError as error:
        return [f"the core can't compare it: {error.what}"]
    if last < image.last:
        return [f"the vault is at position {image.last}, the core at {last}"]
    if last == image.last and chain != image.chain:
        return ["the core's chain is another than the vault's"]
    ours = {(r.collection, r.href): (r.seq, r.state, r.digest) for r, _ in rows}
    theirs = {(i.collection, i.href): (i.seq, i.state, i.digest) for i in image.items}
    differing = sum(
        ours.get(key) != theirs.get(key)
        for key in ours.keys() | theirs.keys()
        if ours.get(key, (0,))[0] <= image.last  # what is newer came after the anchor was read
    )
    return [f"{differing} records differ from the core's"] if differing else []


def _check_spares(source: ShelfSource, data_key: bytes) -> Iterator[str]:
    entry, manifest = source.entry, source.manifest
    if entry is None or manifest is None:
        return
    for level in filter(None, (entry.base, entry.delta)):
        yield from check_halves(source, level, data_key)
    for span in entry.history:
        try:
            chunk = read_chunk(source.vault, manifest.place(span))
            open_chunk(data_key, chunk, Role.HISTORY, source.account, source.kind)
        except Damaged as error:
            yield f"its history: {error.what}"


def _check_account(working: Working, keys: WrappedKeys, account: bytes, kind: str) -> Iterator[str]:
    """An account's wrapped key and its name, each kept again where it is gone."""
    if kind != ACCOUNT:
        return
    try:
        data_key = working.core.data_keys.get(account)
    except NotFound:
        return
    yield from keys.mend(account, data_key)
    row = (
        working.core.reader()
        .execute("SELECT folded FROM accounts WHERE account = ?", (account,))
        .fetchone()
    )
    names_key = working.identity.names_key
    try:
        owner = find_name(working.vault, names_key, row[0])
    except Damaged:
        yield "its name in the vault is broken: it can't log in on a blank core before all are back"
        return
    if owner is None:
        keep_name(working.vault, names_key, row[0], account)
        yield "its name was missing from the vault, and was kept again"
    elif owner != account:
        yield "its name leads to another account in the vault"


def _check_service(working: Working) -> Iterator[Finding]:
    if mend_format(working.vault):
        yield Finding(b"", "service", ["a copy of the format was missing, and was kept again"])
    epochs = range(1, working.identity.epoch + 1)
    if sum(mend_epoch(working.vault, number) for number in epochs):
        yield Finding(b"", "service", ["a copy of an epoch was missing, and was kept again"])
    if not proves_service_keys(working.vault):
        yield Finding(b"", "service", ["both copies of the service's keys are broken or missing"])
