"""Everything at once: two processes of a core, many writers, roll-ups, compactions, readers."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.rooms import bodies, contents, delete, make_service, put

from stillhere.replication.compact import compact
from stillhere.replication.start import Working
from stillhere.replication.tend import Limits, Tender
from stillhere.replication.verify import verify

LIMITS = Limits(roll_segments=6, tail_rolls=2, fence_every_s=0.005)
CHANGES = 60


class Person:
    """A thread that edits its own cards of somebody's address book, and knows what it was told."""

    def __init__(self, name: str, working: Working, account: bytes) -> None:
        self.name, self.working, self.account = name, working, account
        self.has: dict[str, bytes] = {}
        self.random = random.Random(name)

    def edit(self) -> None:
        for number in range(CHANGES):
            href = f"{self.name}-{self.random.randrange(8)}.vcf"
            if href in self.has and self.random.random() < 0.3:
                delete(self.working, self.account, href)
                del self.has[href]
            else:
                body = f"{self.name} {number}".encode() * self.random.randrange(1, 40)
                put(self.working, self.account, href, body)
                self.has[href] = body
            assert bodies(self.working, self.account).get(href) == self.has.get(href)


def in_threads(*work: Callable[[], None]) -> None:
    """Run all of it at once; the first failure is raised."""
    failures: list[BaseException] = []

    def run(one: Callable[[], None]) -> None:
        try:
            one()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(one,), daemon=True) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    if failures:
        raise failures[0]


@pytest.mark.parametrize(("processes", "bucket_bits"), [(1, 0), (2, 6)])
def test_nothing_is_lost_or_torn_while_everything_happens_at_once(
    tmp_path: Path, processes: int, bucket_bits: int
) -> None:
    service = make_service(tmp_path, bucket_bits=bucket_bits)
    with service.at_work() as one, service.at_work() as two:
        accounts = [one.store.accounts.create(f"account {n}") for n in range(3)]
        people = [Person(f"p{n}", (one, two)[n % processes], accounts[n % 3]) for n in range(6)]
        findings: list[object] = []

        def inspect() -> None:
            for _ in range(6):
                findings.extend(verify(two).findings)

        tenders = [Tender(working, LIMITS) for working in (one, two)[:processes]]
        try:
            in_threads(inspect, *(person.edit for person in people))
        finally:
            for tender in tenders:
                tender.close()
        assert findings == []
        assert [tender.trouble for tender in tenders] == [None] * processes
        assert compact(one).unproven == []
        assert verify(one).proven
        assert contents(one) == contents(two)
        expected: dict[bytes, dict[str, bytes]] = {account: {} for account in accounts}
        for person in people:
            expected[person.account] |= person.has
        for account in accounts:
            assert bodies(two, account) == expected[account]
        everything = contents(one)
    with service.recovered() as working:
        assert contents(working) == everything
