"""Deltas: whoever follows them page by page has what a listing shows, whatever the index."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from tests.rooms import CONTACTS, Service, delete, make_service, put, quick_folder

from stillhere.replication.start import Working
from stillhere.store import Shelf, State, Store

LIMITS = (None, 1, 2, 3, 7, 1000)


def follow(shelf: Shelf, since: int, limit: int | None) -> tuple[dict[str, bytes | None], int]:
    """What a phone has that starts empty at `since`, and the position it arrives at."""
    has: dict[str, bytes | None] = {}
    for _ in range(1000):
        delta = shelf.changes(CONTACTS, since, limit)
        assert limit is None or len(delta.records) <= limit
        seqs = [record.seq for record in delta.records]
        assert seqs == sorted(seqs)
        for record in delta.records:
            if record.state == State.DELETED:
                has.pop(record.href, None)
            else:
                has[record.href] = record.digest
        since = delta.position
        if not delta.truncated:
            return has, since
    raise AssertionError("the pages never end")


def live(shelf: Shelf) -> dict[str, bytes | None]:
    return {record.href: record.digest for record in shelf.records(CONTACTS)}


def edit(working: Working, account: bytes, *, seed: int, times: int = 40) -> None:
    random.seed(seed)
    for number in range(times):
        href = f"{random.randrange(12)}.vcf"
        if random.random() < 0.3:
            delete(working, account, href)
        else:
            put(working, account, href, f"{seed} {number}", uid=href)


@pytest.mark.parametrize("limit", LIMITS)
def test_pages_of_any_size_lead_to_the_listing(
    working: Working, anna: bytes, limit: int | None
) -> None:
    edit(working, anna, seed=1)
    with working.store.read(anna, CONTACTS) as shelf:
        has, position = follow(shelf, 0, limit)
        assert has == live(shelf)
        assert position == shelf.position(CONTACTS) == shelf.last_seq


def test_a_phone_that_asks_again_is_told_nothing_twice(working: Working, anna: bytes) -> None:
    edit(working, anna, seed=2)
    with working.store.read(anna, CONTACTS) as shelf:
        _, position = follow(shelf, 0, None)
        again = shelf.changes(CONTACTS, position)
        assert (again.records, again.position, again.truncated) == ([], position, False)


def test_tombstones_are_told_to_whoever_was_there_before(working: Working, anna: bytes) -> None:
    first = put(working, anna, "a.vcf")
    put(working, anna, "b.vcf")
    delete(working, anna, "a.vcf")
    delete(working, anna, "never.vcf")
    with working.store.read(anna, CONTACTS) as shelf:
        told = {r.href: State(r.state) for r in shelf.changes(CONTACTS, first).records}
        assert told == {
            "b.vcf": State.PRESENT,
            "a.vcf": State.DELETED,
            "never.vcf": State.DELETED,
        }


def test_a_position_beyond_the_last_is_not_moved_back(working: Working, anna: bytes) -> None:
    put(working, anna, "a.vcf")
    with working.store.read(anna, CONTACTS) as shelf:
        delta = shelf.changes(CONTACTS, shelf.last_seq + 5)
        assert (delta.records, delta.position) == ([], shelf.last_seq + 5)


def test_other_collections_are_not_in_a_delta(working: Working, anna: bytes) -> None:
    store = working.store
    store.write(anna, CONTACTS, lambda s: s.put_collection("work", {})).result(60)
    here = put(working, anna, "a.vcf")
    store.write(anna, CONTACTS, lambda s: s.put("work", "w.vcf", b"w")).result(60)
    with store.read(anna, CONTACTS) as shelf:
        assert [r.href for r in shelf.changes("work", 0).records] == ["w.vcf"]
        assert shelf.changes(CONTACTS, here).records == []
        assert shelf.changes(CONTACTS, here).position == here
        assert shelf.changes("nowhere", 0).records == []


def test_no_records_wanted_are_no_records(working: Working, anna: bytes) -> None:
    put(working, anna, "a.vcf")
    with working.store.read(anna, CONTACTS) as shelf:
        delta = shelf.changes(CONTACTS, 5, 0)
        assert (delta.records, delta.position, delta.truncated) == ([], 5, True)


@pytest.fixture
def recovered() -> Iterator[tuple[Service, bytes]]:
    """A core that was recovered, and an account on it."""
    with quick_folder() as folder:
        service = make_service(folder)
        with service.at_work() as working:
            anna = working.store.accounts.create("anna")
            edit(working, anna, seed=3)
        with service.recovered():
            pass
        yield service, anna


def answers(store: Store, account: bytes) -> list[object]:
    """Everything that can be asked of a shelf, but for what is in other collections."""
    with store.read(account, CONTACTS) as shelf:
        seqs = sorted(r.seq for r, _ in shelf.everything() if r.collection == CONTACTS)
        told: list[object] = [
            shelf.changes(CONTACTS, since, limit)
            for since in (0, *seqs, seqs[-1] + 1)
            for limit in LIMITS
        ]
        names = [f"{n}.vcf" for n in range(13)]
        for name in names:
            told += shelf.by_uid(CONTACTS, name), shelf.record(CONTACTS, name)
            told.append(shelf.body(CONTACTS, name))
        told += shelf.collections(), shelf.collection(CONTACTS), shelf.collection("none")
        told += sorted(shelf.bodies(CONTACTS, names)), shelf.all_bodies(CONTACTS)
        told.append([found for found in shelf.everything() if found[0].collection == CONTACTS])
        return [*told, shelf.held(), shelf.position(CONTACTS), shelf.records(CONTACTS)]


def paged(working: Working, account: bytes) -> bool:
    found = working.core.reader().execute(
        "SELECT 1 FROM pages p JOIN shelves s ON s.id = p.shelf WHERE s.account = ? AND s.kind = ?",
        (account, CONTACTS),
    )
    return found.fetchone() is not None


def test_a_page_answers_as_its_rows_do(
    recovered: tuple[Service, bytes],
) -> None:
    service, anna = recovered
    with service.at_work() as working:
        store = working.store
        assert paged(working, anna)
        before = answers(store, anna)
        store.write(anna, CONTACTS, lambda s: s.put("elsewhere", "x.vcf", b"x")).result(60)
        assert not paged(working, anna)
        after = answers(store, anna)
        with store.read(anna, CONTACTS) as shelf:
            assert follow(shelf, 0, 3)[0] == live(shelf)
    assert before == after
    with service.at_work() as working:
        assert answers(working.store, anna) == after
