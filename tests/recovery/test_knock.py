"""Step 4: whoever knocks has their shelf opened first, and is told nothing unproven."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.recovery.judge import judge
from tests.recovery.model import Put, differences
from tests.recovery.ruin import Disk
from tests.recovery.service import Person, Worn

from stillhere.errors import Closed
from stillhere.kinds import RECOVERY_ORDER
from stillhere.recovery.recovery import Recovery
from stillhere.replication.start import Working
from stillhere.store import BadLogin, Login, NewAccount


@pytest.fixture
def begun(worn: Worn, tmp_path: Path) -> Iterator[Recovery]:
    """A recovery that serves; its bulk has not been started."""
    recovery = _begin(worn, tmp_path / "home")
    yield recovery
    recovery.working.close()


def _begin(worn: Worn, home: Path) -> Recovery:
    recovery = worn.recovery(home)
    epoch = recovery.begin().identity.epoch
    for person in worn.people:
        person.book.end_epoch(epoch)
    return recovery


def enter(working: Working, person: Person, kind: str = "contacts") -> None:
    asyncio.run(working.store.gate.enter(person.account, kind))


def log_in(working: Working, name: str, password: str) -> Login:
    return asyncio.run(working.store.logins.authenticate(name, password, client="phone"))


def open_shelves(working: Working, worn: Worn) -> set[tuple[str, str]]:
    found = set()
    for person in worn.people:
        for kind in ("account", "contacts"):
            with suppress(Closed), working.store.read(person.account, kind):
                found.add((person.name, kind))
    return found


class TestAKnock:
    def test_nothing_is_open_before_it(self, worn: Worn, begun: Recovery) -> None:
        assert open_shelves(begun.working, worn) == set()

    def test_opens_one_shelf_and_its_account_s_own(self, worn: Worn, begun: Recovery) -> None:
        person = worn.people[1]
        enter(begun.working, person)
        assert open_shelves(begun.working, worn) == {
            (person.name, "account"),
            (person.name, "contacts"),
        }
        with begun.working.store.read(person.account, "contacts") as shelf:
            assert differences(shelf, person.book) == []

    def test_by_logging_in_opens_the_account_s_own_shelf(self, worn: Worn, begun: Recovery) -> None:
        person = worn.people[0]
        assert log_in(begun.working, person.name, person.password).account == person.account
        assert open_shelves(begun.working, worn) == {(person.name, "account")}

    def test_may_come_many_times_at_once(self, worn: Worn, begun: Recovery) -> None:
        async def crowd() -> None:
            gate = begun.working.store.gate
            await asyncio.gather(
                *(gate.enter(p.account, "contacts") for p in worn.people for _ in range(10))
            )

        asyncio.run(crowd())
        begun.run()
        assert judge(begun.working, worn).how == "whole"


class TestANameThatNobodyHas:
    def test_is_not_called_wrong_before_the_accounts_are_back(self, begun: Recovery) -> None:
        for password in ("sh-abcdefgh-ijklmnop", "a password of one's own"):
            with pytest.raises(Closed) as closed:
                log_in(begun.working, "nobody", password)
            assert closed.value.retry_after > 0

    def test_is_wrong_once_they_are(self, begun: Recovery) -> None:
        begun.run()
        for password in ("sh-abcdefgh-ijklmnop", "a password of one's own"):
            with pytest.raises(BadLogin):
                log_in(begun.working, "nobody", password)

    def test_is_wrong_as_soon_as_the_accounts_stage_is_done(
        self, worn: Worn, tmp_path: Path
    ) -> None:
        heard: list[str] = []

        def ask(event: str, **facts: object) -> None:
            if event in ("mirrored", "stage"):
                try:
                    log_in(recovery.working, "nobody", "sh-abcdefgh-ijklmnop")
                except (Closed, BadLogin) as answer:
                    heard.append(f"{event} {facts.get('kind', '')}: {type(answer).__name__}")

        recovery = worn.recovery(tmp_path / "home", ask)
        with_working = recovery.begin()
        recovery.run()
        with_working.close()
        stages = [f"stage {kind}: BadLogin" for kind in RECOVERY_ORDER]
        assert heard == ["mirrored : Closed", *stages]

    def test_is_not_called_wrong_when_it_was_made_in_a_lost_segment(
        self, worn: Worn, tmp_path: Path
    ) -> None:
        """All that is left of the account is its key and its name; it was acknowledged."""
        with worn.recovered(tmp_path / "earlier") as working:
            made = working.store.accounts.create_many([NewAccount("newest", None, "phone")])[0]
        assert made.device is not None
        for path in (worn.place / "journal/000003").rglob("*.seg"):
            path.write_bytes(b"broken")
        recovery = _begin(worn, tmp_path / "home")
        try:
            with pytest.raises(Closed):
                log_in(recovery.working, "newest", made.device.password)
            recovery.run()
            with pytest.raises(Closed):
                log_in(recovery.working, "newest", made.device.password)
        finally:
            recovery.working.close()


def test_a_wrong_password_is_wrong_at_once(worn: Worn, begun: Recovery) -> None:
    for person in worn.people:
        with pytest.raises(BadLogin):
            log_in(begun.working, person.name, person.password + "x")


class TestAVaultThatIsAway:
    """Its disk is unmounted for a while: that proves nothing about what is on it."""

    def test_a_knock_waits_for_it(self, worn: Worn, begun: Recovery) -> None:
        person = worn.people[0]
        away = worn.place.with_name("away")
        worn.place.rename(away)
        for _ in range(2):
            with pytest.raises(Closed):
                enter(begun.working, person)
        worn.place.mkdir()  # the empty folder that a disk is mounted on
        with pytest.raises(Closed):
            enter(begun.working, person)
        with pytest.raises(Closed):
            log_in(begun.working, person.name, person.password)
        worn.place.rmdir()
        away.rename(worn.place)
        enter(begun.working, person)
        begun.run()
        assert judge(begun.working, worn).how == "whole"

    def test_a_name_is_not_unknown_meanwhile(self, worn: Worn, begun: Recovery) -> None:
        person = worn.people[0]
        names = worn.place / "names"
        names.rename(worn.place.with_name("names-away"))
        with pytest.raises(Closed):
            log_in(begun.working, person.name, person.password)
        worn.place.with_name("names-away").rename(names)
        assert log_in(begun.working, person.name, person.password).account == person.account


class TestWritesDuringARecovery:
    def test_are_there_afterwards(self, worn: Worn, begun: Recovery) -> None:
        person = worn.people[2]
        enter(begun.working, person)
        worn.write(begun.working, person, Put("contacts", "new.vcf", b"new"))
        begun.run()
        worn.write(begun.working, person, Put("contacts", "new.vcf", b"newer"))
        assert judge(begun.working, worn).how == "whole"

    @pytest.mark.parametrize("power", [True, False], ids=["killed", "power cut"])
    def test_outlive_the_recovering_process(self, worn: Worn, tmp_path: Path, power: bool) -> None:
        person, other = worn.people[:2]
        recovery = _begin(worn, tmp_path / "home")
        disk = Disk(recovery.working)
        enter(recovery.working, person)
        worn.write(recovery.working, person, Put("contacts", "new.vcf", b"new"))
        home = disk.stop(tmp_path / "again", power=power)
        recovery = worn.recovery(home)
        working = recovery.begin()
        enter(working, person)
        with working.store.read(person.account, "contacts") as shelf:
            assert differences(shelf, person.book) == []
        enter(working, other)
        worn.write(working, other, Put("contacts", "new.vcf", b"other"))
        worn.write(working, person, Put("contacts", "new.vcf", b"newer"))
        recovery.run()
        assert judge(working, worn).how == "whole"
        working.close()

    def test_outlive_the_new_core_as_well(self, worn: Worn, tmp_path: Path) -> None:
        recovery = _begin(worn, tmp_path / "lost")
        for person in worn.people:
            enter(recovery.working, person)
            worn.write(recovery.working, person, Put("contacts", "new.vcf", b"new"))
        recovery.working.close()
        recovery = _begin(worn, tmp_path / "third")
        recovery.run()
        assert judge(recovery.working, worn).how == "whole"
        recovery.working.close()

    def test_of_devices_log_in_afterwards(self, worn: Worn, begun: Recovery) -> None:
        person = worn.people[0]
        enter(begun.working, person)
        made = begun.working.store.accounts.add_device(person.account, "tablet")
        begun.run()
        assert log_in(begun.working, person.name, made.password).device == made.device
