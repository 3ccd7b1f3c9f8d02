"""Group commit: many changes in one segment, each of them its own."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from tests.rooms import CONTACTS, Service, bodies, content, is_segment, put

from stillhere.errors import BadInput, NotFound, StillhereError, Unavailable
from stillhere.replication.start import Working
from stillhere.store import ShelfWrite, Store, epoch_of, seq_of, writer
from stillhere.store.writer import MAX_WAITING

Paused = Callable[[Store], AbstractContextManager[None]]


def putting(href: str, body: bytes = b"x") -> Callable[[ShelfWrite], Any]:
    return lambda shelf: shelf.put(CONTACTS, href, body)


def test_changes_of_many_people_wait_for_one_segment(
    service: Service, store: Store, paused: Paused
) -> None:
    accounts = [store.accounts.create(f"person {n}") for n in range(12)]
    before = len(service.objects("journal/"))
    with paused(store):
        futures = [
            store.write(account, CONTACTS, putting(f"{n}.vcf"))
            for n in range(5)
            for account in accounts
        ]
    records = [future.result(60) for future in futures]
    assert len(service.objects("journal/")) == before + 1
    for account in accounts:
        with store.read(account, CONTACTS) as shelf:
            assert len(shelf.records(CONTACTS)) == 5
            assert shelf.last_seq == max(record.seq for record in records)


def test_a_group_waits_for_those_who_wrote_just_now_but_no_knock_does(
    service: Service, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = [store.accounts.create(f"person {n}") for n in range(2)]
    store.install(lambda _: None).result(60)  # nobody is likely to write after that
    monkeypatch.setattr(writer, "GATHER_S", 60.0)
    before = len(service.objects("journal/"))
    held, go = threading.Event(), threading.Event()

    def first(shelf: ShelfWrite) -> None:
        held.set()
        go.wait(60)
        shelf.put(CONTACTS, "1.vcf", b"x")

    one = store.write(accounts[0], CONTACTS, first)
    held.wait(60)
    two = store.write(accounts[1], CONTACTS, putting("2.vcf"))
    go.set()
    one.result(60)
    three = store.write(accounts[0], CONTACTS, putting("3.vcf"))
    two.result(30)
    three.result(30)
    assert len(service.objects("journal/")) == before + 2, "the last two are one group"
    four = store.write(accounts[0], CONTACTS, putting("4.vcf"))
    store.install(lambda _: None, urgent=True).result(30)
    four.result(30)


def test_a_change_that_fails_leaves_no_trace_and_disturbs_nobody(
    store: Store, anna: bytes, paused: Paused
) -> None:
    def fail(shelf: ShelfWrite) -> None:
        shelf.put(CONTACTS, "half.vcf", b"x")
        shelf.delete(CONTACTS, "before.vcf")
        shelf.note("never", {})
        raise BadInput("changed my mind")

    with paused(store):
        first = store.write(anna, CONTACTS, putting("before.vcf"))
        failing = store.write(anna, CONTACTS, fail)
        stranger = store.write(b"?" * 16, CONTACTS, putting("no.vcf"))
        last = store.write(anna, CONTACTS, putting("after.vcf"))
    with pytest.raises(BadInput, match="changed my mind"):
        failing.result(60)
    with pytest.raises(NotFound):
        stranger.result(60)
    assert last.result(60).seq == first.result(60).seq + 1, "no position is used up"
    with store.read(anna, CONTACTS) as shelf:
        assert {record.href for record in shelf.records(CONTACTS)} == {"before.vcf", "after.vcf"}


@pytest.mark.parametrize("wrong", ["\udcff.vcf", "\ud800"])
def test_a_change_that_the_rows_can_not_take_fails_alone(
    store: Store, anna: bytes, paused: Paused, wrong: str
) -> None:
    with paused(store):
        futures = [store.write(anna, CONTACTS, putting(href)) for href in ("1.vcf", wrong, "2.vcf")]
    assert futures[0].result(20).href == "1.vcf"
    with pytest.raises(StillhereError):
        futures[1].result(20)
    assert futures[2].result(20).href == "2.vcf"


def test_whoever_comes_later_in_a_group_sees_who_came_before(
    store: Store, anna: bytes, paused: Paused
) -> None:
    def count(shelf: ShelfWrite) -> int:
        seen = len(shelf.records(CONTACTS))
        shelf.put(CONTACTS, f"{seen}.vcf", b"x")
        return seen

    with paused(store):
        futures = [store.write(anna, CONTACTS, count) for _ in range(6)]
    assert [future.result(60) for future in futures] == list(range(6))


def test_positions_follow_each_other_and_name_the_epoch(store: Store, anna: bytes) -> None:
    def several(shelf: ShelfWrite) -> list[int]:
        return [shelf.put(CONTACTS, f"{n}.vcf", b"x").seq for n in range(3)]

    first = store.write(anna, CONTACTS, several).result(60)
    second = store.write(anna, CONTACTS, several).result(60)
    assert first + second == list(range(first[0], first[0] + 6))
    assert {epoch_of(seq) for seq in first} == {1}
    assert first[0] == seq_of(1, 2), "the address book itself was the first change"


def test_two_changes_of_one_record_in_one_draft_end_with_the_last(
    store: Store, anna: bytes, working: Working
) -> None:
    def twice(shelf: ShelfWrite) -> None:
        shelf.put(CONTACTS, "a.vcf", b"first")
        shelf.put(CONTACTS, "a.vcf", b"second")
        shelf.put(CONTACTS, "b.vcf", b"first")
        shelf.delete(CONTACTS, "b.vcf")

    store.write(anna, CONTACTS, twice).result(60)
    assert bodies(working, anna) == {"a.vcf": b"second"}


def test_more_than_a_transaction_holds_is_done_in_several(
    service: Service, store: Store, anna: bytes, paused: Paused
) -> None:
    def many(start: int) -> Callable[[ShelfWrite], Any]:
        return lambda shelf: [shelf.put(CONTACTS, f"{start + n}", b"x") for n in range(3000)]

    before = len(service.objects("journal/"))
    with paused(store):
        futures = [store.write(anna, CONTACTS, many(n * 3000)) for n in range(3)]
    assert [len(future.result(60)) for future in futures] == [3000] * 3
    assert len(service.objects("journal/")) == before + 2
    with store.read(anna, CONTACTS) as shelf:
        assert len(shelf.records(CONTACTS)) == 9000


def test_a_write_that_nobody_waits_for_any_more_is_not_begun(
    store: Store, anna: bytes, working: Working, paused: Paused
) -> None:
    with paused(store):
        kept = store.write(anna, CONTACTS, putting("kept.vcf"))
        dropped = store.write(anna, CONTACTS, putting("dropped.vcf"))
        assert dropped.cancel()
    kept.result(60)
    assert put(working, anna, "after.vcf")
    assert set(bodies(working, anna)) == {"kept.vcf", "after.vcf"}


def test_bookkeeping_that_nobody_waits_for_stops_nothing(
    store: Store, anna: bytes, paused: Paused
) -> None:
    with paused(store):
        assert store.install(lambda _: None).cancel()
    for href in ("1.vcf", "2.vcf"):
        assert store.write(anna, CONTACTS, putting(href)).result(20).href == href
    assert store.install(lambda _: "still at work").result(20) == "still at work"


def test_bookkeeping_that_fails_leaves_nothing(store: Store, anna: bytes) -> None:
    def fail(sql: sqlite3.Connection) -> None:
        sql.execute("DELETE FROM records")
        raise BadInput("no")

    store.write(anna, CONTACTS, putting("a.vcf")).result(60)
    with pytest.raises(BadInput):
        store.install(fail).result(60)
    with store.read(anna, CONTACTS) as shelf:
        assert shelf.record(CONTACTS, "a.vcf") is not None


def test_when_the_vault_fails_the_whole_group_is_as_if_never_sent(
    service: Service, paused: Paused
) -> None:
    with service.unsteady() as (working, vault):
        store = working.store
        anna, ben = store.accounts.create("anna"), store.accounts.create("ben")
        put(working, anna, "before.vcf")
        before = [content(working, anna), content(working, ben)]
        vault.refuse = is_segment
        with paused(store):
            futures = [store.write(a, CONTACTS, putting("lost.vcf")) for a in (anna, ben, anna)]
        for future in futures:
            with pytest.raises(Unavailable) as failed:
                future.result(60)
            assert failed.value.retry_after > 0
        assert [content(working, anna), content(working, ben)] == before
        vault.steady()
        assert put(working, ben, "after.vcf") == before[1].last + 1
        assert set(bodies(working, anna)) == {"before.vcf"}


def test_a_draft_without_changes_costs_no_segment(
    service: Service, store: Store, anna: bytes
) -> None:
    before = service.objects("journal/")
    assert store.write(anna, CONTACTS, lambda shelf: shelf.collections()).result(60)
    assert service.objects("journal/") == before


def test_a_core_that_is_closed_takes_no_changes(service: Service) -> None:
    with service.at_work() as working:
        anna = working.store.accounts.create("anna")
        waiting = [working.store.write(anna, CONTACTS, putting(f"{n}.vcf")) for n in range(30)]
    assert all(future.result(0) for future in waiting), "what was sent before is finished"
    with pytest.raises(Unavailable):
        working.store.write(anna, CONTACTS, putting("late.vcf")).result(60)
    with service.at_work() as working:
        assert len(bodies(working, anna)) == 30


class TestWaiting:
    """The vault may take as long as it likes; who waits for it does not."""

    def test_whoever_waits_too_long_is_told_and_leaves_no_trace(
        self, store: Store, anna: bytes, paused: Paused
    ) -> None:
        store.be_patient(0.2)
        with paused(store):
            waiting = store.write(anna, CONTACTS, putting("late.vcf"))
            with pytest.raises(Unavailable, match="did not take the change") as told:
                waiting.result(60)
            assert told.value.retry_after > 0
            with pytest.raises(Unavailable, match="has not taken a change"):
                store.write(anna, CONTACTS, putting("later.vcf"))
            assert store.stalled() is not None
        store.be_patient(60)
        store.write(anna, CONTACTS, putting("now.vcf")).result(60)
        assert store.stalled() is None
        with store.read(anna, CONTACTS) as shelf:
            assert [record.href for record in shelf.records(CONTACTS)] == ["now.vcf"]

    def test_no_more_wait_than_there_is_room_for(
        self, store: Store, anna: bytes, paused: Paused
    ) -> None:
        with paused(store):
            waiting = [store.write(anna, CONTACTS, putting(f"{n}.vcf")) for n in range(MAX_WAITING)]
            with pytest.raises(Unavailable, match="wait for the vault already"):
                store.write(anna, CONTACTS, putting("no room.vcf"))
        assert {future.result(60).href for future in waiting} == {
            f"{n}.vcf" for n in range(MAX_WAITING)
        }
