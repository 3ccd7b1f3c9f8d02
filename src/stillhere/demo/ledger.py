"""The truth of one collection of a person: what was sent, what was acknowledged, and the proof.

The server is compared with this, record by record and byte for byte, never with itself.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

Same = Callable[[bytes, bytes], bool]
"""Says whether two bodies are the same record."""


class Comparison(NamedTuple):
    """What a server has against what it acknowledged, in records."""

    expected: int = 0
    """Records whose last acknowledged change left them present."""
    kept: int = 0
    """Those of them that are there as acknowledged, or as sent later without an answer."""
    missing: int = 0
    wrong: int = 0
    """Present with another content, or present although their deletion was acknowledged."""
    phantom: int = 0
    """Present though never sent."""

    def __add__(self, other: object) -> "Comparison":
        """Add up, field by field."""
        if not isinstance(other, Comparison):
            return NotImplemented
        return Comparison(*(a + b for a, b in zip(self, other, strict=True)))


@dataclass
class Ledger:
    """Changes of one person, in the order in which their devices sent them.

    One device at a time writes for a person. A body of None is a deletion.
    """

    acknowledged: dict[str, bytes | None] = field(default_factory=dict)
    """Last acknowledged state by href."""
    open: dict[str, list[bytes | None]] = field(default_factory=dict)
    """Sent since the last acknowledgement, answer unknown or an error."""
    acknowledgements: int = 0

    def send(self, href: str, body: bytes | None) -> None:
        """Note that a change is about to leave the device; call it before the first byte does."""
        self.open.setdefault(href, []).append(body)

    def acknowledge(self, href: str, body: bytes | None) -> None:
        """Note that the server answered the change with success."""
        self.acknowledged[href] = body
        self.open.pop(href, None)
        self.acknowledgements += 1

    def refuse(self, href: str) -> None:
        """Note that the server answered the last change of `href` with a refusal (412)."""
        changes = self.open.get(href)
        if changes:
            changes.pop()

    def compare(self, found: Mapping[str, bytes], same: Same) -> Comparison:
        """Compare what the server has, by href, with what it acknowledged."""
        total = Comparison()
        for href in self.acknowledged.keys() | self.open.keys() | found.keys():
            total += self._judge(href, found.get(href), same)
        return total

    def _judge(self, href: str, body: bytes | None, same: Same) -> Comparison:
        """Judge one record; `body` is what the server has, None when it has none."""
        known = href in self.acknowledged
        last = self.acknowledged.get(href)
        fine = ([last] if known else [None]) + self.open.get(href, [])
        expected = int(last is not None)
        if any(_alike(body, candidate, same) for candidate in fine):
            return Comparison(expected=expected, kept=expected)
        if body is None:
            return Comparison(expected=expected, missing=1)
        if not known and href not in self.open:
            return Comparison(phantom=1)
        return Comparison(expected=expected, wrong=1)


def add_up(comparisons: Iterable[Comparison]) -> Comparison:
    """Add up the comparisons of many people."""
    return sum(comparisons, Comparison())


def _alike(body: bytes | None, candidate: bytes | None, same: Same) -> bool:
    if body is None or candidate is None:
        return body is candidate
    return same(body, candidate)
