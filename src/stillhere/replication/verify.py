"""Verifying: the whole vault is read and proven, and compared with the core.

    the spool        shipped, so that the vault has all that the core has
    every shelf      loaded and proven as a recovery would, then compared with the core's
    its spare parts  the roster's twin and the history, which a recovery may need
    every account    its wrapped key and its name; what is missing or broken is kept again
    the service      its keys, and its erasures
    every copy       if there are several: what one has missing or broken, and another makes good

The core's data keys open what it has written, so no kit is needed. The result is kept in the
core, so that ``status`` can say when everything was last proven and how fast it went.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from stillhere.errors import Damaged, NotFound, StillhereError
from stillhere.replication.compare import compare_copies
from stillhere.replication.rewrap import WrappedKeys
from stillhere.replication.start import Working, anchor_of
from stillhere.replication.verified import Finding, Verified, keep_verified
from stillhere.store.accounts import ACCOUNT
from stillhere.store.erased import read_erased
from stillhere.vault.anchor import Anchor
from stillhere.vault.epochs import mend_epoch, read_epochs
from stillhere.vault.erasures import Erasure, count_copies, keep_erasure, read_erasures
from stillhere.vault.evidence import read_evidence
from stillhere.vault.image import Image, load_image
from stillhere.vault.keys import find_name, keep_name, proves_service_keys
from stillhere.vault.levels import ShelfSource, check_halves
from stillhere.vault.opened import mend_format
from stillhere.vault.packs import Role, open_chunk, read_chunk

LOOKS = 3


def verify(working: Working, *, tick: Callable[[int, int], None] | None = None) -> Verified:
    """Prove every shelf of the vault and compare it with the core. Raises BackendError, Fenced."""
    started = time.monotonic()
    rows = working.core.reader().execute(
        "SELECT account, kind, last_seq FROM shelves WHERE last_seq > 0"
    )
    reached = {(account, kind): last for account, kind, last in rows}
    working.ship()
    anchor = anchor_of(working)  # after the core's positions: it must have them all
    erased = read_erased(working.core.reader())
    shelves = {s for s in reached.keys() | _in_vault(anchor) if s[0] not in erased}
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
    findings += _check_erasures(working)
    result = Verified(
        time.time_ns() // 1_000_000,
        time.monotonic() - started,
        len(shelves),
        records,
        _size(anchor),
        findings,
        spares,
        compare_copies(working),
    )
    kept: Verified = working.store.install(lambda sql: keep_verified(sql, result)).result()
    return kept


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
        working.ship()
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
    differ = "1 record differs" if differing == 1 else f"{differing} records differ"
    return [f"{differ} from the core's"] if differing else []


def _check_spares(source: ShelfSource, data_key: bytes) -> Iterator[str]:
    entry, manifest = source.entry, source.manifest
    if entry is None or manifest is None:
        return
    for level in filter(None, (entry.base, entry.delta)):
        yield from check_halves(source, level, data_key)
    if read_evidence(source, data_key) is None:
        yield "its evidence can't be read"

    def prove(chunk: bytes) -> bytes:
        return open_chunk(data_key, chunk, Role.HISTORY, source.account, source.kind)

    for span in entry.history:
        try:
            read_chunk(source.vault, manifest.place(span), prove)
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
    if row is None:  # erased meanwhile
        return
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


def _check_erasures(working: Working) -> Iterator[Finding]:
    """Each erasure's copies: what this epoch wrote is kept again where it is gone, and what
    nobody of this service wrote is named."""
    vault, epoch = working.vault, working.identity.epoch
    erased = read_erased(working.core.reader())
    listed = read_epochs(vault)[-1].erased
    broken = read_erasures(vault, epoch, listed).broken
    for account in erased.keys() - {erasure.account for erasure in listed}:
        if account in broken or count_copies(vault, account) < 2:
            erasure = Erasure(account, erased[account].at, erased[account].names)
            keep_erasure(vault, working.signer, erasure)
            said = f"the erasure of {account.hex()} was missing or broken, and was kept again"
            yield Finding(b"", "service", [said])
    for account in (account for account in broken if account not in erased):
        said = f"an erasure of {account.hex()} is not this service's: it is not carried out"
        yield Finding(b"", "service", [said])


def _check_service(working: Working) -> Iterator[Finding]:
    if mend_format(working.vault):
        yield Finding(b"", "service", ["a copy of the format was missing, and was kept again"])
    epochs = range(1, working.identity.epoch + 1)
    if sum(mend_epoch(working.vault, number) for number in epochs):
        yield Finding(b"", "service", ["a copy of an epoch was missing, and was kept again"])
    if not proves_service_keys(working.vault):
        yield Finding(b"", "service", ["both copies of the service's keys are broken or missing"])
