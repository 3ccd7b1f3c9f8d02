"""The people of a day with their phones, in the lanes in which they act at the same time.

Real days last longer than these: where a server tells a phone to ask again in so many seconds,
the phone of the demo asks sooner (`_PATIENCE_S`), and a person's edits follow each other without
pause.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

from stillhere.demo.collection import Collection, Outcome
from stillhere.demo.kinds import CONTACTS, KINDS
from stillhere.demo.people import account_names, book_sizes
from stillhere.demo.person import Person
from stillhere.demo.phone import Phone
from stillhere.demo.process import DemoFailedError
from stillhere.demo.service import Returned, Service

LANES = 8
"""Threads; each plays the phones of some people, one after the other."""
NEW_PHONES = 10
"""One person in so many has lost their phone as well, and comes with an empty one."""
_PHASE_S = 300.0  # any one phase, at most
_RETURN_S = 180.0  # until everybody is back, at most
_PATIENCE_S = 0.05  # a phone's, after 503, whatever Retry-After says
_REDIAL_S = 0.01  # a lane's, after nobody answered
_POLL_S = 0.002
_TRIES = 20  # of one phone to sync in normal times

Say = Callable[[str], None]


class Crowd:
    """Some people with one service; what happens to it is told by a day of theirs."""

    def __init__(self, service: Service, accounts: int, *, seed: int, say: Say) -> None:
        self._service = service
        self._accounts = accounts
        self._seed = seed
        self._say = say
        self._people: list[Person] = []
        self._over = threading.Event()

    @contextmanager
    def _playing(self) -> Iterator[ThreadPoolExecutor]:
        """The lanes to play in; the service is stopped at the end, however it comes."""
        try:
            with ThreadPoolExecutor(LANES) as pool:
                try:
                    yield pool
                finally:
                    self._over.set()
        finally:
            for person in self._people:
                person.phone.close()
            self._service.stop()

    def _move_in(self, pool: ThreadPoolExecutor) -> None:
        names = list(account_names(self._seed, self._accounts))
        logins = self._service.open(names)
        sizes = {
            kind.name: book_sizes(self._seed_of(kind.name), self._accounts, kind.mean)
            for kind in KINDS.values()
        }
        for number, login in enumerate(logins):
            of_them = {kind: each[number] for kind, each in sizes.items()}
            seed = f"{self._seed} {number}"
            self._people.append(Person.move_in(self._service.port, login, seed, of_them))
        *most, last = [
            f"{sum(each):,} {KINDS[kind].words[sum(each) != 1]}" for kind, each in sizes.items()
        ]
        self._say(f"{self._accounts:,} people move in with {', '.join(most)} and {last}")
        self._for_everybody(pool, self._fill)

    def _seed_of(self, kind: str) -> str:
        return str(self._seed) if kind == CONTACTS else f"{self._seed} {kind}"

    def _fill(self, person: Person) -> None:
        computer = Phone.of(self._service.port, person.login, person.ledgers)
        for kind, collection in computer.collections.items():
            items = person.belongings(kind)
            if self._service.take_in(person.login, kind, items):
                for href, body in items:
                    person.ledgers[kind].acknowledge(href, body)
                continue
            for href, body in items:
                collection.edit(href, body)
            self._must_sync(collection)
        computer.close()
        self._must_sync(person.phone)

    def _replace_phones(self) -> int:
        """Give some people a new phone; return how many changes wait on all phones."""
        for person in self._people[::NEW_PHONES]:
            person.lose_phone(self._service.port)
        for person in self._people:
            person.phone.watch_anew()
        return sum(person.phone.pending() for person in self._people)

    def _knock(self, pool: ThreadPoolExecutor) -> tuple[float, Returned]:
        new = self._people[::NEW_PHONES]
        known = [person for n, person in enumerate(self._people) if n % NEW_PHONES]
        self._say("a blank machine starts; phones have been asking all the time")
        deadline = time.monotonic() + _RETURN_S
        lanes = [pool.submit(self._knock_in, new, deadline)]
        lanes += [pool.submit(self._knock_in, x, deadline) for x in self._lanes(known, LANES - 1)]
        started = self._service.start_recovery()
        returned = self._service.wait_until_whole(_RETURN_S)
        finish(lanes)
        return started, returned

    def _knock_in(self, people: list[Person], deadline: float) -> None:
        waiting = deque(people)
        while waiting and not self._over.is_set() and time.monotonic() < deadline:
            person = waiting.popleft()
            outcome = person.phone.sync()
            if outcome is Outcome.DONE:
                person.back = True
                person.edit()
                person.phone.sync()
                continue
            waiting.append(person)
            if outcome is Outcome.CLOSED:
                time.sleep(min(person.phone.retry_after, _PATIENCE_S))
            else:
                time.sleep(_REDIAL_S)

    def _settle(self, pool: ThreadPoolExecutor) -> None:
        self._say("every phone syncs once more")
        self._for_everybody(pool, self._sync_patiently)

    def _must_sync(self, phone: Phone | Collection) -> None:
        outcome = self._sync_patiently_with(phone)
        if outcome is not Outcome.DONE:
            raise DemoFailedError(f"a phone can't sync on a good day: {phone.trouble or outcome}")

    def _sync_patiently(self, person: Person) -> None:
        self._sync_patiently_with(person.phone)

    def _sync_patiently_with(self, phone: Phone | Collection) -> Outcome:
        outcome = phone.sync()
        for _ in range(_TRIES):
            if outcome is Outcome.DONE or self._over.is_set():
                break
            time.sleep(_PATIENCE_S)
            outcome = phone.sync()
        return outcome

    def _for_everybody(self, pool: ThreadPoolExecutor, act: Callable[[Person], None]) -> None:
        def play(people: list[Person]) -> None:
            for person in people:
                if not self._over.is_set():
                    act(person)

        finish([pool.submit(play, lane) for lane in self._lanes(self._people)])

    def _lanes(self, people: list[Person], count: int = LANES) -> list[list[Person]]:
        return [people[number::count] for number in range(count)]

    def _count(self) -> int:
        return sum(person.acknowledgements for person in self._people)

    def _wait_for(self, count: float, lanes: "list[Future[None]]") -> None:
        """Wait until so many changes are acknowledged, or nobody edits any more."""
        deadline = time.monotonic() + _PHASE_S
        while self._count() < count and time.monotonic() < deadline:
            if all(lane.done() for lane in lanes):
                return
            time.sleep(_POLL_S)


def finish(lanes: "list[Future[None]]") -> None:
    """Wait for the lanes, and raise what one of them raised."""
    done, late = wait(lanes, timeout=_PHASE_S)
    for lane in done:
        lane.result()
    if late:
        raise DemoFailedError(f"the phones are not done after {_PHASE_S:.0f} s")
