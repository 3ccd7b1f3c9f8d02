"""Verifying: the whole vault is read and proven, and compared with the core.

The core's data keys open what it has written, so no kit is needed. A result is kept in the
core, so that ``status`` can say when everything was last proven and how fast it went.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from stillhere.errors import NotFound, StillhereError
from stillhere.replication.start import Working, anchor_of
from stillhere.store.core import Core
from stillhere.store.schema import get_meta, set_meta
from stillhere.vault.anchor import Anchor
from stillhere.vault.image import Image, load_image


class Finding(NamedTuple):
    """A shelf that is not as it must be, and in what."""

    account: bytes
    kind: str
    problems: list[str]


class Verified(msgspec.Struct, frozen=True):
    """What a verification found; ``records`` leaves collections out. Times in milliseconds since 1970, ``seconds`` its length."""

    at: int
    seconds: float
    shelves: int
    records: int
    bytes: int
    findings: list[Finding]

    @property
    def proven(self) -> bool:
        """Whether every shelf is proven and equals the core's."""
        return not self.findings


def verify(working: Working, *, tick: Callable[[int, int], None] | None = None) -> Verified:
    """Prove every shelf of the vault and compare it with the core. Raises BackendError."""
    started = time.monotonic()
    shelves = (
        working.core.reader()
        .execute("SELECT account, kind FROM shelves WHERE last_seq > 0")
        .fetchall()
    )
    anchor = anchor_of(working)
    shelves = sorted(set(shelves) | _in_vault(anchor), key=lambda s: (s[1], s[0]))
    findings, records = [], 0
    for number, (account, kind) in enumerate(shelves):
        image, problems = _prove(working, anchor, account, kind)
        records += sum(map(bool, image.columns.collections)) if image is not None else 0
        if problems:
            findings.append(Finding(account, kind, problems))
        if tick is not None:
            tick(number + 1, len(shelves))
    manifests = [
        anchor.manifest(kind, bucket)
        for kind in anchor.root.buckets
        for bucket in anchor.buckets(kind)
    ]
    packs = {pack.name: pack.size for manifest in manifests if manifest for pack in manifest.packs}
    size = anchor.tail.size + sum(packs.values())
    result = Verified(
        time.time_ns() // 1_000_000,
        time.monotonic() - started,
        len(shelves),
        records,
        size,
        findings,
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


def _prove(
    working: Working, anchor: Anchor, account: bytes, kind: str
) -> tuple[Image | None, list[str]]:
    try:
        data_key = working.core.data_keys.get(account)
    except NotFound:
        return None, ["the core has no key for this shelf"]
    image = load_image(anchor.source(account, kind), data_key)
    problems = list(image.problems)
    problems += [f"{href}: {cause}" for (_, href), cause in sorted(image.missing.items())]
    return image, problems + _compare(working, image)


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
    ours = {
        (r.collection, r.href): (r.seq, r.state, r.digest) for r, _ in rows if r.seq <= image.last
    }
    differing = 0
    for item in image.items:
        there = ours.pop((item.collection, item.href), None)
        newer = there is None and last > image.last
        differing += not newer and there != (item.seq, item.state, item.digest)
    differing += len(ours)
    return [f"{differing} records differ from the core's"] if differing else []
