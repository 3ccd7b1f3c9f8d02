"""Guesses by the thousand: throttled, told nothing, and in nobody else's way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import argon2
import pytest

from stillhere.store import BadLogin, DevicePassword, Login, Store, Throttled, logins
from stillhere.store.logins import network_of

PASSWORD = "correct horse battery staple"
THIEF, HOME = "203.0.113.9", "192.0.2.1"


@pytest.fixture
def anna(store: Store) -> bytes:
    return store.accounts.create("Anna", PASSWORD)


@pytest.fixture
def phone(store: Store, anna: bytes) -> DevicePassword:
    return store.accounts.add_device(anna, "phone")


def log_in(store: Store, name: str, password: str, client: str = THIEF) -> Login:
    return asyncio.run(store.logins.authenticate(name, password, client=client))


def fail(store: Store, names: Iterator[str] | list[str], password: str = "a guess") -> None:
    for name in names:
        with pytest.raises(BadLogin):
            log_in(store, name, password)


def test_a_name_that_is_nobodys_costs_the_same_hashing(
    store: Store, anna: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.accounts.create("devices only")
    hashes: list[str] = []
    verify = argon2.PasswordHasher.verify

    def count(self: argon2.PasswordHasher, kept: str, given: str) -> bool:
        hashes.append(kept)
        return verify(self, kept, given)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", count)
    fail(store, ["anna", "nobody", "nobody else", "devices only"])
    assert len(hashes) == 4
    assert len({str(argon2.extract_parameters(kept)) for kept in hashes}) == 1


@pytest.mark.parametrize("guess", ["a guess", "sh-aaaaaaaa-bbbbbbbb"])
def test_every_failure_waits_for_the_next_tick(
    store: Store, anna: bytes, guess: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(logins, "FAILURE_TICK_S", 50.0)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    fail(store, ["anna", "nobody", "a/b"], guess)
    assert len(waits) == 3
    assert all(0 < wait < 50.0 for wait in waits)
    log_in(store, "anna", PASSWORD)
    assert len(waits) == 3, "who is let in waits for nothing"


def test_whoever_guesses_many_names_waits_for_all_of_them(
    store: Store, anna: bytes, phone: DevicePassword, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logins, "CLIENT_FAILURES", 4)
    fail(store, [f"nobody {number}" for number in range(4)])
    for name in ("anna", "nobody at all"):
        with pytest.raises(Throttled) as throttled:
            log_in(store, name, PASSWORD)
        assert 0 < throttled.value.retry_after <= 61
    assert log_in(store, "anna", phone.password).device == phone.device
    assert log_in(store, "anna", PASSWORD, HOME).account == anna


def test_wrong_device_passwords_are_throttled_and_the_right_one_never_is(
    store: Store, anna: bytes, phone: DevicePassword, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logins, "FREE_FAILURES", 3)
    fail(store, ["anna", "nobody"] * 3, "sh-aaaaaaaa-bbbbbbbb")
    for name in ("anna", "nobody"):
        with pytest.raises(Throttled):
            log_in(store, name, "sh-aaaaaaaa-cccccccc")
    assert log_in(store, "anna", phone.password).device == phone.device
    assert log_in(store, "anna", PASSWORD).device == "password", "a revoked phone is in no way"


def test_nobody_takes_all_of_the_hashing(
    store: Store, anna: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a thief's guesses are being hashed, somebody else's log-in finds a place."""
    monkeypatch.setattr(logins, "CLIENT_HASHES", 2)
    release = threading.Event()
    hashed = logins.Logins._hash

    def slow(self: logins.Logins, kept: str, password: str) -> bool:
        assert release.wait(20)
        return hashed(self, kept, password)

    monkeypatch.setattr(logins.Logins, "_hash", slow)

    async def guess_and_log_in() -> list[object]:
        guesses = [
            asyncio.ensure_future(store.logins.authenticate(f"nobody {n}", "a guess", client=THIEF))
            for n in range(3)
        ]
        await asyncio.wait(guesses, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        mine = asyncio.ensure_future(store.logins.authenticate("anna", PASSWORD, client=HOME))
        await asyncio.sleep(0)
        release.set()
        return await asyncio.gather(*guesses, mine, return_exceptions=True)

    *guessed, mine = asyncio.run(guess_and_log_in())
    assert sorted(type(answer).__name__ for answer in guessed) == [
        "BadLogin",
        "BadLogin",
        "Throttled",
    ]
    assert mine == Login(anna, "Anna", "password")
    assert not store.logins._waiting


def test_what_is_remembered_of_guesses_is_bounded(
    store: Store, anna: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logins, "REMEMBERED", 20)
    for number in range(60):
        with pytest.raises(BadLogin):
            log_in(store, f"nobody {number}", "sh-aaaaaaaa-bbbbbbbb")
    assert len(store.logins._failures) == 20


@pytest.mark.parametrize(
    ("client", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("a socket", "a socket"),
    ],
)
def test_failures_count_against_a_household(client: str, counted: str) -> None:
    assert network_of(client) == counted
