"""The list of kinds: each can do what is asked of a kind, and none is like another."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from stillhere.kinds import KINDS, RECOVERY_ORDER, kind_of
from stillhere.kinds.item import NO_SPAN, BadItem, Kind

EVERY = pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))


def one(kind: Kind, uid: str, *lines: str) -> bytes:
    """An item of a kind."""
    named = [f"UID:{uid}"] if uid else []
    if kind.component == "VCARD":
        whole = ["BEGIN:VCARD", "VERSION:4.0", *named, *lines, "END:VCARD"]
    else:
        inside = [f"BEGIN:{kind.component}", *named, *lines, f"END:{kind.component}"]
        whole = ["BEGIN:VCALENDAR", "VERSION:2.0", *inside, "END:VCALENDAR"]
    return ("\r\n".join(whole) + "\r\n").encode()


def test_come_back_in_this_order() -> None:
    assert RECOVERY_ORDER == ("account", "contacts", "calendar", "tasks", "notes")


def test_are_told_by_their_components() -> None:
    assert [kind_of(kind.component) for kind in KINDS.values()] == list(KINDS.values())
    assert kind_of("VFREEBUSY") is None
    assert kind_of("") is None


@EVERY
def test_a_kind_knows_its_items(kind: Kind) -> None:
    found = kind.parse(one(kind, "7"))
    assert (found.uid, found.component, found.media_type) == ("7", kind.component, kind.media_type)
    assert kind.parse(kind.give_uid(one(kind, ""), "8")).uid == "8"
    with pytest.raises(BadItem):
        kind.parse(b"junk")


def test_a_contact_is_in_no_time_range_and_an_event_in_that_of_its_time() -> None:
    assert KINDS["contacts"].parse(one(KINDS["contacts"], "1")).span == NO_SPAN
    times = ("DTSTART:20260310T120000Z", "DTEND:20260310T130000Z")
    noon = int(datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp())
    span = KINDS["calendar"].parse(one(KINDS["calendar"], "1", *times)).span
    assert span.starts <= noon < span.ends


@EVERY
def test_a_file_of_items_is_these_items_again(kind: Kind) -> None:
    bodies = [one(kind, "1", "NOTE:x"), one(kind, "2"), one(kind, "3")]
    pieces = list(kind.split(b"".join(kind.join(bodies))))
    assert [piece.component for piece in pieces] == [kind.component] * 3
    assert [kind.parse(piece.body).uid for piece in pieces] == ["1", "2", "3"]
    assert all(kind.says_nothing_new(p.body, b) for p, b in zip(pieces, bodies, strict=True))
    assert b"NOTE:x" in pieces[0].body


@EVERY
def test_says_which_revision_is_newer(kind: Kind) -> None:
    name = "REV" if kind.component == "VCARD" else "LAST-MODIFIED"
    revisions = [one(kind, "1", f"{name}:2026010{day}T000000Z") for day in (1, 2)]
    assert "" < kind.revision_of(revisions[0]) < kind.revision_of(revisions[1])
    assert kind.revision_of(one(kind, "1")) == ""


@EVERY
def test_what_is_no_item_is_of_no_component(kind: Kind) -> None:
    [piece] = kind.split(b"\r\njunk\r\n")
    assert (piece.component, piece.line) == ("", 2)
