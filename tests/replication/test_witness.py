"""What was seen of a vault is there, or it is said what is not."""

from __future__ import annotations

import shutil

import pytest
from tests.rooms import CONTACTS, Service, bodies, delete, put

from stillhere.recovery.accept import accept
from stillhere.recovery.report import read_report
from stillhere.replication.compact import compact
from stillhere.replication.prune import prune
from stillhere.replication.verify import verify
from stillhere.replication.window import Window
from stillhere.replication.witness import Seen, Shortfall, find_shortfall, see
from stillhere.store import Core
from stillhere.vault.backends.directory import Directory
from stillhere.vault.epochs import read_epochs
from stillhere.vault.opened import open_vault


def shortfall(service: Service, seen: Seen) -> Shortfall | None:
    """Asked as a recovery would: with the vault, and nothing of the core but its journal keys."""
    core = Core(service.home)
    identity = core.identity()
    core.close()
    vault = open_vault(Directory(service.place), identity.root_public)
    return find_shortfall(vault, read_epochs(vault), identity.journal_keys, seen)


@pytest.fixture
def anna(service: Service) -> bytes:
    with service.at_work() as working:
        anna = working.store.accounts.create("anna")
        put(working, anna, "a.vcf")
    shutil.copytree(service.place, service.folder / "yesterday")
    shutil.copytree(service.home, service.folder / "yesterday's core")
    return anna


@pytest.fixture
def seen(service: Service, anna: bytes) -> Seen:
    with service.at_work() as working:
        for number in range(3):
            put(working, anna, f"{number}.vcf")
        return see(working)


def put_back(service: Service) -> None:
    shutil.rmtree(service.place)
    (service.folder / "yesterday").rename(service.place)


class TestNothingIsMissing:
    def test_when_it_was_just_seen(self, service: Service, seen: Seen) -> None:
        assert seen.writers[0].segment == 5
        assert shortfall(service, seen) is None

    def test_after_all_that_happens_to_a_vault(
        self, service: Service, anna: bytes, seen: Seen
    ) -> None:
        with service.at_work() as working:
            put(working, anna, "b.vcf")
            assert working.roll(least=2)
            assert shortfall(service, seen) is None
            delete(working, anna, "0.vcf")
            compact(working)
            assert shortfall(service, seen) is None
            put(working, anna, "b.vcf")
            compact(working)
            prune(working, keep_ms=-1)
            assert shortfall(service, seen) is None
        with service.recovered() as working:
            assert shortfall(service, seen) is None
            put(working, anna, "c.vcf")
            assert shortfall(service, see(working)) is None
        with service.recovered():
            assert shortfall(service, seen) is None

    def test_of_what_waits_in_the_spool(self, service: Service, anna: bytes) -> None:
        """It was acknowledged, and whoever loses the core loses it: no copy of the vault has it."""
        with service.at_work(window=Window(3600, 1 << 20)) as working:
            working.ship()
            for number in range(3):
                put(working, anna, f"{number}.vcf")
            seen = see(working)
            assert seen.writers[0].segment < working.committed(0)
            assert shortfall(service, seen) is None


class TestSomethingIsMissing:
    @pytest.mark.parametrize("count", [1, 3])
    def test_the_last_segments(self, service: Service, seen: Seen, count: int) -> None:
        for name in service.objects("journal/")[-count:]:
            (service.place / name).unlink()
        found = shortfall(service, seen)
        assert found is not None
        assert found.what == f"it had 5 segments of writer 0, and has {5 - count}"
        assert found.seen_at == seen.at

    def test_a_day(self, service: Service, seen: Seen) -> None:
        put_back(service)
        found = shortfall(service, seen)
        assert found is not None
        assert found.what == "it had 5 segments of writer 0, and has 2"

    def test_a_day_and_other_things_happened_since(
        self, service: Service, anna: bytes, seen: Seen
    ) -> None:
        """Yesterday's machine went on: as many segments, and not the same."""
        put_back(service)
        service.home = service.folder / "yesterday's core"
        with service.at_work() as working:
            for number in range(3):
                put(working, anna, f"other-{number}.vcf")
            found = shortfall(service, seen)
            assert found is not None
            assert found.what == "segment 5 of writer 0 is another one"
            assert working.roll(least=2)
            assert shortfall(service, seen) == found

    def test_and_a_recovery_went_on_from_there(self, service: Service, seen: Seen) -> None:
        put_back(service)
        with service.recovered():
            found = shortfall(service, seen)
            assert found is not None
            assert "it had 5 segments of writer 0, and has 2" in found.what

    def test_a_whole_epoch(self, service: Service, anna: bytes, seen: Seen) -> None:
        with service.recovered() as working:
            later = see(working)
        put_back(service)
        service.home = service.folder / "home"
        found = shortfall(service, later)
        assert found is not None
        assert found.what == "it had 2 epochs, and has 1"

    def test_an_erasure(self, service: Service, anna: bytes) -> None:
        with service.at_work() as working:
            working.eraser.erase(anna, "anna")
            seen = see(working)
        assert shortfall(service, seen) is None
        with service.recovered():
            assert shortfall(service, seen) is None
        put_back(service)
        service.home = service.folder / "home"
        found = shortfall(service, seen)
        assert found is not None
        assert found.what == "erasures: it had 1, and has 0"


class TestALaterManifest:
    """A root that was taken away, and the manifests that it named are still there."""

    @pytest.fixture
    def compacted(self, service: Service, anna: bytes) -> Service:
        with service.at_work() as working:
            compact(working)
            for number in range(3):
                put(working, anna, f"{number}.vcf")
            compact(working)
        for name in service.objects("manifest/root/00000002"):
            (service.place / name).unlink()
        return service

    def test_says_nothing_while_the_journal_has_it_all(
        self, compacted: Service, anna: bytes
    ) -> None:
        with compacted.recovered() as working:
            assert set(bodies(working, anna)) == {"a.vcf", "0.vcf", "1.vcf", "2.vcf"}

    def test_keeps_its_shelves_closed_when_the_journal_is_gone_too(
        self, compacted: Service, anna: bytes
    ) -> None:
        for name in compacted.objects("journal/")[-2:]:
            (compacted.place / name).unlink()
        with compacted.recovered() as working:
            (problem,) = next(v for v in read_report(working.core) if v.closed).verdict.problems
            assert "a later manifest knows of changes" in problem
            accept(working, anna, CONTACTS)
            assert set(bodies(working, anna)) == {"a.vcf", "0.vcf"}
            assert verify(working).proven
