"""What a thief may leave in a vault's folders, and what only a key's owner can seal badly."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.vault.vaults import Line, Made, Writer, make_vault

from stillhere.errors import Damaged
from stillhere.vault.epochs import read_epoch, read_epochs, read_writers, register_writer
from stillhere.vault.layout import epoch_name, root_name
from stillhere.vault.manifests import EMPTY_ROOT, next_root_number, read_root
from stillhere.vault.segments import Header, frame, read_header
from stillhere.vault.signing import ROOT, Signer, Verifier
from stillhere.vault.tail import list_journal

STRAYS = ("²", "٣", "1 ", "9" * 200, "x", "-1", "000001.txt")


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make_vault(tmp_path)


@pytest.mark.parametrize("stray", STRAYS)
def test_names_that_are_no_numbers_are_passed_over(made: Made, stray: str) -> None:
    line = Line("anna")
    register_writer(made.vault, made.signer, made.core)
    Writer(made, [line]).write(line.put(a="1"))
    for folder in ("epochs", "epochs/000001/writers", "journal/000001/000000", "manifest/root"):
        made.vault.backend.create(f"{folder}/{stray}", b"")
    assert len(read_epochs(made.vault)) == 1
    assert len(read_writers(made.vault, 1)) == 1
    assert read_root(made.vault) == EMPTY_ROOT
    assert next_root_number(made.vault) == 1
    assert len(list_journal(made.vault, 1, 0).spans) == 1


def test_a_slot_far_beyond_all_others_is_nobodys(made: Made) -> None:
    register_writer(made.vault, made.signer, made.core)
    made.vault.backend.create("epochs/000001/writers/999999999999", b"")
    assert len(read_writers(made.vault, 1)) == 1


@pytest.mark.parametrize("body", [b"", b"\x93", b"\x81" * 5_000, b"\xdd\xff\xff\xff\xff"])
def test_what_is_signed_and_says_nothing_is_damage(made: Made, body: bytes) -> None:
    for number, name, signer in (
        (2, epoch_name(2), Signer(made.kit.vault, ROOT, made.kit.root)),
        (1, root_name(1), made.signer),
    ):
        made.vault.backend.create(name, signer.sign(name, body))
        with pytest.raises(Damaged):
            read_epoch(made.vault, number) if number == 2 else read_root(made.vault)


def test_a_signature_around_anything_is_looked_at_only_so_far(made: Made) -> None:
    verifier = Verifier(made.kit.vault, made.kit.root_public)
    for data in (b"STHSIGN1" + b"\x91" * 100_000, b"STHSIGN1\xdd\xff\xff\xff\xff", b"STHSIGN1"):
        with pytest.raises(Damaged):
            verifier.verify("x", data)


def test_a_key_of_another_length_is_none(made: Made) -> None:
    with pytest.raises(Damaged):
        made.vault.verifier.trust(2, b"short", 0)


@pytest.mark.parametrize("cut", ["rows", "touched_before"])
def test_an_index_that_is_cut_short_is_damage(made: Made, cut: str) -> None:
    header = Header(1, 0, 1, 1, bytes(32), 0, b"", b"", b"")
    data = frame(made.journal_key, msgspec.structs.replace(header, **{cut: b"x"}), [])
    with pytest.raises(Damaged):
        read_header(made.journal_key, data)
