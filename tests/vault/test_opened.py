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
from stillhere.vault.layout import FORMAT
from stillhere.vault.opened import create_vault, open_vault


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make_vault(tmp_path, bucket_bits=4)


def rewrite(made: Made, **fields: object) -> None:
    path = made.root / FORMAT
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_a_vault_is_opened_with_what_it_was_made(made: Made) -> None:
    vault = open_vault(Directory(made.root), made.kit.root_public)
    assert (vault.id, vault.bucket_bits, vault.kit_public) == (made.kit.vault, 4, made.kit.public)


def test_a_vault_does_not_begin_where_something_lies(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"")
    kit = Kit.make()
    with pytest.raises(NotAVault, match="not empty"):
        create_vault(Directory(tmp_path, create=True), kit)
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
    (made.root / FORMAT).write_text(text)
    with pytest.raises(RefusedVault) as refused:
        open_vault(Directory(made.root))
    assert "nothing was changed" in render(refused.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"root": "00"},
        {"vault": "zz" * 16},
        {"cipher": "ROT13"},
        {"bucket_bits": 17},
        {"bucket_bits": -1},
        {"bucket_bits": "6"},
    ],
)
def test_a_format_that_can_not_be_true_is_refused(made: Made, fields: dict[str, object]) -> None:
    rewrite(made, **fields)
    with pytest.raises(RefusedVault):
        open_vault(Directory(made.root))


def test_a_storage_that_does_not_answer_is_not_called_another_vault(made: Made) -> None:
    backend = Unsteady(made.root)
    backend.blind = lambda name: True
    with pytest.raises(Unavailable):
        open_vault(backend)
