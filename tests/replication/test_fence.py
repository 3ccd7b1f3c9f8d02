"""One core at a time: who was replaced answers nothing, reads included."""

from __future__ import annotations

import asyncio
import fcntl
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.rooms import Service, bodies, contents, make_service, put

from stillhere.errors import BadInput, Fenced
from stillhere.recovery.recovery import Recovery
from stillhere.replication import fence as fences
from stillhere.replication.compact import compact
from stillhere.replication.fence import Fence, check_fence
from stillhere.replication.prune import prune
from stillhere.replication.start import Working
from stillhere.store import NewAccount
from stillhere.vault.epochs import register_writer
from stillhere.vault.manifests import read_root


def test_a_core_that_is_alone_is_left_in_peace(working: Working) -> None:
    anna = working.store.accounts.create("anna")
    for number in range(3):
        assert check_fence(working)
        put(working, anna, f"{number}.vcf")
    assert check_fence(working)
    assert len(bodies(working, anna)) == 3


def answers_nothing(working: Working, account: bytes) -> None:
    for attempt in (
        lambda: bodies(working, account),
        lambda: put(working, account, "late.vcf"),
        lambda: working.store.accounts.create("late"),
        lambda: working.store.accounts.add_device(account, "late"),
    ):
        with pytest.raises(Fenced):
            attempt()


class TestReplaced:
    """An old core that is still running after a recovery of its vault."""

    @pytest.fixture
    def service(self, tmp_path: Path) -> Service:
        return make_service(tmp_path)

    def test_it_can_write_nothing_from_the_moment_of_the_seal(self, service: Service) -> None:
        with service.at_work() as old:
            anna = old.store.accounts.create("anna")
            put(old, anna, "a.vcf")
            recovery = Recovery(
                service.folder / "n", service.place, service.kit, lambda *_, **__: 0
            )
            new = recovery.begin()
            try:
                before = service.objects()
                with pytest.raises(Fenced):
                    put(old, anna, "late.vcf")
                with pytest.raises(Fenced):
                    old.store.accounts.create_many([NewAccount("late", None, "phone")])
                assert [name for name in service.objects("journal/") if name not in before] == []
            finally:
                new.close()

    @pytest.mark.parametrize("wrote", [True, False])
    def test_it_answers_nothing_after_its_next_look(self, service: Service, wrote: bool) -> None:
        with service.at_work() as working:
            anna = working.store.accounts.create("anna")
        old_home = service.home
        with service.at_work(old_home) as old:
            if wrote:
                put(old, anna, "a.vcf")
            with service.recovered() as new:
                assert check_fence(old)
                answers_nothing(old, anna)
                put(new, anna, "b.vcf")
                assert check_fence(new)
                assert "b.vcf" in bodies(new, anna)
            answers_nothing(old, anna)
        with pytest.raises(Fenced), service.at_work(old_home):
            pass

    def test_it_changes_nothing_in_the_ledger(self, service: Service) -> None:
        with service.at_work() as old:
            anna = old.store.accounts.create("anna")
            put(old, anna, "a.vcf")
            with service.recovered() as new:
                put(new, anna, "b.vcf")
                compact(new)
                put(new, anna, "c.vcf")
                root, now = read_root(new.vault), contents(new)
                with suppress(Fenced):
                    compact(old)
                assert prune(old, keep_ms=-1) == 0
                assert read_root(new.vault) == root
                compact(new)
                assert contents(new) == now
        with service.recovered() as again:
            assert set(bodies(again, anna)) == {"a.vcf", "b.vcf", "c.vcf"}

    def test_what_it_acknowledged_at_the_last_moment_is_in_the_new_core(
        self, service: Service
    ) -> None:
        with service.at_work() as old:
            anna = old.store.accounts.create("anna")
            for number in range(5):
                put(old, anna, f"{number}.vcf")
            with service.recovered() as new:
                assert bodies(new, anna) == bodies(old, anna)


def test_of_two_recoveries_the_later_one_has_the_vault(service: Service) -> None:
    with service.at_work() as working:
        anna = working.store.accounts.create("anna")
    with service.recovered() as first:
        put(first, anna, "a.vcf")
        with service.recovered() as second:
            assert check_fence(first)
            answers_nothing(first, anna)
            assert set(bodies(second, anna)) == {"a.vcf"}


def test_a_recovery_that_was_overtaken_stops(service: Service) -> None:
    with service.at_work() as working:
        anna = working.store.accounts.create("anna")
        put(working, anna, "a.vcf")
    slow = Recovery(service.folder / "slow", service.place, service.kit, lambda *_, **__: None)
    begun = slow.begin()
    try:
        with service.recovered(service.folder / "fast") as fast:
            check_fence(begun)
            with pytest.raises(Fenced):
                put(begun, anna, "late.vcf")
            assert set(bodies(fast, anna)) == {"a.vcf"}
    finally:
        begun.close()


def test_a_recovery_does_not_go_into_a_home_that_is_in_use(service: Service) -> None:
    with service.at_work() as working:
        anna = working.store.accounts.create("anna")
        before = service.objects()
        recovery = Recovery(service.home, service.place, service.kit, lambda *_, **__: None)
        with pytest.raises(BadInput):
            recovery.begin()
        assert service.objects() == before
        assert put(working, anna, "a.vcf")


def test_a_stranger_among_the_writers_stops_everybody(service: Service, working: Working) -> None:
    """Nobody can say which of two cores people were told to trust."""
    anna = working.store.accounts.create("anna")
    put(working, anna, "a.vcf")
    assert register_writer(working.vault, working.signer, b"another core") == 1
    assert check_fence(working)
    answers_nothing(working, anna)
    with pytest.raises(Fenced), service.at_work():
        pass


def test_a_copy_of_the_core_that_writes_is_noticed_by_one_that_reads(
    service: Service, tmp_path: Path
) -> None:
    with service.at_work() as working:
        anna = working.store.accounts.create("anna")
    shutil.copytree(service.home, tmp_path / "copy")
    with service.at_work() as working, service.at_work(tmp_path / "copy") as copy:
        put(working, anna, "a.vcf")
        with pytest.raises(Fenced):
            put(copy, anna, "b.vcf")
        assert check_fence(copy)
        answers_nothing(copy, anna)
        assert check_fence(working)
        assert set(bodies(working, anna)) == {"a.vcf"}


def test_a_copy_that_writes_in_another_slot_is_noticed(service: Service, tmp_path: Path) -> None:
    """A command beside the copy takes a slot that this core knows nothing of."""
    with service.at_work() as working:
        anna = working.store.accounts.create("anna")
        put(working, anna, "a.vcf")
        shutil.copytree(service.home, tmp_path / "copy")
        lock = tmp_path / "copy" / "writers" / "1-0.lock"
        with lock.open() as in_use, service.at_work(tmp_path / "copy") as beside:
            fcntl.flock(in_use, fcntl.LOCK_EX)
            put(beside, anna, "b.vcf")
            assert check_fence(beside)
            assert "b.vcf" in bodies(beside, anna)
        assert check_fence(working)
        answers_nothing(working, anna)


@pytest.mark.parametrize("how", ["blind", "unmounted"])
def test_a_vault_that_is_away_fences_nobody(service: Service, how: str) -> None:
    with service.unsteady() as (working, vault):
        anna = working.store.accounts.create("anna")
        put(working, anna, "a.vcf")
        away = service.folder / "away"
        if how == "blind":
            vault.blind = lambda name: True
        else:
            service.place.rename(away)
            service.place.mkdir()
        assert not check_fence(working)
        assert set(bodies(working, anna)) == {"a.vcf"}, "reads go on without the vault"
        vault.steady()
        if how == "unmounted":
            service.place.rmdir()
            away.rename(service.place)
        assert check_fence(working)
        put(working, anna, "b.vcf")


def test_damage_among_the_writers_fences_nobody(service: Service, working: Working) -> None:
    anna = working.store.accounts.create("anna")
    put(working, anna, "a.vcf")
    service.flip("epochs/000001/writers/000000")
    assert check_fence(working)
    put(working, anna, "b.vcf")
    assert set(bodies(working, anna)) == {"a.vcf", "b.vcf"}


@contextmanager
def fenced(working: Working, every_s: float = 1000.0) -> Iterator[Fence]:
    fence = Fence(working, every_s)
    try:
        yield fence
    finally:
        fence.close()


async def wait_for(fence: Fence) -> None:
    """What an answer does before it is sent."""
    waiting = fence.hold()
    if waiting is not None:
        await waiting


class TestACoreThatStoodStill:
    """Its process was stopped, or its machine slept or was resumed from a snapshot."""

    @pytest.mark.parametrize("clock", ["time", "clock_gettime"])
    def test_it_looks_before_it_says_anything(
        self, service: Service, monkeypatch: pytest.MonkeyPatch, clock: str
    ) -> None:
        with service.unsteady() as (old, vault), fenced(old) as fence:
            anna = old.store.accounts.create("anna")
            assert fence.hold() is None
            with service.recovered():
                assert bodies(old, anna) == {}, "it has not looked since"
                read = getattr(time, clock)
                monkeypatch.setattr(time, clock, lambda *which: read(*which) + 5000)
                slow = threading.Event()
                vault.blind = lambda name: slow.wait(0.1)
                asyncio.run(wait_for(fence))
                answers_nothing(old, anna)

    def test_a_vault_that_hangs_holds_nobody_up_for_long(
        self, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fences, "PATIENCE_S", 0.1)
        monkeypatch.setattr(fences, "SLACK_S", 0.1)
        hanging = threading.Event()
        with service.unsteady() as (working, vault), fenced(working, every_s=0.05) as fence:
            anna = working.store.accounts.create("anna")
            put(working, anna, "a.vcf")
            vault.blind = lambda name: hanging.wait(60)
            read = time.time
            monkeypatch.setattr(time, "time", lambda: read() + 5000)
            asyncio.run(wait_for(fence))
            assert set(bodies(working, anna)) == {"a.vcf"}, "it answers what it knows"
            for _ in range(100):
                time.sleep(0.01)
                assert fence.hold() is None, "and so it does from then on"
            vault.steady()
            hanging.set()
