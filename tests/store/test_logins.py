"""Log-ins: two kinds of passwords, refused at once when they end, the same answer to strangers."""

from __future__ import annotations

import asyncio

import pytest
from tests.rooms import Service

from stillhere.errors import Closed, render
from stillhere.replication.compact import compact
from stillhere.replication.start import Working
from stillhere.store import BadLogin, DevicePassword, Login, Store, Throttled

PASSWORD = "correct horse battery staple"


def log_in(store: Store, name: str, password: str, client: str = "192.0.2.1") -> Login:
    return asyncio.run(store.logins.authenticate(name, password, client=client))


@pytest.fixture
def anna(store: Store) -> bytes:
    return store.accounts.create("Anna", PASSWORD)


@pytest.fixture
def phone(store: Store, anna: bytes) -> DevicePassword:
    return store.accounts.add_device(anna, "phone")


def test_both_kinds_of_password_let_in_and_say_which(
    store: Store, anna: bytes, phone: DevicePassword
) -> None:
    for _ in range(2):
        assert log_in(store, "anna", PASSWORD) == Login(anna, "Anna", "password")
        assert log_in(store, "ANNA", phone.password) == Login(anna, "Anna", phone.device)


def test_a_chosen_password_is_kept_as_argon2id_and_nowhere_in_the_clear(
    service: Service, store: Store, anna: bytes
) -> None:
    with store.read(anna, "account") as shelf:
        (found,) = [body for record, body in shelf.everything() if record.href == "password"]
    assert found is not None
    assert b"$argon2id$" in found
    for path in (*service.home.rglob("*"), *service.place.rglob("*")):
        if path.is_file():
            assert PASSWORD.encode() not in path.read_bytes(), path


def test_a_device_password_is_long_random_and_kept_hashed(
    store: Store, anna: bytes, phone: DevicePassword
) -> None:
    other = store.accounts.add_device(anna, "phone")
    assert other.password != phone.password
    secret = phone.password.rpartition("-")[2]
    assert len(secret) * 5 >= 128, "letters of base 32 carry five bits"
    with store.read(anna, "account") as shelf:
        assert not any(secret.encode() in (body or b"") for _, body in shelf.everything())


@pytest.mark.parametrize("wrong", ["", "x", PASSWORD + " ", PASSWORD.upper(), "é" * 600])
def test_a_wrong_password_is_refused(store: Store, anna: bytes, wrong: str) -> None:
    with pytest.raises(BadLogin):
        log_in(store, "anna", wrong)


@pytest.mark.parametrize("wrong", ["sh-", "sh--", "sh-aaaaaaaa-", "sh-aaaaaaaa-bbbb", "sh-ü-ü"])
def test_a_wrong_device_password_is_refused(store: Store, anna: bytes, wrong: str) -> None:
    with pytest.raises(BadLogin):
        log_in(store, "anna", wrong)


def test_every_letter_of_a_device_password_counts(
    store: Store, anna: bytes, phone: DevicePassword
) -> None:
    password = phone.password
    for place in range(len(password)):
        other = "b" if password[place] != "b" else "c"
        with pytest.raises((BadLogin, Throttled)):
            log_in(store, "anna", password[:place] + other + password[place + 1 :])
    assert log_in(store, "anna", password).account == anna


def test_one_person_s_device_password_is_not_another_s(
    store: Store, anna: bytes, phone: DevicePassword
) -> None:
    store.accounts.create("ben", PASSWORD)
    with pytest.raises(BadLogin):
        log_in(store, "ben", phone.password)


def test_a_stranger_can_not_tell_a_name_from_a_wrong_password(store: Store, anna: bytes) -> None:
    answers = set()
    for name in ("anna", "nobody", "", "a/b", "x" * 500):
        for password in ("wrong password", "sh-aaaaaaaa-bbbbbbbb"):
            with pytest.raises(BadLogin) as refused:
                log_in(store, name, password)
            answers.add((type(refused.value), render(refused.value)))
    assert len(answers) == 1


def test_a_revoked_device_is_out_at_once(store: Store, anna: bytes, phone: DevicePassword) -> None:
    tablet = store.accounts.add_device(anna, "tablet")
    for device in (phone, tablet):
        log_in(store, "anna", device.password)
    store.accounts.revoke_device(anna, phone.device)
    with pytest.raises(BadLogin):
        log_in(store, "anna", phone.password)
    assert log_in(store, "anna", tablet.password).device == tablet.device


def test_an_old_password_is_out_at_once(store: Store, anna: bytes) -> None:
    log_in(store, "anna", PASSWORD)
    store.accounts.set_password(anna, "another password")
    with pytest.raises(BadLogin):
        log_in(store, "anna", PASSWORD)
    assert log_in(store, "anna", "another password").account == anna


def test_an_account_without_a_password_is_reached_by_devices_only(store: Store) -> None:
    ben = store.accounts.create("ben")
    device = store.accounts.add_device(ben, "phone")
    for guess in ("", "password", "None"):
        with pytest.raises(BadLogin):
            log_in(store, "ben", guess)
    assert log_in(store, "ben", device.password).account == ben


def fail(store: Store, name: str, times: int, client: str = "192.0.2.1") -> None:
    for guess in range(times):
        with pytest.raises(BadLogin):
            log_in(store, name, f"guess {guess}", client)


def test_after_some_wrong_guesses_further_ones_are_not_looked_at(
    store: Store, anna: bytes, phone: DevicePassword, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stillhere.store.logins.FREE_FAILURES", 3)
    store.accounts.create("ben", "another password")
    log_in(store, "anna", PASSWORD, "198.51.100.7")
    fail(store, "anna", 3)
    fail(store, "nobody", 3)
    for name in ("anna", " ANNA ", "nobody"):
        with pytest.raises(Throttled) as throttled:
            log_in(store, name, "guess")
        assert 0 < throttled.value.retry_after <= 61
    fail(store, "anna", 1, client="203.0.113.9")
    assert log_in(store, "ben", "another password").name == "ben", "other names go on"
    # whoever was let in before still is: else anybody could keep a phone out by guessing
    assert log_in(store, "anna", PASSWORD).account == anna
    assert log_in(store, "anna", phone.password).account == anna


def test_a_right_password_is_not_looked_at_either_while_guesses_are_throttled(
    store: Store, anna: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stillhere.store.logins.FREE_FAILURES", 2)
    fail(store, "anna", 2)
    with pytest.raises(Throttled):
        log_in(store, "anna", PASSWORD)


def test_many_log_ins_at_once_are_all_answered(store: Store, anna: bytes) -> None:
    async def all_at_once() -> list[object]:
        tries = [
            store.logins.authenticate("anna", PASSWORD, client=f"192.0.2.{n}") for n in range(6)
        ]
        return list(await asyncio.gather(*tries, return_exceptions=True))

    assert asyncio.run(all_at_once()) == [Login(anna, "Anna", "password")] * 6


def test_whoever_s_account_can_not_be_proven_is_told_to_come_back_not_to_go_away(
    service: Service, store: Store, working: Working, anna: bytes, phone: DevicePassword
) -> None:
    """A device that hears "wrong password" asks its owner for another one."""
    compact(working)
    for name in service.objects("ledger/account/"):
        (service.place / name).unlink()
    with service.recovered() as recovered:
        for name, password in (("anna", PASSWORD), ("ANNA", phone.password)):
            with pytest.raises(Closed) as closed:
                log_in(recovered.store, name, password)
            assert closed.value.retry_after > 0
        with pytest.raises(BadLogin):
            log_in(recovered.store, "nobody", PASSWORD)
