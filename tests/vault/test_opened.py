"""Beginning and opening a vault: what is none, not this one, or from the future is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.rooms import Unsteady
from tests.vault.vaults import Made, make_vault

from stillhere.errors import FutureVault, NotAVault, RefusedVault, Unavailable, WrongKit, render
from stillhere.vault.backends.directory import Directory
from stillhere.vault.kit import Kit
from stillhere.vault.layout import FORMAT, twin
from stillhere.vault.opened import create_vault, open_vault


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make_vault(tmp_path, bucket_bits=4)


def rewrite(made: Made, **fields: object) -> None:
    """Change what both copies say; its signature stays what it was."""
    for name in (FORMAT, twin(FORMAT)):
        path = made.root / name
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_a_vault_is_opened_with_what_it_was_made(made: Made) -> None:
    vault = open_vault(Directory(made.root), made.kit.root_public)
    assert (vault.id, vault.bucket_bits, vault.kit_public) == (made.kit.vault, 4, made.kit.public)


def test_a_vault_does_not_begin_where_something_lies(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(NotAVault, match="not empty"):
        create_vault(Directory(tmp_path, create=True), Kit.make())
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_an_empty_folder_is_no_vault(tmp_path: Path) -> None:
    with pytest.raises(NotAVault, match=FORMAT):
        open_vault(Directory(tmp_path))


def test_the_kit_of_another_vault_is_refused(made: Made) -> None:
    with pytest.raises(WrongKit, match="another vault") as refused:
        open_vault(Directory(made.root), Kit.make().root_public)
    assert made.kit.vault.hex() in refused.value.hint


def test_a_vault_from_the_future_names_its_format(made: Made) -> None:
    rewrite(made, stillhere=2, novelty="?")
    with pytest.raises(FutureVault, match="format 2"):
        open_vault(Directory(made.root))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "\0" * 300, '{"stillhere": "1"}', '{"stillhere": 1}', '{"restic": 2}'],
)
def test_a_broken_format_is_refused(made: Made, text: str) -> None:
    for name in (FORMAT, twin(FORMAT)):
        (made.root / name).write_text(text)
    with pytest.raises(RefusedVault) as refused:
        open_vault(Directory(made.root))
    assert "nothing was changed" in render(refused.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"root": "00"},
        {"vault": "zz" * 16},
        {"vault": "00" * 16},
        {"cipher": "ROT13"},
        {"bucket_bits": 5},
        {"bucket_bits": "4"},
        {"created": "2001-01-01T00:00:00+00:00"},
        {"kit": "00" * 1216},
        {"signature": ""},
        {"signature": "zz"},
    ],
)
def test_a_format_that_the_root_did_not_sign_is_refused(
    made: Made, fields: dict[str, object]
) -> None:
    rewrite(made, **fields)
    with pytest.raises(RefusedVault):
        open_vault(Directory(made.root))


def test_any_broken_byte_of_one_copy_leaves_the_other(made: Made) -> None:
    """One bit of the number of buckets would hide every shelf of the vault."""
    for name in (FORMAT, twin(FORMAT)):
        data = (made.root / name).read_bytes()
        for place in range(0, len(data), 43):
            made.flip(name, place)
            vault = open_vault(Directory(made.root), made.kit.root_public)
            assert (vault.bucket_bits, vault.kit_public) == (4, made.kit.public)
            made.flip(name, place)


@pytest.mark.parametrize("copy", [FORMAT, twin(FORMAT)])
def test_a_vault_without_one_copy_goes_on(made: Made, copy: str) -> None:
    made.remove(copy)
    vault = open_vault(Directory(made.root), made.kit.root_public)
    vault.backend.create("a/new/folder", b"")
    assert vault.backend.read("a/new/folder") == b""


def test_a_storage_that_does_not_answer_is_not_called_another_vault(made: Made) -> None:
    backend = Unsteady(made.root)
    backend.blind = lambda name: True
    with pytest.raises(Unavailable):
        open_vault(backend)
