"""Judging a recovery: nothing wrong is served, and nothing that is not served goes unnamed.

Every record that is served equals what was acknowledged; every other one is held and named in
its shelf's verdict, or its shelf is closed with the reason in the verdict. A shelf to which
nothing was ever written is open and empty, or closed like any other.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.recovery.model import Book, Row
from tests.recovery.service import Person, Worn, end_epoch

from stillhere.errors import Closed, RefusedVault, StillhereError, Unavailable
from stillhere.kinds import KINDS
from stillhere.recovery.install import Verdict
from stillhere.recovery.report import read_report
from stillhere.replication.compact import compact
from stillhere.replication.start import Working
from stillhere.replication.verify import verify
from stillhere.store import Shelf, State

Rows = Mapping[tuple[str, str], Row]
NO_VERDICT = Verdict(0, 0, 0, [], [], 0)
"""On a shelf to which nothing was ever written."""
ShelfName = tuple[str, str]
"""Whose, and of which kind."""


class Outcome(NamedTuple):
    """How a recovery went: whole, held, closed or refused; and what is not served."""

    how: str
    closed: frozenset[ShelfName] = frozenset()
    held: frozenset[tuple[ShelfName, str, str]] = frozenset()


def recover_twice(worn: Worn, homes: Path, *, always: bool = True) -> Outcome:
    """Recover, judge, go on living, lose that core as well, recover and judge again.

    What was damaged stays named in the second recovery: it never becomes silent. Unless
    ``always``, there is no second one after a first that was whole."""
    recovery = worn.recovery(homes / "first")
    before = worn.objects()
    refused: StillhereError | None = None
    try:
        working = recovery.begin()
    except (RefusedVault, Unavailable) as error:
        refused = error
    if refused is not None:
        assert refused.safe
        assert refused.hint
        assert worn.objects() == before, "a refused vault was changed"
        return Outcome("refused")
    try:
        recovery.run()
        _end_epoch(worn, working)
        first = judge(working, worn)
        compact(working)
        assert judge(working, worn) == first
        if first.how != "whole":
            assert not verify(working).proven
    finally:
        working.close()
    if first.how != "whole" or always:
        with worn.recovered(homes / "second") as working:
            _end_epoch(worn, working)
            assert judge(working, worn) == first, "the second recovery says something else"
            compact(working)
    return first


def judge(working: Working, worn: Worn) -> Outcome:
    """Compare everything that is served with everything that was acknowledged."""
    verdicts = {(one.account, one.kind): one for one in read_report(working.core)}
    closed: set[ShelfName] = set()
    held: set[tuple[ShelfName, str, str]] = set()
    for person in worn.people:
        for kind, expected, last in _shelves_of(person):
            name, said = (person.name, kind), verdicts.get((person.account, kind))
            assert said is not None or not expected, f"{name} has no verdict"
            if said is None and (person.name, "account") in closed:
                continue  # nobody knows that there is such an account
            verdict = said.verdict if said is not None else NO_VERDICT
            if said is None or not said.closed:
                with working.store.read(person.account, kind) as shelf:
                    missing = _judge_shelf(shelf, verdict, expected, last)
                held |= {(name, *record) for record in missing}
            else:
                assert verdict.problems, "closed without a cause"
                with pytest.raises(Closed), working.store.read(person.account, kind):
                    pass
                closed.add(name)
        _judge_log_in(working, person, closed, held)
    how = "closed" if closed else "held" if held else "whole"
    return Outcome(how, frozenset(closed), frozenset(held))


def _judge_shelf(shelf: Shelf, verdict: Verdict, expected: Rows, last: int) -> set[tuple[str, str]]:
    """An open shelf; returns the records that are held."""
    named = {(loss.collection, loss.href): loss for loss in verdict.held}
    held: set[tuple[str, str]] = set()
    rows = dict(expected)
    for record, body in shelf.everything():
        key = (record.collection, record.href)
        assert key in rows, f"{key} was never acknowledged"
        row = rows.pop(key)
        assert record.seq == row.seq, key
        if record.state == State.HELD:
            assert body is None
            assert row.body is not None, f"{key} was deleted"
            assert record.digest == hashlib.sha256(row.body).digest(), "its ETag changed"
            assert record.size == len(row.body)
            assert named[key].cause, f"{key} is held without a cause"
            held.add(key)
        else:
            assert body == row.body, f"{key} is another than was acknowledged"
            assert (record.state == State.DELETED) == (row.body is None)
    assert not rows, f"silently missing: {sorted(rows)}"
    assert shelf.last_seq == last
    assert not verdict.problems, "open, and said to be unproven"
    assert named.keys() == held
    assert verdict.complete == (not held)
    _judge_deltas(shelf, expected, held)
    return held


def _judge_deltas(shelf: Shelf, expected: Rows, held: set[tuple[str, str]]) -> None:
    """Every change is in a delta from the beginning; what is held is not reported."""
    for collection in {place for place, _ in expected}:
        delta = [(record.seq, record.href) for record in shelf.changes(collection, 0).records]
        assert delta == sorted(
            (row.seq, href)
            for (place, href), row in expected.items()
            if place == collection and (place, href) not in held
        )


def _judge_log_in(
    working: Working,
    person: Person,
    closed: set[ShelfName],
    held: set[tuple[ShelfName, str, str]],
) -> None:
    """A phone is let in, or told to wait; never that its password is wrong."""
    own = (person.name, "account")
    device = person.password.split("-")[1]
    credentials = (own, "devices", device) in held
    log_in = working.store.logins.authenticate(person.name, person.password, client="phone")
    if own in closed or credentials:
        with pytest.raises((Closed, Unavailable)):
            asyncio.run(log_in)
    else:
        assert asyncio.run(log_in).account == person.account


def _shelves_of(person: Person) -> Iterator[tuple[str, Rows, int]]:
    """Every kind, what its shelf must hold, and the position of its last change."""
    yield "account", _own_rows(person), person.own.last
    for kind in KINDS:
        book = {"contacts": person.book, "calendar": person.calendar}.get(kind) or Book()
        yield kind, book.rows, book.last


def _own_rows(person: Person) -> dict[tuple[str, str], Row]:
    return {(str(row[0]), str(row[1])): Row(row[2], row[-1]) for row in person.own.rows}


def _end_epoch(worn: Worn, working: Working) -> None:
    for person in worn.people:
        end_epoch(person, working.identity.epoch)
