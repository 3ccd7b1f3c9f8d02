"""A vault that can be read and not written: people read, and nothing is acknowledged until the
old core is sealed. Then nothing counts that was read before: it may have gone on till then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.rooms import Service, Unsteady, bodies, content, make_service, put, quick_folder

from stillhere.errors import Fenced, Unavailable
from stillhere.recovery.recovery import Recovery
from stillhere.replication.compact import compact
from stillhere.vault import copied


class Taker:
    """A recovery beside a core that lives on, on a storage that takes no writes."""

    def __init__(self, service: Service, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.storage = Unsteady(service.place)
        self.storage.refuse = lambda name: True
        monkeypatch.setattr(copied, "open_place", lambda _: self.storage)
        self.told: list[tuple[str, object]] = []
        self.recovery = Recovery(
            home,
            service.place,
            service.kit,
            lambda event, **facts: self.told.append((event, facts)),
        )
        self.working = self.recovery.begin()

    def run(self) -> None:
        with pytest.raises(Unavailable, match="NOT sealed"):
            self.recovery.run()


@pytest.fixture
def service() -> object:
    with quick_folder() as folder:
        yield make_service(folder)


def test_people_read_and_nothing_is_acknowledged(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with service.at_work() as old:
        anna = old.store.accounts.create("anna")
        put(old, anna, "1.vcf")
        taker = Taker(service, service.folder / "new", monkeypatch)
        before = service.objects()
        taker.run()
        taker.run()
        assert content(taker.working, anna) == content(old, anna)
        with pytest.raises(Unavailable):
            put(taker.working, anna, "2.vcf")
        assert service.objects() == before
        put(old, anna, "3.vcf")
        taker.working.close()


def test_what_was_acknowledged_before_the_seal_is_there_after_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with service.at_work() as old:
        anna, ben = old.store.accounts.create("anna"), old.store.accounts.create("ben")
        put(old, anna, "1.vcf")
        compact(old)
        taker = Taker(service, service.folder / "new", monkeypatch)
        taker.run()
        put(old, anna, "2.vcf")
        put(old, ben, "2.vcf")
        compact(old)
        put(old, anna, "3.vcf")
        cleo = old.store.accounts.create("cleo")
        put(old, cleo, "1.vcf")
        taker.storage.steady()
        with pytest.raises(Unavailable):
            put(taker.working, anna, "too early.vcf")
        taker.recovery.run()
        with pytest.raises(Fenced):
            put(old, anna, "too late.vcf")
        assert [event for event, _ in taker.told].count("sealed") == 2
        new = taker.working
        assert set(bodies(new, anna)) == {"1.vcf", "2.vcf", "3.vcf"}
        assert set(bodies(new, ben)) == {"2.vcf"}
        assert set(bodies(new, cleo)) == {"1.vcf"}
        put(new, anna, "4.vcf")
        new.close()
    service.home = service.folder / "new"
    with service.at_work() as working:
        assert set(bodies(working, anna)) == {"1.vcf", "2.vcf", "3.vcf", "4.vcf"}


@pytest.mark.parametrize("end", ["killed before it ran", "killed after"])
def test_started_again_it_counts_nothing_that_was_read_before_the_seal(
    service: Service, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    with service.at_work() as old:
        anna = old.store.accounts.create("anna")
        put(old, anna, "1.vcf")
        taker = Taker(service, service.folder / "new", monkeypatch)
        if end == "killed after":
            taker.run()
        taker.working.close()
        put(old, anna, "2.vcf")
        compact(old)
    monkeypatch.undo()
    with service.recovered(service.folder / "new") as working:
        assert set(bodies(working, anna)) == {"1.vcf", "2.vcf"}


def test_a_seal_that_breaks_off_half_way_is_tried_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before each object of the seal the disk fills up once more."""
    with service.at_work() as old:
        anna = old.store.accounts.create("anna")
        put(old, anna, "1.vcf")
        taker = Taker(service, service.folder / "new", monkeypatch)
        taker.run()
        kept = {"1.vcf"}
        for room in range(6):
            taker.storage.refuse = _room_for(room)
            try:
                put(old, anna, f"{room} later.vcf")
                kept.add(f"{room} later.vcf")
            except Fenced:
                pass
            try:
                taker.recovery.run()
            except Unavailable:
                assert set(bodies(taker.working, anna)) <= kept
        taker.storage.steady()
        taker.recovery.run()
        assert set(bodies(taker.working, anna)) == kept
        taker.working.close()


def test_another_recovery_that_was_first_keeps_this_one_from_ever_writing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = _live(service)
    taker = Taker(service, service.folder / "late", monkeypatch)
    taker.run()
    taker.storage.steady()
    with service.recovered(service.folder / "first") as first:
        put(first, anna, "2.vcf")
        with pytest.raises(Fenced):
            taker.recovery.run()
        with pytest.raises(Fenced):
            put(taker.working, anna, "3.vcf")
        taker.working.close()
        put(first, anna, "4.vcf")


def _live(service: Service) -> bytes:
    with service.at_work() as old:
        anna = old.store.accounts.create("anna")
        put(old, anna, "1.vcf")
    return anna


def _room_for(objects: int) -> Callable[[str], bool]:
    left = objects

    def refuse(name: str) -> bool:
        nonlocal left
        left -= 1
        return left < 0

    return refuse
