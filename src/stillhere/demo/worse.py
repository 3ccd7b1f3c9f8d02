"""The second act: the core is damaged rather than gone, a vault is lost, the other has bad chunks.

Not everything comes back by itself. What is left must be known at once, told as it is, and every
record accounted for: there, or held and named, with nothing wrong among what is there.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from stillhere.demo.course import Course, add_up
from stillhere.demo.crowd import Crowd, Say, finish
from stillhere.demo.day import DEATH_AT, EDITS
from stillhere.demo.edition import Due, OfKind, find_faults
from stillhere.demo.kinds import CONTACTS, KINDS
from stillhere.demo.person import Person
from stillhere.demo.toll import Toll
from stillhere.demo.truth import account_for, count_known, read_report, read_survey
from stillhere.demo.twice import Twice

TITLE = "Contacts and calendars cannot be reached"
GLANCE = ("--seconds", "0.02")
"""A first survey: what can be said at once. The second one looks at everything."""


class Worse(Crowd):
    """The second act of some people with one service."""

    def __init__(self, service: Twice, accounts: int, *, seed: int, say: Say) -> None:
        super().__init__(service, accounts, seed=seed, say=say)
        self._twice = service
        self._course = Course()
        self._dead = threading.Event()
        self._lock = threading.Lock()

    def play(self) -> Toll:
        """Play the act; the service is stopped at its end, however it ends.

        1. Move in, with a second copy of the vault, and edit, until the server is killed in the
           middle of it; its core's file, one vault and chunks of the other are damaged.
        2. Say what is left: open an incident, survey, tell.
        3. Knock: a blank machine recovers from all that is left, and searches the damaged core;
           phones ask and edit meanwhile. One heals a record that nobody else has.
        4. Account: the report, the letters and the page against what was acknowledged; the
           server is stopped before the last ones are read, which need none.

        Raises DemoFailedError when the act can't be played to its end.
        """
        began = time.monotonic()
        with self._playing() as pool:
            self._move_in(pool)
            self._twice.settle_in()
            self._edit_until_damage(pool)
            self._say_what_is_left()
            self._come_back(pool)
            self._heal_one()
            self._account(pool)
        return add_up(self._course, self._people, time.monotonic() - began)

    def _edit_until_damage(self, pool: ThreadPoolExecutor) -> None:
        start = self._count()
        self._say("the vault is in two places; their phones edit and sync")
        lanes = [pool.submit(self._edit_in, lane) for lane in self._lanes(self._people)]
        self._wait_for(start + self._accounts * EDITS * DEATH_AT, lanes)
        self._dead.set()
        self._service.kill()
        finish(lanes)
        course = self._course
        course.before = self._count()
        course.known = {
            kind: count_known(person.ledgers[kind] for person in self._people) for kind in KINDS
        }
        course.pages, course.packs = self._twice.damage()
        self._say(
            f"the server was killed after {course.before:,} acknowledged changes, in the middle "
            f"of others: {course.pages} pages of its core are bad, one vault is gone, and "
            f"{course.packs} packs in the other have a byte flipped"
        )
        self._for_everybody(pool, self._edit_offline)

    def _edit_in(self, people: list[Person]) -> None:
        for _ in range(EDITS):
            for person in people:
                if self._over.is_set() or self._dead.is_set():
                    return
                person.edit_and_sync()

    def _edit_offline(self, person: Person) -> None:
        person.edit_and_sync()

    def _say_what_is_left(self) -> None:
        course = self._course
        affected = [word for kind in KINDS for word in ("--affected", kind)]
        self._twice.incident("open", TITLE, *affected, "--next", "30m")
        course.surveys += [self._twice.survey(*GLANCE), self._twice.survey("--all")]
        left = {kind: read_survey(course.surveys[-1], kind) for kind in KINDS}
        told = [
            f"of {each['known']} {KINDS[kind].words[1]} {each['proven']}"
            for kind, each in left.items()
        ]
        text = f"Proven in what is left of the vault: {', '.join(told)}."
        self._say(text)
        self._twice.incident("update", text, "--cause", "three disks failed", "--next", "30m")

    def _come_back(self, pool: ThreadPoolExecutor) -> None:
        course = self._course
        course.waiting = self._replace_phones()
        course.started, course.returned = self._knock(pool)
        course.salvaged = self._twice.salvaged()
        self._say(
            f"the damaged core still had {course.salvaged.get('healed', 0):,} of "
            f"{course.salvaged.get('looked_for', 0):,} that were held"
        )
        self._settle(pool)
        course.lacks = read_report(self._twice.report())

    def _heal_one(self) -> None:
        """One person edits something that is held, on a phone that still has it."""
        for person in self._people:
            for kind, collection in person.phone.collections.items():
                whose = (person.login.name, kind)
                lack = self._course.lacks.get(whose)
                for href in lack.missing if lack is not None else ():
                    local = collection.items.get(href)
                    if local is not None:
                        person.edits += 1
                        collection.edit(href, KINDS[kind].revise(local.body, person.edits))
                        collection.sync()
                        self._say("a phone heals one of them, by an edit of its owner")
                        again = read_report(self._twice.report()).get(whose)
                        self._course.phone_healed = again is not None and href in again.ended
                        return

    def _account(self, pool: ThreadPoolExecutor) -> None:
        self._say("everything acknowledged is compared, record by record, with server and report")
        course = self._course
        course.lacks = read_report(self._twice.report())
        self._for_everybody(pool, self._account_for)
        self._service.stop()
        self._write_letters()
        self._twice.publish()
        self._twice.incident("close", f"{course.account.held:,} records are held, and named.")
        partial = sum(
            bool(lack.missing or lack.books)
            for (_, kind), lack in course.lacks.items()
            if kind == CONTACTS
        )
        due = Due(
            title=TITLE,
            kinds={kind: OfKind(of.given, of.held) for kind, of in course.accounts.items()},
            people=len(self._people),
            back=len(self._people) - partial,
        )
        course.faults += find_faults(self._twice.page, due)

    def _account_for(self, person: Person) -> None:
        for kind, ledger in person.ledgers.items():
            lack = self._course.lacks.get((person.login.name, kind))
            account = account_for(ledger, person.read(self._service, kind), lack, self._service)
            with self._lock:
                self._course.accounts[kind] += account

    def _write_letters(self) -> None:
        """The page of each person of whom something is held names all of it."""
        held: dict[str, list[str]] = {}
        for (name, _), lack in self._course.lacks.items():
            held.setdefault(name, []).extend(lack.missing)
        for name, hrefs in held.items():
            if hrefs:
                letter = self._twice.write_letter(name)
                self._course.letters += 1
                unnamed = sum(href.rpartition(".")[0] not in letter for href in hrefs)
                if unnamed:
                    self._course.faults.append(f"the page of {name} leaves out {unnamed}")
