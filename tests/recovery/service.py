"""A service that has lived: people, two epochs, and every kind of object in its vault.

``wear`` makes it once; each test takes a copy of its vault, does to it what it likes, and has
``tests.recovery.judge`` compare what a recovery serves with what was acknowledged.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

from tests.recovery.model import Act, Book, Conflict, Delete, Put, PutCollection, draft
from tests.rooms import Content, content

from stillhere.recovery.recovery import Announce, Recovery
from stillhere.replication.compact import compact
from stillhere.replication.found import found
from stillhere.replication.rollup import roll_up
from stillhere.replication.start import Working, open_core
from stillhere.store import NewAccount
from stillhere.vault.kit import Kit
from stillhere.vault.layout import bucket_of

BUCKET_BITS = 1
PEOPLE = 4
RECORDS = 12


@dataclass
class Person:
    """Somebody with an address book; what their shelves must hold, and how they log in.

    The first one has a calendar too; to everybody else's nothing was ever written."""

    account: bytes
    name: str
    password: str
    book: Book
    own: Content
    calendar: Book | None = None


@dataclass(frozen=True)
class Worn:
    """A vault, its kit, and everything that was acknowledged into it."""

    place: Path
    kit: Kit
    people: list[Person]
    epoch: int
    more: tuple[Path, ...] = ()
    """Further copies of the vault."""

    def copy(self, folder: Path) -> Worn:
        """The same vault elsewhere, to be ruined."""
        place = folder / "vault"
        shutil.copytree(self.place, place)
        return replace(self, place=place, people=deepcopy(self.people))

    @property
    def shelves(self) -> int:
        """How many shelves something was written to."""
        return 2 * len(self.people) + sum(one.calendar is not None for one in self.people)

    def objects(self) -> dict[str, bytes]:
        """Every object of the vault by its name."""
        files = (path for path in self.place.rglob("*") if path.is_file())
        return {str(path.relative_to(self.place)): path.read_bytes() for path in files}

    def recovery(self, home: Path, announce: Announce = lambda *_, **__: None) -> Recovery:
        """A recovery of this vault into ``home``, not yet begun."""
        return Recovery(home, self.place, self.kit, announce, more=self.more)

    @contextmanager
    def recovered(self, home: Path) -> Iterator[Working]:
        """A core brought back in ``home``, whole."""
        recovery = self.recovery(home)
        working = recovery.begin()
        try:
            recovery.run()
            yield working
        finally:
            working.close()

    def write(self, working: Working, person: Person, *acts: Act) -> None:
        """Change somebody's address book, and the book that is kept of it."""
        store = working.store
        store.write(person.account, "contacts", lambda shelf: draft(shelf, acts)).result()
        person.book.apply(acts, working.identity.epoch)

    def write_events(self, working: Working, person: Person, *acts: Act) -> None:
        """The same with somebody's calendar, which begins with that."""
        store, epoch = working.store, working.identity.epoch
        if person.calendar is None:
            person.calendar = Book()
            acts = (PutCollection("calendar", "Calendar"), *acts)
        store.write(person.account, "calendar", lambda shelf: draft(shelf, acts)).result()
        person.calendar.apply(acts, epoch)


def wear(folder: Path) -> Worn:
    """Live through two epochs, and lose the core twice.

    The newest root manifest has everybody's bases, some deltas and history; after it come
    roll-ups and lone segments of both epochs. Some objects are older and not needed."""
    place, homes = folder / "vault", folder / "homes"
    kit, working, people = _found(homes / "1", place)
    worn = Worn(place, kit, people, 2)
    for person in people:
        _fill(worn, working, person)
    events = [Put("calendar", f"{n}.ics", b"an event" + b"." * n) for n in range(RECORDS)]
    worn.write_events(working, people[0], *events)
    compact(working)
    for person in people:
        worn.write(working, person, Put("contacts", "3.vcf", b"third, revised"))
        worn.write(working, person, Delete("contacts", "4.vcf"))
    compact(working)
    _write_tail(worn, working, "first")
    _see_own_shelves(working, people)
    working.close()
    shutil.rmtree(homes / "1")
    for person in people:
        end_epoch(person, 2)
    with worn.recovered(homes / "2") as working:
        _write_tail(worn, working, "second")
        _see_own_shelves(working, people)
    shutil.rmtree(homes)
    return worn


def _found(home: Path, place: Path) -> tuple[Kit, Working, list[Person]]:
    """A service with people in both of its buckets; ids are random, so it may take a few."""
    while True:
        kit = found(home, place, bucket_bits=BUCKET_BITS)
        working = open_core(home)
        people = _make_people(working, range(PEOPLE // 2))
        working.close()
        working = open_core(home)  # another process, with a wrapping key of its own
        people += _make_people(working, range(PEOPLE // 2, PEOPLE))
        if len({bucket_of(person.account, BUCKET_BITS) for person in people}) > 1:
            return kit, working, people
        working.close()
        shutil.rmtree(home)
        shutil.rmtree(place)


def _make_people(working: Working, numbers: range) -> list[Person]:
    names = [f"person {number}" for number in numbers]
    people = []
    for made in working.store.accounts.create_many([NewAccount(n, None, "phone") for n in names]):
        assert made.device is not None
        book = Book()
        book.apply([PutCollection("contacts", "Contacts")], working.identity.epoch)
        own = content(working, made.account, "account")
        people.append(Person(made.account, made.name, made.device.password, book, own))
    return people


def _fill(worn: Worn, working: Working, person: Person) -> None:
    puts = [
        Put("contacts", f"{number}.vcf", f"{person.name}, record {number}".encode())
        for number in range(RECORDS)
    ]
    worn.write(working, person, *puts[: RECORDS // 2])
    worn.write(working, person, *puts[RECORDS // 2 :], PutCollection("work", "Work"))
    boss = Put("work", "boss.vcf", f"{person.name}'s boss".encode())
    worn.write(working, person, boss, Put("work", "empty.vcf", b""))


def _write_tail(worn: Worn, working: Working, when: str) -> None:
    """A roll-up of everybody's changes, then a lone segment of each."""
    first, second = f"{when} rolled", f"{when} alone"
    for person in worn.people:
        body = f"{person.name}, {first}".encode()
        worn.write(working, person, Put("contacts", f"{first}.vcf", body))
        worn.write(working, person, Conflict("contacts", "5.vcf", b"loser of " + body))
    journal = working.journal
    assert journal.writer is not None
    journal.rolled = roll_up(
        working.vault,
        working.identity.journal_key,
        working.identity.epoch,
        journal.writer,
        after=journal.rolled,
        upto=journal.written,
        least=2,
    )
    for person in worn.people:
        body = f"{person.name}, {second}".encode()
        worn.write(working, person, Put("contacts", f"{second}.vcf", body), Delete("work", "x"))
    working.store.accounts.add_device(worn.people[0].account, when)


def _see_own_shelves(working: Working, people: list[Person]) -> None:
    for person in people:
        person.own = content(working, person.account, "account")


def end_epoch(person: Person, epoch: int) -> None:
    """A recovery begins ``epoch``."""
    person.book.end_epoch(epoch)
    if person.calendar is not None:
        person.calendar.end_epoch(epoch)


def bodies_of(working: Working, person: Person) -> dict[str, bytes | None]:
    """What the default address book serves: name → body, None for what is held."""
    with working.store.read(person.account, "contacts") as shelf:
        return {record.href: body for record, body in shelf.all_bodies("contacts")}
