"""What a service tells of a loss, held against what was true.

What commands printed is compared with the ledgers of the people: never with the service itself.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from stillhere.demo.kinds import KINDS
from stillhere.demo.ledger import Ledger
from stillhere.demo.person import Kept
from stillhere.demo.service import Service

Told = dict[str, Any]
"""What a command said with --json."""
Whose = tuple[str, str]
"""A person's name, and a kind."""
FIGURES = ("known", "proven", "recoverable", "missing")
"""What a survey says of a kind, each from a lowest to a highest figure."""


class Span(NamedTuple):
    """A figure that is somewhere between these, both included."""

    low: int
    high: int

    def meets(self, other: "Span") -> bool:
        """Say whether both can be true."""
        return self.low <= other.high and other.low <= self.high

    def __str__(self) -> str:
        """As a page of figures shows it."""
        return f"{self.low:,}" if self.low == self.high else f"{self.low:,} to {self.high:,}"


class Lack(NamedTuple):
    """What the report says of one kind of a person: the records whose bodies the vault had not."""

    missing: dict[str, str]
    """Those that are held still: the cause, by href."""
    ended: dict[str, str]
    """Those that came back or were deleted since: whence, or by whom."""
    books: int
    """Collections of which name and settings are held."""


class Account(NamedTuple):
    """The records of some people, each accounted for or not."""

    expected: int = 0
    present: int = 0
    """There as acknowledged, or as sent later without an answer."""
    given: int = 0
    """All that the server gives."""
    held: int = 0
    """Not there, and named by the report with a cause, and listed to phones all the same."""
    unaccounted: int = 0
    """Not there, and not named."""
    wrong: int = 0
    phantom: int = 0
    misnamed: int = 0
    """Named as missing though they are there, or must not be, or nobody ever sent them."""
    unlisted: int = 0
    """Held, and not listed: a phone that lists everything anew would delete its copy."""

    def __add__(self, other: object) -> "Account":
        """Add up, field by field."""
        if not isinstance(other, Account):
            return NotImplemented
        return Account(*(a + b for a, b in zip(self, other, strict=True)))


def count_known(ledgers: Iterable[Ledger]) -> Span:
    """Return how many records the vault must know, while nobody writes.

    It is a span because nobody knows of changes under way at the loss whether they got there.
    """
    low = high = 0
    for ledger in ledgers:
        for href in ledger.acknowledged.keys() | ledger.open.keys():
            states = [ledger.acknowledged.get(href), *ledger.open.get(href, [])]
            there = [state is not None for state in states]
            low += all(there)
            high += any(there)
    return Span(low, high)


def read_survey(told: Told, kind: str) -> dict[str, Span]:
    """Return what a survey says of a kind."""
    return {name: Span(*told["kinds"][kind][name]) for name in FIGURES}


def read_report(told: Told) -> dict[Whose, Lack]:
    """Return what a report says of everybody, kind by kind."""
    lacks = {}
    for person in told["people"]:
        for shelf in person["shelves"]:
            if shelf["kind"] in KINDS:
                items = [one for one in shelf["missing"] if one["collection"]]
                ended = [one for one in shelf["ended"] if one["collection"]]
                lacks[person["account"], shelf["kind"]] = Lack(
                    {one["href"]: one["cause"] for one in items},
                    {one["href"]: one["whence"] for one in ended},
                    len(shelf["missing"]) - len(items),
                )
    return lacks


def account_for(ledger: Ledger, kept: Kept, lack: Lack | None, service: Service) -> Account:
    """Compare what the server has, lists and names with what it acknowledged, record by record."""
    found = ledger.compare(kept.items, service.same)
    named = {href for href, cause in lack.missing.items() if cause} if lack is not None else set()
    held = {href for href in named - kept.items.keys() if ledger.acknowledged.get(href) is not None}
    return Account(
        expected=found.expected,
        present=found.kept,
        given=len(kept.items),
        held=len(held),
        unaccounted=found.missing - len(held),
        wrong=found.wrong,
        phantom=found.phantom,
        misnamed=len(named - held),
        unlisted=len(held - kept.listed),
    )
