"""Steps 7 and 8: verdicts, in words a person can act on; and what is done about them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.recovery.model import Delete, Put, delta_of
from tests.recovery.objects import find_targets
from tests.recovery.ruin import Disk
from tests.recovery.service import Person, Worn, bodies_of
from tests.rooms import make_service, put

from stillhere.errors import BadInput, Closed
from stillhere.kinds import RECOVERY_ORDER
from stillhere.recovery.accept import accept, read_words, take_back
from stillhere.recovery.report import ShelfVerdict, read_report, tally_verdicts
from stillhere.replication.compact import compact
from stillhere.replication.start import Working, anchor_of, open_core
from stillhere.replication.verify import verify
from stillhere.server.learned import read_notes
from stillhere.store import LOST_TAIL, State
from stillhere.vault.image import load_image


def verdict_on(working: Working, person: Person, kind: str = "contacts") -> ShelfVerdict:
    return next(one for one in read_report(working.core, person.account) if one.kind == kind)


def is_open(working: Working, person: Person) -> bool:
    try:
        with working.store.read(person.account, "contacts"):
            return True
    except Closed:
        return False


def lose_the_last_note(working: Working, account: bytes, segment: Path) -> None:
    """Turn over a bit of what a segment has of a note that came last."""
    whole, key = segment.read_bytes(), working.core.data_keys.get(account)
    for offset in range(len(whole) // 4, len(whole)):
        segment.write_bytes(whole[:offset] + bytes([whole[offset] ^ 1]) + whole[offset + 1 :])
        image = load_image(anchor_of(working).source(account, "contacts"), key)
        if image.notes and image.notes[-1][1] is None:
            return
    raise AssertionError("no bit of the segment is the note's")


@pytest.fixture
def without_bodies(worn: Worn) -> Worn:
    """The vault has lost a pack of bodies."""
    (worn.place / find_targets(worn)["bodies of contacts base"].name).unlink()
    return worn


@pytest.fixture
def without_rosters(worn: Worn) -> Worn:
    """The vault has lost a pack of rosters and their twins."""
    target = find_targets(worn)["rosters of contacts base"]
    for name in (target.name, target.twin):
        (worn.place / name).unlink()
    return worn


def losers(working: Working, worn: Worn) -> list[Person]:
    """Those whose address book is not complete."""
    return [p for p in worn.people if not verdict_on(working, p).verdict.complete]


class TestComplete:
    def test_every_shelf_has_a_verdict(self, worn: Worn, tmp_path: Path) -> None:
        events: list[tuple[str, dict[str, object]]] = []
        recovery = worn.recovery(tmp_path / "home", lambda e, **facts: events.append((e, facts)))
        working = recovery.begin()
        recovery.run()
        for person in worn.people:
            one = verdict_on(working, person)
            assert one.name == person.name
            assert one.closed == ""
            assert one.verdict.complete
            assert one.verdict.last == person.book.last
            assert one.verdict.records == sum(
                row.body is not None for (place, _), row in person.book.rows.items() if place
            )
        facts = dict(events)["whole"]
        assert facts["verdicts"] == {"complete": worn.shelves, "incomplete": 0}
        assert facts["accounts"] == len(worn.people)
        assert [name for name, _ in events] == [
            *("sealed", "mirrored", *["stage"] * len(RECOVERY_ORDER), "whole")
        ]
        working.close()

    def test_of_one_person_alone(self, worn: Worn, tmp_path: Path) -> None:
        with worn.recovered(tmp_path / "home") as working:
            report = read_report(working.core, worn.people[0].account)
        assert {(one.name, one.kind) for one in report} == {
            (worn.people[0].name, "account"),
            (worn.people[0].name, "contacts"),
            (worn.people[0].name, "calendar"),
        }

    def test_is_there_after_a_restart(self, worn: Worn, tmp_path: Path) -> None:
        with worn.recovered(tmp_path / "home") as working:
            before = read_report(working.core)
        working = open_core(tmp_path / "home")
        assert read_report(working.core) == before
        working.close()


@pytest.mark.usefixtures("without_bodies")
class TestHeld:
    def test_each_record_is_named_with_its_cause(self, worn: Worn, tmp_path: Path) -> None:
        with worn.recovered(tmp_path / "home") as held:
            for person in losers(held, worn):
                verdict = verdict_on(held, person).verdict
                assert verdict.problems == []
                for loss in verdict.held:
                    body = person.book.rows[loss.collection, loss.href].body
                    assert body is not None
                    assert loss.size == len(body)
                    assert loss.modified > 0
                    assert ".pack is missing" in loss.cause
            assert losers(held, worn)
            assert tally_verdicts(held.core).incomplete == len(losers(held, worn))

    def test_the_same_bytes_heal_wherever_they_are_put(self, worn: Worn, tmp_path: Path) -> None:
        with worn.recovered(tmp_path / "home") as held:
            person = losers(held, worn)[0]
            loss = next(one for one in verdict_on(held, person).verdict.held if one.collection)
            body = person.book.rows[loss.collection, loss.href].body
            assert body is not None
            before = verdict_on(held, person).held_now
            with held.store.read(person.account, "contacts") as shelf:
                record = shelf.record(loss.collection, loss.href)
                assert record is not None
                assert record.state == State.HELD
                token = shelf.position(loss.collection)
            worn.write(held, person, Put("work", "copy of it.vcf", body))
            with held.store.read(person.account, "contacts") as shelf:
                found = shelf.body(loss.collection, loss.href)
                assert found is not None
                assert found[1] == body
                assert found[0].etag == record.etag
                delta = delta_of(shelf, loss.collection, token)
                assert [href for href, _, _ in delta] == [loss.href]
            assert verdict_on(held, person).held_now == before - 1

    def test_what_was_healed_is_whole_in_the_next_recovery(
        self, worn: Worn, tmp_path: Path
    ) -> None:
        with worn.recovered(tmp_path / "home") as held:
            for person in losers(held, worn):
                for loss in verdict_on(held, person).verdict.held:
                    body = person.book.rows[loss.collection, loss.href].body
                    assert body is not None
                    worn.write(held, person, Put(loss.collection, loss.href, body))
            compact(held)
            assert verify(held).proven
        with worn.recovered(tmp_path / "next") as working:
            assert losers(working, worn) == []
            for person in worn.people:
                assert bodies_of(working, person) == person.book.present("contacts")


@pytest.mark.usefixtures("without_rosters")
class TestClosed:
    def test_with_the_cause_and_nothing_served(self, worn: Worn, tmp_path: Path) -> None:
        with worn.recovered(tmp_path / "home") as closed:
            assert losers(closed, worn)
            for person in losers(closed, worn):
                one = verdict_on(closed, person)
                assert one.closed == "unproven"
                assert "roster" in one.verdict.problems[0]
                with pytest.raises(Closed) as refused:
                    closed.store.read(person.account, "contacts").__enter__()
                assert refused.value.retry_after > 0
                with pytest.raises(Closed):
                    worn.write(closed, person, Delete("work", "x"))

    def test_stays_closed_after_a_restart_and_a_compaction(
        self, worn: Worn, tmp_path: Path
    ) -> None:
        with worn.recovered(tmp_path / "home") as closed:
            names = losers(closed, worn)
            compact(closed)
        working = open_core(tmp_path / "home")
        assert losers(working, worn) == names
        assert not any(is_open(working, person) for person in names)
        working.close()

    def test_accepting_opens_what_was_found(self, worn: Worn, tmp_path: Path) -> None:
        """The base is lost with its rosters; the delta and the tail are there."""
        with worn.recovered(tmp_path / "home") as closed:
            person = losers(closed, worn)[0]
            accept(closed, person.account, "contacts")
            served = bodies_of(closed, person)
            assert served.items() <= person.book.present("contacts").items()
            assert b"second rolled" in b"".join(served.values())
            for other in losers(closed, worn)[1:]:
                if other is not person:
                    assert not is_open(closed, other)

    def test_what_was_accepted_is_proven_from_then_on(self, worn: Worn, tmp_path: Path) -> None:
        with worn.recovered(tmp_path / "home") as closed:
            person = losers(closed, worn)[0]
            accept(closed, person.account, "contacts")
            served = bodies_of(closed, person)
            findings = {finding.account for finding in verify(closed).findings}
            assert person.account not in findings
        with worn.recovered(tmp_path / "next") as working:
            assert verdict_on(working, person).verdict.complete
            assert bodies_of(working, person) == served

    def test_accepting_lasts_through_a_power_cut(self, worn: Worn, tmp_path: Path) -> None:
        recovery = worn.recovery(tmp_path / "home")
        working = recovery.begin()
        recovery.run()
        disk = Disk(working)
        person = losers(working, worn)[0]
        accept(working, person.account, "contacts")
        served = bodies_of(working, person)
        working = open_core(disk.stop(tmp_path / "after", power=False))
        assert bodies_of(working, person) == served
        working.close()

    def test_there_is_nothing_to_accept_on_an_open_shelf(self, worn: Worn, tmp_path: Path) -> None:
        with worn.recovered(tmp_path / "home") as closed:
            person = next(p for p in worn.people if p not in losers(closed, worn))
            with pytest.raises(BadInput):
                accept(closed, person.account, "contacts")


def test_the_lost_end_of_a_journal_is_known_by_the_tokens_beyond_it(
    worn: Worn, tmp_path: Path
) -> None:
    """Nothing in a vault tells that its newest segment is gone. The phones' tokens do."""
    last = worn.place / find_targets(worn)["last segment"].name
    last.unlink()
    with worn.recovered(tmp_path / "home") as working:
        person = worn.people[0]  # whose own shelf the last segment was about
        with working.store.read(person.account, "account") as shelf:
            assert shelf.ends[2] < person.own.last
            assert shelf.last_seq == shelf.ends[2]
        for other in worn.people:
            assert bodies_of(working, other) == other.book.present("contacts")
            with working.store.read(other.account, "contacts") as shelf:
                assert shelf.ends[2] == other.book.last


def test_a_note_whose_bytes_are_lost_says_nothing_and_keeps_nobody_from_reading(
    tmp_path: Path,
) -> None:
    service = make_service(tmp_path)
    with service.at_work() as working:
        anna = working.store.accounts.create("anna")
        put(working, anna, "a.vcf")
        said = {"collection": "contacts", "token": 5, "end": 3}
        working.store.write(anna, "contacts", lambda s: s.note(LOST_TAIL, said)).result()
        segment = service.place / service.objects("journal")[-1]
        lose_the_last_note(working, anna, segment)
    with service.recovered() as working:
        assert read_notes(working.core.reader(), anna, "contacts") == []
        assert read_words(working.core.reader(), anna, "contacts") == []
        compact(working)
    with service.recovered() as working:
        assert read_notes(working.core.reader(), anna, "contacts") == []


def test_what_may_have_been_taken_back_stays_closed(without_rosters: Worn, tmp_path: Path) -> None:
    with without_rosters.recovered(tmp_path / "home") as working:
        person = next(one for one in without_rosters.people if not is_open(working, one))
        accept(working, person.account, "contacts")
        take_back(working, person.account, "contacts")
        journal = without_rosters.place / "journal" / f"{working.identity.epoch:06d}"
        lose_the_last_note(working, person.account, max(journal.rglob("*.seg")))
    with without_rosters.recovered(tmp_path / "again") as working:
        assert not is_open(working, person)
        assert "a note after that is lost" in verdict_on(working, person).verdict.problems[0]
        accept(working, person.account, "contacts")
        assert is_open(working, person)
