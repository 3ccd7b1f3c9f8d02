"""The gate: open, closed with a reason, opened by a knock, or halted for ever."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rooms import CONTACTS, Service, bodies, make_service, put

from stillhere.errors import Closed, Fenced, NotFound
from stillhere.recovery.recovery import Recovery
from stillhere.replication.compact import compact
from stillhere.replication.start import Working
from stillhere.store import Store


def close(store: Store, account: bytes, reason: str) -> None:
    """As a recovery closes a shelf that it can't prove."""
    store.install(
        lambda sql: sql.execute(
            "UPDATE shelves SET closed = ? WHERE account = ? AND kind = ?",
            (reason, account, CONTACTS),
        )
    ).result(60)


def test_a_closed_shelf_answers_neither_reads_nor_writes(working: Working, anna: bytes) -> None:
    store = working.store
    put(working, anna, "a.vcf")
    close(store, anna, "unproven")
    for attempt in (
        lambda: bodies(working, anna),
        lambda: put(working, anna, "b.vcf"),
        lambda: asyncio.run(store.gate.enter(anna, CONTACTS)),
    ):
        with pytest.raises(Closed) as closed:
            attempt()
        assert closed.value.reason == "unproven"
        assert closed.value.retry_after > 0
    with store.read(anna, "account") as shelf:
        assert shelf.collections() == [], "other kinds of the account stay open"
    close(store, anna, "")
    assert set(bodies(working, anna)) == {"a.vcf"}


def test_nobody_s_shelf_is_not_found(store: Store, anna: bytes) -> None:
    for account, kind in ((b"?" * 16, CONTACTS), (anna, "photos")):
        with pytest.raises(NotFound), store.read(account, kind):
            pass
        with pytest.raises(NotFound):
            asyncio.run(store.gate.enter(account, kind))


def test_a_halted_core_answers_nothing_at_all(working: Working, anna: bytes) -> None:
    store = working.store
    put(working, anna, "a.vcf")
    store.close_superseded()
    for attempt in (
        lambda: bodies(working, anna),
        lambda: put(working, anna, "b.vcf"),
        lambda: asyncio.run(store.gate.enter(anna, CONTACTS)),
        lambda: asyncio.run(store.gate.enter(b"?" * 16, CONTACTS)),
        lambda: asyncio.run(store.logins.authenticate("anna", "sh-x-y", client="c")),
    ):
        with pytest.raises(Fenced):
            attempt()


class Slow:
    """An opener that answers when the test lets it."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked: list[tuple[bytes, str]] = []

    def find(self, folded: str) -> bytes | None:
        self.go.wait(60)
        return None

    def open(self, account: bytes, kind: str) -> None:
        self.asked.append((account, kind))
        self.go.wait(60)


def test_a_knock_that_takes_long_is_answered_with_when_to_come_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stillhere.store.gate.KNOCK_S", 0.05)
    opener = store.gate.opener = Slow()
    try:
        with pytest.raises(Closed) as closed:
            asyncio.run(store.gate.enter(b"?" * 16, CONTACTS))
        assert closed.value.reason == "recovering"
        with pytest.raises(Closed):
            asyncio.run(store.gate.find("anna"))
    finally:
        opener.go.set()


def test_many_requests_for_one_shelf_are_one_knock(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    opener = store.gate.opener = Slow()

    async def knock_all() -> list[object]:
        knocks = [asyncio.create_task(store.gate.enter(b"?" * 16, CONTACTS)) for _ in range(20)]
        await asyncio.sleep(0)
        opener.go.set()
        return await asyncio.gather(*knocks, return_exceptions=True)

    answers = asyncio.run(knock_all())
    assert all(isinstance(answer, Closed) for answer in answers)
    assert opener.asked == [(b"?" * 16, CONTACTS)]


class TestRecovering:
    """A core that has begun to recover and has no shelf yet."""

    @pytest.fixture
    def lost(self, tmp_path: Path) -> tuple[Service, bytes, bytes]:
        service = make_service(tmp_path)
        with service.at_work() as working:
            anna = working.store.accounts.create("anna")
            ben = working.store.accounts.create("ben")
            for account in (anna, ben):
                put(working, account, "a.vcf", "body")
        return service, anna, ben

    @pytest.fixture
    def working(self, lost: tuple[Service, bytes, bytes]) -> Iterator[Working]:
        service = lost[0]
        recovery = Recovery(service.folder / "new", service.place, service.kit, lambda *_, **__: 0)
        working = recovery.begin()
        try:
            yield working
        finally:
            working.close()

    def test_everything_is_closed_until_somebody_knocks(
        self, working: Working, lost: tuple[Service, bytes, bytes]
    ) -> None:
        _, anna, ben = lost
        for account in (anna, ben, b"?" * 16):
            with pytest.raises(Closed) as closed:
                bodies(working, account)
            assert closed.value.reason == "recovering"
        asyncio.run(working.store.gate.enter(anna, CONTACTS))
        assert bodies(working, anna) == {"a.vcf": b"body"}
        with pytest.raises(Closed):
            bodies(working, ben)

    def test_who_has_knocked_writes_while_the_rest_is_closed(
        self, working: Working, lost: tuple[Service, bytes, bytes]
    ) -> None:
        _, anna, ben = lost
        asyncio.run(working.store.gate.enter(anna, CONTACTS))
        put(working, anna, "new.vcf", "during the recovery")
        assert set(bodies(working, anna)) == {"a.vcf", "new.vcf"}
        with pytest.raises(Closed):
            put(working, ben, "new.vcf", "nobody has opened this")

    def test_a_name_that_is_not_proven_to_be_nobody_s_is_not_refused(
        self, working: Working, lost: tuple[Service, bytes, bytes]
    ) -> None:
        gate = working.store.gate
        assert asyncio.run(gate.find("ben")) == lost[2]
        with pytest.raises(Closed):
            asyncio.run(gate.find("nobody"))


def test_a_knock_for_a_shelf_that_can_not_be_proven_says_so(tmp_path: Path) -> None:
    service = make_service(tmp_path)
    with service.at_work() as working:
        anna = working.store.accounts.create("anna")
        put(working, anna, "a.vcf", "body")
        compact(working)
    for name in service.objects("ledger/contacts/"):
        (service.place / name).unlink()
    recovery = Recovery(service.folder / "new", service.place, service.kit, lambda *_, **__: 0)
    working = recovery.begin()
    try:
        for _ in range(2):
            with pytest.raises(Closed) as closed:
                asyncio.run(working.store.gate.enter(anna, CONTACTS))
            assert closed.value.reason == "unproven"
        asyncio.run(working.store.gate.enter(anna, "account"))
    finally:
        working.close()
