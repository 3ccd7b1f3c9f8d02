"""A vault that comes back later heals what is held, and what it heals is in the core's vault."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.recovery.model import Put
from tests.recovery.objects import find_targets
from tests.recovery.service import Person, Worn, bodies_of
from tests.rooms import content, make_service

from stillhere.errors import NotAVault, WrongKit
from stillhere.kinds.item import NO_SPAN, Span
from stillhere.recovery.heal import heal
from stillhere.recovery.report import read_report
from stillhere.recovery.reprove import find_unproven
from stillhere.replication.compact import compact
from stillhere.replication.start import Working
from stillhere.replication.verify import verify
from stillhere.server.learned import list_ended, read_notes


@pytest.fixture
def copy(worn: Worn, tmp_path: Path) -> Path:
    """A copy of the vault from before it was damaged."""
    return Path(shutil.copytree(worn.place, tmp_path / "copy"))


@pytest.fixture
def held(copy: Path, worn: Worn, tmp_path: Path) -> Iterator[Working]:
    """A core out of a vault that has lost two packs of bodies and a segment's bodies."""
    assert copy.exists()
    for kind in ("bodies of contacts base", "bodies of account base"):
        (worn.place / find_targets(worn)[kind].name).unlink()
    with worn.recovered(tmp_path / "home") as working:
        for person in worn.people:
            person.book.end_epoch(working.identity.epoch)
        yield working


def count_held(working: Working) -> int:
    return sum(one.held_now for one in read_report(working.core))


def objects(place: Path) -> dict[str, bytes]:
    files = (path for path in place.rglob("*") if path.is_file())
    return {str(path.relative_to(place)): path.read_bytes() for path in files}


def all_bodies_are_back(working: Working, people: list[Person]) -> bool:
    return all(bodies_of(working, p) == p.book.present("contacts") for p in people)


def test_every_record_is_healed_in_its_place(
    held: Working, worn: Worn, copy: Path, tmp_path: Path
) -> None:
    missing, before = count_held(held), objects(copy)
    assert missing > 0
    listed = {person.name: listing(held, person) for person in worn.people}
    assert any(span != NO_SPAN for records in listed.values() for _, span in records.values())
    found = heal(held, copy)
    assert (found.healed, found.held) == (missing, 0)
    assert all_bodies_are_back(held, worn.people)
    assert listed == {person.name: listing(held, person) for person in worn.people}
    assert objects(copy) == before, "a copy is only read"
    for person in worn.people:
        notes = read_notes(held.core.reader(), person.account, "contacts")
        assert {one.whence for one in list_ended(notes, {})} <= {f"the vault in {copy}"}
    assert {row.name for row in held.store.accounts.list()} == {p.name for p in worn.people}
    compact(held)
    assert verify(held).proven
    with worn.recovered(tmp_path / "next") as working:
        assert count_held(working) == 0
        assert all_bodies_are_back(working, worn.people)


def listing(working: Working, person: Person) -> dict[str, tuple[str, Span]]:
    with working.store.read(person.account, "contacts") as shelf:
        return {record.href: (record.etag, record.span) for record in shelf.records("contacts")}


def test_again_it_finds_nothing_and_changes_nothing(held: Working, worn: Worn, copy: Path) -> None:
    heal(held, copy)
    before = [content(held, person.account) for person in worn.people]
    assert heal(held, copy) == (0, 0, 0, 0, 0)
    assert before == [content(held, person.account) for person in worn.people]


def test_the_core_s_own_vault_when_its_pack_is_there_again(
    held: Working, worn: Worn, copy: Path
) -> None:
    assert heal(held).healed == 0
    for path in copy.rglob("*.pack"):
        own = worn.place / path.relative_to(copy)
        own.parent.mkdir(exist_ok=True)
        own.write_bytes(path.read_bytes())
    assert heal(held).held == 0
    assert all_bodies_are_back(held, worn.people)


def test_what_was_edited_or_deleted_since_stays(held: Working, worn: Worn, copy: Path) -> None:
    person = next(one for one in worn.people if None in bodies_of(held, one).values())
    worn.write(held, person, Put("contacts", "1.vcf", b"edited since"))
    held.store.write(
        person.account, "contacts", lambda shelf: shelf.delete("contacts", "2.vcf")
    ).result()
    heal(held, copy)
    shown = bodies_of(held, person)
    assert shown["1.vcf"] == b"edited since"
    assert "2.vcf" not in shown
    assert None not in shown.values()


def test_an_old_and_broken_copy_gives_what_it_has(held: Working, worn: Worn, copy: Path) -> None:
    """Its journal is gone, its rosters are broken: a body is proven by its digest alone."""
    shutil.rmtree(copy / "journal")
    for path in copy.glob("ledger/*/*r-*.pack"):
        data = bytearray(path.read_bytes())
        data[150] ^= 1
        path.write_bytes(bytes(data))
    assert heal(held, copy).healed > 0
    assert all_bodies_are_back(held, worn.people)


def test_a_copy_that_missed_an_epoch_proves_what_it_has_though_others_wrote_in_it(
    worn: Worn, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(worn.place, tmp_path / "copy"))
    for name in ("rosters of contacts base", "bodies of contacts base"):
        (worn.place / find_targets(worn)[name].name).unlink()
    with worn.recovered(tmp_path / "home") as working:
        closed = [shelf for shelf in find_unproven(working) if shelf[1] == "contacts"]
        assert closed
        working.store.accounts.add_device(worn.people[0].account, "laptop")
    with worn.recovered(tmp_path / "next") as working:
        assert set(closed) <= set(find_unproven(working))
        found = heal(working, copy)
        assert (found.held, found.unproven) == (0, 0)
        for person in worn.people:
            person.book.end_epoch(working.identity.epoch - 1)
        assert all_bodies_are_back(working, worn.people)


@pytest.mark.parametrize("broken", ["bytes", "all"])
def test_a_copy_with_other_bytes_heals_nothing_wrong(
    held: Working, worn: Worn, copy: Path, broken: str
) -> None:
    for path in copy.glob("ledger/*/*b-*.pack"):
        data = bytearray(path.read_bytes())
        for at in range(70, len(data), 97 if broken == "bytes" else 1):
            data[at] ^= 1
        path.write_bytes(bytes(data))
    heal(held, copy)
    for person in worn.people:
        for href, body in bodies_of(held, person).items():
            assert body in (None, person.book.present("contacts")[href])


def test_another_service_s_vault_is_refused(held: Working, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(WrongKit, match="another service's"):
        heal(held, make_service(tmp_path / "other").place)
    with pytest.raises(NotAVault):
        heal(held, tmp_path / "nowhere")
