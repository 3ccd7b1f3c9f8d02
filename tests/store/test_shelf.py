"""Reading a shelf: listings, bodies, collections, snapshots."""

from __future__ import annotations

import hashlib
import threading

import pytest
from tests.rooms import CONTACTS, delete, put, put_many

from stillhere.errors import NotFound
from stillhere.replication.start import Working
from stillhere.store import Collection, ShelfWrite, State, Store

CARD = b"BEGIN:VCARD\r\nFN:Anna\r\nEND:VCARD\r\n"


def fill(store: Store, account: bytes) -> None:
    def cards(shelf: ShelfWrite) -> None:
        for number, href in enumerate(("ü.vcf", "a b.vcf", "z.vcf", "A.vcf")):
            shelf.put(
                CONTACTS,
                href,
                CARD + b"%d" % number,
                uid=f"uid-{number}",
                component="VCARD",
                media_type="text/vcard",
            )

    store.write(account, CONTACTS, cards).result(60)


def test_a_record_says_everything_about_its_body(store: Store, anna: bytes) -> None:
    fill(store, anna)
    with store.read(anna, CONTACTS) as shelf:
        record = shelf.record(CONTACTS, "ü.vcf")
        assert record is not None
        assert (record.uid, record.component, record.media_type) == ("uid-0", "VCARD", "text/vcard")
        assert (record.size, record.state) == (len(CARD) + 1, State.PRESENT)
        assert record.digest == hashlib.sha256(CARD + b"0").digest()
        assert shelf.body(CONTACTS, "ü.vcf") == (record, CARD + b"0")
        assert shelf.by_uid(CONTACTS, "uid-0") == record
        assert shelf.by_uid("elsewhere", "uid-0") is None
        assert shelf.by_uid(CONTACTS, "uid-9") is None


def test_equal_bodies_have_equal_etags_wherever_they_lie(working: Working, anna: bytes) -> None:
    ben = working.store.accounts.create("ben")
    put(working, anna, "a.vcf", CARD)
    put(working, anna, "b.vcf", CARD + b" ")
    put(working, ben, "c.vcf", CARD)
    etags = {}
    for account in (anna, ben):
        with working.store.read(account, CONTACTS) as shelf:
            etags |= {record.href: record.etag for record in shelf.records(CONTACTS)}
    assert etags["a.vcf"] == etags["c.vcf"] != etags["b.vcf"]
    assert etags["a.vcf"][0] == etags["a.vcf"][-1] == '"'


def test_listings_are_sorted_and_multiget_leaves_out_what_is_not_there(
    store: Store, anna: bytes
) -> None:
    fill(store, anna)
    names = ["A.vcf", "a b.vcf", "z.vcf", "ü.vcf"]
    with store.read(anna, CONTACTS) as shelf:
        assert [record.href for record in shelf.records(CONTACTS)] == names
        assert [record.href for record, _ in shelf.all_bodies(CONTACTS)] == names
        asked = ["z.vcf", "none.vcf", "ü.vcf", "Z.vcf"]
        found = shelf.bodies(CONTACTS, asked)
        assert {record.href: body for record, body in found} == {
            "z.vcf": CARD + b"2",
            "ü.vcf": CARD + b"0",
        }
        assert shelf.bodies(CONTACTS, []) == []
        assert shelf.body(CONTACTS, "none.vcf") is None


def test_a_multiget_of_thousands_is_answered(working: Working, anna: bytes) -> None:
    names = {f"{n}.vcf": b"%d" % n for n in range(1700)}
    put_many(working, anna, names)
    with working.store.read(anna, CONTACTS) as shelf:
        found = shelf.bodies(CONTACTS, [*names, "none.vcf"])
        assert {record.href: body for record, body in found} == names


def test_a_deleted_record_is_gone_and_its_uid_is_free(store: Store, anna: bytes) -> None:
    fill(store, anna)
    store.write(anna, CONTACTS, lambda s: s.delete(CONTACTS, "z.vcf")).result(60)
    with store.read(anna, CONTACTS) as shelf:
        assert shelf.record(CONTACTS, "z.vcf") is None
        assert shelf.body(CONTACTS, "z.vcf") is None
        assert shelf.by_uid(CONTACTS, "uid-2") is None
        assert "z.vcf" not in {record.href for record in shelf.records(CONTACTS)}
        assert len(shelf.bodies(CONTACTS, ["z.vcf", "A.vcf"])) == 1


def test_a_reader_keeps_its_snapshot_while_others_write(working: Working, anna: bytes) -> None:
    put(working, anna, "a.vcf", "before")
    with working.store.read(anna, CONTACTS) as shelf:
        before = (shelf.last_seq, shelf.records(CONTACTS))
        put(working, anna, "a.vcf", "after")
        put(working, anna, "b.vcf", "after")
        assert (shelf.last_seq, shelf.records(CONTACTS)) == before
        assert shelf.all_bodies(CONTACTS)[0][1] == b"before"
        assert shelf.changes(CONTACTS, 0).position == before[0]
    with working.store.read(anna, CONTACTS) as shelf:
        assert len(shelf.records(CONTACTS)) == 2


def test_many_readers_at_once_each_see_a_whole_state(working: Working, anna: bytes) -> None:
    """Two cards that always change together never differ for anybody."""
    torn: list[tuple[bytes | None, ...]] = []
    done = threading.Event()

    def both(number: int) -> None:
        def fn(shelf: ShelfWrite) -> None:
            shelf.put(CONTACTS, "1.vcf", b"%d" % number)
            shelf.put(CONTACTS, "2.vcf", b"%d" % number)

        working.store.write(anna, CONTACTS, fn).result(60)

    def watch() -> None:
        while not done.is_set():
            with working.store.read(anna, CONTACTS) as shelf:
                seen = tuple(body for _, body in shelf.all_bodies(CONTACTS))
                if len(set(seen)) != 1:
                    torn.append(seen)

    both(0)
    readers = [threading.Thread(target=watch, daemon=True) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for number in range(40):
            both(number)
    finally:
        done.set()
    for reader in readers:
        reader.join(60)
    assert torn == []


def test_collections_have_properties_and_positions(working: Working, anna: bytes) -> None:
    store = working.store
    work = {"{DAV:}displayname": "Büro", "{x}colour": "#ff0000"}
    store.write(anna, CONTACTS, lambda s: s.put_collection("work", work)).result(60)
    with store.read(anna, CONTACTS) as shelf:
        book, made = shelf.collections()
        assert made == Collection("work", work, made.seq, made.seq)
        assert shelf.collection("work") == made
        assert shelf.collection("nowhere") is None
        assert book.name == CONTACTS
    seq = put(working, anna, "a.vcf")
    delete(working, anna, "a.vcf")
    with store.read(anna, CONTACTS) as shelf:
        assert shelf.position(CONTACTS) == seq + 1, "a tombstone is a change too"
        book = shelf.collection(CONTACTS)
        assert book is not None
        assert book.position == seq + 1
        assert shelf.collection("work") == made, "another collection is where it was"


def test_a_deleted_collection_takes_its_records_along(working: Working, anna: bytes) -> None:
    store = working.store
    seq = put(working, anna, "a.vcf", CARD)
    store.write(anna, CONTACTS, lambda s: s.delete_collection(CONTACTS)).result(60)
    with store.read(anna, CONTACTS) as shelf:
        assert shelf.collections() == []
        assert shelf.records(CONTACTS) == []
        gone = shelf.changes(CONTACTS, seq).records
        assert [(record.href, record.state) for record in gone] == [("a.vcf", State.DELETED)]
    store.write(anna, CONTACTS, lambda s: s.put_collection(CONTACTS, {})).result(60)
    put(working, anna, "b.vcf", CARD)
    with store.read(anna, CONTACTS) as shelf:
        assert [record.href for record in shelf.records(CONTACTS)] == ["b.vcf"]
        assert {record.href for record in shelf.changes(CONTACTS, seq).records} == {
            "a.vcf",
            "b.vcf",
        }


def test_a_collection_that_is_not_there_can_not_be_deleted(store: Store, anna: bytes) -> None:
    with pytest.raises(NotFound):
        store.write(anna, CONTACTS, lambda s: s.delete_collection("nowhere")).result(60)


def test_shelves_and_accounts_do_not_see_each_other(working: Working, anna: bytes) -> None:
    ben = working.store.accounts.create("ben")
    put(working, anna, "a.vcf", "anna's")
    put(working, ben, "a.vcf", "ben's")
    for account, body in ((anna, b"anna's"), (ben, b"ben's")):
        with working.store.read(account, CONTACTS) as shelf:
            assert (shelf.account, shelf.kind) == (account, CONTACTS)
            assert [found for _, found in shelf.all_bodies(CONTACTS)] == [body]
        with working.store.read(account, "account") as shelf:
            assert shelf.all_bodies(CONTACTS) == []


def test_conflicts_and_notes_do_not_show_and_take_a_position(working: Working, anna: bytes) -> None:
    put(working, anna, "a.vcf", "mine")

    def keep(shelf: ShelfWrite) -> None:
        shelf.keep_conflict(CONTACTS, "a.vcf", b"theirs")
        shelf.note("lost-tail token", {"position": 7})

    with working.store.read(anna, CONTACTS) as shelf:
        before = shelf.last_seq
    working.store.write(anna, CONTACTS, keep).result(60)
    with working.store.read(anna, CONTACTS) as shelf:
        assert shelf.last_seq == before + 2
        assert shelf.position(CONTACTS) == before
        assert shelf.changes(CONTACTS, before).records == []
        assert [body for _, body in shelf.all_bodies(CONTACTS)] == [b"mine"]
