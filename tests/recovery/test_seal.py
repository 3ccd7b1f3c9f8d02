"""Step 1: the old core is fenced for ever, and whatever interrupts that, it goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest
from tests.recovery.faults import Died, Fault, Faulty, died_after, died_before, lost
from tests.recovery.victim import Order, Victims, victims
from tests.rooms import Service, bodies, make_service, put

from stillhere.errors import Fenced
from stillhere.recovery.check import Checked, check
from stillhere.recovery.recovery import Recovery
from stillhere.recovery.seal import open_home, seal
from stillhere.replication.fence import check_fence
from stillhere.replication.start import Working, open_core
from stillhere.vault.backends.directory import Directory
from stillhere.vault.epochs import read_epochs
from stillhere.vault.opened import Vault, open_vault

CHANGES_AT_MOST = 200


@pytest.fixture(scope="module")
def killed() -> Iterator[Victims]:
    """Processes to be killed."""
    with victims() as started:
        yield started


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """A small service of one person with one record, whose core is lost."""
    service = make_service(tmp_path / "service")
    with service.at_work() as working:
        put(working, working.store.accounts.create("anna"), "a.vcf", b"a")
    return service


def begin(service: Service, home: Path) -> Working:
    return Recovery(home, service.place, service.kit, lambda *_, **__: None).begin()


def anna(working: Working) -> bytes:
    return working.store.accounts.find("anna")


def twins_missing(service: Service) -> list[str]:
    """Objects that a vault keeps twice, and has once."""
    names = set(service.objects())
    twice = [
        n for n in names if n.startswith(("epochs/", "keys/", "manifest/", "wraps/", "format"))
    ]
    return [
        n
        for n in twice
        if "/writers/" not in n and not {n, f"{n}.twin"} <= names and not n.endswith(".twin")
    ]


class TestTheOldCore:
    def test_acknowledges_nothing_from_the_seal_on(self, service: Service, tmp_path: Path) -> None:
        with service.at_work() as old:
            put(old, anna(old), "last.vcf", b"the last word")
            begin(service, tmp_path / "new").close()
            for _ in range(3):
                with pytest.raises(Fenced) as fenced:
                    put(old, anna(old), "late.vcf", b"too late")
            assert fenced.value.safe
            assert fenced.value.hint

    def test_answers_no_reading_either_once_it_looks(
        self, service: Service, tmp_path: Path
    ) -> None:
        with service.at_work() as old:
            account = anna(old)
            begin(service, tmp_path / "new").close()
            assert check_fence(old)
            with pytest.raises(Fenced), old.store.read(account, "contacts"):
                pass
            with pytest.raises(Fenced):
                put(old, account, "late.vcf", b"too late")

    def test_that_has_never_written_can_t_begin_to(self, service: Service, tmp_path: Path) -> None:
        """It holds no writer's slot yet, and gets none any more."""
        with service.at_work() as old:
            begin(service, tmp_path / "new").close()
            with pytest.raises(Fenced):
                put(old, anna(old), "first.vcf", b"too late")

    def test_does_not_start_again(self, service: Service, tmp_path: Path) -> None:
        begin(service, tmp_path / "new").close()
        with pytest.raises(Fenced) as fenced:
            open_core(service.home, service.place)
        assert fenced.value.safe
        assert fenced.value.hint

    def test_every_writer_of_it_is_fenced(self, service: Service, tmp_path: Path) -> None:
        """The server, and a command beside it."""
        with service.at_work() as server, service.at_work() as command:
            put(server, anna(server), "server.vcf", b"server")
            put(command, anna(server), "command.vcf", b"command")
            begin(service, tmp_path / "new").close()
            for old in (server, command):
                with pytest.raises(Fenced):
                    put(old, anna(server), "late.vcf", b"too late")
        service.home = tmp_path / "new"
        with service.recovered(tmp_path / "new") as working:
            assert bodies(working, anna(working)) == {
                "a.vcf": b"a",
                "server.vcf": b"server",
                "command.vcf": b"command",
            }


def test_killed_before_any_change_and_begun_again_it_goes_on(
    service: Service, tmp_path: Path, killed: Victims
) -> None:
    """One process for each change that a beginning makes, killed just before it."""
    for step in count(1):
        assert step < CHANGES_AT_MOST, "a beginning never gets to its end"
        copy = service.copy(f"step {step}")
        order = Order(str(copy.home), str(copy.place), copy.kit.text(), run=False, steps=step)
        end = killed.send(order)
        assert end.error == ""
        with copy.recovered(copy.home) as working:
            assert bodies(working, anna(working)) == {"a.vcf": b"a"}
            put(working, anna(working), "b.vcf", b"b")
            assert working.identity.epoch == 2
        assert twins_missing(copy) == []
        shutil.rmtree(copy.folder)
        if not end.killed:
            break
    assert step > 10, "most changes were not seen"


def test_killed_before_any_change_and_begun_elsewhere_it_goes_on(
    service: Service, tmp_path: Path, killed: Victims
) -> None:
    """The half-made home is lost as well: a new one takes over, and only that one may write."""
    for step in count(1):
        assert step < CHANGES_AT_MOST
        copy = service.copy(f"step {step}")
        home = copy.folder / "lost"
        end = killed.send(Order(str(home), str(copy.place), copy.kit.text(), run=False, steps=step))
        assert end.error == ""
        with copy.recovered(copy.folder / "second") as working:
            assert bodies(working, anna(working)) == {"a.vcf": b"a"}
            put(working, anna(working), "b.vcf", b"b")
        shutil.rmtree(copy.folder)
        if not end.killed:
            break


@dataclass
class Rival:
    """Another recovery of the same vault, which begins in the middle of the first one's seal."""

    service: Service
    home: Path
    meddled: bool = False

    def meddle(self, backend: Faulty, change: Callable[[], None]) -> None:
        """Begin just before a change of the first one, which goes on with it then."""
        self.meddled = True
        begin(self.service, self.home).close()
        change()


class TestARace:
    """Two recoveries of one vault: in every order of their steps, one wins."""

    def test_at_every_step_of_the_seal(self, service: Service) -> None:
        fenced = 0
        for step in count():
            copy = service.copy(f"step {step}")
            first, second = copy.folder / "first", copy.folder / "second"
            rival = Rival(copy, second)
            fenced += self._lose_to(copy, first, [*[None] * step, rival.meddle])
            if not rival.meddled:
                break
            self._assert_one_can_go_on(copy, first, second)
            shutil.rmtree(copy.folder)
        assert step >= 4, "a seal takes at least the writers', the journal's and the epoch's slots"
        assert fenced >= 1, "the first one never noticed"

    def _lose_to(self, copy: Service, home: Path, plan: Sequence[Fault | None]) -> bool:
        """Begin in ``home`` while somebody meddles; whether it was fenced."""
        backend = Faulty(copy.place)
        checked = _over(check(copy.place, copy.kit), backend)
        core, identity = open_home(home, checked)
        backend.plan = list(plan)
        try:
            seal(checked, identity, lambda: None)
        except Fenced as error:
            lost = error
        else:
            return False
        finally:
            core.close()
        assert lost.safe
        assert lost.hint
        return True

    def _assert_one_can_go_on(self, copy: Service, first: Path, second: Path) -> None:
        newest = read_epochs(open_vault(Directory(copy.place), copy.kit.root_public))[-1]
        went_on = []
        for home in (first, second):
            try:
                working = begin(copy, home)
            except Fenced:
                continue
            went_on.append(home)
            assert working.identity.core == newest.core
            working.close()
            with copy.recovered(home) as working:
                assert bodies(working, anna(working)) == {"a.vcf": b"a"}
                put(working, anna(working), "b.vcf", b"b")
        assert len(went_on) == 1


@pytest.mark.parametrize("fault", [died_before, died_after, lost])
def test_interrupted_around_any_object_of_the_seal_it_goes_on(
    service: Service, fault: Fault
) -> None:
    for step in count():
        copy = service.copy(f"step {step}")
        backend = Faulty(copy.place)
        checked = _over(check(copy.place, copy.kit), backend)
        core, identity = open_home(copy.home, checked)
        backend.plan = [*[None] * step, fault]
        with suppress(Died):
            assert seal(checked, identity, lambda: None) == bool(backend.plan), (
                "it is sealed, or it says so"
            )
        core.close()
        with copy.recovered(copy.home) as working:
            assert bodies(working, anna(working)) == {"a.vcf": b"a"}
        assert twins_missing(copy) == []
        shutil.rmtree(copy.folder)
        if backend.plan:
            break
    assert step >= 4


def _over(checked: Checked, backend: Faulty) -> Checked:
    """The same checked vault over a backend of the test's."""
    vault = checked.vault
    return replace(checked, vault=Vault(backend, vault.format, vault.verifier))
