"""Contacts go in from files and come out as files, through a real core and its vault."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.kinds.objects import calendar, component

from stillhere.errors import BadInput, NotFound
from stillhere.protocols.exchange.export import export
from stillhere.protocols.exchange.load import Imported, load
from stillhere.protocols.exchange.plan import Piece, Refused
from stillhere.protocols.exchange.read import GROUP_ITEMS, find_files, read, read_items
from stillhere.server.core import opened
from stillhere.server.found import found
from stillhere.store import Store


def card(number: int, name: str = "Ana") -> bytes:
    return f"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:uid-{number}\r\nFN:{name}\r\nEND:VCARD\r\n".encode()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found(tmp_path / "core", tmp_path / "vault", None)
    with opened(tmp_path / "core") as core:
        yield core.store


@pytest.fixture
def ana(store: Store) -> bytes:
    return store.accounts.create("ana")


def bring_in(store: Store, account: bytes, data: bytes, book: str = "contacts") -> Imported:
    return load(store, account, book, read_items("f.vcf", data), most_bytes=1 << 20)


def listed(store: Store, account: bytes, book: str = "contacts") -> dict[str, bytes | None]:
    with store.read(account, "contacts") as shelf:
        return {record.uid: body for record, body in shelf.all_bodies(book)}


def test_cards_are_added_then_unchanged_then_updated(store: Store, ana: bytes) -> None:
    first = bring_in(store, ana, card(1) + card(2))
    assert (first.added, first.updated, first.unchanged) == (2, 0, 0)
    again = bring_in(store, ana, card(1) + card(2))
    assert (again.added, again.updated, again.unchanged) == (0, 0, 2)
    edited = bring_in(store, ana, card(1, "Anna") + card(2))
    assert (edited.added, edited.updated, edited.unchanged) == (0, 1, 1)
    assert listed(store, ana) == {"uid-1": card(1, "Anna"), "uid-2": card(2)}


def test_an_update_goes_where_a_phone_put_the_card(store: Store, ana: bytes) -> None:
    store.write(
        ana, "contacts", lambda s: s.put("contacts", "X.vcf", card(1), uid="uid-1")
    ).result()
    bring_in(store, ana, card(1, "Anna"))
    with store.read(ana, "contacts") as shelf:
        assert [record.href for record in shelf.records("contacts")] == ["X.vcf"]


def test_many_groups_go_in_while_a_phone_writes(store: Store, ana: bytes) -> None:
    total = 2 * GROUP_ITEMS + 10
    writes = []

    def phone(done: int, of: int) -> None:
        assert of == total
        put = lambda s: s.put("contacts", f"p{done}.vcf", card(total), uid=f"uid-{total}")  # noqa: E731
        writes.append(store.write(ana, "contacts", put).result())

    data = b"".join(card(number) for number in range(total))
    result = load(store, ana, "contacts", read_items("f", data), most_bytes=1 << 20, tick=phone)
    assert (result.added, result.updated, result.unchanged) == (total, 0, 0)
    assert len(writes) == 3
    assert set(listed(store, ana)) == {f"uid-{number}" for number in range(total + 1)}


def test_a_new_book_is_made_and_named(store: Store, ana: bytes) -> None:
    bring_in(store, ana, card(1), "Work")
    with store.read(ana, "contacts") as shelf:
        book = shelf.collection("Work")
    assert book is not None
    assert book.properties == {"{DAV:}displayname": "Work"}


def test_an_export_is_a_folder_per_book_byte_for_byte(
    store: Store, ana: bytes, tmp_path: Path
) -> None:
    bring_in(store, ana, card(1) + card(2))
    bring_in(store, ana, card(3), "../Work")
    done = export(store, ana, tmp_path / "out")
    assert (done.collections, done.items["contacts"], done.held) == (2, 3, [])
    files = {p.relative_to(tmp_path / "out").as_posix(): p for p in tmp_path.glob("out/*/*")}
    assert set(files) == {"contacts/uid-1.vcf", "contacts/uid-2.vcf", "__Work/uid-3.vcf"}
    assert files["contacts/uid-2.vcf"].read_bytes() == card(2)


def test_what_lies_there_is_not_written_over_unasked(
    store: Store, ana: bytes, tmp_path: Path
) -> None:
    bring_in(store, ana, card(1))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    (tmp_path / "all.zip").write_text("mine")
    for name in ("out", "all.zip"):
        with pytest.raises(BadInput):
            export(store, ana, tmp_path / name)
        export(store, ana, tmp_path / name, force=True)
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine"
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.read("contacts/uid-1.vcf") == card(1)


def test_a_zip_that_fails_leaves_nothing(store: Store, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        export(store, bytes(16), tmp_path / "all.zip")
    assert list(tmp_path.glob("*.zip")) + list(tmp_path.glob(".all*")) == []


@pytest.mark.real
def test_real_files_survive_the_round_trip(
    store: Store, ana: bytes, tmp_path: Path, shared_data: Path
) -> None:
    cards = list(read(find_files([shared_data / "contacts"])))
    result = load(store, ana, "contacts", cards, most_bytes=4 << 20)
    kept = {c.uid: c.body for c in reversed(cards) if not isinstance(c, Refused)}
    assert result.added == len(kept)
    export(store, ana, tmp_path / "out")
    bodies = sorted(path.read_bytes() for path in tmp_path.glob("out/contacts/*.vcf"))
    assert bodies == sorted(kept.values())
    again = load(store, ana, "contacts", read([tmp_path / "out" / "contacts"]), most_bytes=4 << 20)
    assert again.added == 0
    everything = read(find_files([tmp_path / "out"]))
    assert load(store, ana, "contacts", everything, most_bytes=4 << 20).unchanged == len(kept)


def test_a_given_uid_is_said(store: Store, ana: bytes) -> None:
    result = bring_in(store, ana, b"BEGIN:VCARD\nVERSION:2.1\nTEL:1\nEND:VCARD\n")
    assert [(c.line, c.given) for c in result.given] == [(1, True)]
    assert isinstance(result.given[0], Piece)


def test_a_calendar_that_has_the_name_of_the_first_list_gets_no_to_dos(
    store: Store, ana: bytes
) -> None:
    event = b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:e\nEND:VEVENT\nEND:VCALENDAR\n"
    to_do = event.replace(b"VEVENT", b"VTODO")
    load(store, ana, "tasks", read_items("f.ics", event), most_bytes=1 << 20)
    result = load(store, ana, None, read_items("f.ics", event + to_do), most_bytes=1 << 20)
    assert result.added == 1
    assert [one.reason for one in result.refused] == ["tasks is for events, and this is a to-do"]
    with store.read(ana, "tasks") as shelf:
        assert shelf.collections() == []


def test_a_single_day_takes_the_place_of_no_series(store: Store, ana: bytes) -> None:
    def keep(*components: str) -> Imported:
        return load(
            store, ana, None, read_items("f.ics", calendar(*components)), most_bytes=1 << 20
        )

    series = component("VEVENT", "UID:u | DTSTART:20260105T090000Z | RRULE:FREQ=DAILY")
    day = component("VEVENT", "UID:u | RECURRENCE-ID:20260106T090000Z | DTSTART:20260106T100000Z")
    other = day.replace("UID:u", "UID:other")
    assert keep(series).added == 1
    assert keep(other).added == 1
    result = keep(day)
    assert (result.added, result.updated) == (0, 0)
    assert "single days" in result.refused[0].reason
    assert keep(other).unchanged == 1
    assert keep(series, day).updated == 1
