"""A person of the demo: an account, an address book, a phone, and the truth about all of it."""

import random
from dataclasses import dataclass, field
from typing import NamedTuple

from stillhere.demo.carddav import TROUBLE, Client
from stillhere.demo.ledger import Comparison, Ledger
from stillhere.demo.people import cards, revise
from stillhere.demo.phone import Phone
from stillhere.demo.service import Login, Service
from stillhere.demo.wire import UnreachableError, Wire


class Book(NamedTuple):
    """What a server has of a person: the cards that it gives, by href, and the hrefs that it
    lists."""

    cards: dict[str, bytes]
    listed: set[str]


@dataclass
class Person:
    """Somebody with an account, an address book and a phone."""

    login: Login
    seed: str
    size: int
    """Contacts at the start of the day."""
    phone: Phone
    ledger: Ledger
    rng: random.Random
    retired: list[Phone] = field(default_factory=list)
    edits: int = 0
    back: bool = False
    """The phone has synced to the end after the loss."""
    trouble: str = ""
    """Why the server could not be read for the comparison."""
    comparison: Comparison = field(default_factory=Comparison)

    @classmethod
    def move_in(cls, port: int, login: Login, seed: str, size: int) -> "Person":
        """Return a person with an empty phone."""
        ledger = Ledger()
        phone = Phone.of(port, *login, ledger)
        return cls(login, seed, size, phone, ledger, random.Random(seed))

    def lose_phone(self, port: int) -> None:
        """Replace the phone by an empty one; what waited on the old one goes with it."""
        self.phone.client.wire.close()
        self.retired.append(self.phone)
        self.phone = Phone.of(port, *self.login, self.ledger)

    def edit(self) -> None:
        """Change a card (6 in 10), add one (3) or delete one (1)."""
        self.edits += 1
        known = list(self.phone.cards)
        what = self.rng.random()
        if what < 0.3 or not known:
            [(href, card)] = cards(f"{self.seed} {self.edits}", 1)
            self.phone.edit(href, card)
        elif what < 0.4:
            self.phone.remove(self.rng.choice(known))
        else:
            href = self.rng.choice(known)
            self.phone.edit(href, revise(self.phone.cards[href].card, self.edits))

    def compare(self, service: Service) -> None:
        """Compare what the server has of this person with what it acknowledged."""
        self.comparison = self.ledger.compare(self.read_book(service).cards, service.same)

    def read_book(self, service: Service) -> Book:
        """Return all that the server lists and gives; nothing when it can't be read.

        XML may change line ends, so what is not as acknowledged is fetched once more by itself.
        """
        client = Client(Wire(service.port, *self.login))
        try:
            book = client.discover()
            listed = client.changes(book, "")
            found = {href: card for href, _, card in client.fetch(book, listed.etags)}
            for href, card in found.items():
                last = self.ledger.acknowledged.get(href)
                if last is None or not service.same(last, card):
                    found[href] = client.get(book, href)
        except (UnreachableError, *TROUBLE) as error:
            self.trouble = f"{type(error).__name__} {error}"
            return Book({}, set())
        finally:
            client.wire.close()
        return Book(found, set(listed.etags))
