"""Deleted stays deleted, where only a damaged core knows of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.recovery.salvage.damage import Core, copy_core, salvaged
from tests.recovery.salvage.tail import lost
from tests.rooms import CONTACTS, Service, bodies, delete, make_service, put, quick_folder

from stillhere.replication.compact import compact
from stillhere.replication.start import Working, anchor_of
from stillhere.store import Record, ShelfWrite, State
from stillhere.vault.evidence import read_kept

Step = Callable[[Working, bytes], object]


@pytest.fixture
def service() -> Iterator[Service]:
    with quick_folder() as folder:
        yield make_service(folder)


def anna_with(step: Step) -> Callable[[Working], bytes]:
    def before(working: Working) -> bytes:
        anna = working.store.accounts.create("anna")
        step(working, anna)
        return anna

    return before


def nothing(working: Working, anna: bytes) -> None:
    """No change."""


def put_a(working: Working, anna: bytes) -> None:
    put(working, anna, "a.vcf", "first")


def edit_and_delete_a(working: Working, anna: bytes) -> None:
    put(working, anna, "a.vcf", "second")
    delete(working, anna, "a.vcf")


def rows(working: Working, anna: bytes) -> dict[str, Record]:
    with working.store.read(anna, CONTACTS) as shelf:
        return {record.href: record for record, _ in shelf.everything()}


def test_what_was_edited_before_it_was_deleted_is_deleted(service: Service) -> None:
    with lost(service, anna_with(put_a), edit_and_delete_a) as (working, anna, core):
        assert bodies(working, anna) == {"a.vcf": b"first"}
        told = salvaged(working, core)
        assert bodies(working, anna) == {}
        assert (told["written"], told["deleted"]) == (0, 1)
        assert salvaged(working, core)["deleted"] == 0


def test_the_history_keeps_what_was_deleted(service: Service) -> None:
    with lost(service, anna_with(put_a), edit_and_delete_a) as (working, anna, core):
        salvaged(working, core)
        compact(working)
        source = anchor_of(working).source(anna, CONTACTS)
        assert source.entry is not None
        assert source.manifest is not None
        spans = map(source.manifest.place, source.entry.history)
        key = working.core.data_keys.get(anna)
        kept = {body for span in spans for _, body in read_kept(source, span, key).notes}
        assert b"first" in kept


def test_what_the_vault_never_had_leaves_its_tombstone(service: Service) -> None:
    def after(working: Working, anna: bytes) -> None:
        put_a(working, anna)
        delete(working, anna, "a.vcf")

    with lost(service, anna_with(nothing), after) as (working, anna, core):
        assert "a.vcf" not in rows(working, anna)
        salvaged(working, core)
        tombstone = rows(working, anna)["a.vcf"]
        assert tombstone.state == State.DELETED
        with working.store.read(anna, CONTACTS) as shelf:
            assert "a.vcf" in {r.href for r in shelf.changes(CONTACTS, (1 << 40) + 3).records}
        salvaged(working, core)
        assert rows(working, anna)["a.vcf"] == tombstone


def test_what_was_changed_since_is_not_deleted(service: Service) -> None:
    with lost(service, anna_with(put_a), edit_and_delete_a) as (working, anna, core):
        put(working, anna, "a.vcf", "today")
        assert salvaged(working, core)["deleted"] == 0
        assert bodies(working, anna) == {"a.vcf": b"today"}


def test_what_was_changed_between_two_losses_stays(service: Service) -> None:
    def before(working: Working, anna: bytes) -> None:
        put_a(working, anna)
        put(working, anna, "b.vcf", "first")

    def after(working: Working, anna: bytes) -> None:
        delete(working, anna, "a.vcf")
        put(working, anna, "b.vcf", "lost")

    with lost(service, anna_with(before), after) as (working, anna, core):
        for name in ("a.vcf", "b.vcf"):
            put(working, anna, name, "between")
    with service.recovered() as working:
        told = salvaged(working, core)
        assert bodies(working, anna) == {"a.vcf": b"between", "b.vcf": b"between"}
        assert (told["written"], told["deleted"], told["history"]) == (0, 0, 1)


def test_an_address_book_goes_with_what_was_in_it(service: Service) -> None:
    def before(working: Working, anna: bytes) -> None:
        def fill(shelf: ShelfWrite) -> None:
            shelf.put_collection("work", {"{DAV:}displayname": "Work"})
            for number in range(3):
                shelf.put("work", f"{number}.vcf", b"%d" % number)

        working.store.write(anna, CONTACTS, fill).result(60)

    def after(working: Working, anna: bytes) -> None:
        working.store.write(anna, CONTACTS, lambda shelf: shelf.delete_collection("work")).result(
            60
        )

    for seen_since in (False, True):
        folder = service.folder / str(seen_since)
        folder.mkdir()
        with lost(make_service(folder), anna_with(before), after) as (working, anna, core):
            if seen_since:
                working.store.write(
                    anna, CONTACTS, lambda shelf: shelf.put("work", "1.vcf", b"edited")
                ).result(60)
            salvaged(working, core)
            with working.store.read(anna, CONTACTS) as shelf:
                assert (shelf.collection("work") is not None) == seen_since
                left = {record.href: body for record, body in shelf.all_bodies("work")}
                assert left == ({"1.vcf": b"edited"} if seen_since else {})


def test_what_a_later_copy_has_again_comes_back(service: Service) -> None:
    def after(working: Working, anna: bytes) -> None:
        delete(working, anna, "a.vcf")
        copy_core(service, working, service.folder / "early")
        put(working, anna, "a.vcf", "again")

    with lost(service, anna_with(put_a), after) as (working, anna, late):
        early = Core(service.folder / "early" / "core.sqlite", {})
        salvaged(working, early)
        assert bodies(working, anna) == {}
        salvaged(working, late)
        assert bodies(working, anna) == {"a.vcf": b"again"}
        salvaged(working, early)
        assert bodies(working, anna) == {"a.vcf": b"again"}
