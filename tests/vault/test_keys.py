"""Wrapped keys and names: what a blank core needs to let the first person in."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.vault.vaults import Line, Made, make_vault

from stillhere.errors import Damaged
from stillhere.vault.keys import (
    ServiceKeys,
    find_name,
    keep_data_key,
    keep_name,
    keep_service_keys,
    list_keys,
    read_data_key,
    read_service_keys,
)
from stillhere.vault.kit import Kit
from stillhere.vault.layout import SERVICE_KEYS, key_name, twin
from stillhere.vault.wraps import Unwrapper

ANNA, BEN = Line("anna"), Line("ben")
NAMES = b"n" * 32


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make_vault(tmp_path)


def keep(made: Made, line: Line = ANNA) -> None:
    keep_data_key(made.vault, made.wrapper, line.account, line.key)


def test_the_kit_opens_the_key_of_an_account(made: Made) -> None:
    keep(made)
    assert read_data_key(made.vault, made.unwrapper, ANNA.account) == ANNA.key
    assert list_keys(made.vault) == [ANNA.account]
    for name in (key_name(ANNA.account), twin(key_name(ANNA.account))):
        assert ANNA.key not in made.vault.backend.read(name)


def test_names_that_nobody_here_gives_are_no_accounts(made: Made) -> None:
    keep(made)
    for stray in ("keys/ab/notes.txt", "keys/ab/abcd", f"keys/ab/{'²' * 32}"):
        made.vault.backend.create(stray, b"")
    assert list_keys(made.vault) == [ANNA.account]


def test_another_kit_opens_nothing(made: Made) -> None:
    keep(made)
    kit = Kit(made.kit.vault, bytes(32))
    with pytest.raises(Damaged):
        read_data_key(made.vault, Unwrapper(made.vault, kit), ANNA.account)


@pytest.mark.parametrize("loss", ["missing", "broken"])
@pytest.mark.parametrize("copy", [0, 1])
def test_one_copy_of_a_key_is_enough(made: Made, copy: int, loss: str) -> None:
    keep(made)
    keep_service_keys(made.vault, made.kit, ServiceKeys(NAMES, b"t" * 32))
    names = (key_name(ANNA.account), twin(key_name(ANNA.account)))
    for name in (names[copy], SERVICE_KEYS[copy]):
        if loss == "missing":
            made.remove(name)
        else:
            made.flip(name, 40)
    assert read_data_key(made.vault, made.unwrapper, ANNA.account) == ANNA.key
    assert read_service_keys(made.vault, made.kit) == ServiceKeys(NAMES, b"t" * 32)
    assert list_keys(made.vault) == [ANNA.account]


def test_a_key_that_is_lost_twice_is_damage(made: Made) -> None:
    keep(made)
    made.flip(key_name(ANNA.account), 40)
    made.remove(twin(key_name(ANNA.account)))
    with pytest.raises(Damaged):
        read_data_key(made.vault, made.unwrapper, ANNA.account)
    with pytest.raises(Damaged, match="missing"):
        read_data_key(made.vault, made.unwrapper, BEN.account)


def test_a_key_put_in_another_account_s_place_is_refused(made: Made) -> None:
    keep(made, BEN)
    data = made.vault.backend.read(key_name(BEN.account))
    for name in (key_name(ANNA.account), twin(key_name(ANNA.account))):
        made.vault.backend.create(name, data)
    with pytest.raises(Damaged):
        read_data_key(made.vault, made.unwrapper, ANNA.account)


def test_keeping_a_key_again_keeps_the_first(made: Made) -> None:
    """An account whose making was interrupted is made again with the key it has."""
    keep(made)
    made.remove(twin(key_name(ANNA.account)))
    keep(made)
    made.remove(key_name(ANNA.account))
    assert read_data_key(made.vault, made.unwrapper, ANNA.account) == ANNA.key


def test_a_name_leads_to_its_account_and_shows_neither(made: Made) -> None:
    assert keep_name(made.vault, NAMES, "anna", ANNA.account) == ANNA.account
    assert find_name(made.vault, NAMES, "anna") == ANNA.account
    assert find_name(made.vault, NAMES, "ben") is None
    assert find_name(made.vault, b"x" * 32, "anna") is None
    (folder,) = made.vault.backend.names("names")
    (name,) = made.vault.backend.names(f"names/{folder}")
    assert b"anna" not in made.vault.backend.read(f"names/{folder}/{name}")
    assert ANNA.account not in made.vault.backend.read(f"names/{folder}/{name}")


def test_a_taken_name_says_whose_it_is(made: Made) -> None:
    keep_name(made.vault, NAMES, "anna", ANNA.account)
    assert keep_name(made.vault, NAMES, "anna", ANNA.account) == ANNA.account
    assert keep_name(made.vault, NAMES, "anna", BEN.account) == ANNA.account
    assert find_name(made.vault, NAMES, "anna") == ANNA.account


def test_a_name_s_object_moved_or_broken_lets_nobody_in(made: Made) -> None:
    for line in (ANNA, BEN):
        keep_name(made.vault, NAMES, line.name, line.account)
    paths = sorted((made.root / "names").rglob("*/*"))
    first, second = (path.read_bytes() for path in paths)
    paths[0].write_bytes(second)
    paths[1].write_bytes(first)
    for line in (ANNA, BEN):
        with pytest.raises(Damaged):
            find_name(made.vault, NAMES, line.name)
