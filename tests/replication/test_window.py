"""``ack = "core"``: a core acknowledges while what it knows of its vault is young enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from tests.rooms import Service, Unsteady, bodies, is_segment, put

from stillhere.errors import Unavailable
from stillhere.replication import moment
from stillhere.replication.fence import check_fence
from stillhere.replication.start import Working
from stillhere.replication.tend import Limits, Tender
from stillhere.replication.window import Window

SECONDS = 30.0
ROOM = 1 << 20
PATIENCE_S = 20.0


class Clocks:
    """Both clocks of the machine, which only a test moves."""

    CLOCK_BOOTTIME = time.CLOCK_BOOTTIME

    def __init__(self) -> None:
        self.ran, self.wall = 1000.0, 1_700_000_000.0

    def clock_gettime(self, clock: int) -> float:
        assert clock == self.CLOCK_BOOTTIME
        return self.ran

    def time(self) -> float:
        return self.wall

    def run(self, seconds: float) -> None:
        self.ran += seconds
        self.wall += seconds


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    clocks = Clocks()
    monkeypatch.setattr(moment, "time", clocks)
    return clocks


class Spooling:
    """A core that acknowledges by itself, on clocks and a vault of the test's."""

    def __init__(self, working: Working, vault: Unsteady, clocks: Clocks) -> None:
        self.working, self.vault, self.clocks = working, vault, clocks
        working.ship()
        self.anna = working.store.accounts.create("anna")
        working.ship()

    def put(self, href: str) -> None:
        put(self.working, self.anna, href)

    def refuses(self, why: str) -> None:
        with pytest.raises(Unavailable, match=why) as refused:
            self.put("refused.vcf")
        assert refused.value.retry_after > 0
        assert "refused.vcf" not in bodies(self.working, self.anna), "reads go on"


@pytest.fixture
def core(service: Service, clocks: Clocks) -> Iterator[Spooling]:
    with service.unsteady(Window(SECONDS, ROOM)) as (working, vault):
        yield Spooling(working, vault, clocks)
        vault.steady()


def test_it_acknowledges_while_the_vault_is_away_and_not_for_longer(core: Spooling) -> None:
    core.vault.refuse = core.vault.blind = lambda name: True
    core.put("a.vcf")
    core.clocks.run(SECONDS - 1)
    assert not check_fence(core.working)
    core.put("b.vcf")
    core.clocks.run(2)
    core.refuses("not answered")
    core.vault.steady()
    assert check_fence(core.working)
    core.working.ship()
    core.put("c.vcf")
    assert set(bodies(core.working, core.anna)) == {"a.vcf", "b.vcf", "c.vcf"}


def test_a_vault_that_answers_and_takes_nothing_closes_it_too(core: Spooling) -> None:
    core.vault.refuse = is_segment
    core.put("a.vcf")
    for _ in range(3):
        core.clocks.run(SECONDS / 2)
        assert check_fence(core.working)
        with pytest.raises(Unavailable):
            core.working.ship()
    core.refuses("further behind")
    core.vault.steady()
    core.working.ship()
    core.put("b.vcf")


def test_a_vault_that_is_behind_by_less_than_the_window_does_not(core: Spooling) -> None:
    """What counts is the oldest change that it lacks, not that it always lacks one."""
    for number in range(6):
        core.put(f"{number}.vcf")
        core.clocks.run(SECONDS - 1)
        assert check_fence(core.working)
        core.put(f"{number}-later.vcf")
        core.working.ship()


def test_what_counts_is_the_oldest_change_that_the_vault_lacks(core: Spooling) -> None:
    """A vault that takes less than people write slows them down, and stops nobody for long."""
    core.put("a.vcf")
    core.clocks.run(20)
    core.put("b.vcf")
    core.clocks.run(20)
    assert check_fence(core.working)
    core.refuses("further behind")
    stuck = core.working.spool.segments()[1].name
    core.vault.refuse = lambda name: name == stuck
    with pytest.raises(Unavailable):
        core.working.ship()
    core.put("c.vcf")
    core.clocks.run(11)
    assert check_fence(core.working)
    core.refuses("further behind")


def test_no_more_is_taken_than_can_be_shipped_in_time(core: Spooling) -> None:
    """Else a vault that is slow would be behind for long after people have stopped to write."""
    window = core.working.window
    assert window is not None
    for number in range(100):
        window.ship(number, took_s=0.1)
        assert window.behind() is None
    taken = 0
    while window.behind() is None:
        window.keep(1000 + taken, 4096)
        taken += 1
    assert SECONDS / 2 <= taken * 0.1 < SECONDS
    window.ship(1000 + taken // 2, took_s=0.1)
    assert window.behind() is None


def test_nothing_is_acknowledged_before_what_an_earlier_process_left_is_shipped(
    service: Service,
) -> None:
    with service.unsteady(Window(SECONDS, ROOM)) as (working, vault):
        working.ship()
        anna = working.store.accounts.create("anna")
        vault.refuse = is_segment
        put(working, anna, "left.vcf")
    with service.unsteady(Window(SECONDS, ROOM)) as (working, vault):
        vault.refuse = is_segment
        with pytest.raises(Unavailable):
            put(working, anna, "a.vcf")
        assert set(bodies(working, anna)) == {"left.vcf"}
        vault.steady()
        working.ship()
        put(working, anna, "a.vcf")


def test_a_machine_that_stood_still_asks_before_it_acknowledges(core: Spooling) -> None:
    """Its snapshot was started again: its own clock has not moved, the one on the wall has."""
    core.put("a.vcf")
    core.working.ship()
    core.clocks.wall += 3600
    core.refuses("not answered")
    assert check_fence(core.working)
    core.working.ship()
    core.put("b.vcf")
    core.clocks.wall -= 7200  # put back by hand: what it knows has not become younger
    core.refuses("not answered")


def test_a_process_that_stood_still_while_it_wrote_does_not_acknowledge(core: Spooling) -> None:
    """It may have been stopped for hours between its look at the window and its answer."""
    keep = core.working.spool.keep

    def keep_and_stand_still(*segment: object) -> None:
        keep(*segment)  # type: ignore[arg-type]
        core.clocks.run(3600)

    core.working.spool.keep = keep_and_stand_still  # type: ignore[method-assign, assignment]
    with pytest.raises(Unavailable, match="not answered"):
        core.put("a.vcf")
    assert bodies(core.working, core.anna) == {}
    core.working.spool.keep = keep  # type: ignore[method-assign]
    assert check_fence(core.working)
    core.working.ship()
    core.put("b.vcf")
    assert set(bodies(core.working, core.anna)) == {"a.vcf", "b.vcf"}, "as after any lost answer"


def test_a_spool_that_is_full_takes_no_more_until_it_is_shipped(core: Spooling) -> None:
    core.vault.refuse = is_segment
    window = core.working.window
    assert window is not None
    window.max_bytes = 5 * 4096
    for number in range(5):
        core.put(f"{number}.vcf")
    core.refuses("spool is full")
    core.vault.steady()
    core.working.ship()
    core.put("5.vcf")


def test_a_home_that_can_not_be_written_loses_nothing(core: Spooling) -> None:
    core.put("a.vcf")
    core.working.ship()
    spool = core.working.core.home / "spool"
    spool.rename(spool.with_name("away"))
    spool.write_text("the disk is full, say")
    core.refuses("core's spool can't be used: Not a directory")
    spool.unlink()
    core.put("b.vcf")
    assert set(bodies(core.working, core.anna)) == {"a.vcf", "b.vcf"}


class TestTended:
    """The same with the threads that a server has."""

    def eventually(self, happens: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not happens():
            assert time.monotonic() < deadline, "it never came"
            time.sleep(0.01)

    def test_it_ships_looks_and_opens_again_by_itself(
        self, service: Service, clocks: Clocks
    ) -> None:
        window = Window(SECONDS, ROOM)
        with service.unsteady(window) as (working, vault):
            tender = Tender(working, Limits(roll_segments=8, fence_every_s=0.01))
            try:
                core = Spooling(working, vault, clocks)
                for number in range(40):
                    core.put(f"{number}.vcf")
                self.eventually(lambda: not working.spool.segments())
                self.eventually(lambda: sum(map(is_segment, service.objects("journal/"))) < 8)
                vault.refuse = vault.blind = lambda name: True
                core.put("away.vcf")
                clocks.run(SECONDS + 1)
                core.refuses("not answered")
                self.eventually(lambda: tender.trouble is not None)
                vault.steady()
                self.eventually(lambda: window.unseen() is None and window.behind() is None)
                core.put("back.vcf")
                self.eventually(lambda: not working.spool.segments() and tender.trouble is None)
            finally:
                tender.close()
        with service.recovered() as recovered:
            assert {"39.vcf", "away.vcf", "back.vcf"} <= set(bodies(recovered, core.anna))
