"""The vault hangs or fails while a core is being brought back from it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.faults.witness import Witness, assert_not_now, at_work
from tests.live.core import Core, Process
from tests.live.disk import MoodyDisk, moody_disk

pytestmark = pytest.mark.requires_tool("unshare", "nsenter", "fusermount3")

SETTINGS = {"write_within_s": 1, "rollup_segments": 4, "fence_check_s": 1}


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MoodyDisk]:
    with moody_disk(tmp_path_factory.mktemp("recovering") / "disk") as disk:
        yield disk


@pytest.fixture(scope="module")
def core(disk: MoodyDisk) -> Core:
    folder = disk.folder.parent
    return Core(folder, ["ana", "bo"], vault="disk/vault", inside=disk.inside, settings=SETTINGS)


@pytest.fixture(scope="module")
def people(core: Core) -> list[Witness]:
    """They have packs and segments in the vault, and no core any more."""
    people = [Witness(login) for login in core.logins]
    with at_work(core.serve(), people):
        for person in people:
            assert person.put().status == 201
        assert core.ask("compact")[0] == 0
        people[0].put()
    return people


def assert_comes_back(recovery: Process, people: list[Witness]) -> None:
    assert recovery.wait_for("whole")["verdicts"]["incomplete"] == 0
    for person in people:
        person.assert_all_there()
        person.put_when_healed()


@pytest.mark.parametrize("mood", ["open@/vault/ledger=hang", "open@/vault/ledger=EACCES"])
def test_a_knock_waits_then_is_told_to_come_back_and_all_goes_on_when_it_heals(
    disk: MoodyDisk, core: Core, people: list[Witness], mood: str
) -> None:
    core.lose()
    disk.be(mood)
    recovery = core.recover()
    try:
        with at_work(recovery, people):
            assert_not_now(people[0].first_answer())
            assert not recovery.has_seen("mirrored")
            disk.be("")
            assert_comes_back(recovery, people)
    finally:
        disk.be("")


def test_a_beginning_says_what_it_waits_for(
    disk: MoodyDisk, core: Core, people: list[Witness]
) -> None:
    core.lose()
    disk.freeze()
    recovery = core.recover()
    try:
        core.wait_for_words(b"still waiting for the vault")
    finally:
        disk.thaw()
    with at_work(recovery, people):
        assert_comes_back(recovery, people)
