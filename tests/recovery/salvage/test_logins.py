"""Log-ins that only a damaged core knows of: taken as a core writes them, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from hashlib import sha256

import msgspec
import pytest
from tests.recovery.salvage.damage import Core, salvaged
from tests.recovery.salvage.tail import lost
from tests.rooms import Service, make_service, quick_folder

from stillhere.recovery.salvage.file import OWN_PAGE_SIZE
from stillhere.recovery.salvage.login import is_login
from stillhere.replication.start import Working
from stillhere.server.learned import list_others, read_notes
from stillhere.store import ACCOUNT, BadLogin, NewAccount, Record, State
from stillhere.store.accounts import CREDENTIALS, DEVICES, Device, Password, Profile

Made = tuple[bytes, str]
"""An account and the password of its phone."""


@pytest.fixture
def service() -> Iterator[Service]:
    with quick_folder() as folder:
        yield make_service(folder)


def make_anna(working: Working) -> Made:
    (made,) = working.store.accounts.create_many([NewAccount("anna", "first password", "phone")])
    assert made.device is not None
    return made.account, made.device.password


def lets_in(working: Working, password: str) -> bool:
    log_in = working.store.logins.authenticate("anna", password, client="test")
    try:
        return asyncio.run(log_in).name == "anna"
    except BadLogin:
        return False


def test_a_device_that_was_added_logs_in_again(service: Service) -> None:
    added: list[str] = []

    def after(working: Working, made: Made) -> None:
        added.append(working.store.accounts.add_device(made[0], "laptop").password)

    with lost(service, make_anna, after) as (working, (anna, phone), core):
        assert not lets_in(working, *added)
        assert salvaged(working, core)["written"] == 1
        assert lets_in(working, *added)
        assert lets_in(working, phone)
        labels = {device.label for device in working.store.accounts.devices(anna).values()}
        assert labels == {"phone", "laptop"}
        (told,) = list_others(read_notes(working.core.reader(), anna, ACCOUNT))
        assert told.startswith("1 change came back that only the damaged core core.sqlite had;")
        assert salvaged(working, core)["written"] == 0


def revoke(working: Working, made: Made) -> None:
    (device,) = working.store.accounts.devices(made[0])
    working.store.accounts.revoke_device(made[0], device)


def test_a_device_that_was_revoked_is_refused_again(service: Service) -> None:
    with lost(service, make_anna, revoke) as (working, (anna, phone), core):
        assert lets_in(working, phone)
        assert salvaged(working, core)["deleted"] == 1
        assert not lets_in(working, phone)
        assert working.store.accounts.devices(anna) == {}


def choose(password: str) -> Callable[[Working, Made], None]:
    return lambda working, made: working.store.accounts.set_password(made[0], password)


def test_a_password_that_was_chosen_counts_and_the_old_one_does_not(service: Service) -> None:
    with lost(service, make_anna, choose("second password")) as (working, _, core):
        assert lets_in(working, "first password")
        salvaged(working, core)
        assert lets_in(working, "second password")
        assert not lets_in(working, "first password")


def test_a_password_that_was_chosen_since_stays(service: Service) -> None:
    with lost(service, make_anna, choose("second password")) as (working, made, core):
        choose("third password")(working, made)
        told = salvaged(working, core)
        assert (told["written"], told["history"]) == (0, 1)
        assert lets_in(working, "third password")
        assert not lets_in(working, "second password")


def test_nobody_is_called_otherwise(service: Service) -> None:
    def rename(working: Working, made: Made) -> None:
        body = msgspec.msgpack.encode(Profile("mallory", 1))
        working.store.write(
            made[0], ACCOUNT, lambda shelf: shelf.put(CREDENTIALS, "profile", body)
        ).result(60)

    with lost(service, make_anna, rename) as (working, (_, phone), core):
        assert salvaged(working, core)["written"] == 0
        assert [row.name for row in working.store.accounts.list()] == ["anna"]
        assert lets_in(working, phone)


def move_a_block(core: Core, password_of: bytes) -> None:
    """A block of a page with log-ins is put where another was, as a disk may misplace it."""
    data = bytearray(core.path.read_bytes())
    for start in range(0, len(data), OWN_PAGE_SIZE):
        page = data[start : start + OWN_PAGE_SIZE]
        if page[0] == 10 and password_of in page:
            data[start + 512 : start + 1024] = page[1024:1536]  # between array and cells
            data[start + 5] ^= 0x10  # where its cells begin is not what its header says
    core.path.write_bytes(data)


def test_a_page_that_is_not_as_it_was_written_lets_nobody_in(service: Service) -> None:
    added: list[str] = []

    def after(working: Working, made: Made) -> None:
        added.append(working.store.accounts.add_device(made[0], "laptop").password)

    with lost(service, make_anna, after) as (working, _, core):
        move_a_block(core.filed(), b"laptop")
        assert salvaged(working, core)["written"] == 0
        assert not lets_in(working, *added)


def record(collection: str, href: str, body: bytes, state: State = State.PRESENT) -> Record:
    digest = sha256(body).digest()
    return Record(collection, href, 1, state, "", "", "", len(body), digest, 0)


GOOD_HASH = (
    "$argon2id$v=19$m=65536,t=3,p=4$42zIq5753btkPQ3xQlcoFw"
    "$hwvQ/DRrKwwGZgWU5Y8AhHEru9QjoVsLFUguyrrum+4"
)
encode = msgspec.msgpack.encode
DEVICE = Device("phone", bytes(16), bytes(32), 1)


@pytest.mark.parametrize(
    ("collection", "href", "body", "good"),
    [
        (CREDENTIALS, "profile", encode(Profile("anna", 1)), True),
        (CREDENTIALS, "profile", encode(Profile("a/b", 1)), False),
        (CREDENTIALS, "profile", b"anna", False),
        (CREDENTIALS, "password", encode(Password(GOOD_HASH)), True),
        (CREDENTIALS, "password", encode(Password("")), False),
        (CREDENTIALS, "password", encode(Password(GOOD_HASH.replace("t=3", "t=99"))), False),
        (CREDENTIALS, "password", encode(Password(GOOD_HASH.replace("65536", "9999999"))), False),
        (CREDENTIALS, "password", encode(Password(GOOD_HASH.replace("id", "i"))), False),
        (CREDENTIALS, "other", encode(Password(GOOD_HASH)), False),
        (DEVICES, "abcdefgh", encode(DEVICE), True),
        (DEVICES, "abcdefgh", encode(Device("phone", b"", b"", 1)), False),
        (DEVICES, "abc", encode(DEVICE), False),
        (DEVICES, "ABCDEFGH", encode(DEVICE), False),
        ("", DEVICES, encode({}), False),
        ("contacts", "a.vcf", b"BEGIN:VCARD", False),
    ],
)
def test_what_a_core_does_not_write_is_no_login(
    collection: str, href: str, body: bytes, good: bool
) -> None:
    assert is_login(record(collection, href, body), body) == good


def test_only_a_device_can_have_been_deleted() -> None:
    for collection, href, good in (
        (DEVICES, "abcdefgh", True),
        (CREDENTIALS, "password", False),
        (CREDENTIALS, "profile", False),
    ):
        assert is_login(record(collection, href, b"", State.DELETED), None) == good
    assert not is_login(record(DEVICES, "abcdefgh", b"", State.HELD), None)
