"""An export of a device is merged: nothing newer is written over, nothing deleted comes back."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from tests.kinds.objects import calendar, component
from tests.recovery.history import kept_revisions

from stillhere.kinds import KINDS
from stillhere.protocols.exchange.merge import Fate, Merged, Source, decide, merge
from stillhere.protocols.exchange.read import read_items
from stillhere.replication.compact import compact
from stillhere.replication.start import Working
from stillhere.server.core import opened
from stillhere.server.found import found
from stillhere.server.learned import list_ended, read_notes
from stillhere.store import Record, State, seq_of

END = seq_of(1, 50)
BOOK = "contacts"
CONTACTS = KINDS["contacts"]


def card(
    name: str = "Ana", *more: str, uid: str = "u1", rev: str = "", version: str = "4.0"
) -> bytes:
    lines = ["BEGIN:VCARD", f"VERSION:{version}", f"UID:{uid}", f"FN:{name}", *more]
    lines += [f"REV:{rev}"] if rev else []
    return ("\r\n".join([*lines, "END:VCARD"]) + "\r\n").encode()


def record(body: bytes, seq: int = END - 1, state: State = State.PRESENT) -> Record:
    digest = sha256(body).digest()
    return Record(BOOK, "a.vcf", seq, state, "u1", "VCARD", "text/vcard", len(body), digest, 1)


OLD, NEW = "20260101T000000Z", "2026-01-02T00:00:00Z"
SINCE = seq_of(2, 1)


@pytest.mark.parametrize(
    ("theirs", "ours", "seq", "end", "fate"),
    [
        (card("Ana"), card("Ana"), SINCE, None, Fate.LEAVE),
        (card("Anna", rev=NEW), card("Ana", rev=OLD), SINCE, None, Fate.REVISE),
        (card("Anna", rev=OLD), card("Ana", rev=NEW), END - 1, END, Fate.KEEP),
        (card("Ana", rev=OLD), card("Ana", "TEL:1", rev=OLD), END - 1, END, Fate.LEAVE),
        (card("Anna", rev=OLD), card("Ana", rev=OLD), END - 1, END, Fate.KEEP),
        (card("Anna", rev=NEW), card("Ana"), SINCE, END, Fate.KEEP),
        (card("Anna"), card("Ana"), END - 1, END, Fate.REVISE),
        (card("Anna"), card("Ana"), END - 1, None, Fate.KEEP),
        (card("Anna"), card("Ana"), SINCE, END, Fate.KEEP),
        (card("Ana", version="3.0"), card("Ana", "TEL:1"), END - 1, END, Fate.LEAVE),
        (card("Ana", "TEL;TYPE=CELL:2"), card("Ana", "TEL:1"), END - 1, END, Fate.REVISE),
        (
            card("Anna", rev="2026-01-02T00:00:00+02:00"),
            card("Ana", rev=OLD),
            SINCE,
            END,
            Fate.KEEP,
        ),
    ],
)
def test_the_fate_of_a_card_whose_uid_is_here(
    theirs: bytes, ours: bytes, seq: int, end: int | None, fate: Fate
) -> None:
    assert decide(CONTACTS, theirs, record(ours, seq), ours, end) is fate


def test_an_event_that_says_more_without_a_new_time_is_kept() -> None:
    ours = calendar(component("VEVENT", "UID:u1 | DTSTAMP:20260101T000000Z | SUMMARY:Tea"))
    theirs = ours.replace(b"Tea", b"Tea at five")
    assert decide(KINDS["calendar"], theirs, record(ours), ours, END) is Fate.KEEP
    assert decide(KINDS["calendar"], ours + b"\r\n", record(ours), ours, END) is Fate.LEAVE


def test_a_single_day_takes_the_place_of_no_series() -> None:
    day = "UID:u1 | RECURRENCE-ID:20260106T090000Z | SEQUENCE:9 | DTSTAMP:20260201T000000Z"
    theirs = calendar(component("VEVENT", day))
    ours = calendar(component("VEVENT", "UID:u1 | DTSTAMP:20260101T000000Z | RRULE:FREQ=DAILY"))
    events = KINDS["calendar"]
    assert decide(events, theirs, record(ours), ours, END) is Fate.KEEP
    assert decide(events, theirs, record(ours, state=State.HELD), None, END) is Fate.KEEP
    assert decide(events, theirs, record(theirs, state=State.HELD), None, END) is Fate.HEAL
    assert decide(events, theirs, None, None, END) is Fate.ADD


def test_the_fate_of_new_held_and_deleted_ones() -> None:
    ours = card("Ana")
    assert decide(CONTACTS, ours, None, None, None) is Fate.ADD
    for theirs in (ours, card("Anna")):
        assert decide(CONTACTS, theirs, record(ours, state=State.HELD), None, None) is Fate.HEAL
        assert (
            decide(CONTACTS, theirs, record(ours, state=State.DELETED), None, END)
            is Fate.STAY_DELETED
        )


@pytest.fixture
def working(tmp_path: Path) -> Iterator[Working]:
    found(tmp_path / "core", tmp_path / "vault", None)
    with opened(tmp_path / "core") as core:
        yield core.working


@pytest.fixture
def ana(working: Working) -> bytes:
    return working.store.accounts.create("ana")


def put(working: Working, account: bytes, uid: str, body: bytes) -> None:
    working.store.write(
        account, BOOK, lambda shelf: shelf.put(BOOK, f"phone-{uid}.vcf", body, uid=uid)
    ).result()


def bring(working: Working, account: bytes, data: bytes, end: int | None = None) -> Merged:
    ends = {} if end is None else {("contacts", BOOK): end}
    source = Source("abcd2345", "phone (device abcd2345)", ends)
    return merge(
        working.store, account, BOOK, source, read_items("out.vcf", data), most_bytes=1 << 20
    )


def listed(working: Working, account: bytes) -> dict[str, bytes | None]:
    with working.store.read(account, BOOK) as shelf:
        return {record.href: body for record, body in shelf.all_bodies(BOOK)}


def test_nothing_is_overwritten_without_history(working: Working, ana: bytes) -> None:
    for number in range(4):
        put(working, ana, f"u{number}", card("Here", uid=f"u{number}"))
    with working.store.read(ana, BOOK) as shelf:
        end = shelf.last_seq
    put(working, ana, "u0", card("Here since", uid="u0"))
    working.store.write(ana, BOOK, lambda shelf: shelf.delete(BOOK, "phone-u1.vcf")).result()
    theirs = [card("There", uid=f"u{number}") for number in range(5)]
    result = bring(working, ana, b"".join(theirs), end)
    assert [fate for _, fate in result.fates] == [
        *(Fate.KEEP, Fate.STAY_DELETED, Fate.REVISE, Fate.REVISE, Fate.ADD)
    ]
    assert listed(working, ana) == {
        "phone-u0.vcf": card("Here since", uid="u0"),
        "phone-u2.vcf": theirs[2],
        "phone-u3.vcf": theirs[3],
        "u4.vcf": theirs[4],
    }
    compact(working)
    everything = {card("Here", uid=f"u{number}") for number in range(4)} | set(theirs)
    assert everything <= kept_revisions(working, ana)


def test_merging_again_changes_no_card_and_keeps_nothing_twice(
    working: Working, ana: bytes
) -> None:
    put(working, ana, "u1", card("Here"))
    data = card("There") + card("New", uid="u2")
    bring(working, ana, data)
    before = listed(working, ana)
    again = bring(working, ana, data)
    assert [fate for _, fate in again.fates] == [Fate.KEEP, Fate.LEAVE]
    assert listed(working, ana) == before
    rows = working.core.reader().execute("SELECT body FROM notes WHERE op = 2").fetchall()
    assert rows == [(card("There"),)]


def test_it_heals_what_is_held_and_says_whence(
    working: Working, ana: bytes, tmp_path: Path
) -> None:
    put(working, ana, "u1", card("Here"))
    put(working, ana, "u2", card("Here", uid="u2"))
    working.store.install(
        lambda sql: (
            sql.execute("UPDATE records SET state = 2, body = NULL WHERE collection = ?", (BOOK,)),
            sql.execute("UPDATE shelves SET held = 2 WHERE kind = ?", (BOOK,)),
        )
    ).result()
    bring(working, ana, card("Here") + card("Edited", uid="u2"))
    assert listed(working, ana) == {
        "phone-u1.vcf": card("Here"),
        "phone-u2.vcf": card("Edited", uid="u2"),
    }
    ended = list_ended(read_notes(working.core.reader(), ana, BOOK), {})
    assert [(one.href, one.same, one.whence) for one in ended] == [
        ("phone-u1.vcf", True, "an export of phone (device abcd2345)"),
        ("phone-u2.vcf", False, "an export of phone (device abcd2345)"),
    ]
