"""Starting: a core serves once it and the vault agree, and not before."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.replication.killed import kill_at
from tests.rooms import Service, bodies, content, contents, delete, put

from stillhere.errors import Damaged, Fenced, NotAVault, StillhereError, Surplus, Unavailable
from stillhere.replication.compact import compact
from stillhere.replication.found import found
from stillhere.replication.start import open_core
from stillhere.replication.verify import verify
from stillhere.store import State


@pytest.fixture
def anna(service: Service) -> bytes:
    with service.at_work() as working:
        anna = working.store.accounts.create("anna")
        put(working, anna, "a.vcf", "body")
    return anna


def refused(service: Service, home: Path | None = None) -> StillhereError:
    """What a start says, and that it changed nothing."""
    before = service.objects()
    with pytest.raises(StillhereError) as error, service.at_work(home):
        pass
    assert service.objects() == before
    assert error.value.safe
    assert error.value.hint
    return error.value


@pytest.mark.parametrize(
    ("moment", "there"),
    [
        ("before", {"1.vcf", "2.vcf"}),
        ("after", {"1.vcf", "2.vcf", "3.vcf"}),
        ("between", set()),
    ],
)
def test_a_core_that_was_killed_goes_on_with_everything_acknowledged(
    service: Service, anna: bytes, moment: str, there: set[str]
) -> None:
    told = kill_at(service, moment)
    with service.at_work() as working:
        assert set(told) <= set(bodies(working, anna))
        assert set(bodies(working, anna)) == {"a.vcf"} | there
        put(working, anna, "later.vcf")
        assert verify(working).proven
    with service.recovered() as working:
        assert set(bodies(working, anna)) == {"a.vcf", "later.vcf"} | there


def test_a_writer_whose_slot_is_gone_is_found_by_its_journal(service: Service, anna: bytes) -> None:
    """A process that finds a slot may be ahead of the disk that has it: it uses the slot of one
    that was killed before it was synced."""
    old = service.home.with_name("old")
    with service.at_work() as first:
        put(first, anna, "first.vcf")
        first.core.checkpoint()
        shutil.copytree(service.home, old)
        with service.at_work() as second:
            put(second, anna, "second.vcf")
    (service.place / "epochs/000001/writers/000001").unlink()
    for href in ("third.vcf", "fourth.vcf"):  # in the first writer's slot
        with service.at_work(old) as working:
            assert "second.vcf" in bodies(working, anna)
            put(working, anna, href)
    with service.at_work(old) as working, service.at_work(old) as beside:
        put(working, anna, "fifth.vcf")
        put(beside, anna, "sixth.vcf")  # in the second's, registered again
        assert verify(working).proven
        found = bodies(working, anna)
    assert len(found) == 7
    with service.recovered() as working:
        assert bodies(working, anna) == found


def test_a_core_that_was_killed_often_goes_on(service: Service, anna: bytes) -> None:
    for moment in ("after", "between", "after"):
        kill_at(service, moment)
    with service.at_work() as working:
        assert set(bodies(working, anna)) == {"a.vcf", "1.vcf", "2.vcf", "3.vcf"}
        assert verify(working).proven


def test_a_killed_core_s_segment_is_settled_by_one_that_runs_beside(
    service: Service, anna: bytes
) -> None:
    with service.at_work() as beside:
        kill_at(service, "after")
        put(beside, anna, "4.vcf")
        assert set(bodies(beside, anna)) == {"a.vcf", "1.vcf", "2.vcf", "3.vcf", "4.vcf"}
        assert verify(beside).proven


def test_an_older_copy_of_the_core_catches_up(
    service: Service, anna: bytes, tmp_path: Path
) -> None:
    shutil.copytree(service.home, tmp_path / "older")
    with service.at_work() as working:
        put(working, anna, "b.vcf")
        delete(working, anna, "a.vcf")
        now = content(working, anna)
    with service.at_work(tmp_path / "older") as working:
        assert content(working, anna) == now
        assert verify(working).proven


def test_a_copy_older_than_the_ledger_is_refused(
    service: Service, anna: bytes, tmp_path: Path
) -> None:
    shutil.copytree(service.home, tmp_path / "older")
    with service.at_work() as working:
        put(working, anna, "b.vcf")
        compact(working)
    error = refused(service, tmp_path / "older")
    assert isinstance(error, Surplus)
    assert "recover" in error.hint


def test_a_copy_that_does_not_know_an_account_is_refused(
    service: Service, anna: bytes, tmp_path: Path
) -> None:
    shutil.copytree(service.home, tmp_path / "older")
    with service.at_work() as working:
        working.store.accounts.create("ben")
    assert isinstance(refused(service, tmp_path / "older"), Surplus)


def test_changes_of_two_copies_of_one_core_are_not_mixed(
    service: Service, anna: bytes, tmp_path: Path
) -> None:
    shutil.copytree(service.home, tmp_path / "copy")
    with service.at_work() as working, service.at_work(tmp_path / "copy") as copy:
        put(working, anna, "b.vcf")
        with pytest.raises(Surplus):
            put(copy, anna, "c.vcf")
        put(working, anna, "d.vcf")
        assert set(bodies(working, anna)) == {"a.vcf", "b.vcf", "d.vcf"}


class TestAVaultThatIsBehindItsCore:
    """The core is the witness: it says what is lost, serves nothing, and can write it anew."""

    @pytest.fixture(params=["the last segment", "one between", "the journal", "a day"])
    def behind(self, request: pytest.FixtureRequest, service: Service, anna: bytes) -> Service:
        shutil.copytree(service.place, service.folder / "yesterday")
        with service.at_work() as working:
            for number in range(3):
                put(working, anna, f"{number}.vcf")
            if request.param == "a day":
                ben = working.store.accounts.create("ben")
                put(working, ben, "b.vcf")
                compact(working)
                delete(working, anna, "a.vcf")
        segments = service.objects("journal/")
        if request.param == "the journal":
            shutil.rmtree(service.place / "journal")
        elif request.param == "a day":
            shutil.rmtree(service.place)
            (service.folder / "yesterday").rename(service.place)
        else:
            last = request.param == "the last segment"
            (service.place / segments[-1 if last else -2]).unlink()
        return service

    def test_is_refused(self, behind: Service) -> None:
        error = refused(behind)
        assert isinstance(error, Damaged)
        assert "the core in this home is whole" in error.safe
        assert "verify --mend" in error.hint

    def test_is_mended_when_there_is_no_other_copy(self, behind: Service, anna: bytes) -> None:
        core = open_core(behind.home, behind.place, mend=True)
        now = contents(core)
        assert not verify(core).proven
        compact(core)
        assert verify(core).proven
        core.close()
        with behind.at_work() as working:
            assert contents(working) == now
            put(working, anna, "later.vcf")
        with behind.recovered() as working:
            assert bodies(working, anna).keys() == {"later.vcf"} | {
                row[1] for row in now[anna, "contacts"].rows if row[0] and row[3] == State.PRESENT
            }
            assert {a for a, _ in contents(working)} == {a for a, _ in now}


def test_what_the_core_lacks_too_is_not_mended(
    service: Service, anna: bytes, tmp_path: Path
) -> None:
    shutil.copytree(service.home, tmp_path / "older")
    with service.at_work() as working:
        for number in range(3):
            put(working, anna, f"{number}.vcf")
    (service.place / service.objects("journal/")[-2]).unlink()
    with pytest.raises(Damaged):
        open_core(tmp_path / "older", service.place, mend=True)


def test_a_vault_that_was_put_back_under_a_core_at_work_is_found_and_mended(
    service: Service, anna: bytes
) -> None:
    shutil.copytree(service.place, service.folder / "yesterday")
    with service.at_work() as working:
        for number in range(3):
            put(working, anna, f"{number}.vcf")
        shutil.rmtree(service.place)
        (service.folder / "yesterday").rename(service.place)
        assert not verify(working).proven
        compact(working)
        assert verify(working).proven
        put(working, anna, "later.vcf")
        there = bodies(working, anna)
    with service.recovered() as working:
        assert bodies(working, anna) == there


def test_a_vault_of_another_epoch_s_past_is_refused(
    service: Service, anna: bytes, tmp_path: Path
) -> None:
    shutil.copytree(service.place, tmp_path / "older")
    with service.recovered() as working:
        put(working, anna, "b.vcf")
    shutil.rmtree(service.place)
    shutil.move(tmp_path / "older", service.place)
    assert isinstance(refused(service), Damaged)


def test_another_service_s_vault_is_refused(service: Service, anna: bytes, tmp_path: Path) -> None:
    found(tmp_path / "other-home", tmp_path / "other")
    with pytest.raises(StillhereError) as error:
        open_core(service.home, tmp_path / "other")
    assert "another" in error.value.what


@pytest.mark.parametrize("how", ["missing", "empty", "a file"])
def test_a_vault_that_is_not_there_stops_the_start(service: Service, anna: bytes, how: str) -> None:
    service.place.rename(service.folder / "unmounted")
    if how == "empty":
        service.place.mkdir()
    elif how == "a file":
        service.place.write_bytes(b"")
    with pytest.raises((Unavailable, NotAVault)), service.at_work():
        pass
    assert not service.place.is_dir() or not list(service.place.iterdir())
    if how == "a file":
        service.place.unlink()
    elif how == "empty":
        service.place.rmdir()
    (service.folder / "unmounted").rename(service.place)
    with service.at_work() as working:
        assert set(bodies(working, anna)) == {"a.vcf"}


def test_another_core_that_registers_on_this_vault_is_a_stranger(
    service: Service, anna: bytes, tmp_path: Path
) -> None:
    with service.recovered() as working:
        put(working, anna, "b.vcf")
    old = Service(service.folder, tmp_path / "home", service.place, service.kit)
    assert isinstance(refused(old), Fenced)


def test_a_broken_writer_s_slot_does_not_keep_a_core_from_its_people(
    service: Service, anna: bytes
) -> None:
    """Damage in the vault is an alarm, and no second core."""
    service.flip("epochs/000001/writers/000000")
    with service.at_work() as working:
        assert set(bodies(working, anna)) == {"a.vcf"}


def test_a_broken_segment_that_the_core_has_does_not_keep_it_from_starting(
    service: Service, anna: bytes
) -> None:
    service.flip(service.objects("journal/")[-1])
    with service.at_work() as working:
        assert set(bodies(working, anna)) == {"a.vcf"}
        assert not verify(working).proven


def test_a_broken_segment_that_must_be_replayed_stops_the_start(
    service: Service, anna: bytes, tmp_path: Path
) -> None:
    shutil.copytree(service.home, tmp_path / "older")
    with service.at_work() as working:
        put(working, anna, "b.vcf")
    name = service.objects("journal/")[-1]
    size = (service.place / name).stat().st_size
    for offset in (size // 2, size // 2 + 40):
        service.flip(name, offset)
    error = refused(service, tmp_path / "older")
    assert isinstance(error, Damaged | Surplus)
