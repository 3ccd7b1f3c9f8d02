"""What no vault had comes back from damaged cores: bodies to held records, and lost changes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.recovery.salvage.damage import Core, copy_core, salvaged
from tests.rooms import (
    CONTACTS,
    Service,
    bodies,
    content_of,
    delete,
    image_of,
    make_service,
    put,
    put_many,
    quick_folder,
)

from stillhere.errors import BadInput
from stillhere.kinds.item import Span
from stillhere.recovery.salvage import heal, merge
from stillhere.recovery.salvage.salvage import check_files
from stillhere.replication.compact import compact
from stillhere.replication.start import Working
from stillhere.server.learned import list_ended, list_others, read_notes
from stillhere.store import NewAccount, State

LOST = {f"{n}.vcf": b"lost %d " % n * 300 for n in range(40)}


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    with quick_folder() as folder:
        yield folder


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return make_service(tmp_path)


def without_bodies(service: Service, kind: str = CONTACTS) -> None:
    """The vault loses the bodies of a kind; what must exist is still known."""
    (pack,) = [name for name in service.objects(f"ledger/{kind}/") if "-000001b-" in name]
    (service.place / pack).unlink()


@pytest.fixture
def held(service: Service, tmp_path: Path) -> Iterator[tuple[Working, bytes, Core]]:
    """A core out of a vault that lost bodies, whose they were, and what the old core has."""
    with service.at_work() as working:
        anna = working.store.accounts.create("anna")
        put_many(working, anna, LOST)
        compact(working)
        core = copy_core(service, working, tmp_path / "old")
    without_bodies(service)
    with service.recovered() as working:
        assert list(bodies(working, anna).values()) == [None] * len(LOST)
        yield working, anna, core


def test_held_records_are_healed(held: tuple[Working, bytes, Core]) -> None:
    working, anna, core = held
    told = salvaged(working, core)
    assert told["healed"] == told["looked_for"] >= len(LOST)
    assert told["held"] == 0
    assert bodies(working, anna) == LOST
    assert told["verdicts"] == {"complete": 2, "incomplete": 0}


def test_many_records_are_healed_in_turns(
    held: tuple[Working, bytes, Core], monkeypatch: pytest.MonkeyPatch
) -> None:
    working, anna, core = held
    bob = working.store.accounts.create("bob")
    monkeypatch.setattr(heal, "TURN_BODIES", 3)
    monkeypatch.setattr(heal, "AT_ONCE", 7)
    assert salvaged(working, core)["held"] == 0
    assert bodies(working, anna) == LOST
    assert bodies(working, bob) == {}


def test_what_was_healed_is_in_the_vault(held: tuple[Working, bytes, Core]) -> None:
    working, anna, core = held
    salvaged(working, core)
    image = image_of(working, anna)
    assert {row[1]: row[-1] for row in content_of(image) if row[0]} == LOST
    assert {entry.device for entry, _ in image.notes} == {"operator"}


def test_each_healed_record_says_whence(held: tuple[Working, bytes, Core]) -> None:
    working, anna, core = held
    salvaged(working, core)
    ended = list_ended(read_notes(working.core.reader(), anna, CONTACTS), {})
    assert {one.href for one in ended} >= LOST.keys()
    assert {one.whence for one in ended} == {"the damaged core core.sqlite"}


def test_other_files_give_what_the_first_had_not(held: tuple[Working, bytes, Core]) -> None:
    working, anna, core = held
    halves = [core.copy(core.path.parent.parent / name).filed() for name in ("first", "second")]
    for half, share in zip(halves, (range(20), range(20, 40)), strict=True):
        data = half.path.read_bytes()
        for number in share:
            data = data.replace(b"lost %d " % number * 3, b"LOST %d " % number * 3)
        half.path.write_bytes(data)
    first = salvaged(working, halves[0])
    assert set(filter(None, bodies(working, anna).values())) < set(LOST.values())
    again = salvaged(working, halves[0])
    second = salvaged(working, halves[1])
    assert first["healed"] > 0 < second["healed"]
    assert again["healed"] == second["held"] == 0
    assert bodies(working, anna) == LOST


def test_what_was_edited_since_stays(held: tuple[Working, bytes, Core]) -> None:
    working, anna, core = held
    put(working, anna, "1.vcf", b"edited")
    delete(working, anna, "2.vcf")
    salvaged(working, core)
    expected = LOST | {"1.vcf": b"edited"}
    del expected["2.vcf"]
    assert bodies(working, anna) == expected


def test_an_account_has_its_name_and_devices_again(service: Service, tmp_path: Path) -> None:
    with service.at_work() as working:
        (made,) = working.store.accounts.create_many([NewAccount("anna", None, "phone")])
        compact(working)
        core = copy_core(service, working, tmp_path / "old")
    without_bodies(service, "account")
    with service.recovered() as working:
        assert [row.name for row in working.store.accounts.list()] != ["anna"]
        salvaged(working, core)
        assert [row.name for row in working.store.accounts.list()] == ["anna"]
        assert [d.label for d in working.store.accounts.devices(made.account).values()] == ["phone"]


@pytest.fixture
def cut(service: Service, tmp_path: Path) -> Iterator[tuple[Working, bytes, Core]]:
    """A core out of a vault that lost its last changes, which the old core has."""
    with service.at_work() as working:
        anna = working.store.accounts.create("anna")
        for name in ("kept", "edited", "deleted"):
            put(working, anna, f"{name}.vcf", f"{name} before", uid=name)
        shutil.copytree(service.place, tmp_path / "behind")
        put(working, anna, "edited.vcf", "edited after", uid="edited")
        put(working, anna, "new.vcf", "new", uid="new")
        put(working, anna, "brief.vcf", "brief", uid="brief")
        delete(working, anna, "brief.vcf")
        delete(working, anna, "deleted.vcf")
        working.store.write(
            anna, CONTACTS, lambda shelf: shelf.put_collection("work", {"{DAV:}displayname": "W"})
        ).result(60)
        working.store.write(
            anna, CONTACTS, lambda shelf: shelf.put("work", "a", b"boss", span=Span(5, 9, False))
        ).result()
        core = copy_core(service, working, tmp_path / "old")
    shutil.rmtree(service.place)
    (tmp_path / "behind").rename(service.place)
    with service.recovered() as working:
        yield working, anna, core


AFTER = {"kept.vcf": b"kept before", "edited.vcf": b"edited after", "new.vcf": b"new"}


def test_changes_that_only_the_core_had_are_merged(cut: tuple[Working, bytes, Core]) -> None:
    working, anna, core = cut
    told = salvaged(working, core)
    assert bodies(working, anna) == AFTER
    with working.store.read(anna, CONTACTS) as shelf:
        assert [book.name for book in shelf.collections()] == [CONTACTS, "work"]
        assert shelf.all_bodies("work")[0][1] == b"boss"
        assert shelf.records("work")[0].span == (5, 9, False)
        assert shelf.last_seq >> 40 == working.identity.epoch
    assert (told["written"], told["deleted"], told["history"]) == (4, 2, 0)


def test_many_changes_are_merged_in_turns(
    cut: tuple[Working, bytes, Core], monkeypatch: pytest.MonkeyPatch
) -> None:
    working, anna, core = cut
    monkeypatch.setattr(merge, "IN_A_WRITE", 1)
    told = salvaged(working, core)
    assert bodies(working, anna) == AFTER
    assert (told["written"], told["deleted"], told["history"]) == (4, 2, 0)


def test_merging_again_changes_nothing(cut: tuple[Working, bytes, Core]) -> None:
    working, anna, core = cut
    salvaged(working, core)
    with working.store.read(anna, CONTACTS) as shelf:
        before = shelf.last_seq
    told = salvaged(working, core)
    assert (told["written"], told["deleted"], told["history"]) == (0, 0, 0)
    with working.store.read(anna, CONTACTS) as shelf:
        assert shelf.last_seq == before


def test_a_merged_change_says_whence(cut: tuple[Working, bytes, Core]) -> None:
    working, anna, core = cut
    salvaged(working, core)
    notes = read_notes(working.core.reader(), anna, CONTACTS)
    assert {note.text("whence") for note in notes} == {"the damaged core core.sqlite"}
    (told,) = list_others(notes)
    assert told == (
        "6 changes came back that only the damaged core core.sqlite had, 2 deletions among them;"
        " there may have been more"
    )


def test_newer_changes_stay_and_the_older_ones_go_into_history(
    cut: tuple[Working, bytes, Core],
) -> None:
    working, anna, core = cut
    put(working, anna, "edited.vcf", "edited today", uid="edited")
    put(working, anna, "other.vcf", "somebody new", uid="new")
    put(working, anna, "deleted.vcf", "wanted again", uid="deleted")
    told = salvaged(working, core)
    assert bodies(working, anna) == {
        "kept.vcf": b"kept before",
        "edited.vcf": b"edited today",
        "other.vcf": b"somebody new",
        "deleted.vcf": b"wanted again",
    }
    kept = {body for entry, body in image_of(working, anna).notes if entry.op == 2}
    assert kept == {b"edited after", b"new"}
    assert told["history"] == 2
    assert salvaged(working, core)["history"] == 0


def test_a_later_copy_of_the_same_core_goes_on(service: Service, tmp_path: Path) -> None:
    with service.at_work() as working:
        anna = working.store.accounts.create("anna")
        shutil.copytree(service.place, tmp_path / "behind")
        put(working, anna, "a.vcf", "first")
        early = copy_core(service, working, tmp_path / "early")
        put(working, anna, "a.vcf", "second")
        late = copy_core(service, working, tmp_path / "late")
    shutil.rmtree(service.place)
    (tmp_path / "behind").rename(service.place)
    with service.recovered() as working:
        salvaged(working, early)
        assert bodies(working, anna) == {"a.vcf": b"first"}
        salvaged(working, late)
        assert bodies(working, anna) == {"a.vcf": b"second"}
        salvaged(working, early)
        assert bodies(working, anna) == {"a.vcf": b"second"}


def test_a_core_that_lost_nothing_gives_nothing_new(service: Service, tmp_path: Path) -> None:
    with service.at_work() as working:
        anna = working.store.accounts.create("anna")
        put_many(working, anna, LOST)
        delete(working, anna, "1.vcf")
        core = copy_core(service, working, tmp_path / "old")
    with service.recovered() as working:
        told = salvaged(working, core)
        assert told["found_beyond"] == told["looked_for"] == 0
        with working.store.read(anna, CONTACTS) as shelf:
            assert {record.state for record, _ in shelf.everything()} <= set(State)
            assert shelf.last_seq >> 40 < working.identity.epoch


@pytest.mark.parametrize("name", ["a\x01.vcf", "a/b.vcf", "..", "", "a" * 256, "b\r\n.vcf"])
def test_what_no_door_could_have_named_is_not_taken(
    service: Service, tmp_path: Path, name: str
) -> None:
    with service.at_work() as working:
        anna = working.store.accounts.create("anna")
        shutil.copytree(service.place, tmp_path / "behind")
        put(working, anna, name, "body", uid="1")
        put(working, anna, "good.vcf", "good", uid="a\x02")
        put(working, anna, "better.vcf", "better", uid="a\tb")
        core = copy_core(service, working, tmp_path / "old")
    shutil.rmtree(service.place)
    (tmp_path / "behind").rename(service.place)
    with service.recovered() as working:
        salvaged(working, core)
        assert bodies(working, anna) == {"better.vcf": b"better"}


def test_erased_accounts_stay_erased(cut: tuple[Working, bytes, Core]) -> None:
    working, anna, core = cut
    working.eraser.erase(anna, "anna")
    told = salvaged(working, core)
    assert told["written"] == told["healed"] == 0
    assert working.store.accounts.count() == 0


def test_files_are_looked_at_before_anything_begins(service: Service, tmp_path: Path) -> None:
    for path in (tmp_path / "absent", service.home / "core.sqlite"):
        with pytest.raises(BadInput):
            check_files(service.home, [path])
