"""Held records: known, shown, not told as deleted, and healed by whoever still has the bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rooms import CONTACTS, Service, bodies, delete, make_service, put, put_many, quick_folder

from stillhere.replication.compact import compact
from stillhere.replication.start import Working
from stillhere.store import State, Store

LOST = {f"{n}.vcf": b"lost %d " % n * 30 for n in range(4)}


@pytest.fixture(scope="module")
def damaged() -> Iterator[tuple[Service, bytes]]:
    """A vault that has lost the bodies of six contacts, and whose they were."""
    with quick_folder() as folder:
        service = make_service(folder)
        with service.at_work() as working:
            anna = working.store.accounts.create("anna")
            put_many(working, anna, LOST | {"twin.vcf": LOST["0.vcf"]})
            put(working, anna, "uid.vcf", "lost too", uid="the-uid")
            compact(working)
            working.store.write(
                anna, CONTACTS, lambda s: s.put_collection(CONTACTS, {"{DAV:}displayname": "Anna"})
            ).result(60)
            put(working, anna, "after.vcf", "in the tail")
        (pack,) = [name for name in service.objects("ledger/contacts/") if "-000001b-" in name]
        (service.place / pack).unlink()
        yield service, anna


@pytest.fixture
def service(damaged: tuple[Service, bytes], tmp_path: Path) -> Service:
    return damaged[0].copy(str(tmp_path))


@pytest.fixture
def working(service: Service) -> Iterator[Working]:
    """A core that was recovered from a copy of that vault."""
    with service.recovered() as working:
        yield working


@pytest.fixture
def store(working: Working) -> Store:
    return working.store


@pytest.fixture
def anna(damaged: tuple[Service, bytes]) -> bytes:
    return damaged[1]


def held(working: Working, account: bytes) -> set[str]:
    with working.store.read(account, CONTACTS) as shelf:
        return {record.href for record in shelf.held() if record.collection == CONTACTS}


ALL_HELD = {*LOST, "twin.vcf", "uid.vcf"}


def test_held_records_are_listed_without_their_bodies(working: Working, anna: bytes) -> None:
    assert held(working, anna) == ALL_HELD
    assert bodies(working, anna) == {"after.vcf": b"in the tail"} | dict.fromkeys(ALL_HELD)
    with working.store.read(anna, CONTACTS) as shelf:
        record = shelf.record(CONTACTS, "1.vcf")
        assert record is not None
        assert (record.state, record.size) == (State.HELD, len(LOST["1.vcf"]))
        assert shelf.body(CONTACTS, "1.vcf") == (record, None)
        found = shelf.bodies(CONTACTS, ["1.vcf", "after.vcf"])
        assert [body for _, body in found] == [None, b"in the tail"]


def test_a_held_record_has_its_uid_still(working: Working, anna: bytes) -> None:
    for settle in (False, True):
        if settle:
            put(working, anna, "new.vcf")
        with working.store.read(anna, CONTACTS) as shelf:
            record = shelf.by_uid(CONTACTS, "the-uid")
            assert record is not None
            assert (record.href, record.state) == ("uid.vcf", State.HELD)


def test_deltas_say_nothing_of_held_records(working: Working, anna: bytes) -> None:
    with working.store.read(anna, CONTACTS) as shelf:
        delta = shelf.changes(CONTACTS, 0)
        assert [record.href for record in delta.records] == ["after.vcf"]
        assert delta.position == shelf.last_seq


def test_the_lost_bytes_heal_their_record_in_its_place(working: Working, anna: bytes) -> None:
    with working.store.read(anna, CONTACTS) as shelf:
        before = shelf.last_seq
    put(working, anna, "1.vcf", LOST["1.vcf"])
    assert held(working, anna) == ALL_HELD - {"1.vcf"}
    with working.store.read(anna, CONTACTS) as shelf:
        assert [r.href for r in shelf.changes(CONTACTS, before).records] == ["1.vcf"]


def test_the_lost_bytes_heal_every_record_that_they_prove(working: Working, anna: bytes) -> None:
    with working.store.read(anna, CONTACTS) as shelf:
        before = shelf.last_seq
        known = shelf.record(CONTACTS, "0.vcf")
    put(working, anna, "found.vcf", LOST["0.vcf"])
    assert held(working, anna) == ALL_HELD - {"0.vcf", "twin.vcf"}
    shown = bodies(working, anna)
    assert shown["0.vcf"] == shown["twin.vcf"] == shown["found.vcf"] == LOST["0.vcf"]
    with working.store.read(anna, CONTACTS) as shelf:
        healed = shelf.record(CONTACTS, "0.vcf")
        assert known is not None
        assert healed is not None
        assert (healed.etag, healed.uid) == (known.etag, known.uid)
        told = {record.href for record in shelf.changes(CONTACTS, before).records}
        assert told == {"found.vcf", "0.vcf", "twin.vcf"}


def test_other_bytes_replace_one_held_record_and_heal_none(working: Working, anna: bytes) -> None:
    put(working, anna, "0.vcf", "edited on the phone")
    assert held(working, anna) == ALL_HELD - {"0.vcf"}
    assert bodies(working, anna)["0.vcf"] == b"edited on the phone"


def test_somebody_else_s_bytes_heal_nothing(working: Working, anna: bytes) -> None:
    ben = working.store.accounts.create("ben")
    put(working, ben, "1.vcf", LOST["1.vcf"])
    assert held(working, anna) == ALL_HELD


def test_a_held_record_can_be_deleted(working: Working, anna: bytes) -> None:
    with working.store.read(anna, CONTACTS) as shelf:
        before = shelf.last_seq
    delete(working, anna, "1.vcf")
    assert "1.vcf" not in bodies(working, anna)
    put(working, anna, "copy.vcf", LOST["1.vcf"])
    assert "1.vcf" not in bodies(working, anna), "deleted stays deleted"
    with working.store.read(anna, CONTACTS) as shelf:
        states = {r.href: r.state for r in shelf.changes(CONTACTS, before).records}
        assert states == {"1.vcf": State.DELETED, "copy.vcf": State.PRESENT}


def test_a_collection_is_deleted_with_what_it_holds(store: Store, anna: bytes) -> None:
    store.write(anna, CONTACTS, lambda s: s.delete_collection(CONTACTS)).result(60)
    with store.read(anna, CONTACTS) as shelf:
        assert (shelf.held(), shelf.records(CONTACTS), shelf.collections()) == ([], [], [])


def test_what_was_healed_is_in_the_vault_again(
    service: Service, working: Working, anna: bytes
) -> None:
    put(working, anna, "found.vcf", LOST["0.vcf"])
    put(working, anna, "1.vcf", LOST["1.vcf"])
    shown = bodies(working, anna)
    with service.recovered() as again:
        assert bodies(again, anna) == shown
        assert held(again, anna) == ALL_HELD - {"0.vcf", "twin.vcf", "1.vcf"}
