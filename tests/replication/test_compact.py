"""Compaction: the tail folded into base and delta, with nothing lost on the way."""

from __future__ import annotations

import msgspec
import pytest
from tests.rooms import (
    CONTACTS,
    Service,
    bodies,
    content,
    content_of,
    contents,
    delete,
    image_of,
    put,
    put_many,
)

from stillhere.errors import StillhereError, Unavailable
from stillhere.replication.compact import compact, tail_figures
from stillhere.replication.start import Working, anchor_of
from stillhere.replication.verify import verify
from stillhere.store import ShelfWrite
from stillhere.vault.manifests import ShelfEntry
from stillhere.vault.packs import Role, open_chunk, read_chunk
from stillhere.vault.segments import decode_entry

MANY = {f"{n:02d}.vcf": b"BEGIN:VCARD %d" % n * 20 for n in range(40)}


@pytest.fixture
def anna(working: Working) -> bytes:
    return working.store.accounts.create("anna")


def entry_of(working: Working, account: bytes) -> ShelfEntry:
    entry = anchor_of(working).source(account, CONTACTS).entry
    assert entry is not None
    return entry


def is_equal(working: Working, account: bytes) -> bool:
    image, there = image_of(working, account), content(working, account)
    return image.proven and (content_of(image), image.chain) == (there.rows, there.chain)


def test_the_tail_becomes_a_base_and_is_empty(working: Working, anna: bytes) -> None:
    put_many(working, anna, MANY)
    done = compact(working)
    assert (done.shelves, done.unproven) == (2, [])
    assert tail_figures(working).segments == 0
    entry = entry_of(working, anna)
    assert (entry.delta, entry.base.count) == (None, len(MANY) + 1)
    assert is_equal(working, anna)


def test_few_changes_are_a_delta_and_many_a_new_base(working: Working, anna: bytes) -> None:
    put_many(working, anna, MANY)
    compact(working)
    base = entry_of(working, anna).base
    put(working, anna, "03.vcf", "changed")
    delete(working, anna, "04.vcf")
    compact(working)
    entry = entry_of(working, anna)
    assert entry.base == base
    assert entry.delta is not None
    assert entry.delta.count == 2
    put(working, anna, "05.vcf", "changed too")
    compact(working)
    again = entry_of(working, anna)
    assert again.delta is not None
    assert again.delta.count == 3, "one delta above the base, not a chain of them"
    for number in range(12):
        put(working, anna, f"new{number}.vcf")
    compact(working)
    entry = entry_of(working, anna)
    assert entry.delta is None
    assert entry.base.count == len(MANY) + 13
    assert is_equal(working, anna)


def test_only_whoever_changed_is_written_again(working: Working, anna: bytes) -> None:
    ben = working.store.accounts.create("ben")
    put_many(working, anna, MANY)
    put_many(working, ben, MANY)
    compact(working)
    before = entry_of(working, ben)
    put(working, anna, "a.vcf")
    done = compact(working)
    assert done.shelves == 1
    after = entry_of(working, ben)
    assert (after.base.last, after.base.digest) == (before.base.last, before.base.digest)
    assert is_equal(working, ben)


def test_nothing_to_fold_writes_nothing(service: Service, working: Working, anna: bytes) -> None:
    compact(working)
    objects = service.objects()
    assert compact(working).shelves == 0
    assert service.objects() == objects


def test_changes_that_arrive_meanwhile_stay_in_the_tail(working: Working, anna: bytes) -> None:
    put_many(working, anna, MANY)
    arrived: list[int] = []
    compact(working, tick=lambda done, total: arrived.append(put(working, anna, f"{done}.new")))
    assert arrived
    assert is_equal(working, anna)
    compact(working)
    assert is_equal(working, anna)


def test_two_compactions_do_not_run_at_once(service: Service, working: Working) -> None:
    anna = working.store.accounts.create("anna")
    put(working, anna, "a.vcf")
    refused: list[StillhereError] = []

    def meanwhile(done: int, total: int) -> None:
        with service.at_work() as beside:
            try:
                compact(beside)
            except Unavailable as error:
                refused.append(error)

    compact(working, tick=meanwhile)
    assert refused
    assert verify(working).proven


def test_a_core_may_restart_between_and_during(service: Service, working: Working) -> None:
    anna = working.store.accounts.create("anna")
    put_many(working, anna, MANY)
    compact(working)
    with service.at_work() as again:
        put(again, anna, "again.vcf")
        compact(again)
        put(working, anna, "here.vcf")
        assert compact(working).unproven == []
        assert contents(again) == contents(working)
        assert verify(again).proven


def history_of(working: Working, account: bytes) -> list[tuple[str, int, bytes | None]]:
    """What the ledger kept of a shelf's past: (name, operation, body)."""
    source = anchor_of(working).source(account, CONTACTS)
    assert source.entry is not None
    assert source.manifest is not None
    key = working.core.data_keys.get(account)
    kept = []
    for span in source.entry.history:
        chunk = read_chunk(working.vault, source.manifest.place(span), bytes)
        plain = open_chunk(key, chunk, Role.HISTORY, account, CONTACTS)
        entries, found = msgspec.msgpack.decode(plain)
        for raw, body in zip(entries, found, strict=True):
            entry = decode_entry(raw)
            kept.append((entry.href, entry.op, body))
    return kept


def test_history_keeps_what_was_replaced_deleted_or_lost_a_conflict(
    working: Working, anna: bytes
) -> None:
    def conflict(shelf: ShelfWrite) -> None:
        shelf.keep_conflict(CONTACTS, "a.vcf", b"the loser")
        shelf.note("lost-tail token", {"position": 7})

    put(working, anna, "a.vcf", "first")
    compact(working)
    put(working, anna, "a.vcf", "second")
    put(working, anna, "a.vcf", "third")
    put(working, anna, "b.vcf", "short-lived")
    delete(working, anna, "b.vcf")
    working.store.write(anna, CONTACTS, conflict).result(60)
    for _ in range(2):
        compact(working)
        kept = history_of(working, anna)
        for href, op, body in (
            ("a.vcf", 0, b"first"),
            ("a.vcf", 0, b"second"),
            ("b.vcf", 0, b"short-lived"),
            ("a.vcf", 2, b"the loser"),
        ):
            assert kept.count((href, op, body)) == 1
        assert [op for _, op, _ in kept].count(3) == 1
        put(working, anna, "c.vcf", f"{kept}")
    assert bodies(working, anna)["a.vcf"] == b"third"


OBJECTS = ("ledger/", "manifest/account/", "manifest/contacts/", "manifest/root/")


@pytest.mark.parametrize("outcome", ["refuse", "forget"])
@pytest.mark.parametrize("step", OBJECTS)
@pytest.mark.parametrize("twin", [False, True])
def test_a_compaction_that_fails_anywhere_changes_nothing_for_anybody(
    service: Service, step: str, outcome: str, twin: bool
) -> None:
    with service.unsteady() as (working, vault):
        anna = working.store.accounts.create("anna")
        put_many(working, anna, MANY)
        compact(working)
        put(working, anna, "03.vcf", "changed")
        now = contents(working)
        fails = [0]

        def fail(name: str) -> bool:
            hit = name.startswith(step) and name.endswith(".twin") == twin
            fails[0] += hit
            return hit

        setattr(vault, outcome, fail)
        try:
            compact(working)
        except StillhereError:
            assert fails[0]
        vault.steady()
        assert is_equal(working, anna)
        put(working, anna, "after.vcf")
        assert compact(working).unproven == []
        assert tail_figures(working).segments == 0
        assert verify(working).proven
    with service.recovered() as working:
        assert bodies(working, anna)["after.vcf"] == b"after.vcf"
        assert {key: value.last for key, value in now.items()}.keys() == contents(working).keys()
