"""Shelves that nothing was ever written to: they come back open and empty where the vault proves
that there is nothing of them, and else stay closed."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from tests.rooms import Service, make_service, put

from stillhere.errors import Closed
from stillhere.kinds import KINDS
from stillhere.recovery.accept import accept
from stillhere.recovery.heal import heal
from stillhere.recovery.recovery import Recovery
from stillhere.recovery.report import read_report, tally_verdicts
from stillhere.replication.compact import compact
from stillhere.replication.start import Working
from stillhere.store import ShelfWrite
from stillhere.vault.keys import keep_data_key

CALENDAR = "calendar"
LATER = [kind.name for kind in KINDS.values() if not kind.at_once]


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return make_service(tmp_path)


def add(working: Working, account: bytes, name: str) -> None:
    """An event in a calendar that is made with it, if need be."""

    def write(shelf: ShelfWrite) -> None:
        if not shelf.collections():
            shelf.put_collection("calendar", {}, "CALENDAR")
        shelf.put("calendar", name, name.encode())

    working.store.write(account, CALENDAR, write).result(60)


def is_open(working: Working, account: bytes, kind: str = CALENDAR) -> bool:
    try:
        asyncio.run(working.store.gate.enter(account, kind))
    except Closed:
        return False
    return True


def live(service: Service) -> tuple[bytes, bytes]:
    """Anna has a calendar, Ben has none; all of it is in the ledger."""
    with service.at_work() as working:
        anna, ben = (working.store.accounts.create(name) for name in ("anna", "ben"))
        put(working, anna, "a.vcf")
        put(working, ben, "b.vcf")
        add(working, anna, "a.ics")
        compact(working)
    shutil.rmtree(service.home)
    return anna, ben


def names(working: Working, account: bytes, kind: str = CALENDAR) -> list[str]:
    with working.store.read(account, kind) as shelf:
        return [record.href for record in shelf.records("calendar")]


def test_they_are_open_when_everything_is_back(service: Service) -> None:
    anna, ben = live(service)
    with service.recovered() as working:
        assert names(working, anna) == ["a.ics"]
        for kind in LATER:
            with working.store.read(ben, kind) as shelf:
                assert (shelf.collections(), shelf.last_seq) == ([], 0)
        add(working, ben, "b.ics")
        assert names(working, ben) == ["b.ics"]
    with service.recovered() as working:
        assert names(working, ben) == ["b.ics"]


def test_a_knock_opens_them_before_that(service: Service) -> None:
    anna, ben = live(service)
    service.home = service.folder / "next"
    recovery = Recovery(service.home, service.place, service.kit, lambda *_, **__: None)
    working = recovery.begin()
    try:
        assert is_open(working, ben)
        add(working, ben, "b.ics")
        assert names(working, ben) == ["b.ics"]
        recovery.run()
        assert (names(working, anna), names(working, ben)) == (["a.ics"], ["b.ics"])
    finally:
        working.close()


def test_those_that_a_knock_opened_are_not_counted_as_brought_back(service: Service) -> None:
    """A stage's parts are the shelves that there are: never more done than there is to do."""
    anna, ben = live(service)
    service.home = service.folder / "next"
    recovery = Recovery(service.home, service.place, service.kit, lambda *_, **__: None)
    working = recovery.begin()
    try:
        for account in (anna, ben):
            for kind in LATER:
                assert is_open(working, account, kind)
        recovery.run()
        done = {stage.kind: (stage.shelves, stage.total) for stage in recovery.stages}
        assert done[CALENDAR] == (1, 1)
        assert done["tasks"] == done["notes"] == (0, 0)
    finally:
        working.close()


def test_those_that_were_feared_for_nothing_are_not_counted_in_the_end(service: Service) -> None:
    """A manifest of contacts is lost, and with it the list of who there is: everybody's calendar
    is looked for. The page must not say for ever that some are not back."""
    live(service)
    for name in service.objects("manifest/contacts/"):
        service.flip(name)
    service.home = service.folder / "next"
    recovery = Recovery(service.home, service.place, service.kit, lambda *_, **__: None)
    working = recovery.begin()
    try:
        recovery.run()
        done = {stage.kind: (stage.shelves, stage.total) for stage in recovery.stages}
        assert done["contacts"] == (2, 2)
        assert done[CALENDAR] == (1, 1)
        assert done["tasks"] == done["notes"] == (0, 0)
    finally:
        working.close()


def test_there_is_no_verdict_on_them_whoever_opened_them(service: Service) -> None:
    """There was nothing to bring back: no figure counts them as shelves that are complete."""
    anna, ben = live(service)
    service.home = service.folder / "next"
    recovery = Recovery(service.home, service.place, service.kit, lambda *_, **__: None)
    working = recovery.begin()
    try:
        for account in (anna, ben):
            assert is_open(working, account, "notes")
        recovery.run()
        told = {(row.account, row.kind) for row in read_report(working.core)}
        had = {(account, kind) for account in (anna, ben) for kind in ("account", "contacts")}
        assert told == had | {(anna, CALENDAR)}
        assert tally_verdicts(working.core).shelves == 5
    finally:
        working.close()


@pytest.mark.parametrize("knock", [True, False])
def test_they_stay_closed_where_a_manifest_is_lost(service: Service, knock: bool) -> None:
    """Nobody knows then who had a calendar: an empty one would empty phones."""
    anna, ben = live(service)
    lost = service.objects(f"manifest/{CALENDAR}/")
    assert len(lost) == 2
    for name in lost:
        service.flip(name)
    service.home = service.folder / "next"
    recovery = Recovery(service.home, service.place, service.kit, lambda *_, **__: None)
    working = recovery.begin()
    try:
        if knock:
            assert not is_open(working, ben)
        recovery.run()
        for account in (anna, ben):
            assert not is_open(working, account)
            assert is_open(working, account, "contacts")
            assert is_open(working, account, "notes")
        accept(working, ben, CALENDAR)
        assert is_open(working, ben)
        with working.store.read(ben, CALENDAR) as shelf:
            assert [one.name for one in shelf.collections()] == ["calendar"]
    finally:
        working.close()


class Killed(Recovery):
    """One that ends when everything is back, before the core is whole."""

    def _finish(self) -> None:
        raise KeyboardInterrupt


def test_nobody_is_made_of_an_account_whose_making_was_cut_short(service: Service) -> None:
    """What every account has from its first moment on is never blank, however often it is looked
    for."""
    cut_short = bytes(16)
    with service.at_work() as working:
        working.store.accounts.create("anna")
        keep_data_key(working.vault, working.wrapper, cut_short, bytes(32))
    shutil.rmtree(service.home)
    service.home = service.folder / "next"
    recovery = Killed(service.home, service.place, service.kit, lambda *_, **__: None)
    working = recovery.begin()
    with pytest.raises(KeyboardInterrupt):
        recovery.run()
    working.close()
    with service.recovered(service.home) as working:
        assert cut_short not in working.core.shelves_of("account")
        assert cut_short not in working.core.shelves_of("contacts")


def test_another_copy_that_proves_that_there_was_nothing_opens_them(service: Service) -> None:
    anna, ben = live(service)
    copy = service.copy("copy").place
    older = service.copy("older").place
    shutil.rmtree(older / "manifest" / CALENDAR)
    for name in service.objects(f"manifest/{CALENDAR}/"):
        service.flip(name)
    with service.recovered() as working:
        assert not is_open(working, ben)
        heal(working, older)
        assert not is_open(working, ben), "that one knows no more"
        found = heal(working, copy)
        assert (found.proven, found.unproven) == (2, 0)
        assert names(working, anna) == ["a.ics"]
        with working.store.read(ben, CALENDAR) as shelf:
            assert [one.name for one in shelf.collections()] == ["calendar"]
        add(working, ben, "b.ics")
    with service.recovered() as working:
        assert (names(working, anna), names(working, ben)) == (["a.ics"], ["b.ics"])


def test_a_copy_from_before_they_began_opens_none(service: Service) -> None:
    with service.at_work() as working:
        ben = working.store.accounts.create("ben")
        put(working, ben, "b.vcf")
        older = service.copy("older").place
        add(working, ben, "b.ics")
        compact(working)
    shutil.rmtree(service.home)
    for name in service.objects(f"manifest/{CALENDAR}/"):
        service.flip(name)
    with service.recovered() as working:
        found = heal(working, older)
        assert (found.proven, found.unproven) == (0, 1)
        assert not is_open(working, ben)


def test_they_stay_closed_where_a_lost_segment_may_have_begun_them(service: Service) -> None:
    with service.at_work() as working:
        anna, ben = (working.store.accounts.create(name) for name in ("anna", "ben"))
        compact(working)
        for number in range(3):
            add(working, anna, f"{number}.ics")
        put(working, ben, "b.vcf")
    shutil.rmtree(service.home)
    segments = [name for name in service.objects("journal/") if name.endswith(".seg")]
    for name in segments[-4:-2]:
        (service.place / name).unlink()
    with service.recovered() as working:
        assert not is_open(working, anna)
        assert not is_open(working, ben, "notes")
        assert is_open(working, ben, "contacts")  # its last segment is proven
