"""Signed objects: moved, forged, stale or another vault's ones are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.vault.vaults import make_vault

from stillhere.errors import Damaged
from stillhere.vault.epochs import read_epoch, read_epochs, read_writers, register_writer
from stillhere.vault.layout import epoch_name, writer_name
from stillhere.vault.manifests import EMPTY_ROOT, read_root, read_root_number, write_root
from stillhere.vault.signing import ROOT, Signer, Verifier

VAULT = b"v" * 16


@pytest.fixture
def keys() -> dict[int, Ed25519PrivateKey]:
    return {number: Ed25519PrivateKey.generate() for number in range(3)}


@pytest.fixture
def verifier(keys: dict[int, Ed25519PrivateKey]) -> Verifier:
    made = Verifier(VAULT, keys[ROOT].public_key().public_bytes_raw())
    made.trust(1, keys[1].public_key().public_bytes_raw(), 0)
    return made


def test_a_signed_object_gives_its_body_under_its_own_name_only(
    keys: dict[int, Ed25519PrivateKey], verifier: Verifier
) -> None:
    signed = Signer(VAULT, 1, keys[1]).sign("manifest/contacts/0000/00000007", b"body")
    assert verifier.verify("manifest/contacts/0000/00000007", signed) == b"body"
    with pytest.raises(Damaged, match="00000008"):
        verifier.verify("manifest/contacts/0000/00000008", signed)


def test_an_object_of_another_vault_is_refused(
    keys: dict[int, Ed25519PrivateKey], verifier: Verifier
) -> None:
    signed = Signer(b"w" * 16, 1, keys[1]).sign("epochs/1", b"body")
    with pytest.raises(Damaged):
        verifier.verify("epochs/1", signed)


def test_name_and_body_can_not_trade_bytes(
    keys: dict[int, Ed25519PrivateKey], verifier: Verifier
) -> None:
    signed = Signer(VAULT, 1, keys[1]).sign("a", b"b\0c")
    with pytest.raises(Damaged):
        verifier.verify("a\0b", signed.replace(b"b\0c", b"c"))


def test_an_epoch_that_is_not_certified_signs_nothing(
    keys: dict[int, Ed25519PrivateKey], verifier: Verifier
) -> None:
    with pytest.raises(Damaged):
        verifier.verify("x", Signer(VAULT, 2, keys[2]).sign("x", b""))
    with pytest.raises(Damaged):
        verifier.verify("x", Signer(VAULT, 1, keys[2]).sign("x", b""))


def test_only_who_may_sign_an_object_can(
    keys: dict[int, Ed25519PrivateKey], verifier: Verifier
) -> None:
    signed = Signer(VAULT, 1, keys[1]).sign("epochs/2", b"body")
    assert verifier.verify("epochs/2", signed, by=(1,)) == b"body"
    with pytest.raises(Damaged, match="epoch 1"):
        verifier.verify("epochs/2", signed, by=(ROOT,))


def test_no_byte_of_a_signed_object_can_be_changed(
    keys: dict[int, Ed25519PrivateKey], verifier: Verifier
) -> None:
    signed = Signer(VAULT, 1, keys[1]).sign("x", b"what must exist")
    for place in range(len(signed)):
        for bit in (0x01, 0x80):
            broken = signed[:place] + bytes([signed[place] ^ bit]) + signed[place + 1 :]
            with pytest.raises(Damaged):
                verifier.verify("x", broken)
    for length in range(len(signed)):
        with pytest.raises(Damaged):
            verifier.verify("x", signed[:length])


def test_an_epoch_copied_to_another_number_is_refused(tmp_path: Path) -> None:
    made = make_vault(tmp_path)
    data = made.vault.backend.read(epoch_name(1))
    made.vault.backend.create(epoch_name(2), data)
    with pytest.raises(Damaged):
        read_epoch(made.vault, 2)
    with pytest.raises(Damaged):
        read_epochs(made.vault)


def test_a_writer_s_slot_moved_from_another_epoch_is_no_registration(tmp_path: Path) -> None:
    made = make_vault(tmp_path)
    made.begin(2)
    read_epochs(made.vault)
    assert register_writer(made.vault, made.signers[1], made.core) == 0
    slot = made.vault.backend.read(writer_name(1, 0))
    made.vault.backend.create(writer_name(2, 0), slot)
    assert [slot.core for slot in read_writers(made.vault, 2)] == [b""]


def test_a_core_of_a_sealed_epoch_registers_nobody_in_a_later_one(tmp_path: Path) -> None:
    made = make_vault(tmp_path)
    assert register_writer(made.vault, made.signers[1], made.core) == 0
    made.begin(2)
    read_epochs(made.vault)
    name = writer_name(2, 0)
    body = made.vault.verifier.verify(writer_name(1, 0), made.vault.backend.read(writer_name(1, 0)))
    made.vault.backend.create(name, made.signers[1].sign(name, body))
    assert [slot.core for slot in read_writers(made.vault, 2)] == [b""]


def test_a_root_manifest_that_a_sealed_epoch_signs_afterwards_is_not_believed(
    tmp_path: Path,
) -> None:
    made = make_vault(tmp_path)
    honest = EMPTY_ROOT.__class__(1, 1, 10, {1: {0: 3}}, {}, bytes(32), [])
    assert write_root(made.vault, made.signers[1], honest)
    made.begin(2, roots=1)
    read_epochs(made.vault)
    late = EMPTY_ROOT.__class__(2, 1, 99, {1: {0: 900}}, {}, bytes(32), [])
    assert write_root(made.vault, made.signers[1], late)
    with pytest.raises(Damaged, match="after the end"):
        read_root_number(made.vault, 2)
    assert read_root(made.vault) == honest
