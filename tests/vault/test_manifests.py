"""Manifests and roots: kept twice, named by digest, committed by their slot."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest
from tests.vault.vaults import Made, make_vault

from stillhere.errors import Damaged
from stillhere.vault.anchor import Anchor
from stillhere.vault.backends import Exists
from stillhere.vault.layout import manifest_name, root_name, twin
from stillhere.vault.manifests import (
    EMPTY_ROOT,
    Level,
    Manifest,
    Pack,
    Root,
    ShelfEntry,
    Span,
    next_number,
    next_root_number,
    read_index,
    read_manifest,
    read_root,
    read_root_number,
    root_digest,
    write_manifest,
    write_root,
)
from stillhere.vault.tail import Tail

LEVEL = Level(7, bytes(32), 3, bytes(32), Span(0, 8, 10), [Span(0, 18, 90)])


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make_vault(tmp_path)


def manifest(number: int = 1, shelves: int = 3) -> Manifest:
    entries = [ShelfEntry(bytes([n]) * 16, LEVEL, None, {1: 5}, [], []) for n in range(shelves)]
    packs = [Pack("ledger/contacts/a.pack", 99, bytes(32)), Pack("b", 9, bytes(32))]
    return Manifest("contacts", 0, number, packs, entries, [])


def root(number: int = 1) -> Root:
    return Root(number, 1, 1000 + number, {1: {0: number}}, {}, bytes(32), [])


def write(made: Made, number: int = 1) -> bytes:
    return write_manifest(made.vault, made.signer, manifest(number))


def test_an_index_finds_each_shelf_of_its_manifest_and_no_other(made: Made) -> None:
    index = read_index(made.vault, "contacts", 0, 1, write(made))
    whole = manifest()
    assert [index.find(entry.account) for entry in whole.shelves] == whole.shelves
    for stranger in (bytes(15) + b"\1", bytes([1]) * 15 + b"\2", b"\xff" * 16):
        assert index.find(stranger) is None
    assert index.place(Span(1, 8, 10)) == whole.place(Span(1, 8, 10))
    with pytest.raises(Damaged):
        index.place(Span(2, 8, 10))


def test_an_index_refuses_an_entry_that_is_none(made: Made) -> None:
    """Signed by a writer that did not know what it did."""
    entry = manifest().shelves[1]
    odd = msgspec.structs.replace(entry, base="not a level")
    shelves = [*manifest().shelves[:1], odd, *manifest().shelves[2:]]
    digest = write_manifest(
        made.vault, made.signer, msgspec.structs.replace(manifest(), shelves=shelves)
    )
    index = read_index(made.vault, "contacts", 0, 1, digest)
    assert index.find(manifest().shelves[0].account) == manifest().shelves[0]
    with pytest.raises(Damaged):
        index.find(entry.account)
    named = Root(1, 1, 5, {}, {"contacts": {0: (1, digest)}}, bytes(32), [])
    anchor = Anchor(made.vault, named, Tail(), 1)
    assert anchor.source(entry.account, "contacts").broken


def test_a_manifest_is_what_its_root_names(made: Made) -> None:
    digest = write(made)
    assert read_manifest(made.vault, "contacts", 0, 1, digest) == manifest()
    with pytest.raises(Damaged):
        read_manifest(made.vault, "contacts", 0, 1, bytes(32))
    with pytest.raises(Damaged):
        read_manifest(made.vault, "contacts", 0, 2, digest)


@pytest.mark.parametrize("hurt", ["first", "twin"])
@pytest.mark.parametrize("loss", ["missing", "broken", "empty"])
def test_one_copy_of_a_manifest_or_root_is_enough(made: Made, hurt: str, loss: str) -> None:
    digest = write(made)
    assert write_root(made.vault, made.signer, root())
    for name in (manifest_name("contacts", 0, 1), root_name(1)):
        copy = name if hurt == "first" else twin(name)
        if loss == "missing":
            made.remove(copy)
        elif loss == "broken":
            made.flip(copy, 60)
        else:
            (made.root / copy).write_bytes(b"")
    assert read_manifest(made.vault, "contacts", 0, 1, digest) == manifest()
    assert read_root(made.vault) == root()


def test_without_both_copies_a_manifest_is_damage_with_its_name(made: Made) -> None:
    digest = write(made)
    name = manifest_name("contacts", 0, 1)
    made.flip(name, 60)
    made.remove(twin(name))
    with pytest.raises(Damaged, match=name):
        read_manifest(made.vault, "contacts", 0, 1, digest)


def test_an_older_root_serves_where_the_newest_is_broken(made: Made) -> None:
    for number in (1, 2, 3):
        assert write_root(made.vault, made.signer, root(number))
    assert read_root(made.vault) == root(3)
    made.flip(root_name(3), 60)
    made.flip(twin(root_name(3)), 60)
    assert read_root(made.vault) == root(2)
    assert next_root_number(made.vault) == 4
    with pytest.raises(Damaged):
        read_root_number(made.vault, 3)


def test_where_no_root_proves_itself_nothing_is_assumed(made: Made) -> None:
    assert read_root(made.vault) == EMPTY_ROOT
    for number in (1, 2):
        assert write_root(made.vault, made.signer, root(number))
        made.flip(root_name(number), 60)
        made.flip(twin(root_name(number)), 60)
    with pytest.raises(Damaged):
        read_root(made.vault)


def test_a_root_under_another_number_is_refused(made: Made) -> None:
    assert write_root(made.vault, made.signer, root(1))
    data = made.vault.backend.read(root_name(1))
    made.vault.backend.create(root_name(2), data)
    made.vault.backend.create(twin(root_name(2)), data)
    assert read_root(made.vault) == root(1)


def test_of_two_compactions_one_commits(made: Made) -> None:
    assert write_root(made.vault, made.signer, root(1))
    other = Root(1, 1, 5, {1: {0: 900}}, {}, bytes(32), [])
    assert not write_root(made.vault, made.signer, other)
    assert read_root(made.vault) == root(1)


def test_numbers_of_interrupted_compactions_are_passed_over(made: Made) -> None:
    assert next_number(made.vault, "contacts", 0) == 1
    write(made, 1)
    made.remove(twin(manifest_name("contacts", 0, 1)))
    assert next_number(made.vault, "contacts", 0) == 2
    made.vault.backend.create(twin(manifest_name("contacts", 0, 2)), b"")
    assert next_number(made.vault, "contacts", 0) == 3
    assert next_number(made.vault, "contacts", 1) == 1
    with pytest.raises(Exists):
        write(made, 1)


def test_a_shelf_is_found_by_its_account_alone() -> None:
    many = manifest(shelves=20)
    for n in range(20):
        entry = many.find(bytes([n]) * 16)
        assert entry is not None
        assert entry.account == bytes([n]) * 16
    for stranger in (bytes([5]) * 15 + b"\0", b"", b"\xff" * 16):
        assert many.find(stranger) is None
    assert manifest(shelves=0).find(bytes(16)) is None


def test_a_root_names_the_one_before_by_its_digest() -> None:
    assert root_digest(EMPTY_ROOT) == bytes(32)
    assert len({root_digest(root(n)) for n in range(1, 9)}) == 8
    assert root_digest(root(1)) == root_digest(root(1))
    assert hashlib.sha256().digest_size == len(root_digest(root(1)))
