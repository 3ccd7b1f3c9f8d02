"""When records are: kept by the vault, proven with the rest, and the same after a loss."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rooms import CONTACTS, Service, delete, image_of, make_service, put, quick_folder

from stillhere.kinds.item import NO_SPAN, Span
from stillhere.replication.compact import compact
from stillhere.replication.start import Working
from stillhere.replication.verify import verify
from stillhere.store import Record, ShelfWrite, State

DAY = 24 * 3600
ALWAYS = (-(1 << 40), 1 << 40)
TIMES = (ALWAYS, (0, DAY), (3 * DAY, 5 * DAY), (40 * DAY, 41 * DAY), (-DAY, 0))
FIRST = {
    "at nine": Span(9 * 3600, 10 * 3600),
    "on the fourth day": Span(3 * DAY, 4 * DAY),
    "every week": Span(0, 1 << 40, exact=False),
    "until the fortieth day": Span(5, 40 * DAY, exact=False),
    "before 1970": Span(-7, -3),
    "moved": Span(1, 2, exact=False),
    "deleted": Span(3, 4),
    "some day": NO_SPAN,
}
LATER = {"moved": Span(3 * DAY + 5, 3 * DAY + 9), "new": Span(40 * DAY, 40 * DAY + 1)}
Listed = list[list[Record]]


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    with quick_folder() as folder:
        yield folder


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return make_service(tmp_path)


def write(working: Working, account: bytes, spans: dict[str, Span]) -> None:
    def fill(shelf: ShelfWrite) -> None:
        for href, span in spans.items():
            shelf.put(CONTACTS, href, b"body of " + href.encode() * 9, uid=href, span=span)

    working.store.write(account, CONTACTS, fill).result(60)


def listed(working: Working, account: bytes) -> Listed:
    with working.store.read(account, CONTACTS) as shelf:
        return [shelf.overlapping(CONTACTS, *times) for times in TIMES]


def named(found: Listed) -> list[dict[str, Span]]:
    return [{record.href: record.span for record in records} for records in found]


def live(working: Working, compacted: int) -> tuple[bytes, Listed]:
    """A shelf of which so much is in the ledger: nothing, a base, or a base and a delta."""
    anna = working.store.accounts.create("anna")
    write(working, anna, FIRST | {f"{n}": NO_SPAN for n in range(20)})
    if compacted:
        compact(working)
    write(working, anna, LATER)
    delete(working, anna, "deleted")
    if compacted > 1:
        compact(working)
    return anna, listed(working, anna)


@pytest.mark.parametrize("compacted", [0, 1, 2])
def test_a_page_and_its_rows_answer_as_the_lost_core_did(service: Service, compacted: int) -> None:
    with service.at_work() as working:
        anna, before = live(working, compacted)
    assert [*map(len, before)] == [7, 3, 4, 2, 1]
    for _ in range(2):
        with service.recovered() as working:
            assert listed(working, anna) == before
            put(working, anna, "makes rows of it")
            assert listed(working, anna) == before
            compact(working)
            assert verify(working).proven


def test_a_held_record_is_where_it_was(service: Service) -> None:
    with service.at_work() as working:
        anna, before = live(working, 1)
    [pack] = [name for name in service.objects("ledger/contacts/") if "-000001b-" in name]
    (service.place / pack).unlink()
    for _ in range(2):
        with service.recovered() as working:
            found = listed(working, anna)
            assert named(found) == named(before)
            states = {record.href: record.state for record in found[0]}
            assert states.pop("moved") == states.pop("new") == State.PRESENT
            assert set(states.values()) == {State.HELD}
            with working.store.read(anna, CONTACTS) as shelf:
                bodies = {r.href: body for r, body in shelf.each_body(CONTACTS, ALWAYS)}
            assert {href for href, body in bodies.items() if body is None} == states.keys()
            put(working, anna, "makes rows of it")
            assert named(listed(working, anna)) == named(before)
            compact(working)
    with service.recovered() as working:
        body = b"body of " + b"every week" * 9
        working.store.write(anna, CONTACTS, lambda shelf: shelf.heal(body)).result(60)
        assert named(listed(working, anna)) == named(before)


def test_times_are_in_both_halves_of_a_level(service: Service) -> None:
    """A roster that is lost is made anew from what lies beside the bodies."""
    with service.at_work() as working:
        anna, before = live(working, 2)
    for name in service.objects("ledger/contacts/"):
        if "-000001r-" in name:
            (service.place / name).unlink()
    with service.recovered() as working:
        assert listed(working, anna) == before


def test_what_was_replaced_keeps_its_time_in_history(service: Service) -> None:
    with service.at_work() as working:
        anna, _ = live(working, 1)
        replaced = {entry.href: entry for entry, _ in image_of(working, anna).replaced}
    old = replaced["moved"]
    assert Span(old.starts, old.ends, bool(old.exact)) == FIRST["moved"]


def test_a_crash_before_the_commit_loses_no_time(service: Service) -> None:
    """What the vault has and the core has not is replayed when it starts."""
    with service.at_work() as working:
        anna = working.store.accounts.create("anna")
        behind = working.core.home.with_name("behind")
        working.core.reader().execute("VACUUM INTO ?", (str(behind),))
        write(working, anna, FIRST)
        before = listed(working, anna)
    (service.home / "core.sqlite-wal").unlink(missing_ok=True)
    behind.replace(service.home / "core.sqlite")
    with service.at_work() as working:
        assert listed(working, anna) == before
