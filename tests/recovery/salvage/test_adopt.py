"""Accounts that only a damaged core knows: they are accounts again, with new keys."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from tests.recovery.salvage.damage import Core, copy_core, salvaged
from tests.recovery.salvage.tail import behind, lost
from tests.rooms import CONTACTS, Service, bodies, image_of, make_service, put, quick_folder

from stillhere.errors import Unavailable
from stillhere.kinds import KINDS
from stillhere.kinds.item import Span
from stillhere.replication.start import Working
from stillhere.server.learned import list_others, read_notes
from stillhere.server.people import read_people
from stillhere.status.person import lines
from stillhere.store import ACCOUNT, BadLogin, NewAccount, ShelfWrite
from stillhere.store.accounts import begin
from stillhere.vault.keys import key_copies

Zoe = list[tuple[bytes, str]]
"""Her account and the password of her phone, once she has been made."""
How = Callable[..., AbstractContextManager[tuple[Working, Zoe, Core]]]
CARDS = {f"{number}.vcf": b"card %d" % number for number in range(5)}


@pytest.fixture
def service() -> Iterator[Service]:
    with quick_folder() as folder:
        yield make_service(folder)


def make(working: Working, name: str, password: str | None = None) -> tuple[bytes, str]:
    (made,) = working.store.accounts.create_many([NewAccount(name, password, "phone")])
    assert made.device is not None
    for href, card in CARDS.items():
        put(working, made.account, href, card, uid=href)
    return made.account, made.device.password


def others(working: Working) -> Zoe:
    make(working, "anna")
    return []


def zoe(working: Working, made: Zoe) -> None:
    made.append(make(working, "zoe"))


def zoe_with_a_password(working: Working, made: Zoe) -> None:
    made.append(make(working, "zoe", "chosen password"))


def names(working: Working) -> list[str]:
    return [row.name for row in working.store.accounts.list()]


def lets_in(working: Working, name: str, password: str) -> bool:
    log_in = working.store.logins.authenticate(name, password, client="test")
    try:
        return asyncio.run(log_in).name == name
    except BadLogin:
        return False


@pytest.mark.parametrize("how", [lost, behind])
def test_an_account_that_no_vault_had_is_one_again(service: Service, how: How) -> None:
    with how(service, others, zoe_with_a_password) as (working, ((account, phone),), core):
        assert names(working) == ["anna"]
        told = salvaged(working, core)
        assert (told["accounts"], told["history"]) == (1, 0)
        assert names(working) == ["anna", "zoe"]
        assert bodies(working, account) == CARDS
        assert lets_in(working, "zoe", phone)
        assert lets_in(working, "zoe", "chosen password")
        assert not image_of(working, account).problems
        again = salvaged(working, core)
        assert (again["accounts"], again["written"], again["history"]) == (0, 0, 0)
    with service.recovered() as working:
        assert names(working) == ["anna", "zoe"], "the vault has her now, and a key that opens"
        assert bodies(working, account) == CARDS
        assert lets_in(working, "zoe", phone)


def test_everything_of_every_kind_comes_with_it(service: Service) -> None:
    kind, span = KINDS["calendar"], Span(1_000, 4_600, exact=True)

    def write(shelf: ShelfWrite) -> None:
        begin(kind, shelf)
        shelf.put(kind.first[0], "a.ics", b"an event", uid="a", component="VEVENT", span=span)

    def after(working: Working, made: Zoe) -> None:
        zoe(working, made)
        for account in (working.store.accounts.find("anna"), made[0][0]):
            working.store.write(account, kind.name, write).result(60)

    for how, name in ((lost, "lost"), (behind, "behind")):
        folder = service.folder / name
        folder.mkdir()
        with how(make_service(folder), others, after) as (working, ((account, _),), core):
            salvaged(working, core)
            for one in (working.store.accounts.find("anna"), account):
                with working.store.read(one, kind.name) as shelf:
                    (found,) = shelf.all_bodies(kind.first[0])
                    assert (found[0].span, found[1]) == (span, b"an event")
                    assert [book.name for book in shelf.collections()] == [kind.first[0]]


def test_what_was_in_a_first_collection_is_there_again_though_its_own_record_is_lost(
    service: Service,
) -> None:
    """It lay on a bad page; the vault has nothing of this shelf, and it is blank."""
    kind = KINDS["calendar"]

    def write(shelf: ShelfWrite) -> None:
        begin(kind, shelf)
        shelf.put(kind.first[0], "a.ics", b"an event", uid="a", component="VEVENT")

    def after(working: Working, made: Zoe) -> None:
        working.store.write(working.store.accounts.find("anna"), kind.name, write).result(60)

    with lost(service, others, after) as (working, _, core):
        sql = sqlite3.connect(core.filed().path)
        with sql:
            sql.execute("DELETE FROM records WHERE collection = '' AND href = ?", (kind.first[0],))
        sql.close()
        told = salvaged(working, core)
        assert (told["written"], told["history"]) == (1, 0)
        with working.store.read(working.store.accounts.find("anna"), kind.name) as shelf:
            assert [book.name for book in shelf.collections()] == [kind.first[0]]
            assert [record.href for record in shelf.records(kind.first[0])] == ["a.ics"]


def test_what_a_record_is_and_when_is_as_its_body_says(service: Service) -> None:
    """Its digest proves the body; what stands beside it nothing does, and a month's calendar that
    lacks an event is a phone that drops it."""
    kind = KINDS["calendar"]
    event = (
        b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//T//T//EN\r\nBEGIN:VEVENT\r\nUID:a\r\n"
        b"DTSTAMP:20260101T000000Z\r\nDTSTART:20260301T100000Z\r\nDTEND:20260301T110000Z\r\n"
        b"END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    item = kind.parse(event)

    def write(shelf: ShelfWrite) -> None:
        begin(kind, shelf)
        shelf.put(
            *(kind.first[0], "a.ics", event),
            uid=item.uid,
            component=item.component,
            media_type=item.media_type,
            span=item.span,
        )

    def after(working: Working, made: Zoe) -> None:
        working.store.write(working.store.accounts.find("anna"), kind.name, write).result(60)

    with lost(service, others, after) as (working, _, core):
        sql = sqlite3.connect(core.filed().path)
        with sql:
            sql.execute(
                "UPDATE records SET starts = 5, ends = 6, uid = 'b', component = 'WEVENT'"
                " WHERE href = 'a.ics'"
            )
        sql.close()
        salvaged(working, core)
        with working.store.read(working.store.accounts.find("anna"), kind.name) as shelf:
            (record,) = shelf.records(kind.first[0])
        assert (record.uid, record.component, record.span) == ("a", "VEVENT", item.span)


def test_it_says_whence_it_came(service: Service) -> None:
    with behind(service, others, zoe) as (working, ((account, _),), core):
        salvaged(working, core)
        notes = read_notes(working.core.reader(), account, ACCOUNT)
        first, second = list_others(notes)
        assert first == "the account was made again from the damaged core core.sqlite"
        assert second.startswith("2 changes came back that only the damaged core core.sqlite had")
    (service.home / "stillhere.toml").write_text(f'vault = "{service.place}"\n')
    (report,) = read_people(service.home, "zoe")
    assert [shelf.kind for shelf in report.shelves] == [ACCOUNT, CONTACTS]
    assert not report.complete
    said = list(lines(report))
    problem = "  not proven: no copy of the vault had this account; what is here is from the"
    assert [line for line in said if line.startswith(problem)]
    assert [line for line in said if line.startswith("  since then: 6 changes came back")]


def test_a_phone_with_a_token_of_then_is_told_of_every_change(service: Service) -> None:
    with behind(service, others, zoe) as (working, ((account, _),), core):
        salvaged(working, core)
        with working.store.read(account, CONTACTS) as shelf:
            assert shelf.ends == {1: 0}, "its token is one beyond the end"


def test_a_name_that_somebody_has_by_now_stays_theirs(service: Service) -> None:
    with behind(service, others, zoe) as (working, ((account, _),), core):
        other = working.store.accounts.create("zoe")
        put(working, other, "other.vcf", "another zoe")
        assert salvaged(working, core)["accounts"] == 1
        assert names(working) == ["anna", f"lost-{account.hex()}", "zoe"]
        assert bodies(working, account) == CARDS
        assert bodies(working, other) == {"other.vcf": b"another zoe"}


def test_who_was_made_again_by_hand_gets_what_the_core_had(service: Service) -> None:
    with lost(service, others, zoe_with_a_password) as (working, ((account, _),), core):
        assert working.store.accounts.create("zoe", "newer password") == account
        put(working, account, "today.vcf", "today")
        assert salvaged(working, core)["accounts"] == 0
        assert bodies(working, account) == {**CARDS, "today.vcf": b"today"}
        assert lets_in(working, "zoe", "newer password")
        assert not lets_in(working, "zoe", "chosen password")


def test_who_was_erased_stays_erased(service: Service) -> None:
    with behind(service, others, zoe) as (working, ((account, _),), core):
        salvaged(working, core)
        working.eraser.erase(account, "zoe")
        assert salvaged(working, core)["accounts"] == 0
        assert names(working) == ["anna"]


def test_what_was_never_acknowledged_is_no_account(service: Service) -> None:
    with service.unsteady() as (working, vault):
        make(working, "anna")
        vault.refuse = lambda name: not name.startswith(("keys/", "names/", "wraps/"))
        with pytest.raises(Unavailable):
            working.store.accounts.create("zoe")
        core = copy_core(service, working, service.folder / "old")
    with service.recovered() as working:
        assert salvaged(working, core)["accounts"] == 0
        assert names(working) == ["anna"]


def without(core: Core, text: bytes) -> Core:
    """The same file, in which every page that has this text is noise."""
    data = core.path.read_bytes().replace(text, bytes(len(text)))
    bad = Core(core.path.parent.parent / "bad" / core.path.name, {})
    bad.path.parent.mkdir()
    bad.path.write_bytes(data)
    return bad


def test_who_has_no_name_any_more_is_called_by_the_id_until_there_is_one(service: Service) -> None:
    with behind(service, others, zoe) as (working, ((account, phone),), core):
        bad = without(core.filed(), b"\xa3zoe")  # in her profile, so that it proves itself no more
        assert salvaged(working, bad)["accounts"] == 1
        assert names(working) == ["anna", f"lost-{account.hex()}"]
        assert bodies(working, account) == CARDS
        told = salvaged(working, core)
        assert (told["accounts"], told["written"]) == (0, 1)
        assert names(working) == ["anna", "zoe"]
        assert lets_in(working, "zoe", phone)


def test_a_key_that_nobody_can_open_is_not_written_over(service: Service) -> None:
    def after(working: Working, made: Zoe) -> None:
        zoe(working, made)
        for name in key_copies(made[0][0]):
            spoil(service.place / name)

    with lost(service, others, after) as (working, ((account, _),), core):
        assert salvaged(working, core)["accounts"] == 0
        assert names(working) == ["anna"]
        assert working.core.reader().execute(
            "SELECT count(*) FROM shelves WHERE account = ?", (account,)
        ).fetchone() == (0,)


def spoil(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)


def test_a_core_of_another_service_gives_nobody(service: Service) -> None:
    folder = service.folder / "another"
    folder.mkdir()
    another = make_service(folder)
    with another.at_work() as working:
        make(working, "mallory")
        core = copy_core(another, working, folder / "old")
    with service.at_work() as working:
        make(working, "anna")
    with service.recovered() as working:
        told = salvaged(working, core)
        assert (told["accounts"], told["found_beyond"]) == (0, 0)
        assert names(working) == ["anna"]


def test_everybody_of_many_is_made(service: Service) -> None:
    made: dict[bytes, str] = {}

    def many(working: Working, _: Zoe) -> None:
        new = [NewAccount(f"person {number}") for number in range(30)]
        made.update({one.account: one.name for one in working.store.accounts.create_many(new)})

    with behind(service, others, many) as (working, _, core):
        assert salvaged(working, core)["accounts"] == len(made)
        rows = working.store.accounts.list()
        assert {row.account: row.name for row in rows if row.name != "anna"} == made
        with working.store.read(next(iter(made)), CONTACTS) as shelf:
            assert [book.name for book in shelf.collections()] == [CONTACTS]
