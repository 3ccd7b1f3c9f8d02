"""Manifests: signed statements of what must exist.

A bucket's manifest has every shelf of one kind in it: where its chunks lie and the head that
proves them. The root manifest names each bucket's newest one and says how far into the
journal they reach; creating it commits a compaction. Both are kept twice.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated

import msgspec
import zstandard
from msgspec import Meta

from stillhere.errors import Damaged
from stillhere.vault.backends import Exists
from stillhere.vault.codec import LEDGER_LEVEL, decode, expand
from stillhere.vault.layout import (
    ROOT_FOLDER,
    manifest_folder,
    manifest_name,
    numbers_of,
    root_name,
    twin,
)
from stillhere.vault.opened import Vault, find_proven, first_proven
from stillhere.vault.packs import Place
from stillhere.vault.signing import EpochEnded, Signer

Natural = Annotated[int, Meta(ge=0)]
Number = Annotated[int, Meta(ge=1)]


class Span(msgspec.Struct, frozen=True, array_like=True):
    """A chunk's place: the number of its pack in the manifest's list, offset, length."""

    pack: Natural
    offset: Natural
    length: Natural


class Level(msgspec.Struct, frozen=True, array_like=True):
    """A base or a delta: the head that it proves, and its chunks.

    ``count`` is the number of roster rows, ``digest`` the roster's SHA-256, ``chain`` the
    shelf's chain at ``last``. A delta's rows replace those of the base."""

    last: int
    chain: bytes
    count: int
    digest: bytes
    roster: Span
    bodies: list[Span]


class ShelfEntry(msgspec.Struct, frozen=True, array_like=True):
    """A shelf in its bucket's manifest. ``ends`` has the last position of past epochs;
    ``history`` the chunks of superseded revisions and kept notes; ``problems`` says why the
    shelf is not proven although its levels are (a part before them was lost); ``evidence`` is
    the chunk of every note up to its head, None where there is none."""

    account: bytes
    base: Level
    delta: Level | None
    ends: dict[int, int]
    history: list[Span]
    problems: list[str]
    evidence: Span | None = None

    @property
    def top(self) -> Level:
        """The newest level, whose head is the shelf's."""
        return self.delta or self.base


class Pack(msgspec.Struct, frozen=True, array_like=True):
    """A pack that a manifest needs."""

    name: str
    size: int
    sha256: bytes


class Dropped(msgspec.Struct, frozen=True, array_like=True):
    """An object that is not needed any more, since when (milliseconds since 1970)."""

    name: str
    since: int


class PackTable(msgspec.Struct, frozen=True, array_like=True):
    """Where a manifest begins: which bucket of which kind it is of, and the packs it needs."""

    kind: str
    bucket: int
    number: int
    packs: list[Pack]

    def place(self, span: Span) -> Place:
        """Where a span's chunk lies. Raises Damaged."""
        if span.pack >= len(self.packs):
            raise Damaged(f"a chunk lies in pack {span.pack} of {len(self.packs)}")
        return Place(self.packs[span.pack].name, span.offset, span.length)


class Manifest(PackTable, frozen=True, array_like=True):
    """One bucket of one kind: its packs, its shelves sorted by account, and what it needed
    once and may be deleted in time."""

    shelves: list[ShelfEntry]
    dropped: list[Dropped]

    def find(self, account: bytes) -> ShelfEntry | None:
        """The entry of an account, by binary search."""
        at = bisect_left(self.shelves, account, key=lambda entry: entry.account)
        if at < len(self.shelves) and self.shelves[at].account == account:
            return self.shelves[at]
        return None


class Index(PackTable, frozen=True, array_like=True):
    """A manifest whose shelves are decoded when they are asked for, one by one: it is read in
    half the time, and takes a quarter of the memory (0.2 kB a shelf)."""

    shelves: list[msgspec.Raw]
    dropped: msgspec.Raw

    def find(self, account: bytes) -> ShelfEntry | None:
        """The entry of an account, by binary search. Raises Damaged."""
        at = bisect_left(self.shelves, account, key=_account_of)
        if at == len(self.shelves) or _account_of(self.shelves[at]) != account:
            return None
        return decode(_entries, self.shelves[at], "a manifest's entry")


class _Account(msgspec.Struct, frozen=True, array_like=True):
    """Where a shelf's entry begins."""

    account: bytes


class Root(msgspec.Struct, frozen=True, array_like=True):
    """The manifest of manifests.

    ``cut`` is epoch → writer → the last segment taken in; ``buckets`` is kind → bucket →
    (number, SHA-256) of its manifest; ``before`` the SHA-256 of the root before; ``keep``
    names objects that are evidence of a loss and are not to be deleted."""

    number: int
    epoch: int
    created: int
    cut: dict[Number, dict[int, int]]
    buckets: dict[str, dict[int, tuple[int, bytes]]]
    before: bytes
    keep: list[str]


_manifests = msgspec.msgpack.Decoder(Manifest)
_indexes = msgspec.msgpack.Decoder(Index)
_entries = msgspec.msgpack.Decoder(ShelfEntry)
_accounts = msgspec.msgpack.Decoder(_Account)
_roots = msgspec.msgpack.Decoder(Root)
_encode = msgspec.msgpack.Encoder().encode
ROOTS_TRIED = 8
EMPTY_ROOT = Root(0, 0, 0, {}, {}, bytes(32), [])


def write_manifest(vault: Vault, signer: Signer, manifest: Manifest) -> bytes:
    """Keep a bucket's manifest twice; returns its SHA-256.

    A slot that an interrupted compaction left is passed over by the caller's number."""
    name = manifest_name(manifest.kind, manifest.bucket, manifest.number)
    body = zstandard.ZstdCompressor(level=LEDGER_LEVEL).compress(_encode(manifest))
    signed = signer.sign(name, body)
    vault.backend.create(name, signed)
    vault.backend.create(twin(name), signed)
    return hashlib.sha256(signed).digest()


def read_manifest(vault: Vault, kind: str, bucket: int, number: int, digest: bytes) -> Manifest:
    """The manifest that a root names, from whichever copy proves itself. Raises Damaged."""
    signed = read_signed_manifest(vault, kind, bucket, number, digest)
    return open_manifest(vault, manifest_name(kind, bucket, number), signed)


def read_index(vault: Vault, kind: str, bucket: int, number: int, digest: bytes) -> Index:
    """The same, its shelves not decoded yet. Raises Damaged."""
    name = manifest_name(kind, bucket, number)
    signed = read_signed_manifest(vault, kind, bucket, number, digest)
    return decode(_indexes, expand(vault.verifier.verify(name, signed), name), name)


def read_signed_manifest(vault: Vault, kind: str, bucket: int, number: int, digest: bytes) -> bytes:
    """The bytes of the manifest that a root names, from whichever copy has its digest.

    Raises Damaged, BackendError."""
    name = manifest_name(kind, bucket, number)

    def prove(_: str, data: bytes) -> bytes:
        if hashlib.sha256(data).digest() != digest:
            raise Damaged(f"{name} is not what its root names")
        return data

    try:
        found = find_proven(vault, (name, twin(name)), prove)
    except Damaged:
        found = None
    if found is None:
        raise Damaged(f"{name} is missing or broken, and so is its twin")
    return found


def open_manifest(vault: Vault, name: str, signed: bytes) -> Manifest:
    """What a signed manifest says. Raises Damaged."""
    return decode(_manifests, expand(vault.verifier.verify(name, signed), name), name)


def find_later_manifest(vault: Vault, kind: str, bucket: int, named: int) -> Manifest | None:
    """The newest manifest of a bucket beyond the one that a root names (0: none) that proves
    itself. A compaction that was cut short leaves one, and so does a root that was taken away.

    Raises BackendError."""
    last = _last_number(vault, manifest_folder(kind, bucket))
    for number in range(last, named, -1):
        name = manifest_name(kind, bucket, number)
        with suppress(Damaged):
            names = name, twin(name)
            found = find_proven(vault, names, lambda _, data: open_manifest(vault, name, data))  # noqa: B023
            if found is not None:
                return found
    return None


def next_root_number(vault: Vault) -> int:
    """A number for a root manifest that no object has."""
    return _last_number(vault, ROOT_FOLDER) + 1


def next_number(vault: Vault, kind: str, bucket: int) -> int:
    """A number for a bucket's manifest that no object has."""
    return _last_number(vault, manifest_folder(kind, bucket)) + 1


def write_root(vault: Vault, signer: Signer, root: Root) -> bool:
    """Commit a compaction; False when another was first."""
    name = root_name(root.number)
    signed = signer.sign(name, _encode(root))
    try:
        vault.backend.create(name, signed)
    except Exists:
        return False
    vault.backend.create(twin(name), signed)
    return True


def complete_root(vault: Vault, root: Root) -> None:
    """See that every copy of the vault has a root manifest, twice: its create may have come as
    far as some of them. Raises Damaged, BackendError."""
    name = root_name(root.number)

    def prove(_: str, data: bytes) -> bytes:
        vault.verifier.verify(name, data, by=(root.epoch,))
        return data

    signed = first_proven(vault, (name, twin(name)), prove)
    for copy in (name, twin(name)):
        with suppress(Exists):
            vault.backend.create(copy, signed)


def read_root(vault: Vault) -> Root:
    """The newest root manifest that proves itself; an empty one where none was ever written.

    An older one serves as well while the journal behind it is kept: what it lacks is in the
    tail after its cut, and what is missing there is seen as a gap. Raises Damaged."""
    failure: Damaged | None = None
    tried = 0
    for number in sorted(_numbers(vault, ROOT_FOLDER), reverse=True):
        try:
            return read_root_number(vault, number)
        except EpochEnded:
            continue  # a sealed core's: it never was one
        except Damaged as error:
            failure, tried = failure or error, tried + 1
            if tried == ROOTS_TRIED:
                break
    if failure is not None:
        raise failure
    return EMPTY_ROOT


def read_root_number(vault: Vault, number: int) -> Root:
    """One root manifest, from whichever copy proves itself. Raises Damaged.

    One that an epoch has signed after its end is none, whatever its signature says."""
    name = root_name(number)

    def prove(copy: str, data: bytes) -> Root | EpochEnded:
        try:
            root = decode(_roots, vault.verifier.verify(name, data), name)
            vault.verifier.verify(name, data, by=(root.epoch,))
            vault.verifier.check_root(root.epoch, number)
        except EpochEnded as error:
            return error
        except Damaged as error:
            raise Damaged(f"{copy}: {error}") from None
        if root.number != number:
            raise Damaged(f"{copy} is the root manifest {root.number}")
        return root

    found = first_proven(vault, (name, twin(name)), prove)
    if isinstance(found, EpochEnded):
        raise found
    return found


def root_digest(root: Root) -> bytes:
    """The SHA-256 by which the next root names this one."""
    return hashlib.sha256(_encode(root)).digest() if root.number else bytes(32)


def manifests_of(root: Root, kind: str) -> Mapping[int, tuple[int, bytes]]:
    """bucket → (number, SHA-256) of one kind."""
    return root.buckets.get(kind, {})


def _account_of(entry: msgspec.Raw) -> bytes:
    return decode(_accounts, entry, "a manifest's entry").account


def _last_number(vault: Vault, folder: str) -> int:
    return max(_numbers(vault, folder), default=0)


def _numbers(vault: Vault, folder: str) -> set[int]:
    """The numbers that a manifest of this folder has, or its twin."""
    return set(numbers_of(name.removesuffix(".twin") for name in vault.backend.names(folder)))
