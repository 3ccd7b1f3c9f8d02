"""A simulated phone: what it has of each kind, over one connection."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stillhere.demo.collection import Collection, Harm, Outcome
from stillhere.demo.dav import Stopwatch
from stillhere.demo.kinds import CONTACTS, KINDS
from stillhere.demo.ledger import Ledger
from stillhere.demo.service import Login
from stillhere.demo.wire import Wire

Ledgers = Mapping[str, Ledger]
"""The truth of one person, by kind."""


@dataclass
class Phone:
    """A device of one person. Not for several threads at a time."""

    wire: Wire
    collections: dict[str, Collection]
    """By kind, in the order in which it syncs them."""

    @classmethod
    def of(cls, port: int, login: Login, ledgers: Ledgers) -> "Phone":
        """Return an empty phone that knows a host, a log-in name and a password, no more."""
        wire = Wire(port, *login)
        return cls(
            wire,
            {name: Collection(kind.client(wire), ledgers[name]) for name, kind in KINDS.items()},
        )

    def sync(self) -> Outcome:
        """Sync everything, each kind whatever becomes of the others; return the first outcome that
        is not DONE."""
        outcomes = [each.sync() for each in self]
        return next((each for each in outcomes if each is not Outcome.DONE), Outcome.DONE)

    def pending(self) -> int:
        """Return how many local changes no server has acknowledged."""
        return sum(each.pending() for each in self)

    def close(self) -> None:
        """Hang up."""
        self.wire.close()

    def watch_anew(self) -> None:
        """Forget when requests were sent and answered."""
        for each in self:
            each.client.watch = Stopwatch()

    @property
    def watch(self) -> Stopwatch:
        """When contacts were asked for and answered."""
        return self.collections[CONTACTS].client.watch

    @property
    def retry_after(self) -> float:
        """What the last 503 asked for, in seconds."""
        return max(each.retry_after for each in self)

    @property
    def trouble(self) -> str:
        """What the last refusal was."""
        return next((each.trouble for each in self if each.trouble), "")

    def harm(self, kind: str) -> Harm:
        """Return what it noticed of a kind."""
        return self.collections[kind].harm

    def __iter__(self) -> Iterator[Collection]:
        return iter(self.collections.values())
