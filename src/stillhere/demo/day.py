"""A day in October, in a minute: people, their phones, a service, and the loss of its core.

The day is the same for every service (service.py); its people are in crowd.py.
"""

import time
from concurrent.futures import ThreadPoolExecutor

from stillhere.demo.crowd import Crowd, finish
from stillhere.demo.figures import Figures
from stillhere.demo.person import Person
from stillhere.demo.tally import Course, tally

EDITS = 4
"""Edits of a person before the day ends; the core dies in the middle of them."""
BACKUP_AT, DEATH_AT = 0.25, 0.6
"""When the backup is made and the core dies: shares of all planned edits, acknowledged."""


class Day(Crowd):
    """The day of some people with one service."""

    def play(self) -> Figures:
        """Play the day; the service is stopped at its end, however it ends.

        1. Move in: accounts are made, what people have is sent by their computers and fetched by
           their phones: contacts, calendars, to-do lists and notes.
        2. Edit, until the server is killed in the middle of it and its core deleted; people go
           on editing.
        3. Knock: phones ask without pause while a blank machine starts; the recovery brings the
           shelves back; people edit while it runs.
        4. Settle: when the service is whole, every phone syncs once more.
        5. Compare what the server has with what it acknowledged, record by record.

        Raises DemoFailedError when the day can't be played to its end.
        """
        began = time.monotonic()
        with self._playing() as pool:
            self._move_in(pool)
            self._edit_until_loss(pool)
            before, waiting = self._count(), self._replace_phones()
            started, returned = self._knock(pool)
            self._settle(pool)
            self._compare(pool)
        course = Course(started, returned, before, waiting, time.monotonic() - began)
        return tally(self._service, self._people, course)

    def _edit_until_loss(self, pool: ThreadPoolExecutor) -> None:
        start = self._count()
        planned = self._accounts * EDITS
        self._say("their phones edit and sync")
        lanes = [pool.submit(self._edit_in, lane) for lane in self._lanes(self._people)]
        self._wait_for(start + planned * BACKUP_AT, lanes)
        self._service.back_up()
        self._wait_for(start + planned * DEATH_AT, lanes)
        self._service.kill()
        self._service.lose()
        self._say(
            f"the server was killed after {self._count():,} acknowledged changes, in the middle "
            "of others, and its core is deleted; people go on editing"
        )
        finish(lanes)

    def _edit_in(self, people: list[Person]) -> None:
        for _ in range(EDITS):
            for person in people:
                if self._over.is_set():
                    return
                person.edit_and_sync()

    def _compare(self, pool: ThreadPoolExecutor) -> None:
        self._say("everything acknowledged is compared, record by record")
        self._for_everybody(pool, lambda person: person.compare(self._service))
