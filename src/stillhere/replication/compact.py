"""Compaction: the journal's tail is folded into the ledger, bucket by bucket.

    make the core durable up to what it has committed, and cut the journal there
    for every bucket that the tail touches
        fold each touched shelf from the vault's own pieces, and prove it
        write its new delta, or a new base when the delta has grown
        copy chunks out of packs that have become sparse
        write the bucket's manifest, twice
    write the root manifest: creating it commits the compaction
    delete what no manifest of the last seven days needs

The chunks of erased accounts are left behind: nothing opens them any more.
What a verification found broken in the vault is written anew, from the core where need be.
A shelf that can't be proven is written as far as it could be read, with its problems; the
packs and the journal's objects that may hold what it lacks are kept for good.
"""

from __future__ import annotations

import fcntl
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from stillhere.errors import Unavailable
from stillhere.replication.bucket import build_bucket
from stillhere.replication.prune import prune
from stillhere.replication.start import Working, anchor_of
from stillhere.replication.verified import last_verified
from stillhere.store.erased import Erased, read_erased, settle_erased
from stillhere.store.schema import set_meta
from stillhere.vault.anchor import Anchor
from stillhere.vault.layout import bucket_of
from stillhere.vault.manifests import Root, next_root_number, root_digest, write_root
from stillhere.vault.tail import Source

Shelf = tuple[bytes, str]


class Compacted(NamedTuple):
    """What a compaction did."""

    shelves: int
    buckets: int
    tail_bytes: int
    unproven: list[Shelf]
    deleted: int
    seconds: float


def compact(
    working: Working,
    *,
    accept: Iterable[Shelf] = (),
    tick: Callable[[int, int], None] | None = None,
) -> Compacted:
    """Fold the tail into the ledger. ``accept`` has shelves that the core has opened as they
    were found: they get a base from its rows.

    Raises Unavailable when another compaction is running, Damaged, BackendError."""
    started = time.monotonic()
    with open(working.core.home / "compact.lock", "a+b") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Unavailable(
                "a compaction is running already", safe="nothing was changed", retry_after=30
            ) from None
        cut = _find_cut(working)
        return _fold(working, anchor_of(working), cut, frozenset(accept), tick, started)


def _fold(
    working: Working,
    anchor: Anchor,
    cut: dict[int, int],
    accept: frozenset[Shelf],
    tick: Callable[[int, int], None] | None,
    started: float,
) -> Compacted:
    mend = _found_broken(working, since=anchor.root.created)
    erased = read_erased(working.core.reader())
    concerned = anchor.tail.shelves() | accept | mend
    if any(gap.touched is None for gap in anchor.tail.gaps):
        concerned |= _every_shelf(working)  # the loss may be any shelf's, and each must say so
    concerned = {shelf for shelf in concerned if shelf[0] not in erased}
    concerned |= _still_listed(anchor, erased)
    touched = sorted(concerned, key=lambda s: _bucket_key(s, anchor))
    buckets = {kind: dict(numbers) for kind, numbers in anchor.root.buckets.items()}
    unproven: list[Shelf] = []
    evidence: list[str] = []
    done = count = 0
    keyless = False
    for (kind, bucket), group in groupby(touched, key=lambda s: _bucket_key(s, anchor)[:2]):
        shelves = list(group)
        accounts = [account for account, _ in shelves]
        built = build_bucket(working, anchor, kind, bucket, accounts, accept | mend)
        buckets.setdefault(kind, {})[bucket] = (built.number, built.digest)
        unproven += [(account, kind) for account in built.unproven]
        keyless = keyless or built.keyless
        evidence += built.evidence
        done += len(shelves)
        count += 1
        if tick is not None:
            tick(done, len(touched))
    if touched or anchor.tail.sources:
        if unproven or anchor.tail.gaps:
            evidence += [source.name for source in anchor.tail.sources]
        _commit(working, anchor, None if keyless else cut, buckets, evidence)
    _settle_listed(working, erased)
    deleted = prune(working)
    seconds = time.monotonic() - started
    return Compacted(done, count, anchor.tail.size, unproven, deleted, seconds)


def _still_listed(anchor: Anchor, erased: Mapping[bytes, Erased]) -> frozenset[Shelf]:
    """The shelves of erased accounts that manifests have yet: what is left of them is dropped."""
    listed = [account for account, one in erased.items() if one.listed]
    return frozenset(
        (account, kind)
        for kind in anchor.root.buckets
        for account in listed
        if anchor.source(account, kind).entry is not None
    )


def _settle_listed(working: Working, erased: Mapping[bytes, Erased]) -> None:
    listed = [account for account, one in erased.items() if one.listed]

    def settle(sql: sqlite3.Connection) -> None:
        for account in listed:
            settle_erased(sql, account, "listed")

    if listed:
        working.store.install(settle).result()


def _every_shelf(working: Working) -> set[Shelf]:
    return set(working.core.reader().execute("SELECT account, kind FROM shelves"))


def _found_broken(working: Working, since: int) -> frozenset[Shelf]:
    """What a verification after the last compaction found broken: it is written anew."""
    verified = last_verified(working.core)
    if verified is None or verified.at < since:
        return frozenset()
    found = [finding for finding in verified.findings + verified.spares if finding.account]
    return frozenset((finding.account, finding.kind) for finding in found)


def _bucket_key(shelf: Shelf, anchor: Anchor) -> tuple[str, int, bytes]:
    account, kind = shelf
    return kind, bucket_of(account, anchor.vault.bucket_bits), account


def _find_cut(working: Working) -> dict[int, int]:
    """How far each writer's segments are in the core, which survives a power cut that far."""

    def positions(sql: sqlite3.Connection) -> dict[int, int]:
        set_meta(sql, "cut", b"")  # a commit needs something to write for its sync to happen
        rows = sql.execute(
            "SELECT writer, segment FROM writers WHERE epoch = ?", (working.identity.epoch,)
        )
        return dict(rows.fetchall())

    cut: dict[int, int] = working.store.install(positions, durable=True).result()
    return cut


def _commit(
    working: Working,
    anchor: Anchor,
    cut: dict[int, int] | None,
    buckets: dict[str, dict[int, tuple[int, bytes]]],
    evidence: list[str],
) -> None:
    """Write the root; without ``cut`` the journal stays to be read as far back as before."""
    epoch = working.identity.epoch
    reached = anchor.root.cut if cut is None else _reach(anchor, epoch, cut)
    keep = list(dict.fromkeys((*anchor.root.keep, *evidence)))
    root = Root(
        next_root_number(working.vault),
        epoch,
        time.time_ns() // 1_000_000,
        reached,
        buckets,
        root_digest(anchor.root),
        keep,
    )
    if not write_root(working.vault, working.signer, root):
        raise Unavailable(
            "another compaction was first", safe="nothing was changed", retry_after=30
        )


def _reach(anchor: Anchor, epoch: int, cut: dict[int, int]) -> dict[int, dict[int, int]]:
    """How far every writer's journal is in the ledger now."""
    reached = {
        number: dict(writers) for number, writers in anchor.tail.ends.items() if number != epoch
    }
    ends = anchor.tail.ends.get(epoch, {})
    before = anchor.root.cut.get(epoch, {})
    reached[epoch] = {
        writer: max(min(end, cut.get(writer, 0)), before.get(writer, 0))
        for writer, end in ends.items()
    }
    return reached


@dataclass(frozen=True)
class TailFigures:
    """How much of the journal is not in the ledger yet."""

    segments: int
    objects: int
    size: int
    compacted: int


def tail_figures(working: Working) -> TailFigures:
    """Segments, objects and bytes outside the ledger, and when it was last compacted (ms)."""
    anchor = anchor_of(working)
    sources: list[Source] = anchor.tail.sources
    return TailFigures(
        sum(s.header.last - s.header.first + 1 for s in sources),
        len(sources),
        anchor.tail.size,
        anchor.root.created,
    )
