"""Wrapping keys: one for many accounts, durable before any of theirs, and the kit's alone."""

from __future__ import annotations

import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.rooms import Unsteady
from tests.vault.vaults import Line, Made, make_vault

from stillhere.errors import Damaged
from stillhere.vault.backends import BackendError
from stillhere.vault.keys import keep_data_key, list_keys, prove_data_key, read_data_key
from stillhere.vault.kit import Kit
from stillhere.vault.layout import key_name, twin, wrap_name
from stillhere.vault.opened import Vault
from stillhere.vault.wraps import ACCOUNTS, WRAP_BYTES, Unwrapper, Wrapper, make_wrap

ANNA, BEN = Line("anna"), Line("ben")


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make_vault(tmp_path / "vault")


def wraps(made: Made) -> list[str]:
    return [f"wraps/{name}" for name in made.vault.backend.names("wraps")]


def keep(made: Made, wrapper: Wrapper, *lines: Line) -> None:
    for line in lines:
        keep_data_key(made.vault, wrapper, line.account, line.key)


def test_one_wrap_is_enough_for_many_accounts_made_at_once(made: Made) -> None:
    wrapper = made.wrapper
    lines = [Line(f"person {number}") for number in range(50)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda line: keep(made, wrapper, line), lines))
    assert len(wraps(made)) == 2
    unwrapper = made.unwrapper
    assert {line.account: line.key for line in lines} == {
        account: read_data_key(made.vault, unwrapper, account) for account in list_keys(made.vault)
    }


def test_a_wrapping_key_is_used_for_so_many_accounts_and_no_more(made: Made) -> None:
    wrapper = made.wrapper
    taken = [wrapper.take().wrap for _ in range(ACCOUNTS + 1)]
    assert len(set(taken[:ACCOUNTS])) == 1
    assert taken[ACCOUNTS] != taken[0]
    assert len(wraps(made)) == 4


def test_another_process_makes_its_own(made: Made) -> None:
    keep(made, made.wrapper, ANNA)
    keep(made, made.wrapper, BEN)
    assert len(wraps(made)) == 4
    assert read_data_key(made.vault, made.unwrapper, BEN.account) == BEN.key


def test_a_wrapped_key_takes_84_bytes_and_shows_nothing(made: Made) -> None:
    keep(made, made.wrapper, ANNA)
    for name in (key_name(ANNA.account), twin(key_name(ANNA.account))):
        data = made.vault.backend.read(name)
        assert len(data) == 84
        assert ANNA.key not in data
        assert wrap_name(data[:WRAP_BYTES]) in wraps(made)


def test_the_kit_opens_a_wrap_once(made: Made) -> None:
    keep(made, made.wrapper, ANNA, BEN)
    unwrapper = made.unwrapper
    assert read_data_key(made.vault, unwrapper, ANNA.account) == ANNA.key
    for name in wraps(made):
        made.remove(name)
    assert read_data_key(made.vault, unwrapper, BEN.account) == BEN.key


@pytest.mark.parametrize("loss", ["missing", "broken", "empty"])
@pytest.mark.parametrize("copy", [0, 1])
def test_one_copy_of_a_wrap_is_enough(made: Made, copy: int, loss: str) -> None:
    keep(made, made.wrapper, ANNA)
    ruin(made, wraps(made)[copy], loss)
    assert read_data_key(made.vault, made.unwrapper, ANNA.account) == ANNA.key


@pytest.mark.parametrize("loss", ["missing", "broken", "empty"])
def test_a_wrap_that_is_lost_twice_takes_its_accounts_with_it_and_no_others(
    made: Made, loss: str
) -> None:
    keep(made, made.wrapper, ANNA)
    lost = wraps(made)
    keep(made, made.wrapper, BEN)
    for name in lost:
        ruin(made, name, loss)
    unwrapper = made.unwrapper
    with pytest.raises(Damaged):
        read_data_key(made.vault, unwrapper, ANNA.account)
    assert read_data_key(made.vault, unwrapper, BEN.account) == BEN.key


def ruin(made: Made, name: str, loss: str) -> None:
    if loss == "missing":
        made.remove(name)
    elif loss == "broken":
        made.flip(name, 200)
    else:
        (made.root / name).write_bytes(b"")


def test_a_wrap_in_another_s_place_opens_nothing(made: Made) -> None:
    keep(made, made.wrapper, ANNA)
    theirs = wraps(made)
    keep(made, made.wrapper, BEN)
    ours = [name for name in wraps(made) if name not in theirs]
    for there, here in zip(theirs, ours, strict=True):
        shutil.copy(made.root / here, made.root / there)
    with pytest.raises(Damaged):
        read_data_key(made.vault, made.unwrapper, ANNA.account)


def test_a_wrap_and_a_key_of_another_vault_open_nothing(made: Made, tmp_path: Path) -> None:
    other = make_vault(tmp_path / "other")
    keep(made, made.wrapper, ANNA)
    keep(other, other.wrapper, ANNA)
    for name in wraps(other):
        (made.root / name).write_bytes(other.vault.backend.read(name))
    for name in (key_name(ANNA.account), twin(key_name(ANNA.account))):
        (made.root / name).write_bytes(other.vault.backend.read(name))
    with pytest.raises(Damaged):
        read_data_key(made.vault, made.unwrapper, ANNA.account)
    found = prove_data_key(made.vault, ANNA.account, ANNA.key)
    assert set(found.values()) == {None}, "made of the same key, and for another vault"


def test_a_wrap_that_nobody_here_signed_is_refused(made: Made) -> None:
    """Anybody can seal for the kit: its public half is in the vault."""
    stranger = make_vault(made.root.parent / "stranger")
    forged = Made(made.vault, made.kit, made.journal_key, {1: stranger.signer})
    keep(forged, forged.wrapper, ANNA)
    with pytest.raises(Damaged, match="signed"):
        read_data_key(made.vault, made.unwrapper, ANNA.account)


def test_another_kit_opens_no_wrap(made: Made) -> None:
    key = make_wrap(made.vault, made.signer)
    with pytest.raises(Damaged):
        Unwrapper(made.vault, Kit(made.kit.vault, bytes(32))).open(key.wrap)


@pytest.mark.parametrize("fault", ["refuse", "forget"])
def test_no_key_names_a_wrap_that_is_not_durable(made: Made, fault: str) -> None:
    """What becomes of a create that failed is not known: the next one is another wrap."""
    storage = Unsteady(made.root)
    vault = Vault(storage, made.vault.format, made.vault.verifier)
    wrapper = Wrapper(vault, made.signer)
    for copy in (lambda name: name.startswith("wraps/"), lambda name: name.endswith(".twin")):
        setattr(storage, fault, copy)
        with pytest.raises(BackendError):
            keep_data_key(vault, wrapper, ANNA.account, ANNA.key)
        assert list_keys(made.vault) == []
    storage.steady()
    keep_data_key(vault, wrapper, ANNA.account, ANNA.key)
    keep_data_key(vault, wrapper, BEN.account, BEN.key)
    unwrapper = made.unwrapper
    assert read_data_key(made.vault, unwrapper, ANNA.account) == ANNA.key
    assert read_data_key(made.vault, unwrapper, BEN.account) == BEN.key


@pytest.mark.parametrize("offset", [*range(0, 84, 7), 83])
def test_a_flipped_bit_of_a_wrapped_key_is_seen_without_the_kit(made: Made, offset: int) -> None:
    keep(made, made.wrapper, ANNA)
    name = key_name(ANNA.account)
    made.flip(name, offset)
    found = prove_data_key(made.vault, ANNA.account, ANNA.key)
    assert found[name] is None
    assert found[twin(name)] is not None


def test_the_proof_of_a_key_is_that_of_this_key(made: Made) -> None:
    keep(made, made.wrapper, ANNA)
    other = hashlib.sha256(b"another").digest()
    assert set(prove_data_key(made.vault, ANNA.account, other).values()) == {None}
