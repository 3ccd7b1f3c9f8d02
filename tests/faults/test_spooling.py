"""``ack = "core"`` with a real server: what people may write while it is cut off, and what not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.faults.cut_off import (
    AGAIN_S,
    PATIENCE_S,
    SETTINGS,
    WINDOW_S,
    CutOff,
    eventually,
    is_behind,
)
from tests.faults.witness import Witness, assert_not_now, assert_vault_has_all, at_work
from tests.live.client import Client, read_multistatus, sync_body
from tests.live.core import Core, Process
from tests.live.disk import moody_disk


@pytest.fixture
def core(tmp_path: Path) -> CutOff:
    return CutOff(tmp_path)


@pytest.fixture
def ana(core: CutOff) -> Witness:
    return Witness(core.logins[0])


def put_while(
    core: Core, person: Witness, cut: Callable[[], object], heal: Callable[[], object]
) -> None:
    """Store a card that is acknowledged without the vault, which lacks it alone, and is away
    when this returns.

    A machine that is busy for longer than the window has to try again."""
    until = time.monotonic() + PATIENCE_S
    while True:
        person.put_when_healed()
        eventually(lambda: not is_behind(core))
        cut()
        if person.put().status == 201:
            return
        assert time.monotonic() < until
        heal()


def refuse(person: Witness) -> None:
    """Write until that is answered 503; reads go on."""
    until = time.monotonic() + PATIENCE_S
    while (answer := person.put()).status == 201:
        assert time.monotonic() < until, "it acknowledges for ever"
        time.sleep(AGAIN_S)
    assert_not_now(answer)
    person.look()


def test_it_acknowledges_for_the_window_and_heals_by_itself(core: CutOff, ana: Witness) -> None:
    with at_work(core.serve(), [ana]):
        put_while(core, ana, core.cut, core.heal)
        status = core.status()
        assert (status["ack"], status["rpo_s"]) == ("core", WINDOW_S)
        assert status["behind_segments"] > 0
        assert status["behind_bytes"] > 0
        assert status["behind_s"] > 0
        assert status["trouble"]
        refuse(ana)
        eventually(lambda: b"not answered for longer than the window" in core.log.read_bytes())
        core.heal()
        ana.put_when_healed()
        eventually(lambda: not is_behind(core))
        status = core.status()
        assert (status["behind_segments"], status["trouble"]) == (0, "")
        ana.assert_all_there()
        code, words = core.verify()
        assert code == 0, words


def test_killed_while_it_is_behind_it_loses_nothing(core: CutOff, ana: Witness) -> None:
    with at_work(core.serve(), [ana]):
        put_while(core, ana, core.cut, core.heal)
    assert is_behind(core)
    core.heal()
    with at_work(core.serve(), [ana]):
        ana.assert_all_there()
        ana.put_when_healed()
        eventually(lambda: not is_behind(core))
    assert_vault_has_all(core, [ana])


def sync(core: Core, server: Process, token: str = "") -> tuple[str, list[tuple[str, int]]]:
    """The new token, and (name, status) of what changed."""
    with closing(Client(server.wait_for("serving")["url"], core.logins[0])) as client:
        answer = client.ask("REPORT", client.login.book, sync_body(token), Depth="1")
    assert answer.status == 207
    told = read_multistatus(answer.body, core.logins[0].book)
    return told.token, [(entry.href, entry.status) for entry in told.entries]


def test_lost_while_it_is_behind_it_comes_back_as_of_what_was_shipped(
    core: CutOff, ana: Witness
) -> None:
    server = core.serve()
    with at_work(server, [ana]):
        put_while(core, ana, core.cut, core.heal)
        lost = [*ana.kept][-1]
        token, _ = sync(core, server)
    ana.unsure[lost] = ana.kept.pop(lost)
    core.heal()
    core.lose()
    recovery = core.recover()
    with at_work(recovery, [ana]):
        assert recovery.wait_for("whole")["verdicts"]["incomplete"] == 0
        assert lost not in ana.look()
        assert sync(core, recovery, token)[1] == [], "the phone that has it is told of no deletion"
        told = core.report("ana")
        assert "knows of 1 change to contacts that was not in the" in told
        assert "complete" in told


def test_replaced_while_it_is_behind_it_answers_nothing(core: CutOff, ana: Witness) -> None:
    with at_work(core.serve(), [ana]):
        put_while(core, ana, core.cut, core.heal)
        lost = [*ana.kept][-1]
        old, other = core.home, Witness(ana.login)
        core.move()
        with at_work(core.recover(), [other]):
            core.heal()
            eventually(lambda: ana.first_answer().status == 503)
            for _ in range(3):
                answer = ana.first_answer()
                assert (answer.status, answer.headers["Retry-After"]) == (503, "3600")
                assert_not_now(ana.put())
            other.kept = {name: card for name, card in ana.kept.items() if name != lost}
            other.put_when_healed()
            other.assert_all_there()
        eventually(lambda: f" in {old}/spool".encode() in core.log.read_bytes())


@pytest.fixture
def frozen(tmp_path: Path) -> Iterator[tuple[Core, Callable[[], None], Callable[[], None]]]:
    with moody_disk(tmp_path / "disk") as disk:
        core = Core(tmp_path, ["ana"], vault="disk/vault", inside=disk.inside, settings=SETTINGS)
        yield core, disk.freeze, disk.thaw


@pytest.mark.requires_tool("unshare", "nsenter", "fusermount3")
def test_a_vault_that_hangs_is_not_waited_for(
    frozen: tuple[Core, Callable[[], None], Callable[[], None]],
) -> None:
    core, freeze, thaw = frozen
    ana = Witness(core.logins[0])
    with at_work(core.serve(), [ana]):
        try:
            put_while(core, ana, freeze, thaw)
            refuse(ana)
        finally:
            thaw()
        ana.put_when_healed()
        ana.assert_all_there()
