"""Erased accounts stay erased through every recovery, and cost nobody else anything."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.recovery.judge import judge
from tests.recovery.service import Person, Worn

from stillhere.errors import Closed, Erased, Fenced, NotFound, Unavailable
from stillhere.recovery.check import check
from stillhere.recovery.report import tally_verdicts
from stillhere.replication.compact import compact
from stillhere.replication.start import Working, open_core
from stillhere.replication.verify import verify
from stillhere.store import BadLogin, NewAccount
from stillhere.store.erased import read_erased
from stillhere.store.recovered import Beside, clear_mirror
from stillhere.vault.backends.directory import Directory
from stillhere.vault.erasures import Erasure, keep_erasure
from stillhere.vault.keys import list_keys
from stillhere.vault.layout import key_name
from stillhere.vault.opened import open_vault


def log_in(working: Working, person: Person) -> bytes:
    log_in = working.store.logins.authenticate(person.name, person.password, client="phone")
    return asyncio.run(log_in).account


def without(worn: Worn, *erased: Person) -> Worn:
    gone = {person.account for person in erased}
    return replace(worn, people=[p for p in worn.people if p.account not in gone])


def see_end(worn: Worn, working: Working) -> None:
    for person in worn.people:
        person.book.end_epoch(working.identity.epoch)


@pytest.mark.parametrize(
    ("number", "compacting"), [(0, "before"), (1, "after"), (2, "never"), (3, "after")]
)
def test_everybody_else_comes_back_whole(
    worn: Worn, tmp_path: Path, number: int, compacting: str
) -> None:
    gone = worn.people[number]
    others = without(worn, gone)
    with worn.recovered(tmp_path / "first") as working:
        see_end(others, working)
        if compacting == "before":
            compact(working)
        working.eraser.erase(gone.account, gone.name)
        _has_no_row(working, gone)
        if compacting == "after":
            compact(working)
        assert judge(working, others).how == "whole"
        assert verify(working).proven
    with worn.recovered(tmp_path / "second") as working:
        see_end(others, working)
        assert judge(working, others).how == "whole"
        assert tally_verdicts(working.core).shelves == others.shelves
        assert tally_verdicts(working.core).incomplete == 0
        with pytest.raises(BadLogin):
            log_in(working, gone)
        compact(working)
        assert judge(working, others).how == "whole"
        assert verify(working).proven


class Begun:
    """A recovery whose bulk has not started: everything is behind a knock."""

    @pytest.fixture
    def gone(self, worn: Worn, tmp_path: Path) -> Person:
        person = worn.people[0]
        with worn.recovered(tmp_path / "before") as working:
            working.eraser.erase(person.account, person.name)
        return person


class TestBeforeTheBulk(Begun):
    def test_a_phone_hears_401_and_not_503(self, worn: Worn, tmp_path: Path, gone: Person) -> None:
        working = worn.recovery(tmp_path / "home").begin()
        try:
            with pytest.raises(BadLogin):
                log_in(working, gone)
            with pytest.raises(Erased):
                asyncio.run(working.store.gate.enter(gone.account, "contacts"))
            with pytest.raises(Closed):  # whoever is not known yet may be somebody
                log_in(working, replace(gone, name="nobody"))
            assert log_in(working, worn.people[1]) == worn.people[1].account
        finally:
            working.close()

    def test_its_name_may_be_another_account_s_by_then(
        self, worn: Worn, tmp_path: Path, gone: Person
    ) -> None:
        with open_again(tmp_path / "before") as working:
            new = [NewAccount(gone.name, None, "phone")]
            made = working.store.accounts.create_many(new)[0]
            assert made.device is not None
        working = worn.recovery(tmp_path / "home").begin()
        try:
            with pytest.raises(BadLogin):
                log_in(working, gone)
            again = replace(gone, password=made.device.password)
            assert log_in(working, again) == made.account != gone.account
        finally:
            working.close()


def open_again(home: Path) -> closing[Working]:
    return closing(open_core(home))


class TestWhatWasBegun:
    """The core was lost right after the erasure was written: a recovery carries it out."""

    @pytest.fixture
    def gone(self, worn: Worn, tmp_path: Path) -> Person:
        person = worn.people[0]
        with worn.recovered(tmp_path / "before") as working:
            erasure = Erasure(person.account, 1, [])
            keep_erasure(working.vault, working.signer, erasure)
            assert log_in(working, person) == person.account
        shutil.rmtree(tmp_path / "before")
        assert (worn.place / key_name(person.account)).exists()
        return person

    def test_it_is_never_served(self, worn: Worn, tmp_path: Path, gone: Person) -> None:
        recovery = worn.recovery(tmp_path / "home")
        working = recovery.begin()
        try:
            with pytest.raises(BadLogin):
                log_in(working, gone)
            recovery.run()
            with pytest.raises(BadLogin):
                log_in(working, gone)
            assert gone.account not in list_keys(working.vault)
            assert not read_erased(working.core.reader())[gone.account].pending
            others = without(worn, gone)
            see_end(others, working)
            assert judge(working, others).how == "whole"
        finally:
            working.close()

    def test_a_vault_that_can_not_be_written_is_no_way_around_it(
        self, worn: Worn, tmp_path: Path, gone: Person
    ) -> None:
        assert gone.account in check(worn.place, worn.kit).erased


class TestOnACoreThatIsNotWhole:
    """Somebody is erased while a recovery runs, by a command beside it."""

    def test_before_its_shelves_are_in_rows(self, worn: Worn, tmp_path: Path) -> None:
        gone = worn.people[0]
        recovery = worn.recovery(tmp_path / "home")
        working = recovery.begin()
        try:
            working.eraser.look()
            _erase_beside(worn, tmp_path / "home", gone)
            with pytest.raises(BadLogin):
                log_in(working, gone)
            recovery.run()
            others = without(worn, gone)
            see_end(others, working)
            assert judge(working, others).how == "whole"
            assert gone.account not in working.core.shelves_of("account")
            _has_no_row(working, gone)
            assert verify(working).proven
        finally:
            working.close()

    def test_after_it_has_knocked(self, worn: Worn, tmp_path: Path) -> None:
        gone = worn.people[0]
        recovery = worn.recovery(tmp_path / "home")
        working = recovery.begin()
        try:
            assert log_in(working, gone) == gone.account
            asyncio.run(working.store.gate.enter(gone.account, "contacts"))
            _erase_beside(worn, tmp_path / "home", gone)
            with pytest.raises(BadLogin):
                log_in(working, gone)
            with pytest.raises(Erased), working.store.read(gone.account, "contacts"):
                pass
            working.eraser.look()
            recovery.run()
            _has_no_row(working, gone)
            assert verify(working).proven
        finally:
            working.close()

    def test_what_other_processes_have_made_of_it_has_to_go_first(
        self, worn: Worn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("stillhere.replication.erase.BESIDE_S", 0.1)
        gone = worn.people[0]
        working = worn.recovery(tmp_path / "home").begin()
        try:
            laid = Beside(tmp_path / "home", "1")
            laid.begin()
            laid.close()
            with pytest.raises(Unavailable, match="beside the core yet"):
                working.eraser.erase(gone.account, gone.name)
            with pytest.raises(BadLogin):
                log_in(working, gone)
            clear_mirror(tmp_path / "home")
            assert working.eraser.complete() is None
            assert not read_erased(working.core.reader())[gone.account].pending
        finally:
            working.close()

    def test_what_a_killed_attempt_has_left_of_it_keeps_nobody_waiting(
        self, worn: Worn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("stillhere.replication.erase.BESIDE_S", 0.1)
        gone = worn.people[0]
        working = worn.recovery(tmp_path / "home").begin()
        laid = Beside(tmp_path / "home", "1")
        laid.begin()
        laid.close()
        with pytest.raises(Unavailable, match="beside the core yet"):
            working.eraser.erase(gone.account, gone.name)
        working.close()
        again = worn.recovery(tmp_path / "home")
        working = again.begin()
        completing = working.eraser.complete

        def complete(*, wait: bool = True) -> object:
            trouble = completing(wait=wait)
            assert trouble is None
            return trouble

        monkeypatch.setattr(working.eraser, "complete", complete)
        try:
            again.run()
            assert not read_erased(working.core.reader())[gone.account].pending
        finally:
            working.close()

    def test_only_to_erase(self, worn: Worn, tmp_path: Path) -> None:
        working = worn.recovery(tmp_path / "home").begin()
        try:
            with pytest.raises(Closed):
                open_core(tmp_path / "home")
            open_core(tmp_path / "home", to_erase=True).close()
        finally:
            working.close()


def _erase_beside(worn: Worn, home: Path, person: Person) -> None:
    command = open_core(home, worn.place, to_erase=True)
    try:
        command.eraser.erase(person.account, person.name)
    finally:
        command.close()


def _has_no_row(working: Working, person: Person) -> None:
    sql = working.core.reader()
    for table in ("accounts", "shelves"):
        rows = sql.execute(f"SELECT 1 FROM {table} WHERE account = ?", (person.account,))
        assert rows.fetchall() == []
    for table in ("records", "pages", "pieces", "positions", "notes"):
        rows = sql.execute(f"SELECT 1 FROM {table} WHERE shelf NOT IN (SELECT id FROM shelves)")
        assert rows.fetchall() == []
    with pytest.raises(NotFound):
        working.core.data_keys.get(person.account)


def test_an_ended_epoch_erases_nobody(worn: Worn, tmp_path: Path) -> None:
    """A core that was copied, or comes back from the dead, with the vault to write to."""
    victim = worn.people[0]
    with worn.recovered(tmp_path / "old") as old:
        signer = old.signer
    with worn.recovered(tmp_path / "new") as working:
        keep_erasure(open_vault(Directory(worn.place)), signer, Erasure(victim.account, 1, []))
        assert log_in(working, victim) == victim.account
    with pytest.raises(Fenced):
        open_core(tmp_path / "old")
    with open_again(tmp_path / "new") as working:
        assert log_in(working, victim) == victim.account
        assert not verify(working).proven
    with worn.recovered(tmp_path / "next") as working:
        assert log_in(working, victim) == victim.account
        assert read_erased(working.core.reader()) == {}
