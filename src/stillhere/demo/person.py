"""A person of the demo: an account, what they keep, a phone, and the truth about all of it."""

import random
from dataclasses import dataclass, field
from typing import NamedTuple

from stillhere.demo.collection import Outcome
from stillhere.demo.dav import TROUBLE
from stillhere.demo.kinds import CONTACTS, KINDS
from stillhere.demo.ledger import Comparison, Ledger
from stillhere.demo.phone import Phone
from stillhere.demo.service import Login, Service
from stillhere.demo.wire import UnreachableError, Wire


class Kept(NamedTuple):
    """What a server has of one kind of a person: the items that it gives, by href, and the hrefs
    that it lists."""

    items: dict[str, bytes]
    listed: set[str]


@dataclass
class Person:
    """Somebody with an account, collections and a phone."""

    login: Login
    seed: str
    sizes: dict[str, int]
    """How much of each kind they have at the start of the day."""
    phone: Phone
    ledgers: dict[str, Ledger]
    rng: random.Random
    retired: list[Phone] = field(default_factory=list)
    edits: int = 0
    back: bool = False
    """The phone has synced to the end after the loss."""
    trouble: str = ""
    """Why the server could not be read for the comparison."""
    comparisons: dict[str, Comparison] = field(default_factory=dict)

    @classmethod
    def move_in(cls, port: int, login: Login, seed: str, sizes: dict[str, int]) -> "Person":
        """Return a person with an empty phone."""
        ledgers = {kind: Ledger() for kind in KINDS}
        phone = Phone.of(port, login, ledgers)
        return cls(login, seed, sizes, phone, ledgers, random.Random(seed))

    @property
    def acknowledgements(self) -> int:
        """How many of their changes were acknowledged."""
        return sum(ledger.acknowledgements for ledger in self.ledgers.values())

    def belongings(self, kind: str) -> list[tuple[str, bytes]]:
        """Return what they have of a kind at the start of the day, as (href, bytes)."""
        return KINDS[kind].make(self.seed, self.sizes[kind])

    def lose_phone(self, port: int) -> None:
        """Replace the phone by an empty one; what waited on the old one goes with it."""
        self.phone.close()
        self.retired.append(self.phone)
        self.phone = Phone.of(port, self.login, self.ledgers)

    def edit(self, name: str | None = None) -> str:
        """Change something (6 in 10), add something (3) or delete something (1); half of the time
        that is a contact. Return the kind of it."""
        self.edits += 1
        shares = [kind.share for kind in KINDS.values()]
        name = name or self.rng.choices(list(KINDS), shares)[0]
        kind, collection = KINDS[name], self.phone.collections[name]
        known = list(collection.items)
        what = self.rng.random()
        if what < 0.3 or not known:
            [(href, body)] = kind.make(f"{self.seed} {self.edits}", 1)
            collection.edit(href, body)
        elif what < 0.4:
            collection.remove(self.rng.choice(known))
        else:
            href = self.rng.choice(known)
            collection.edit(href, kind.revise(collection.items[href].body, self.edits))
        return name

    def edit_and_sync(self) -> Outcome:
        """Edit, and sync what was edited, as phones do at once."""
        return self.phone.collections[self.edit()].sync()

    def compare(self, service: Service) -> None:
        """Compare what the server has of this person with what it acknowledged."""
        for kind, ledger in self.ledgers.items():
            found = self.read(service, kind).items
            self.comparisons[kind] = ledger.compare(found, service.same)

    def read(self, service: Service, kind: str = CONTACTS) -> Kept:
        """Return all that the server lists and gives of a kind; nothing when it can't be read.

        XML may change line ends, so what is not as acknowledged is fetched once more by itself.
        """
        client = KINDS[kind].client(Wire(service.port, *self.login))
        acknowledged = self.ledgers[kind].acknowledged
        try:
            path = client.discover()
            listed = client.changes(path, "")
            found = {href: body for href, _, body in client.fetch(path, listed.etags)}
            for href, body in found.items():
                last = acknowledged.get(href)
                if last is None or not service.same(last, body):
                    found[href] = client.get(path, href)
        except (UnreachableError, *TROUBLE) as error:
            self.trouble = f"{type(error).__name__} {error}"
            return Kept({}, set())
        finally:
            client.wire.close()
        return Kept(found, set(listed.etags))
