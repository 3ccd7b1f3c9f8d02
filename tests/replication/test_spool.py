"""``ack = "core"``: the vault is behind, and always holds what the core was a moment ago."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.replication.killed import kill_at
from tests.rooms import (
    CONTACTS,
    Service,
    Unsteady,
    bodies,
    contents,
    delete,
    is_segment,
    put,
)

from stillhere.errors import Damaged, Fenced, Surplus, Unavailable
from stillhere.recovery.recovery import Recovery
from stillhere.recovery.report import read_report
from stillhere.replication.compact import compact
from stillhere.replication.fence import check_fence
from stillhere.replication.start import Working
from stillhere.replication.verify import verify
from stillhere.replication.window import Window
from stillhere.vault.backends import BackendError
from stillhere.vault.epochs import seal_journal

HOUR = 3600.0


def window() -> Window:
    return Window(HOUR, 1 << 26)


@contextmanager
def spooling(service: Service) -> Iterator[tuple[Working, Unsteady]]:
    """A core that acknowledges by itself, in step with its vault so far."""
    with service.unsteady(window()) as (working, vault):
        working.ship()
        yield working, vault


@pytest.fixture
def anna(service: Service) -> bytes:
    with service.at_work() as working:
        account = working.store.accounts.create("anna")
        put(working, account, "first.vcf")
    return account


def leave(service: Service, anna: bytes) -> dict[tuple[bytes, str], object]:
    """A core that ends while the vault lacks three of its changes; what it held."""
    with spooling(service) as (working, vault):
        put(working, anna, "shipped.vcf")
        working.ship()
        vault.refuse = is_segment
        put(working, anna, "1.vcf")
        delete(working, anna, "first.vcf")
        put(working, anna, "2.vcf")
        return dict(contents(working))


def test_what_is_shipped_is_what_was_made_here(service: Service, anna: bytes) -> None:
    with spooling(service) as (working, _):
        before = service.objects("journal/")
        for number in range(4):
            put(working, anna, f"{number}.vcf")
        assert service.objects("journal/") == before, "the vault is not waited for"
        made = {s.name: (service.home / "spool" / s.name).read_bytes() for s in spool_of(working)}
        assert len(made) == 4
        working.ship()
        assert spool_of(working) == []
        assert set(service.objects("journal/")) == {*before, *made}
        assert all((service.place / name).read_bytes() == made[name] for name in made)
        assert verify(working).proven


def spool_of(working: Working) -> list[object]:
    return list(working.spool.segments())


def test_an_answer_that_was_lost_on_the_way_is_no_reason_to_stop(
    service: Service, anna: bytes
) -> None:
    with spooling(service) as (working, vault):
        put(working, anna, "1.vcf")
        put(working, anna, "2.vcf")
        vault.forget = vault.blind = is_segment
        with pytest.raises(Unavailable):
            working.ship()
        vault.steady()
        working.ship()
        assert spool_of(working) == []
        assert verify(working).proven


def test_what_may_be_shipped_again_is_not_rolled_up(service: Service, anna: bytes) -> None:
    """Made again beside the roll-up that holds it, it would stay in the vault for ever."""
    with spooling(service) as (working, _):
        for number in range(4):
            put(working, anna, f"{number}.vcf")
        stuck = working.spool.segments()[1].name
        forget = working.spool._files.delete

        def fail(name: str) -> None:
            if name == stuck:
                raise BackendError("the disk of the core failed")
            forget(name)

        working.spool._files.delete = fail  # type: ignore[method-assign]
        with pytest.raises(Unavailable, match="the disk of the core failed"):
            working.ship()
        working.roll(least=2)
        assert stuck in service.objects()
        working.spool._files.delete = forget  # type: ignore[method-assign]
        working.ship()
        assert working.roll(least=2)
        assert not any(map(is_segment, service.objects("journal/")))


class TestRestarted:
    def test_nothing_is_lost_and_everything_is_shipped(self, service: Service, anna: bytes) -> None:
        held = leave(service, anna)
        with service.at_work(window=window()) as working:
            assert contents(working) == held
            assert len(spool_of(working)) == 3, "a start ships nothing"
            working.ship()
            put(working, anna, "3.vcf")
        with service.recovered() as recovered:
            assert set(bodies(recovered, anna)) == {"shipped.vcf", "1.vcf", "2.vcf", "3.vcf"}

    def test_a_core_that_lost_its_last_commits_has_them_from_the_spool(
        self, service: Service, anna: bytes
    ) -> None:
        """A power cut takes what SQLite had not synced; the spool is synced."""
        with service.at_work() as working:
            put(working, anna, "old.vcf")
        shutil.copytree(service.home, service.folder / "before")
        held = leave(service, anna)
        for name in ("core.sqlite", "core.sqlite-wal", "core.sqlite-shm"):
            (service.home / name).unlink(missing_ok=True)
            if (service.folder / "before" / name).exists():
                shutil.copy(service.folder / "before" / name, service.home)
        before = service.objects()
        with service.at_work() as working:
            assert contents(working) == held
            assert service.objects() == before, "the vault gets it in order, or not yet"
            assert len(spool_of(working)) == 3
            working.ship()
            assert verify(working).proven

    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_killed_around_the_making_of_a_segment(
        self, service: Service, anna: bytes, moment: str
    ) -> None:
        told = kill_at(service, moment, "core")
        with service.at_work(window=window()) as working:
            there = {"1.vcf", "2.vcf"} | ({"3.vcf"} if moment == "after" else set())
            assert set(told) <= set(bodies(working, anna)) == {"first.vcf"} | there
            working.ship()
            put(working, anna, "later.vcf")
            assert verify(working).proven

    def test_with_ack_vault_the_first_write_comes_after_all_of_it(
        self, service: Service, anna: bytes
    ) -> None:
        held = leave(service, anna)
        with service.unsteady() as (working, vault):
            assert contents(working) == held
            vault.refuse = is_segment
            with pytest.raises(Unavailable):
                put(working, anna, "3.vcf")
            vault.steady()
            put(working, anna, "3.vcf")
            assert spool_of(working) == []
        with service.recovered() as recovered:
            assert set(bodies(recovered, anna)) == {"shipped.vcf", "1.vcf", "2.vcf", "3.vcf"}

    def test_a_spool_that_is_gone_is_not_passed_over(self, service: Service, anna: bytes) -> None:
        leave(service, anna)
        shutil.rmtree(service.home / "spool")
        with pytest.raises(Damaged, match="the vault ends at segment"), service.at_work():
            pass


class TestBeside:
    """Other processes of the same core, whose changes continue what only the spool has."""

    def test_a_command_ships_what_its_change_comes_after(
        self, service: Service, anna: bytes
    ) -> None:
        with spooling(service) as (working, vault):
            vault.refuse = is_segment
            put(working, anna, "1.vcf", "first")
            with pytest.raises(Unavailable):
                working.ship()
            with service.at_work() as command:
                put(command, anna, "1.vcf", "second")
            put(working, anna, "1.vcf", "third")
            copy = service.copy("in-between")
            vault.steady()
            working.ship()
            assert verify(working).proven
        with copy.recovered() as recovered:
            assert bodies(recovered, anna)["1.vcf"] == b"second"
            assert complete(recovered)
        with service.recovered() as recovered:
            assert bodies(recovered, anna)["1.vcf"] == b"third"

    def test_it_waits_while_that_can_not_be_shipped(self, service: Service, anna: bytes) -> None:
        with spooling(service) as (working, server_s), service.unsteady() as (command, vault):
            server_s.refuse = vault.refuse = lambda name: is_segment(name) and "/000000/" in name
            put(working, anna, "1.vcf")
            before = service.objects("journal/")
            with pytest.raises(Unavailable):
                put(command, anna, "2.vcf")
            assert service.objects("journal/") == before
            put(working, anna, "3.vcf")
            server_s.steady()
            vault.steady()
            put(command, anna, "2.vcf")
            assert spool_of(working) == []
            assert set(bodies(working, anna)) == {"first.vcf", "1.vcf", "2.vcf", "3.vcf"}
            assert verify(command).proven

    def test_two_that_acknowledge_by_the_core_ship_for_each_other(
        self, service: Service, anna: bytes
    ) -> None:
        with service.at_work(window=window()) as one, service.at_work(window=window()) as two:
            one.ship()
            two.ship()
            for number in range(6):
                put((one, two)[number % 2], anna, "same.vcf", f"{number}")
                with service.copy(f"copy-{number}").recovered() as recovered:
                    assert complete(recovered)
                    before = {"same.vcf": f"{number - 1}".encode()} if number else {}
                    assert bodies(recovered, anna).items() >= before.items()
            assert {one.journal.writer, two.journal.writer} == {0, 1}
            two.ship()
            assert verify(one).proven

    def test_a_compaction_folds_what_the_vault_has(self, service: Service, anna: bytes) -> None:
        with spooling(service) as (working, vault):
            put(working, anna, "1.vcf")
            working.ship()
            vault.refuse = is_segment
            put(working, anna, "2.vcf")
            delete(working, anna, "1.vcf")
            compact(working)
            copy = service.copy("in-between")
            assert working.roll(least=1)
            vault.steady()
            assert verify(working).proven, "a verification ships what it compares"
            compact(working)
        with copy.recovered() as recovered:
            assert set(bodies(recovered, anna)) == {"first.vcf", "1.vcf"}
            assert complete(recovered)
        with service.recovered() as recovered:
            assert set(bodies(recovered, anna)) == {"first.vcf", "2.vcf"}


def complete(recovered: Working) -> bool:
    verdicts = [row.verdict for row in read_report(recovered.core)]
    return bool(verdicts) and not any(v.problems or v.held for v in verdicts)


class TestLost:
    def test_what_was_shipped_comes_back_complete_as_of_then(
        self, service: Service, anna: bytes
    ) -> None:
        leave(service, anna)
        shutil.rmtree(service.home)
        with service.recovered() as recovered:
            assert set(bodies(recovered, anna)) == {"first.vcf", "shipped.vcf"}
            assert complete(recovered)
            with recovered.store.read(anna, CONTACTS) as shelf:
                (shipped,) = [r for r, _ in shelf.everything() if r.href == "shipped.vcf"]
            (said,) = [r.verdict for r in read_report(recovered.core) if r.kind == CONTACTS]
            assert (said.last, said.as_of) == (shipped.seq, shipped.modified)

    def test_a_spool_that_is_left_can_be_copied_into_the_vault(
        self, service: Service, anna: bytes
    ) -> None:
        """What docs/security.md tells who has the disk of a core that does not start."""
        held = leave(service, anna)
        (service.home / "core.sqlite").write_bytes(b"wrecked")
        shutil.copytree(
            service.home / "spool" / "journal", service.place / "journal", dirs_exist_ok=True
        )
        with service.recovered() as recovered:
            assert {key: c.rows for key, c in contents(recovered).items()} == {
                key: c.rows
                for key, c in held.items()  # type: ignore[attr-defined]
            }


class TestReplaced:
    """A core that is behind when a recovery takes its vault."""

    @pytest.mark.parametrize("finds", ["shipping", "looking"])
    def test_it_answers_nothing_and_names_what_it_could_not_ship(
        self, service: Service, anna: bytes, finds: str
    ) -> None:
        with spooling(service) as (old, _):
            put(old, anna, "1.vcf")
            put(old, anna, "2.vcf")
            with service.recovered() as new:
                if finds == "shipping":
                    with pytest.raises(Fenced, match="sealed") as error:
                        old.ship()
                    old.store.gate.halt(error.value)
                else:
                    check_fence(old)
                assert old.store.gate.halted is not None
                assert "but for 2 segments" in old.store.gate.halted.safe
                for attempt in (lambda: bodies(old, anna), lambda: put(old, anna, "late.vcf")):
                    with pytest.raises(Fenced):
                        attempt()
                assert set(bodies(new, anna)) == {"first.vcf"}
                assert complete(new)

    def test_it_does_not_start_again(self, service: Service, anna: bytes) -> None:
        leave(service, anna)
        home = service.home
        with service.recovered(), pytest.raises(Fenced) as error, service.at_work(home):
            pass
        assert "but for 3 segments" in error.value.safe

    def test_a_seal_alone_is_enough(self, service: Service, anna: bytes) -> None:
        """The recovery has sealed, and its own epoch has not begun yet."""
        with spooling(service) as (working, vault):
            vault.refuse = is_segment
            put(working, anna, "1.vcf")
            first = working.spool.segments()[0]
            vault.steady()
            seal_journal(working.vault, service.kit, first.epoch, first.writer, first.number - 1)
        before = service.objects()
        with pytest.raises(Fenced, match="sealed"), service.at_work(window=window()):
            pass
        assert service.objects() == before

    def test_of_two_copies_the_one_that_ships_first_goes_on(
        self, service: Service, anna: bytes
    ) -> None:
        copied = service.folder / "copied"
        shutil.copytree(service.home, copied)
        with spooling(service) as (one, _), service.at_work(copied, window()) as two:
            two.ship()
            put(one, anna, "1.vcf")
            put(two, anna, "2.vcf")
            one.ship()
            with pytest.raises(Surplus, match="somebody else"):
                two.ship()
            put(one, anna, "3.vcf")
            assert check_fence(one)
            assert set(bodies(one, anna)) == {"first.vcf", "1.vcf", "3.vcf"}

    def test_a_recovery_meets_a_core_that_ships_meanwhile(
        self, service: Service, anna: bytes, tmp_path: Path
    ) -> None:
        with spooling(service) as (old, _):
            put(old, anna, "1.vcf")
            recovery = Recovery(tmp_path / "new", service.place, service.kit, lambda *_, **__: 0)
            old.ship()
            put(old, anna, "2.vcf")
            new = recovery.begin()
            try:
                with pytest.raises(Fenced):
                    old.ship()
                recovery.run()
                assert set(bodies(new, anna)) == {"first.vcf", "1.vcf"}
            finally:
                new.close()
