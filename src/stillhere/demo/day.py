"""A day in October, in a minute: people, their phones, a service, and the loss of its core.

The day is the same for every service (service.py). Real ones last longer than this one: where a
server tells a phone to ask again in so many seconds, the phone of the demo asks sooner
(`_PATIENCE_S`), and a person's edits follow each other without pause.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from stillhere.demo.carddav import Stopwatch
from stillhere.demo.figures import Figures
from stillhere.demo.people import account_names, book_sizes, cards
from stillhere.demo.person import Person
from stillhere.demo.phone import Outcome, Phone
from stillhere.demo.process import DemoFailedError
from stillhere.demo.service import Returned, Service
from stillhere.demo.tally import Course, tally

LANES = 8
"""Threads; each plays the phones of some people, one after the other."""
EDITS = 4
"""Edits of a person before the day ends; the core dies in the middle of them."""
NEW_PHONES = 10
"""One person in so many has lost their phone as well, and comes with an empty one."""
_BACKUP_AT, _DEATH_AT = 0.25, 0.6  # of all planned edits acknowledged
_PHASE_S = 300.0  # any one phase, at most
_RETURN_S = 180.0  # until everybody is back, at most
_PATIENCE_S = 0.05  # a phone's, after 503, whatever Retry-After says
_REDIAL_S = 0.01  # a lane's, after nobody answered
_POLL_S = 0.002
_TRIES = 20  # of one phone to sync in normal times

Say = Callable[[str], None]


class Day:
    """The day of some people with one service."""

    def __init__(self, service: Service, accounts: int, *, seed: int, say: Say) -> None:
        self._service = service
        self._accounts = accounts
        self._seed = seed
        self._say = say
        self._people: list[Person] = []
        self._over = threading.Event()

    def play(self) -> Figures:
        """Play the day; the service is stopped at its end, however it ends.

        1. Move in: accounts are made, people's books are sent by their computers and fetched by
           their phones.
        2. Edit, until the server is killed in the middle of it and its core deleted; people go
           on editing.
        3. Knock: phones ask without pause while a blank machine starts; the recovery brings the
           shelves back; people edit while it runs.
        4. Settle: when the service is whole, every phone syncs once more.
        5. Compare what the server has with what it acknowledged, record by record.

        Raises DemoFailedError when the day can't be played to its end.
        """
        began = time.monotonic()
        try:
            with ThreadPoolExecutor(LANES) as pool:
                try:
                    self._move_in(pool)
                    self._edit_until_loss(pool)
                    before, waiting = self._count(), self._replace_phones()
                    started, returned = self._knock(pool)
                    self._settle(pool)
                    self._compare(pool)
                finally:
                    self._over.set()
        finally:
            for person in self._people:
                person.phone.client.wire.close()
            self._service.stop()
        course = Course(started, returned, before, waiting, time.monotonic() - began)
        return tally(self._service, self._people, course)

    def _move_in(self, pool: ThreadPoolExecutor) -> None:
        names = list(account_names(self._seed, self._accounts))
        logins = self._service.open(names)
        for number, size in enumerate(book_sizes(self._seed, self._accounts)):
            seed = f"{self._seed} {number}"
            self._people.append(Person.move_in(self._service.port, logins[number], seed, size))
        total = sum(person.size for person in self._people)
        self._say(f"{self._accounts:,} people move in with {total:,} contacts")
        self._for_everybody(pool, self._fill)

    def _fill(self, person: Person) -> None:
        book = cards(person.seed, person.size)
        if self._service.take_in(person.login, book):
            for href, card in book:
                person.ledger.acknowledge(href, card)
        else:
            computer = Phone.of(self._service.port, *person.login, person.ledger)
            for href, card in book:
                computer.edit(href, card)
            self._must_sync(computer)
            computer.client.wire.close()
        self._must_sync(person.phone)

    def _edit_until_loss(self, pool: ThreadPoolExecutor) -> None:
        start = self._count()
        planned = self._accounts * EDITS
        self._say("their phones edit and sync")
        lanes = [pool.submit(self._edit_in, lane) for lane in self._lanes(self._people)]
        self._wait_for(start + planned * _BACKUP_AT, lanes)
        self._service.back_up()
        self._wait_for(start + planned * _DEATH_AT, lanes)
        self._service.kill()
        self._service.lose()
        self._say(
            f"the server was killed after {self._count():,} acknowledged changes, in the middle "
            "of others, and its core is deleted; people go on editing"
        )
        _finish(lanes)

    def _edit_in(self, people: list[Person]) -> None:
        for _ in range(EDITS):
            for person in people:
                if self._over.is_set():
                    return
                person.edit()
                person.phone.sync()

    def _replace_phones(self) -> int:
        """Give some people a new phone; return how many changes wait on all phones."""
        for person in self._people[::NEW_PHONES]:
            person.lose_phone(self._service.port)
        for person in self._people:
            person.phone.client.watch = Stopwatch()
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
        _finish(lanes)
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

    def _compare(self, pool: ThreadPoolExecutor) -> None:
        self._say("everything acknowledged is compared, record by record")
        self._for_everybody(pool, lambda person: person.compare(self._service))

    def _must_sync(self, phone: Phone) -> None:
        outcome = self._sync_patiently_with(phone)
        if outcome is not Outcome.DONE:
            raise DemoFailedError(f"a phone can't sync on a good day: {phone.trouble or outcome}")

    def _sync_patiently(self, person: Person) -> None:
        self._sync_patiently_with(person.phone)

    def _sync_patiently_with(self, phone: Phone) -> Outcome:
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

        _finish([pool.submit(play, lane) for lane in self._lanes(self._people)])

    def _lanes(self, people: list[Person], count: int = LANES) -> list[list[Person]]:
        return [people[number::count] for number in range(count)]

    def _count(self) -> int:
        return sum(person.ledger.acknowledgements for person in self._people)

    def _wait_for(self, count: float, lanes: "list[Future[None]]") -> None:
        """Wait until so many changes are acknowledged, or nobody edits any more."""
        deadline = time.monotonic() + _PHASE_S
        while self._count() < count and time.monotonic() < deadline:
            if all(lane.done() for lane in lanes):
                return
            time.sleep(_POLL_S)


def _finish(lanes: "list[Future[None]]") -> None:
    """Wait for the lanes, and raise what one of them raised."""
    done, late = wait(lanes, timeout=_PHASE_S)
    for lane in done:
        lane.result()
    if late:
        raise DemoFailedError(f"the phones are not done after {_PHASE_S:.0f} s")
