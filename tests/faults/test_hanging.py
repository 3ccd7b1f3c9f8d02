"""The vault hangs, dawdles, fails, or does what it is asked and doesn't say so."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.faults.witness import Witness, assert_not_now, assert_vault_has_all, at_work
from tests.live.core import Core
from tests.live.disk import MoodyDisk, moody_disk

pytestmark = pytest.mark.requires_tool("unshare", "nsenter", "fusermount3")

PATIENCE_S = 1
SETTINGS = {
    "write_within_s": PATIENCE_S,
    "rollup_segments": 4,
    "compact_every_s": 1,
    "fence_check_s": 1,
}
NAMES = ["ana", "bo"]


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MoodyDisk]:
    with moody_disk(tmp_path_factory.mktemp("hanging") / "disk") as disk:
        yield disk


@pytest.fixture(scope="module")
def core(disk: MoodyDisk) -> Core:
    """One core for all tests here, which each leave it whole."""
    folder = disk.folder.parent
    return Core(folder, NAMES, vault="disk/vault", inside=disk.inside, settings=SETTINGS)


@pytest.fixture(scope="module")
def people(core: Core) -> list[Witness]:
    return [Witness(login) for login in core.logins]


class TestHanging:
    @pytest.mark.parametrize("how", ["writing", "everything"])
    def test_reads_and_log_ins_go_on_while_a_write_hangs_and_it_heals_by_itself(
        self, disk: MoodyDisk, core: Core, people: list[Witness], how: str
    ) -> None:
        ana, bo = people
        with at_work(core.serve(), people), ThreadPoolExecutor(1) as pool:
            assert ana.put().status == 201
            disk.freeze() if how == "everything" else disk.be("fsync=hang")
            try:
                href, hanging = ana.putting(pool)
                ana.look()  # at least once while it hangs
                bo.look()  # who logs in only now
                while not hanging.done():
                    assert href not in ana.look()
                assert_not_now(hanging.result())
                for person in (ana, bo):
                    began = time.monotonic()
                    assert_not_now(person.put())
                    assert time.monotonic() - began < PATIENCE_S + 4
                    person.look()
            finally:
                disk.thaw()
                disk.be("")
            for person in people:
                person.put_when_healed()
                person.assert_all_there()

    def test_told_to_stop_it_leaves_without_the_vault_and_status_says_why(
        self, disk: MoodyDisk, core: Core, people: list[Witness]
    ) -> None:
        process, ana = core.serve(), people[0]
        with at_work(process, people), ThreadPoolExecutor(1) as pool:
            ana.put()
            disk.freeze()
            try:
                ana.put()
                status = pool.submit(core.ask, "status")
                process.process.terminate()
                core.wait_for_words(b"ends without waiting")
                code, said = status.result()
                assert code == 0
                assert "the vault has not answered" in said
            finally:
                disk.thaw()  # what the kernel has handed over keeps even a dead process waiting
            assert process.process.wait(30) == 1
        with at_work(core.serve(), people):
            for person in people:
                assert person.put().status == 201
                person.assert_all_there()

    def test_a_start_says_what_it_waits_for(
        self, disk: MoodyDisk, core: Core, people: list[Witness]
    ) -> None:
        disk.freeze()
        process = core.serve()
        try:
            with people[0].connected(process.wait_for("refusing")["url"]):
                assert_not_now(people[0].first_answer())
            core.wait_for_words(b"still waiting for the vault")
        finally:
            disk.thaw()
        with at_work(process, people):
            assert people[0].put().status == 201
            people[0].assert_all_there()


def test_a_slow_vault_is_waited_for(
    disk: MoodyDisk, core: Core, people: list[Witness], monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, bo = people
    monkeypatch.setattr(core, "settings", SETTINGS | {"write_within_s": 60})
    with at_work(core.serve(), people), ThreadPoolExecutor(1) as pool:
        disk.be("fsync=1.5")
        href, waiting = ana.putting(pool)
        bo.look()
        while not waiting.done():
            ana.look()
        assert waiting.result().status == 201
        assert href in ana.look()
        disk.be("")


FAILING = [
    "link=lost",
    "fsyncdir=EIO",
    "fsync=EIO",
    "write=ENOSPC",
    "create=EROFS",
    "mkdir=EACCES",
    "readdir=EIO",
    "read=EIO",
    "getattr=EIO",
    "open=ESTALE read=ESTALE getattr=ESTALE readdir=ESTALE create=ESTALE",
]


def test_whatever_fails_nothing_is_lost_and_it_heals_by_itself(
    disk: MoodyDisk, core: Core, people: list[Witness]
) -> None:
    """Roll-ups and compactions run all the time, and meet the same failures."""
    with at_work(core.serve(), people):
        for mood in FAILING:
            disk.be(mood)
            for person in people * 2:
                person.put()
                person.look()
            disk.be("")
            people[0].put_when_healed()
        for person in people:
            person.assert_all_there()
        code, said = core.verify()
        assert code == 0, said
    assert_vault_has_all(core, people)


def test_a_copy_that_hangs_is_named_and_can_be_removed_while_it_does(
    disk: MoodyDisk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, second = tmp_path_factory.mktemp("copies"), disk.folder.with_name("disk") / "second"
    core = Core(folder, NAMES, vault="vault", inside=disk.inside, settings=SETTINGS)
    people = [Witness(login) for login in core.logins]
    code, said = core.ask("vault", "add", str(second))
    assert code == 0, said
    with at_work(core.serve(), people):
        assert people[0].put().status == 201
        disk.freeze()
        try:
            assert_not_now(people[0].put())
            for person in people:
                person.look()
            core.wait_for_words(str(second).encode())
            began = time.monotonic()
            code, said = core.ask("vault", "remove", str(second))
            assert code == 0, said
            assert time.monotonic() - began < 20
        finally:
            disk.thaw()
        people[0].put_when_healed()
        there = segments(disk)
        for person in people:
            assert person.put().status == 201
            person.assert_all_there()
        assert segments(disk) == there, "nothing more is made in what was removed"
        code, said = core.ask("vault", "list")
        assert (code, str(second) in said) == (0, False), said
    assert_vault_has_all(core, people)


def segments(disk: MoodyDisk) -> int:
    return len(list((disk.folder / "second").rglob("*.seg")))
