"""The vault's disk fills up, or is mounted read-only, under a server at work."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.witness import Witness, assert_not_now, assert_vault_has_all, at_work
from tests.live.core import PATIENCE_S, STILLHERE, Core
from tests.live.disk import SmallDisk, small_disk

pytestmark = pytest.mark.requires_tool("unshare", "nsenter", "mount")

MEGABYTES = 8
ROOM = 200_000
CARD = 20_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", MEGABYTES) as disk:
        yield disk


@pytest.fixture
def core(disk: SmallDisk, tmp_path: Path) -> Core:
    return Core(tmp_path, ["ana", "bo"], vault="disk/vault", inside=disk.inside)


@pytest.fixture
def people(core: Core) -> list[Witness]:
    return [Witness(login) for login in core.logins]


def until_full(person: Witness) -> int:
    """Write cards until one is refused; how many there was room for."""
    for count in range(MEGABYTES * 1_000_000 // CARD):
        if person.put(CARD).status != 201:
            return count
    raise AssertionError("it never filled up")


def assert_only_read(core: Core, people: list[Witness]) -> None:
    """Nothing is taken, nothing is tidied, everything is there."""
    for person in people:
        assert_not_now(person.put())
        person.assert_all_there()
    code, said = core.ask("compact")
    assert code == 1, said


def test_a_disk_that_is_full_or_read_only_takes_nothing_and_goes_on_when_it_can(
    disk: SmallDisk, core: Core, people: list[Witness]
) -> None:
    """Roll-ups and compactions are due all the time, and find no room either."""
    ana, bo = people
    with at_work(core.serve(), people):
        assert bo.put().status == 201
        disk.fill(but=ROOM)
        assert until_full(ana) > 0
        disk.fill()
        assert_only_read(core, people)
        disk.free()
        ana.put_when_healed()
    disk.be("ro")
    with at_work(core.serve(), people):
        assert_only_read(core, people)
        disk.be("rw")
        bo.put_when_healed()
        code, said = core.verify()
        assert code == 0, said
    assert_vault_has_all(core, people)


def test_a_recovery_from_a_read_only_disk_is_for_reading_until_it_can_be_written(
    disk: SmallDisk, core: Core, people: list[Witness]
) -> None:
    with at_work(core.serve(), people):
        for person in people:
            person.put()
    core.lose()
    disk.be("ro")
    recovery = core.recover()
    with at_work(recovery, people):
        assert recovery.wait_for("sealed")["old_core_fenced"] is False
        for person in people:
            assert person.first_answer().status == 207
            assert_not_now(person.put())
            person.assert_all_there()
        disk.be("rw")
        recovery.wait_for("whole")
        assert [one["old_core_fenced"] for one in recovery.events if one["event"] == "sealed"] == [
            False,
            True,
        ]
        for person in people:
            person.put_when_healed()
            person.assert_all_there()
    assert_vault_has_all(core, people)


@pytest.mark.parametrize("trouble", ["full", "ro"])
def test_nothing_is_made_where_there_is_no_room(
    disk: SmallDisk, tmp_path: Path, trouble: str
) -> None:
    def init() -> tuple[int, str]:
        home, vault, kit = tmp_path / "home", tmp_path / "disk" / "vault", tmp_path / "kit.txt"
        line = ["init", "--home", home, "--vault", vault, "--kit", kit]
        done = subprocess.run(
            [*disk.inside, *STILLHERE, *map(str, line)],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return done.returncode, done.stderr

    disk.fill() if trouble == "full" else disk.be(trouble)
    code, said = init()
    assert code == 1
    assert {"full": "No space left", "ro": "Read-only"}[trouble] in said
    assert "safe:" in said
    disk.free() if trouble == "full" else disk.be("rw")
    code, said = init()
    assert code == 0, said
