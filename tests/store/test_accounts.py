"""Accounts: made once, by every way of writing their name, and after every kind of crash."""

from __future__ import annotations

import time
import unicodedata
from pathlib import Path

import pytest
from tests.rooms import CONTACTS, Service, bodies, is_segment, make_service, put

from stillhere.errors import BadInput, NotFound, Unavailable
from stillhere.replication.start import Working
from stillhere.store import NewAccount, Store, accounts, writer


def names(store: Store) -> list[str]:
    return [row.name for row in store.accounts.list()]


def test_a_new_account_has_its_address_book(store: Store) -> None:
    anna = store.accounts.create("Anna")
    assert len(anna) == 16
    assert store.accounts.find("Anna") == anna
    with store.read(anna, CONTACTS) as shelf:
        (book,) = shelf.collections()
        assert book.name == CONTACTS
        assert book.properties["{DAV:}displayname"]


@pytest.mark.parametrize(
    ("made", "asked"),
    [
        ("Anna", "anna"),
        ("anna", "ANNA"),
        ("Straße", "STRASSE"),
        ("Zoë", unicodedata.normalize("NFD", "Zoë")),
        (unicodedata.normalize("NFD", "Δημήτρης"), "δημήτρησ"),
        ("İpek", "i̇pek"),
        ("anna", "  anna  "),
        ("山田 太郎", "山田 太郎"),
        ("anna@example.org", "Anna@Example.org"),
    ],
)
def test_names_are_one_name_however_they_are_written(store: Store, made: str, asked: str) -> None:
    account = store.accounts.create(made)
    assert store.accounts.find(asked) == account
    with pytest.raises(BadInput, match="already"):
        store.accounts.create(asked)
    assert names(store) == [unicodedata.normalize("NFC", made)]


@pytest.mark.parametrize(
    "name",
    ["", "   ", "a/b", "a:b", ".", "..", "a\nb", "a\0", "\u200bx\u2028", "x" * 129, "\ud800"],
)
def test_names_that_no_device_could_send_are_refused(store: Store, name: str) -> None:
    with pytest.raises(BadInput):
        store.accounts.create(name)
    assert names(store) == []


def test_the_longest_name_is_a_name(store: Store) -> None:
    for name in ("x" * 128, "ß" * 128):
        assert store.accounts.create(name) == store.accounts.find(name)


def test_a_name_that_nobody_has_is_not_found(store: Store, anna: bytes) -> None:
    with pytest.raises(NotFound):
        store.accounts.find("ben")


def test_of_many_accounts_none_is_made_when_a_name_is_wrong(store: Store, anna: bytes) -> None:
    for wanted in (["ben", "anna"], ["ben", "Ben"], ["ben", "a/b"]):
        with pytest.raises(BadInput):
            store.accounts.create_many([NewAccount(name) for name in wanted])
        assert names(store) == ["anna"]
    with pytest.raises(BadInput):
        store.accounts.create_many([NewAccount("ben"), NewAccount("cem", "short")])
    assert names(store) == ["anna"]
    store.accounts.create_many([NewAccount("ben"), NewAccount("cem")])
    assert names(store) == ["anna", "ben", "cem"]


def test_many_accounts_are_made_with_their_devices(store: Store) -> None:
    made = store.accounts.create_many([NewAccount(f"p{n}", None, "phone") for n in range(30)])
    assert len({one.account for one in made}) == 30
    for one in made:
        assert one.device is not None
        devices = store.accounts.devices(one.account)
        assert [device.label for device in devices.values()] == ["phone"]
        assert one.device.device in devices


def test_more_accounts_are_made_than_may_wait_for_a_slow_vault(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_WAITING", 16)
    monkeypatch.setattr(writer, "MAX_GROUP", 8)
    monkeypatch.setattr(accounts, "AHEAD", 8)
    wanted = [NewAccount(f"p{n}") for n in range(40)]
    with service.unsteady() as (working, vault):
        vault.refuse = lambda name: is_segment(name) and time.sleep(0.05) is not None
        assert len(working.store.accounts.create_many(wanted)) == len(wanted)


def test_a_password_must_be_of_a_usable_length(store: Store, anna: bytes) -> None:
    for password in ("", "1234567", "x" * 1025):
        with pytest.raises(BadInput, match="characters"):
            store.accounts.set_password(anna, password)
    store.accounts.set_password(anna, "12345678")


def test_a_device_that_is_not_there_can_not_be_revoked(store: Store, anna: bytes) -> None:
    with pytest.raises(NotFound):
        store.accounts.revoke_device(anna, "abcdefgh")
    device = store.accounts.add_device(anna, "x" * 500)
    assert len(store.accounts.devices(anna)[device.device].label) <= 200
    store.accounts.revoke_device(anna, device.device)
    assert store.accounts.devices(anna) == {}


class TestInterrupted:
    """Making an account goes through the core, the vault and the core again."""

    @pytest.fixture
    def service(self, tmp_path: Path) -> Service:
        return make_service(tmp_path)

    @pytest.mark.parametrize("step", ["keys/", "names/", "journal/"])
    def test_what_failed_half_way_does_not_exist_and_is_made_by_trying_again(
        self, service: Service, step: str
    ) -> None:
        with service.unsteady() as (working, vault):
            store = working.store
            ben = store.accounts.create("ben")
            vault.refuse = lambda name: name.startswith(step)
            with pytest.raises(Unavailable):
                store.accounts.create_many([NewAccount("anna", None, "phone")])
            assert names(store) == ["ben"]
            with pytest.raises(NotFound):
                store.accounts.find("anna")
            vault.steady()
            anna = store.accounts.create("anna")
            put(working, anna, "a.vcf", "anna's")
        with service.recovered() as working:
            assert working.store.accounts.find("anna") == anna
            assert working.store.accounts.find("ben") == ben
            assert bodies(working, anna) == {"a.vcf": b"anna's"}

    @pytest.mark.parametrize("step", ["keys/", "names/", "journal/"])
    def test_after_a_restart_it_is_made_as_if_for_the_first_time(
        self, service: Service, step: str
    ) -> None:
        with service.unsteady() as (working, vault):
            vault.refuse = lambda name: name.startswith(step)
            with pytest.raises(Unavailable):
                working.store.accounts.create("anna")
        with service.at_work() as working:
            assert names(working.store) == []
            anna = working.store.accounts.create("Anna", "a good password")
            assert working.store.accounts.find("anna") == anna
            assert len(service.objects("names/")) == 1, "nothing is left of the first attempt"
            assert len(service.objects(f"keys/{anna[0]:02x}/")) == 2

    @pytest.mark.parametrize("step", ["keys/", "names/", "journal/"])
    def test_a_name_whose_account_was_never_finished_is_free_after_a_recovery(
        self, service: Service, step: str
    ) -> None:
        with service.unsteady() as (working, vault):
            working.store.accounts.create("ben")
            vault.refuse = lambda name: name.startswith(step)
            with pytest.raises(Unavailable):
                working.store.accounts.create("anna")
        with service.recovered() as working:
            assert names(working.store) == ["ben"]
            anna = working.store.accounts.create("anna")
            put(working, anna, "a.vcf", "anna's")
        with service.recovered() as working:
            assert names(working.store) == ["anna", "ben"]
            assert bodies(working, anna) == {"a.vcf": b"anna's"}

    def test_an_account_whose_book_alone_is_in_the_vault_is_finished_after_a_recovery(
        self, service: Service
    ) -> None:
        """Killed between its two first segments: the address book's and its own."""
        with service.unsteady() as (working, vault):
            vault.refuse = is_segment
            with pytest.raises(Unavailable):
                working.store.accounts.create("anna")
            vault.steady()
            (prepared,) = working.core.reader().execute("SELECT account FROM accounts").fetchone()
            make_book(working, prepared)
        with service.recovered() as working:
            assert names(working.store) == []
            anna = working.store.accounts.create("anna")
            put(working, anna, "a.vcf", "anna's")
            assert names(working.store) == ["anna"]


def make_book(working: Working, account: bytes) -> None:
    working.store.write(account, CONTACTS, lambda s: s.put_collection(CONTACTS, {})).result(60)
