"""A copy of the vault that missed something is sealed and read, and no full copy until it is
added again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.rooms import bodies, make_service, put

from stillhere import config
from stillhere.errors import Damaged, Fenced
from stillhere.recovery.check import check
from stillhere.recovery.recovery import Recovery
from stillhere.recovery.report import read_report
from stillhere.replication.compact import compact
from stillhere.replication.copies import add_copy, remove_copy
from stillhere.replication.members import read_members
from stillhere.replication.start import Working, open_core
from stillhere.server.copies import look
from stillhere.status.fates import state
from stillhere.vault.backends.directory import Directory
from stillhere.vault.copied import written_places
from stillhere.vault.epochs import read_epochs, read_writers
from stillhere.vault.opened import open_vault


class Told(dict[str, dict[str, object]]):
    """What a recovery announces, by event."""

    def __call__(self, event: str, **facts: object) -> None:
        self[event] = facts


class Twice:
    """A service whose vault is in two places, and somebody who writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.service = make_service(folder)
        self.kit = self.service.kit
        self.first, self.second = self.service.place, folder / "second"
        self.add(self.service.home, self.second)
        with self.core(self.service.home) as working:
            self.anna = working.store.accounts.create("anna")
            put(working, self.anna, "1.vcf")

    @contextmanager
    def core(self, home: Path) -> Iterator[Working]:
        working = open_core(home)
        try:
            yield working
        finally:
            working.close()

    def add(self, home: Path, place: Path) -> None:
        working = open_core(home, uneven=True)
        try:
            add_copy(working, place, lambda done, total: None)
        finally:
            working.close()

    def recover(self, home: Path, *places: Path) -> tuple[Told, Working]:
        told = Told()
        recovery = Recovery(home, places[0], self.kit, told, more=places[1:])
        working = recovery.begin()
        recovery.run()
        return told, working

    def away(self) -> Path:
        """The second copy is not there for a while."""
        return self.second.rename(self.folder / "away")

    def back(self) -> None:
        (self.folder / "away").rename(self.second)


@pytest.fixture
def twice(tmp_path: Path) -> Twice:
    return Twice(tmp_path)


def test_one_that_missed_a_recovery_is_sealed_and_read_and_no_full_copy(
    twice: Twice, tmp_path: Path
) -> None:
    twice.away()
    _, working = twice.recover(tmp_path / "2", twice.first)
    put(working, twice.anna, "2.vcf")
    compact(working)
    working.close()
    shutil.rmtree(tmp_path / "2")
    twice.back()
    told, working = twice.recover(tmp_path / "3", twice.first, twice.second)
    assert told["sealed"]["old_core_fenced"] is True
    assert told["sealed"]["behind"] == [str(twice.second)]
    assert told["sealed"]["not_sealed"] == []
    assert written_places(working.vault.backend) == (str(twice.first),)
    assert set(bodies(working, twice.anna)) == {"1.vcf", "2.vcf"}
    put(working, twice.anna, "3.vcf")
    working.close()
    assert read_members(tmp_path / "3", str(twice.first)).places == [str(twice.first)]
    alone = open_vault(Directory(twice.second))
    assert [epoch.number for epoch in read_epochs(alone)] == [1], "it is the old copy that it was"
    assert read_writers(alone, 1)[-1].seal
    twice.add(tmp_path / "3", twice.second)
    _, working = twice.recover(tmp_path / "4", twice.second)
    assert set(bodies(working, twice.anna)) == {"1.vcf", "2.vcf", "3.vcf"}
    working.close()


def test_a_core_that_works_with_what_was_left_behind_ends_at_its_seal(
    twice: Twice, tmp_path: Path
) -> None:
    """It has given up the other copy, in which another core goes on."""
    twice.away()
    twice.recover(tmp_path / "2", twice.first)[1].close()
    shutil.rmtree(tmp_path / "2")
    twice.back()
    remove_copy(twice.service.home, (), twice.first)
    with twice.core(twice.service.home) as old:
        put(old, twice.anna, "old.vcf")
        twice.recover(tmp_path / "3", twice.first, twice.second)[1].close()
        with pytest.raises(Fenced):
            put(old, twice.anna, "too late.vcf")


def test_one_that_was_put_back_from_a_backup_is_left_behind(twice: Twice, tmp_path: Path) -> None:
    shutil.copytree(twice.second, tmp_path / "yesterday")
    with twice.core(twice.service.home) as working:
        for number in range(3):
            put(working, twice.anna, f"new {number}.vcf")
        compact(working)
    shutil.rmtree(twice.second)
    (tmp_path / "yesterday").rename(twice.second)
    told, working = twice.recover(tmp_path / "2", twice.second, twice.first)
    assert told["sealed"]["behind"] == [str(twice.second)]
    assert written_places(working.vault.backend) == (str(twice.first),)
    assert len(bodies(working, twice.anna)) == 4
    working.close()


def test_a_recovery_that_was_killed_at_its_end_goes_on_without_the_one_that_was_named_first(
    twice: Twice, tmp_path: Path
) -> None:
    shutil.copytree(twice.second, tmp_path / "yesterday")
    with twice.core(twice.service.home) as working:
        for number in range(3):
            put(working, twice.anna, f"new {number}.vcf")
    shutil.rmtree(twice.second)
    (tmp_path / "yesterday").rename(twice.second)
    for _ in range(2):
        _, working = twice.recover(tmp_path / "2", twice.second, twice.first)
        assert len(bodies(working, twice.anna)) == 4
        working.close()
    assert read_members(tmp_path / "2", str(twice.second)).places == [str(twice.first)]


def test_a_last_segment_that_came_half_way_is_completed_and_both_are_full_copies(
    twice: Twice, tmp_path: Path
) -> None:
    """The core was lost between the two; the next epoch counts it, so each copy has to have it."""
    newest = max(twice.second.rglob("*.seg"))
    newest.unlink()
    told, working = twice.recover(tmp_path / "2", twice.first, twice.second)
    assert told["sealed"]["behind"] == told["sealed"]["not_sealed"] == []
    working.close()
    assert newest.exists()
    shutil.rmtree(twice.first)
    _, working = twice.recover(tmp_path / "3", twice.second)
    assert all(row.verdict.complete for row in read_report(working.core))
    assert set(bodies(working, twice.anna)) == {"1.vcf"}
    working.close()


def test_a_seal_in_what_was_left_behind_hides_nothing_that_the_other_has(
    twice: Twice, tmp_path: Path
) -> None:
    """One segment is broken in the copy that went on, where the other one has its seal."""
    remove_copy(twice.service.home, (), twice.second)
    with twice.core(twice.service.home) as working:
        for number in range(5):
            put(working, twice.anna, f"more {number}.vcf")
    twice.recover(tmp_path / "2", twice.first)[1].close()
    shutil.rmtree(tmp_path / "2")
    twice.recover(tmp_path / "3", twice.first, twice.second)[1].close()
    shutil.rmtree(tmp_path / "3")
    (slot,) = (path for path in sorted(twice.second.rglob("*.seg"))[-1:])
    assert b"STHSIGN1" in slot.read_bytes(), "it is the seal"
    (twice.first / slot.relative_to(twice.second)).write_bytes(b"broken")
    _, working = twice.recover(tmp_path / "4", twice.first, twice.second)
    (verdict,) = (row.verdict for row in read_report(working.core) if row.kind == "contacts")
    assert verdict.records == 5, "the others are there"
    working.close()


def test_a_member_that_lacks_an_epoch_is_named_and_added_again(
    twice: Twice, tmp_path: Path
) -> None:
    home = tmp_path / "2"
    twice.recover(home, twice.first, twice.second)[1].close()
    config.save(home, config.Settings(vault=str(twice.first), copies=[str(twice.second)]))
    with twice.core(home) as working:
        put(working, twice.anna, "2.vcf")
    settings = config.load(home)
    assert [state(copy) for copy in look(home, settings)] == ["has every change"] * 2
    shutil.rmtree(twice.second / "epochs" / "000001")
    behind = look(home, settings)[1]
    assert state(behind) == "was left behind: epoch 1 did not begin there"
    with pytest.raises(Damaged, match="lacks epoch 1") as refused:
        open_core(home)
    assert f"stillhere vault add {twice.second} brings it up to date" in refused.value.hint
    twice.add(home, twice.second)
    assert state(look(home, settings)[1]) == "has every change"
    with twice.core(home) as working:
        put(working, twice.anna, "3.vcf")
    check(twice.second, twice.kit)


def test_a_copy_whose_ledger_and_journal_do_not_meet_is_behind(
    twice: Twice, tmp_path: Path
) -> None:
    """Nothing of this epoch is missing: what it lacks was folded in an earlier one."""
    home = tmp_path / "2"
    twice.recover(home, twice.first, twice.second)[1].close()
    config.save(home, config.Settings(vault=str(twice.first), copies=[str(twice.second)]))
    with twice.core(home) as working:
        compact(working)
        put(working, twice.anna, "2.vcf")
    for folder in ("manifest", "ledger", "journal/000001"):
        shutil.rmtree(twice.second / folder)
    first, second = look(home, config.load(home))
    assert state(first) == "has every change"
    assert "behind" in state(second)
