"""Step 5: a copy that was brought near is never trusted more than the vault that it is of."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.recovery.judge import Outcome, judge
from tests.recovery.model import Put
from tests.recovery.service import Worn, bodies_of

from stillhere.recovery.workers import FEW_BYTES, Workers
from stillhere.replication.compact import compact
from stillhere.replication.rollup import roll_up
from stillhere.replication.start import open_core
from stillhere.replication.verify import verify
from stillhere.store.recovered import MIRROR_FOLDER
from stillhere.vault import tail
from stillhere.vault.tail import KEEP_BYTES

MEGABYTE = 1 << 20


@pytest.fixture(autouse=True, params=["alone", "pages made beside"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shelves come into the core in either way, whatever befalls the copy."""
    if request.param != "alone":
        monkeypatch.setattr(Workers, "many", True)


class Stopped(Exception):
    """The recovering process ends here."""


def recover(worn: Worn, home: Path, meddle: Callable[[], None], *, die: bool = False) -> Outcome:
    """Recover while somebody meddles once everything is near; with ``die``, in two lives."""
    lives = [0]

    def announce(event: str, **_: object) -> None:
        if event == "mirrored" and not lives[0]:
            lives[0] += 1
            meddle()
            if die:
                raise Stopped

    recovery = worn.recovery(home, announce)
    working = recovery.begin()
    if die:
        with pytest.raises(Stopped):
            recovery.run()
        working.close()
        recovery = worn.recovery(home, announce)
        working = recovery.begin()
    try:
        for person in worn.people:
            person.book.end_epoch(working.identity.epoch)
        recovery.run()
        assert not (home / MIRROR_FOLDER).exists(), "the mirror is of no use any more"
        outcome = judge(working, worn)
        if worn.place.exists():
            assert verify(working).proven
        return outcome
    finally:
        working.close()


def near_objects(home: Path) -> list[Path]:
    """The files of the mirror."""
    return [path for path in (home / MIRROR_FOLDER).rglob("*") if path.is_file()]


def flip_all(home: Path) -> None:
    for path in near_objects(home):
        data = bytearray(path.read_bytes())
        for at in range(0, len(data), 50):
            data[at] ^= 1
        path.write_bytes(data)


def empty_all(home: Path) -> None:
    for path in near_objects(home):
        path.write_bytes(b"")


def halve_all(home: Path) -> None:
    for path in near_objects(home):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def delete_all(home: Path) -> None:
    shutil.rmtree(home / MIRROR_FOLDER)


def exchange_all(home: Path) -> None:
    """Each one gets the bytes of the next."""
    paths = near_objects(home)
    contents = [path.read_bytes() for path in paths]
    for path, data in zip(paths, contents[1:] + contents[:1], strict=True):
        path.write_bytes(data)


@pytest.fixture(params=[False, True], ids=["chunks", "pages"])
def many(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a small vault is brought near, and as a large one."""
    monkeypatch.setattr(Workers, "many", request.param)


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("die", [False, True], ids=["in one life", "in two lives"])
@pytest.mark.parametrize("ruin", [flip_all, empty_all, halve_all, delete_all, exchange_all])
def test_a_broken_copy_is_made_good_from_the_vault(
    worn: Worn, tmp_path: Path, ruin: Callable[[Path], None], die: bool
) -> None:
    home = tmp_path / "home"

    def meddle() -> None:
        assert near_objects(home), "nothing was brought near"
        ruin(home)

    assert recover(worn, home, meddle, die=die).how == "whole"


@pytest.fixture
def large_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every object of the journal is too large to be kept in memory."""
    monkeypatch.setattr(tail, "KEEP_BYTES", 600)


@pytest.mark.usefixtures("large_tail")
@pytest.mark.parametrize("ruin", [flip_all, empty_all, halve_all, delete_all])
def test_a_broken_copy_of_the_tail_is_made_good_from_the_vault(
    worn: Worn, tmp_path: Path, ruin: Callable[[Path], None]
) -> None:
    home = tmp_path / "home"
    assert recover(worn, home, lambda: ruin(home)).how == "whole"


@pytest.mark.usefixtures("large_tail")
def test_a_bulk_that_is_begun_again_reads_the_tail_from_the_vault(
    worn: Worn, tmp_path: Path
) -> None:
    """In the same process, which has the copies of the first time yet."""
    lives = []

    def announce(event: str, **_: object) -> None:
        if event == "mirrored":
            lives.append(event)
            if len(lives) == 1:
                raise Stopped

    recovery = worn.recovery(tmp_path / "home", announce)
    working = recovery.begin()
    with pytest.raises(Stopped):
        recovery.run()
    recovery.run()
    for person in worn.people:
        person.book.end_epoch(working.identity.epoch)
    assert judge(working, worn).how == "whole"
    working.close()


@pytest.mark.usefixtures("many")
def test_a_mirrored_vault_is_not_needed_any_more(worn: Worn, tmp_path: Path) -> None:
    """Its disk may fail for good: ledger, tail and keys are near."""
    outcome = recover(worn, tmp_path / "home", lambda: shutil.rmtree(worn.place))
    assert outcome.how == "whole"


@pytest.mark.usefixtures("many")
def test_who_knocks_on_a_mirrored_core_needs_no_vault(worn: Worn, tmp_path: Path) -> None:
    """The first shelf of a bucket is asked for when its manifest can't be had from there."""
    answered = []

    def announce(event: str, **_: object) -> None:
        if event == "mirrored":
            shutil.rmtree(worn.place)
            for person in worn.people:
                asyncio.run(working.store.gate.enter(person.account, "contacts"))
                answered.append(bodies_of(working, person))

    recovery = worn.recovery(tmp_path / "home", announce)
    working = recovery.begin()
    try:
        recovery.run()
        assert answered == [bodies_of(working, person) for person in worn.people]
        assert all(map(len, answered))
    finally:
        working.close()


@pytest.mark.usefixtures("many")
def test_a_mirrored_tail_of_large_roll_ups_is_not_needed_either(worn: Worn, tmp_path: Path) -> None:
    with worn.recovered(tmp_path / "earlier") as working:
        for number in range(4):
            body = os.urandom(KEEP_BYTES // 2)
            worn.write(working, worn.people[0], Put("contacts", f"large {number}.vcf", body))
        journal = working.journal
        roll_up(
            working.vault,
            working.identity.journal_key,
            working.identity.epoch,
            journal.writer or 0,
            after=0,
            upto=journal.written,
            least=2,
        )
    outcome = recover(worn, tmp_path / "home", lambda: shutil.rmtree(worn.place))
    assert outcome.how == "whole"


def test_a_large_vault_is_proven_by_several_processes(worn: Worn, tmp_path: Path) -> None:
    with worn.recovered(tmp_path / "earlier") as working:
        for number in range(FEW_BYTES // MEGABYTE + 1):
            person = worn.people[number % len(worn.people)]
            body = os.urandom(MEGABYTE)
            worn.write(working, person, Put("contacts", f"large {number}.vcf", body))
        compact(working)
    assert recover(worn, tmp_path / "home", lambda: None).how == "whole"


def test_what_a_killed_recovery_left_near_goes_at_the_next_start(
    worn: Worn, tmp_path: Path
) -> None:
    """Killed when it was whole: it is a core like any other, and never recovers again."""
    home = tmp_path / "home"

    def announce(event: str, **_: object) -> None:
        if event == "whole":
            raise Stopped

    recovery = worn.recovery(home, announce)
    working = recovery.begin()
    with pytest.raises(Stopped):
        recovery.run()
    working.close()
    assert near_objects(home)
    open_core(home, worn.place).close()
    assert not (home / MIRROR_FOLDER).exists()
