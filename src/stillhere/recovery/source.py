"""One source of a survey: a copy of the vault, or what is left of one, that is only looked at;
or several copies, of which whichever proves an object gives it.

open    as a recovery would, but nothing can be written, and what is missing is told
scan    what a listing tells: every shelf that must exist with the most records that it can
        have, packs that are missing or cut, manifests that can't be read, gaps of the journal
look    one shelf, loaded and proven
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from stillhere.errors import Damaged, Unavailable
from stillhere.kinds import AT_ONCE
from stillhere.recovery.check import Checked, look
from stillhere.recovery.keys import KitKeys
from stillhere.store.accounts import ACCOUNT
from stillhere.vault.anchor import Anchor, read_anchor
from stillhere.vault.backends import BackendError, Missing, Readable, each
from stillhere.vault.backends.place import Place
from stillhere.vault.backends.read_only import ReadOnly
from stillhere.vault.image import Image, find_ends, load_image
from stillhere.vault.keys import list_keys
from stillhere.vault.kit import Kit
from stillhere.vault.layout import bucket_of, unpad_kind
from stillhere.vault.manifests import Manifest, ShelfEntry
from stillhere.vault.opened import Vault
from stillhere.vault.segments import unpack_rows

Shelf = tuple[str, bytes]
"""A kind, and the account."""
Head = tuple[int, dict[int, int]]
"""The position of a shelf's last change, and the last ones of past epochs."""


@dataclass
class Scan:
    """What a listing of a vault tells.

    ``shelves`` are all that must exist, with the most records that each can have; ``uncounted``
    are those of which nothing says how many; ``touched`` those that something is the matter
    with; ``flaws`` says what, in words. ``heads`` has the positions that a shelf is known to
    have reached, each with the ends of past epochs that it knows; ``torn`` is a journal with
    gaps."""

    shelves: dict[Shelf, int] = field(default_factory=dict)
    uncounted: set[Shelf] = field(default_factory=set)
    touched: set[Shelf] = field(default_factory=set)
    flaws: list[str] = field(default_factory=list)
    heads: dict[Shelf, list[Head]] = field(default_factory=dict)
    torn: bool = False


class Source:
    """Copies of a vault that are looked at. ``name`` is where they are, ``scan`` what a listing
    told."""

    def __init__(self, name: str, checked: Checked, anchor: Anchor, scan: Scan) -> None:
        self.name = name
        self.scan = scan
        self.checked = checked
        self.erased = frozenset(checked.erased)
        self._anchor = anchor
        self._keys = KitKeys(checked)

    @property
    def state(self) -> bytes:
        """A digest of where it is, how far it reaches and what a listing told: as long as it
        is the same, what was seen before is taken to hold."""
        anchor = self._anchor
        ends = sorted((epoch, sorted(ends.items())) for epoch, ends in anchor.tail.ends.items())
        told = (self.name, anchor.vault.id, anchor.epoch, anchor.root.number, ends, self.scan.flaws)
        shelves = sorted((*shelf, most) for shelf, most in self.scan.shelves.items())
        touched = [sorted(self.scan.touched), sorted(self.scan.uncounted), sorted(self.erased)]
        return hashlib.sha256(msgspec.msgpack.encode((told, shelves, touched))).digest()

    def key(self, account: bytes) -> bytes | None:
        """An account's data key, or None where no copy of it opens. Raises BackendError."""
        try:
            return self._keys.get(account)
        except Damaged:
            return None

    def head(self, shelf: Shelf) -> Head:
        """How far a shelf reaches, as far as every change until then is counted in ``scan``."""
        past = self.scan.heads.get(shelf, [])
        if self.scan.torn or shelf in self.scan.uncounted or not past:
            return 0, {}
        return max(last for last, _ in past), find_ends(past, self._anchor.epoch)

    def look(self, shelf: Shelf, data_key: bytes) -> Image:
        """A shelf as this vault proves it. Raises BackendError."""
        kind, account = shelf
        return load_image(self._anchor.source(account, kind), data_key, packed=True)


def open_source(
    places: Sequence[Place],
    kit: Kit,
    kinds: Iterable[str],
    pulse: Callable[[], object] = lambda: None,
) -> Source:
    """Open what is left of a copy of the vault, or of several as one, and list it; ``pulse`` is
    told that it goes on.

    Raises NotAVault, FutureVault, WrongKit; Unavailable when it can't be read."""
    checked, refusal = look(places, kit)
    vault = checked.vault
    vault = Vault(ReadOnly(vault.backend), vault.format, vault.verifier)
    checked = replace(checked, vault=vault)
    try:
        epoch = checked.epochs[-1].number
        anchor = read_anchor(vault, checked.journal_keys, epoch, ends=checked.ends)
        scan = _scan(checked, anchor, kinds, pulse)
    except (BackendError, Damaged) as error:
        raise Unavailable(error.what, safe="nothing was changed", hint=error.hint) from error
    if refusal:
        scan.flaws.insert(0, f"a recovery would refuse it: {refusal}")
    return Source(", ".join(map(str, places)), checked, anchor, scan)


def _scan(
    checked: Checked, anchor: Anchor, kinds: Iterable[str], pulse: Callable[[], object]
) -> Scan:
    scan = Scan()
    kinds = sorted({*kinds, *anchor.root.buckets})
    for kind in kinds:
        _scan_ledger(scan, anchor, kind, pulse)
    _scan_tail(scan, anchor)
    keyed = set(list_keys(checked.vault))
    for kind in sorted(kinds, key=lambda kind: kind != ACCOUNT):  # an account's own comes first
        for shelf in _feared(scan, anchor, kind, keyed):
            if shelf not in scan.shelves:
                scan.shelves[shelf] = 0
                scan.uncounted.add(shelf)
    scan.uncounted |= {shelf for shelf in scan.shelves if _is_broken(anchor, shelf)}
    scan.touched |= scan.uncounted
    keyless = {account for _, account in scan.shelves} - keyed - checked.erased.keys()
    scan.touched |= {shelf for shelf in scan.shelves if shelf[1] in keyless}
    if keyless:
        scan.flaws.append(f"accounts without their keys: {len(keyless)}")
    return scan


def _feared(scan: Scan, anchor: Anchor, kind: str, keyed: Iterable[bytes]) -> set[Shelf]:
    """Shelves that must exist though nothing may tell of them: every account has some from its
    first moment on, and who has a key is an account, or was about to be one."""
    at_once = kind in AT_ONCE
    feared = {(kind, account) for own, account in scan.shelves if at_once and own == ACCOUNT}
    untold = any(gap.touched is None for gap in anchor.tail.gaps)
    for shelf in ((kind, account) for account in keyed):
        if untold or _is_broken(anchor, shelf):
            feared.add(shelf)
    return feared


def _is_broken(anchor: Anchor, shelf: Shelf) -> bool:
    """Whether the manifest that would tell of a shelf can't be read."""
    kind, account = shelf
    return (kind, bucket_of(account, anchor.vault.bucket_bits)) in anchor.broken


def _scan_ledger(scan: Scan, anchor: Anchor, kind: str, pulse: Callable[[], object]) -> None:
    packs = bad_packs = 0
    for bucket in anchor.buckets(kind):
        pulse()
        manifest = anchor.manifest(kind, bucket)
        if manifest is None:
            continue
        bad = _bad_packs(anchor.vault, manifest)
        packs += len(manifest.packs)
        bad_packs += len(bad)
        for entry in manifest.shelves:
            shelf = (kind, entry.account)
            levels = [level for level in (entry.base, entry.delta) if level is not None]
            scan.shelves[shelf] = sum(level.count for level in levels)
            scan.heads[shelf] = [(entry.top.last, entry.ends)]
            if entry.problems or (bad and not bad.isdisjoint(_packs_of(entry))):
                scan.touched.add(shelf)
    buckets = len(anchor.buckets(kind))
    if broken := sum(kind == broken for broken, _ in anchor.broken):
        scan.flaws.append(f"{kind}: {broken} of {buckets} manifests can't be read")
    if bad_packs:
        scan.flaws.append(f"{kind}: {bad_packs} of {packs} packs missing or cut short")


def _scan_tail(scan: Scan, anchor: Anchor) -> None:
    touched = anchor.tail.shelves()
    for source in anchor.tail.sources:
        for row in unpack_rows(source.header.rows):
            shelf = (unpad_kind(row.kind), row.account)
            scan.shelves[shelf] = scan.shelves.get(shelf, 0) + row.changes
            scan.heads.setdefault(shelf, []).append((row.last, {}))
    for account, kind in touched:
        scan.shelves.setdefault((kind, account), 0)
    scan.torn = bool(anchor.tail.gaps)
    for gap in anchor.tail.gaps:
        scan.touched |= {(kind, account) for account, kind in gap.touched or ()}
        scan.flaws.append(
            f"segments {gap.first} to {gap.last} of writer {gap.writer} in epoch {gap.epoch}"
            f" are lost: {gap.cause}"
        )


def _bad_packs(vault: Vault, manifest: Manifest) -> set[int]:
    """The packs of a manifest that no copy has as long as it says, by their numbers.

    Raises BackendError."""
    return {
        number
        for number, pack in enumerate(manifest.packs)
        if not any(_size(copy, pack.name) == pack.size for copy in each(vault.backend))
    }


def _size(copy: Readable, name: str) -> int:
    """How long an object is, -1 where there is none."""
    try:
        return copy.size(name)
    except Missing:
        return -1


def _packs_of(entry: ShelfEntry) -> Iterator[int]:
    for level in filter(None, (entry.base, entry.delta)):
        yield level.roster.pack
        yield from (span.pack for span in level.bodies)
