"""Made-up calendars, to-do lists and notes are ones that a service keeps, and are as varied."""

import pytest

from stillhere.demo import diary
from stillhere.kinds import KINDS

MAKERS = {"calendar": diary.events, "tasks": diary.todos, "notes": diary.notes}


@pytest.mark.parametrize("kind", MAKERS)
def test_each_is_one_item_of_its_kind_and_stays_so_when_it_is_changed(kind):
    items = MAKERS[kind]("some", 200)
    assert len(dict(items)) == 200
    for href, body in items:
        assert KINDS[kind].parse(body).uid == href.removesuffix(".ics")
        assert KINDS[kind].parse(body).name
        assert max(map(len, body.split(b"\r\n"))) <= 75
        once, twice = diary.amend(body, 1), diary.amend(diary.amend(body, 1), 2)
        assert len({body, once, twice}) == 3
        assert KINDS[kind].parse(twice).uid == KINDS[kind].parse(body).uid
        assert diary.amend(body, 2) == twice
        assert b"\n" not in twice.replace(b"\r\n", b"")


@pytest.mark.parametrize("kind", MAKERS)
def test_the_same_seed_gives_the_same(kind):
    assert MAKERS[kind]("one", 20) == MAKERS[kind]("one", 20)
    assert MAKERS[kind]("one", 20) != MAKERS[kind]("two", 20)


def test_events_are_single_and_recurring_of_days_and_of_zones_and_some_are_moved():
    bodies = [body for _, body in diary.events("some", 300)]
    recurring = sum(b"RRULE:FREQ=WEEKLY\r\n" in b or b"BYDAY=TU,TH" in b for b in bodies)
    assert 20 < recurring < 150
    assert any(b"RECURRENCE-ID" in body for body in bodies)
    assert any(b"DTSTART;VALUE=DATE:" in body for body in bodies)
    assert any(b"DTSTART;TZID=Europe/Berlin:" in body for body in bodies)


def test_a_to_do_is_completed_and_taken_up_again():
    [(_, body)] = diary.todos("one", 1)
    assert b"STATUS:COMPLETED" in diary.amend(body, 1)
    assert b"STATUS:COMPLETED" not in diary.amend(diary.amend(body, 1), 2)
