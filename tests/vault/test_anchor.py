"""The anchor: manifests are read when they are asked for, and few of them are kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.vault.vaults import Made, make_vault

from stillhere.vault import anchor as room
from stillhere.vault.anchor import Anchor
from stillhere.vault.backends.directory import Directory
from stillhere.vault.backends.overlay import Overlay
from stillhere.vault.layout import manifest_name, twin
from stillhere.vault.manifests import EMPTY_ROOT, Level, Manifest, Root, ShelfEntry, Span
from stillhere.vault.manifests import write_manifest as write
from stillhere.vault.opened import Vault
from stillhere.vault.tail import Tail

BITS = 3
BUCKETS = range(1 << BITS)
SHELVES = 4  # of each bucket
LEVEL = Level(7, bytes(32), 3, bytes(32), Span(0, 8, 10), [Span(0, 18, 90)])


class Counted(Directory):
    """A vault's place that counts the objects read from it."""

    reads = 0

    def read(self, name: str) -> bytes:
        self.reads += 1
        return super().read(name)


def account(bucket: int, number: int) -> bytes:
    return bytes([bucket << (8 - BITS), number]) * 8


def manifest(bucket: int) -> Manifest:
    entries = [ShelfEntry(account(bucket, n), LEVEL, None, {}, [], []) for n in range(SHELVES)]
    return Manifest("contacts", bucket, 1, [], entries, [])


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make_vault(tmp_path / "vault", bucket_bits=BITS)


@pytest.fixture
def root(made: Made) -> Root:
    named = {bucket: (1, write(made.vault, made.signer, manifest(bucket))) for bucket in BUCKETS}
    return Root(1, 1, 5, {}, {"contacts": named}, EMPTY_ROOT.before, [])


def look(anchor: Anchor, bucket: int) -> None:
    """Ask for every shelf of a bucket."""
    for number in range(SHELVES):
        entry = anchor.source(account(bucket, number), "contacts").entry
        assert entry == manifest(bucket).shelves[number]


def counted(made: Made, root: Root) -> tuple[Anchor, Counted]:
    place = Counted(made.root)
    return Anchor(Vault(place, made.vault.format, made.vault.verifier), root, Tail(), 1), place


def test_a_small_vault_is_read_once(made: Made, root: Root) -> None:
    anchor, place = counted(made, root)
    for _ in range(3):
        for bucket in BUCKETS:
            look(anchor, bucket)
    assert place.reads == len(BUCKETS)


def test_of_a_large_one_the_last_are_kept(
    made: Made, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "KEPT_ENTRIES", 3 * SHELVES)
    anchor, place = counted(made, root)
    for bucket in BUCKETS:
        look(anchor, bucket)
    for bucket in (5, 6, 7):
        look(anchor, bucket)
    assert place.reads == len(BUCKETS), "the last three were read again"
    look(anchor, 0)
    look(anchor, 6)
    assert place.reads == len(BUCKETS) + 1
    look(anchor, 5)  # nobody had asked for it the longest
    assert place.reads == len(BUCKETS) + 2


def test_two_are_kept_however_large_they_are(
    made: Made, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "KEPT_ENTRIES", 1)
    anchor, place = counted(made, root)
    for _ in range(3):
        look(anchor, 0)
        look(anchor, 1)
    assert place.reads == 2
    look(anchor, 2)
    look(anchor, 0)
    assert place.reads == 4


def test_the_mirror_is_asked_before_the_vault_and_trusted_no_more(
    made: Made, root: Root, tmp_path: Path
) -> None:
    near = tmp_path / "near"
    for bucket in BUCKETS:
        name = manifest_name("contacts", bucket, 1)
        (near / name).parent.mkdir(parents=True)
        (near / name).write_bytes((made.root / name).read_bytes())
    name = manifest_name("contacts", 1, 1)
    (near / name).write_bytes((made.root / manifest_name("contacts", 2, 1)).read_bytes())
    name = manifest_name("contacts", 3, 1)
    (near / name).write_bytes(b"")
    made.remove(twin(name))
    name = manifest_name("contacts", 4, 1)
    (near / name).unlink()
    for copy in (name, twin(name)):
        made.remove(copy)
    anchor, far = counted(made, root)
    anchor.vault, anchor.far = (
        Vault(Overlay(Directory(near, create=True), far), made.vault.format, made.vault.verifier),
        anchor.vault,
    )
    look(anchor, 0)
    assert far.reads == 0
    for bucket in (1, 3):
        look(anchor, bucket)
    assert not anchor.broken
    source = anchor.source(account(4, 0), "contacts")
    assert source.entry is None
    assert manifest_name("contacts", 4, 1) in source.broken
