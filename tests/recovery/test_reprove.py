"""A shelf that nobody could prove is proven by a copy that comes back, accepted or not."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.recovery.history import kept_revisions
from tests.recovery.model import Delete, Put, draft, span_of
from tests.recovery.objects import find_targets
from tests.recovery.service import Person, Worn, bodies_of
from tests.rooms import content, make_service, put

from stillhere.errors import BadInput, Closed
from stillhere.recovery import reprove as reproving
from stillhere.recovery.accept import accept, accepted_kinds, set_gate, take_back
from stillhere.recovery.heal import heal
from stillhere.recovery.report import read_report
from stillhere.replication.compact import compact
from stillhere.replication.start import Working, anchor_of, open_core
from stillhere.replication.verify import verify
from stillhere.server.learned import read_notes, stands_accepted


@pytest.fixture
def copy(worn: Worn, tmp_path: Path) -> Path:
    """A copy of the vault from before it was damaged."""
    return Path(shutil.copytree(worn.place, tmp_path / "copy"))


@pytest.fixture
def closed(copy: Path, worn: Worn, tmp_path: Path) -> Iterator[Working]:
    """A core out of a vault that has lost a pack of rosters, and their twins beside the bodies."""
    assert copy.exists()
    target = find_targets(worn)["rosters of contacts base"]
    for name in (target.name, target.twin):
        (worn.place / name).unlink()
    with worn.recovered(tmp_path / "home") as working:
        for person in worn.people:
            person.book.end_epoch(working.identity.epoch)
        yield working


def losers(working: Working, worn: Worn) -> list[Person]:
    lacking = {one.account for one in read_report(working.core) if not one.verdict.complete}
    return [person for person in worn.people if person.account in lacking]


def is_open(working: Working, person: Person) -> bool:
    try:
        with working.store.read(person.account, "contacts"):
            return True
    except Closed:
        return False


def is_accepted(working: Working, person: Person) -> bool:
    return stands_accepted(read_notes(working.core.reader(), person.account, "contacts"))


def phone(working: Working, person: Person, *acts: Put | Delete) -> None:
    """Changes of a phone that the model of the book does not follow."""
    working.store.write(person.account, "contacts", lambda shelf: draft(shelf, acts)).result()


@pytest.mark.parametrize("compacted", [False, True])
def test_closed_shelves_open_with_all_that_the_copy_proves(
    closed: Working, worn: Worn, copy: Path, tmp_path: Path, compacted: bool
) -> None:
    people = losers(closed, worn)
    assert people
    if compacted:
        compact(closed)
    found = heal(closed, copy)
    assert (found.proven, found.unproven) == (len(people), 0)
    assert losers(closed, worn) == []
    for person in people:
        assert bodies_of(closed, person) == person.book.present("contacts")
        with closed.store.read(person.account, "contacts") as shelf:
            assert shelf.position("contacts") == person.book.position("contacts")
            assert shelf.ends == person.book.ends
    assert verify(closed).proven
    with worn.recovered(tmp_path / "next") as working:
        assert losers(working, worn) == []
        for person in people:
            assert bodies_of(working, person) == person.book.present("contacts")


def test_an_older_copy_opens_nothing(closed: Working, worn: Worn, copy: Path) -> None:
    newest = max((copy / "journal/000002").rglob("*.roll"))
    later = [path for path in newest.parent.glob("*.seg") if path.name > newest.name]
    for path in [newest, *later]:
        path.unlink()
    people = losers(closed, worn)
    assert heal(closed, copy).proven == 0
    assert losers(closed, worn) == people
    assert not any(is_open(closed, person) for person in people)


def test_a_copy_that_is_as_broken_opens_nothing(closed: Working, worn: Worn, copy: Path) -> None:
    shutil.rmtree(copy)
    shutil.copytree(worn.place, copy)
    found = heal(closed, copy)
    assert (found.proven, found.unproven) == (0, len(losers(closed, worn)))


def test_a_shelf_of_which_nothing_was_known_gets_all_of_it_though_it_was_accepted(
    tmp_path: Path,
) -> None:
    """How far it had been is not told by the positions that it has had since."""
    service = make_service(tmp_path)
    with service.at_work() as working:
        anna = working.store.accounts.create("anna")
        put(working, anna, "a.vcf")
        compact(working)
    shutil.rmtree(service.home)
    copy = shutil.copytree(service.place, tmp_path / "copy")
    shutil.rmtree(service.place / "manifest" / "contacts")
    with service.recovered() as working:
        accept(working, anna, "contacts")
        assert heal(working, copy).proven == 1
        with working.store.read(anna, "contacts") as shelf:
            assert [record.href for record in shelf.records("contacts")] == ["a.vcf"]


def test_what_was_accepted_gets_the_rest_and_keeps_what_came_since(
    closed: Working, worn: Worn, copy: Path, tmp_path: Path
) -> None:
    person = losers(closed, worn)[0]
    accept(closed, person.account, "contacts")
    was = person.book.present("contacts")
    assert bodies_of(closed, person).items() < was.items()
    deleted = next(iter(bodies_of(closed, person)))
    again = Put("contacts", "made anew.vcf", b"again")
    phone(closed, person, Put("contacts", "1.vcf", b"mine"), Delete("contacts", deleted))
    closed.store.write(
        person.account,
        "contacts",
        lambda shelf: shelf.put("contacts", again.href, again.body, uid="2"),
    ).result()
    assert is_accepted(closed, person)
    heal(closed, copy)
    assert not is_accepted(closed, person)
    wanted = was | {"1.vcf": b"mine", again.href: again.body}
    del wanted["2.vcf"]  # its UID is that of the one that was made anew
    del wanted[deleted]
    assert bodies_of(closed, person) == wanted
    with closed.store.read(person.account, "contacts") as shelf:
        titles = {one.name: one.properties for one in shelf.collections()}
        spans = {r.href: r.span for r in shelf.records("contacts") if r.href != again.href}
    assert spans == {h: span_of(body) for h, body in wanted.items() if h != again.href}
    assert set(titles) == person.book.collections() - {""}
    assert {was["1.vcf"], was["2.vcf"]} <= kept_revisions(closed, person.account)
    before = content(closed, person.account)
    assert heal(closed, copy).proven == 0
    assert content(closed, person.account) == before
    assert verify(closed).proven
    with worn.recovered(tmp_path / "next") as working:
        assert bodies_of(working, person) == wanted
        assert not is_accepted(working, person)


def test_an_acceptance_is_taken_back_and_given_again(
    closed: Working, worn: Worn, tmp_path: Path
) -> None:
    person = losers(closed, worn)[0]
    accept(closed, person.account, "contacts")
    worn.write(closed, person, Put("contacts", "since.vcf", b"since"))
    served = bodies_of(closed, person)
    assert accepted_kinds(closed, person.account) == ["contacts"]
    take_back(closed, person.account, "contacts")
    assert not is_open(closed, person)
    assert accepted_kinds(closed, person.account) == []
    with pytest.raises(BadInput):
        take_back(closed, person.account, "contacts")
    compact(closed)
    for number in range(2):  # whoever recovers it heeds that
        with worn.recovered(tmp_path / f"next {number}") as working:
            assert not is_open(working, person)
            [said] = [v for v in read_report(working.core, person.account) if v.closed]
            assert "taken back" in said.verdict.problems[0]
            compact(working)
    with worn.recovered(tmp_path / "last") as working:
        accept(working, person.account, "contacts")
        assert bodies_of(working, person) == served
        assert verify(working).findings == [
            one for one in verify(working).findings if one.account != person.account
        ]
    with worn.recovered(tmp_path / "after it") as working:
        assert bodies_of(working, person) == served


@pytest.mark.parametrize("history", [False, True], ids=["evidence", "evidence and history"])
def test_who_can_t_read_that_it_was_taken_back_does_not_open_it(
    closed: Working, worn: Worn, tmp_path: Path, history: bool
) -> None:
    person = losers(closed, worn)[0]
    accept(closed, person.account, "contacts")
    take_back(closed, person.account, "contacts")
    compact(closed)
    source = anchor_of(closed).source(person.account, "contacts")
    assert source.entry is not None
    assert source.entry.evidence is not None
    assert source.manifest is not None
    for span in (source.entry.evidence, *(source.entry.history if history else ())):
        place = source.manifest.place(span)
        with (worn.place / place.pack).open("r+b") as pack:
            pack.seek(place.offset + place.length - 1)
            last = pack.read(1)
            pack.seek(-1, 1)
            pack.write(bytes([last[0] ^ 1]))
    with worn.recovered(tmp_path / "next") as working:
        assert not is_open(working, person)


def test_what_was_taken_back_is_proven_by_a_copy(closed: Working, worn: Worn, copy: Path) -> None:
    person = losers(closed, worn)[0]
    accept(closed, person.account, "contacts")
    phone(closed, person, Put("contacts", "since.vcf", b"since"))
    take_back(closed, person.account, "contacts")
    heal(closed, copy)
    assert is_open(closed, person)
    assert bodies_of(closed, person) == person.book.present("contacts") | {"since.vcf": b"since"}


def test_taking_back_lasts_through_a_restart(closed: Working, worn: Worn, tmp_path: Path) -> None:
    person = losers(closed, worn)[0]
    accept(closed, person.account, "contacts")
    take_back(closed, person.account, "contacts")
    closed.close()
    working = open_core(tmp_path / "home")
    assert not is_open(working, person)
    working.close()


def test_what_was_never_accepted_can_t_be_taken_back(closed: Working, worn: Worn) -> None:
    whole = next(person for person in worn.people if person not in losers(closed, worn))
    for person in (whole, losers(closed, worn)[0]):
        with pytest.raises(BadInput):
            take_back(closed, person.account, "contacts")


@pytest.mark.parametrize("step", ["_say", "set_gate", "compact"])
@pytest.mark.parametrize("accepted", [False, True])
def test_cut_short_it_is_finished_by_the_next(
    closed: Working,
    worn: Worn,
    copy: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    accepted: bool,
) -> None:
    person = losers(closed, worn)[0]
    if accepted:
        accept(closed, person.account, "contacts")
    monkeypatch.setattr(reproving, step, stop)
    with pytest.raises(KeyboardInterrupt):
        heal(closed, copy)
    monkeypatch.undo()
    heal(closed, copy)
    assert bodies_of(closed, person) == person.book.present("contacts")
    if not verify(closed).proven:  # what is in the core already is not asked of a copy again
        compact(closed)
    assert verify(closed).proven
    with worn.recovered(tmp_path / "next") as working:
        assert losers(working, worn) == []


def stop(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_cut_short_taking_back_is_finished_by_the_next(
    closed: Working, worn: Worn, tmp_path: Path
) -> None:
    person = losers(closed, worn)[0]
    accept(closed, person.account, "contacts")
    set_gate(closed, person.account, "contacts", "unproven")
    assert accepted_kinds(closed, person.account) == ["contacts"]
    take_back(closed, person.account, "contacts")
    with worn.recovered(tmp_path / "next") as working:
        assert not is_open(working, person)


def test_people_whose_own_shelf_is_proven_log_in_again(
    worn: Worn, copy: Path, tmp_path: Path
) -> None:
    target = find_targets(worn)["rosters of account base"]
    for name in (target.name, target.twin):
        (worn.place / name).unlink()
    with worn.recovered(tmp_path / "home") as working:
        people = losers(working, worn)
        assert people
        for person in people:
            with pytest.raises(Closed):
                asyncio.run(
                    working.store.logins.authenticate(person.name, person.password, client="test")
                )
        heal(working, copy)
        for person in people:
            login = asyncio.run(
                working.store.logins.authenticate(person.name, person.password, client="test")
            )
            assert (login.account, login.name) == (person.account, person.name)
        assert verify(working).proven
