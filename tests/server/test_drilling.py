"""A drill finds what a recovery would find, and leaves no trace of itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from tests.rooms import CONTACTS, Service, make_service, put, put_many, quick_folder

from stillhere.cli import main
from stillhere.config import Settings, save
from stillhere.errors import BadInput, Unavailable, WrongKit
from stillhere.kinds import RECOVERY_ORDER, order_of_stages
from stillhere.recovery.drill import Drilled, Flaw, keep_drilled, past_drills
from stillhere.recovery.workers import Workers
from stillhere.replication.compact import compact
from stillhere.replication.start import Working
from stillhere.server import drilling
from stillhere.server.core import Opened
from stillhere.server.drilling import drill
from stillhere.server.figures import count_kinds
from stillhere.server.forecast import expect
from stillhere.store import ShelfWrite
from stillhere.store.core import lock_home
from stillhere.store.recovered import SCRATCH_FOLDER, files_beside
from stillhere.store.schema import get_meta, set_meta
from stillhere.vault.backends import BackendError
from stillhere.vault.backends.directory import Directory
from stillhere.vault.backends.read_only import ReadOnly
from stillhere.vault.kit import Kit

PEOPLE = 5
CALENDAR = "calendar"


class Rehearsed:
    """A service with some people, its kit in a file, and its core at work."""

    def __init__(self, service: Service, working: Working) -> None:
        self.service = service
        self.working = working
        self.people = [working.store.accounts.create(f"person {n}") for n in range(PEOPLE)]
        for account in self.people:
            put_many(working, account, {f"{n}.vcf": b"%d" % n for n in range(3)})
        compact(working)
        put(working, self.people[0], "late.vcf", "in the journal yet")
        self.kit = service.folder / "kit.txt"
        self.kit.write_text(service.kit.text())

    def drill(self, sample: int = 0, stages: Sequence[str] = RECOVERY_ORDER) -> Drilled:
        settings = Settings(vault=str(self.service.place))
        core = Opened(self.service.home, settings, self.working)
        return drill(core, self.kit, sample, lambda *_: None, stages)

    def add_event(self, account: bytes) -> None:
        def write(shelf: ShelfWrite) -> None:
            shelf.put_collection(CALENDAR, {}, "CALENDAR")
            shelf.put(CALENDAR, "a.ics", b"an event")

        self.working.store.write(account, CALENDAR, write).result(60)

    def vault(self) -> dict[str, tuple[bytes, int]]:
        """Every object: what is in it, and when it was changed."""
        paths = (path for path in self.service.place.rglob("*") if path.is_file())
        return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}

    def packs(self) -> list[Path]:
        """The packs with contacts."""
        return sorted((self.service.place / "ledger" / CONTACTS).iterdir())


@pytest.fixture
def rehearsed() -> Iterator[Rehearsed]:
    with quick_folder() as folder:
        service = make_service(folder, bucket_bits=3)
        with service.at_work() as working:
            yield Rehearsed(service, working)


@pytest.mark.parametrize("many", [False, True], ids=["chunks", "pages"])
def test_everything_comes_back_and_nothing_is_left_of_it(
    rehearsed: Rehearsed, monkeypatch: pytest.MonkeyPatch, many: bool
) -> None:
    monkeypatch.setattr(Workers, "many", many)
    before = rehearsed.vault()
    drilled = rehearsed.drill()
    assert drilled.flaws == []
    assert (drilled.accounts, drilled.shelves, drilled.moving) == (PEOPLE, 2 * PEOPLE, 0)
    assert drilled.records == PEOPLE * 3 + 1 + sum_of_own(rehearsed)
    reached = [drilled.first_contact_s, drilled.mirrored_s, *drilled.stages.values()]
    assert tuple(drilled.stages) == RECOVERY_ORDER
    assert [*reached, drilled.whole_s] == sorted([*reached, drilled.whole_s])
    assert rehearsed.vault() == before
    assert not (rehearsed.service.home / SCRATCH_FOLDER).exists()
    assert past_drills(rehearsed.working.core) == [drilled]


def sum_of_own(rehearsed: Rehearsed) -> int:
    """The records of the accounts' own shelves."""
    total = 0
    for account in rehearsed.people:
        with rehearsed.working.store.read(account, "account") as shelf:
            total += sum(record.collection != "" for record, _ in shelf.everything())
    return total


def test_a_sample_is_as_many_accounts_as_were_asked_for(rehearsed: Rehearsed) -> None:
    before = rehearsed.vault()
    drilled = rehearsed.drill(sample=2)
    assert (drilled.sample, drilled.accounts, drilled.flaws) == (2, 2, [])
    assert drilled.first_contact_s is not None
    assert drilled.whole_s is None
    assert rehearsed.drill(sample=99).accounts == PEOPLE
    assert rehearsed.vault() == before


def test_a_sample_comes_back_with_everything_that_it_has(rehearsed: Rehearsed) -> None:
    for account in rehearsed.people:
        rehearsed.add_event(account)
    compact(rehearsed.working)
    drilled = rehearsed.drill(sample=PEOPLE)
    assert (drilled.flaws, drilled.shelves) == ([], 3 * PEOPLE)
    for pack in (rehearsed.service.place / "ledger" / CALENDAR).iterdir():
        pack.unlink()
    drilled = rehearsed.drill(sample=PEOPLE)
    assert {flaw.kind for flaw in drilled.flaws} == {CALENDAR}
    assert drilled.flawed == PEOPLE


def test_stages_come_in_the_order_that_was_asked_for(rehearsed: Rehearsed) -> None:
    rehearsed.add_event(rehearsed.people[0])
    drilled = rehearsed.drill(stages=order_of_stages([CALENDAR]))
    assert list(drilled.stages)[:3] == ["account", CALENDAR, CONTACTS]
    assert drilled.first_contact_s is not None


def test_a_drill_is_forecast_beforehand_and_held_against_it(rehearsed: Rehearsed) -> None:
    core = rehearsed.working.core
    drills = [rehearsed.drill(), rehearsed.drill()]
    for drilled in drills:
        assert list(drilled.said) == ["first contact", "mirrored", "account", CONTACTS, "whole"]
        assert all(0 < said.p50_s <= said.p90_s for said in drilled.said.values())
    expected = expect(core, count_kinds(core.reader())[0])
    assert expected is not None
    assert expected.basis.startswith("2 drills and ")
    assert expected.said == 2
    assert expected.held == sum(
        drilled.whole_s is not None and drilled.whole_s <= drilled.said["whole"].p90_s
        for drilled in drills
    )


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:70])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for at in range(40, len(data), 40):
        data[at] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("ruin", [cut, flip, os.unlink])
@pytest.mark.parametrize("sample", [0, PEOPLE], ids=["everybody", "a sample"])
def test_what_the_vault_has_lost_is_named_and_the_core_keeps_it(
    rehearsed: Rehearsed, ruin: Callable[[Path], None], sample: int
) -> None:
    for pack in rehearsed.packs():
        ruin(pack)
    drilled = rehearsed.drill(sample)
    assert {(flaw.account, flaw.kind) for flaw in drilled.flaws} == {
        (account, CONTACTS) for account in rehearsed.people
    }
    for account in rehearsed.people:
        with rehearsed.working.store.read(account, CONTACTS) as shelf:
            assert len(shelf.records(CONTACTS)) >= 3


@pytest.mark.parametrize("sample", [0, PEOPLE], ids=["everybody", "a sample"])
def test_who_is_erased_meanwhile_is_no_flaw(
    rehearsed: Rehearsed, monkeypatch: pytest.MonkeyPatch, sample: int
) -> None:
    class Erasing(drilling.Drill):
        def begin(self) -> Working:
            for number in range(1, PEOPLE):
                account = rehearsed.people[number]
                rehearsed.working.eraser.erase(account, f"person {number}")
            return super().begin()

    monkeypatch.setattr(drilling, "Drill", Erasing)
    drilled = rehearsed.drill(sample)
    assert (drilled.accounts, drilled.flaws) == (1, [])


def test_what_is_written_meanwhile_is_no_flaw(
    rehearsed: Rehearsed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To shelves before the vault is read and after, to one of them both."""
    ours, theirs = rehearsed.people[1:3]

    class Writing(drilling.Drill):
        def begin(self) -> Working:
            put(rehearsed.working, ours, "before.vcf", "x")
            begun = super().begin()
            for account in (ours, theirs):
                put(rehearsed.working, account, "after.vcf", "x")
            return begun

    monkeypatch.setattr(drilling, "Drill", Writing)
    drilled = rehearsed.drill()
    assert drilled.flaws == []
    assert drilled.moving == 1, "one came back as it was neither before nor after"


@pytest.mark.parametrize("many", [False, True], ids=["chunks", "pages"])
def test_a_compaction_meanwhile_is_no_flaw(
    rehearsed: Rehearsed, monkeypatch: pytest.MonkeyPatch, many: bool
) -> None:
    monkeypatch.setattr(Workers, "many", many)

    class Compacting(drilling.Drill):
        def run(self) -> None:
            for account in rehearsed.people:
                put(rehearsed.working, account, "after.vcf", "x")
            compact(rehearsed.working)
            super().run()

    monkeypatch.setattr(drilling, "Drill", Compacting)
    assert rehearsed.drill().flaws == []


def test_an_end_that_the_vault_has_lost_is_a_flaw(rehearsed: Rehearsed) -> None:
    journal = rehearsed.service.place / "journal"
    newest = max(path for path in journal.rglob("*.seg"))
    newest.unlink()
    (flaw,) = rehearsed.drill().flaws
    assert (flaw.account, flaw.kind) == (rehearsed.people[0], CONTACTS)


def test_one_drill_at_a_time_and_a_killed_one_leaves_nothing(rehearsed: Rehearsed) -> None:
    scratch = rehearsed.service.home / SCRATCH_FOLDER
    with lock_home(rehearsed.service.home, "drill"):
        scratch.mkdir()
        (scratch / "core.sqlite").write_bytes(b"somebody's contacts")
        with pytest.raises(BadInput, match="another stillhere drill"):
            rehearsed.drill()
        with rehearsed.service.at_work():
            assert files_beside(rehearsed.service.home), "a drill that runs keeps its scratch"
    with rehearsed.service.at_work():
        assert not scratch.exists()


def test_an_erasure_waits_for_a_drill(
    rehearsed: Rehearsed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stillhere.replication.erase.BESIDE_S", 0.1)
    gone, working = rehearsed.people[0], rehearsed.working

    class Erasing(drilling.Drill):
        def begin(self) -> Working:
            begun = super().begin()
            with pytest.raises(Unavailable, match="beside the core yet"):
                working.eraser.erase(gone, "person 0")
            return begun

    monkeypatch.setattr(drilling, "Drill", Erasing)
    assert rehearsed.drill().flaws == []
    assert working.eraser.complete() is None


def test_the_kit_of_another_vault_is_refused(rehearsed: Rehearsed) -> None:
    rehearsed.kit.write_text(Kit.make().text())
    with pytest.raises(WrongKit):
        rehearsed.drill()
    assert not (rehearsed.service.home / SCRATCH_FOLDER).exists()


def test_a_vault_that_is_looked_at_can_not_be_changed(tmp_path: Path) -> None:
    backend = Directory(tmp_path, create=True)
    backend.create("a/b", b"x")
    looked_at = ReadOnly(backend)
    assert (looked_at.read("a/b"), looked_at.size("a/b"), looked_at.names("a")) == (b"x", 1, ["b"])
    assert looked_at.read_range("a/b", 0, 9) == b"x"
    for change in (lambda: looked_at.create("a/c", b"y"), lambda: looked_at.delete("a/b")):
        with pytest.raises(BackendError, match="only looked at"):
            change()
    assert backend.names("a") == ["b"]


def test_the_command_says_what_a_loss_would_cost(
    rehearsed: Rehearsed, capsys: pytest.CaptureFixture[str]
) -> None:
    save(rehearsed.service.home, Settings(vault=str(rehearsed.service.place)))
    asked = ["drill", "--kit", str(rehearsed.kit), "--home", str(rehearsed.service.home)]
    assert main(asked) == 0
    assert "every shelf came back as this core has it" in capsys.readouterr().out
    for pack in rehearsed.packs():
        pack.unlink()
    assert main(asked) == 4
    told = capsys.readouterr()
    assert "Missing    person" in told.out
    assert f"{PEOPLE} shelves" in told.err


def test_a_core_remembers_so_many_drills_and_no_account_of_any(rehearsed: Rehearsed) -> None:
    """Whoever is erased after a drill is in none of them."""
    core = rehearsed.working.core
    flaws = [Flaw(b"%016d" % n, CONTACTS, "gone") for n in range(300)]
    found = Drilled(0, 0, 300, 600, 9000, 0, 0.1, 0.2, {}, 0.3, 300, flaws)
    for at in range(50):
        keep_drilled(core.reader(), msgspec.structs.replace(found, at=at))
    kept = past_drills(core)
    assert [one.at for one in kept] == list(range(10, 50))
    assert {(len(one.flaws), one.flawed) for one in kept} == {(0, 300)}
    assert b"%016d" % 299 not in (get_meta(core.reader(), "drills") or b"")
    set_meta(core.reader(), "drills", msgspec.msgpack.encode([{"of": "another version"}]))
    assert past_drills(core) == []
