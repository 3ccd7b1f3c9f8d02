"""What one address book may hold after a crash, from what was sent and what was answered.

Requests overlap, so an answer orders two of them only if one began after the other ended.
An attempt is superseded when an acknowledged one on the same href began after it had ended.
What may be found for a href: the result of any acknowledged attempt that is not superseded,
or of any attempt without a clear answer that is not superseded. Nothing else.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

NEVER = float("inf")


@dataclass(eq=False)
class Attempt:
    """One request on one href; `result` is the body it leaves, None for a deletion."""

    result: bytes | None
    began: float
    ended: float = NEVER
    acknowledged: bool = False
    etag: str = ""


@dataclass(frozen=True)
class Finding:
    """Something that must not be."""

    what: str
    account: str
    href: str
    detail: str = ""


@dataclass
class Model:
    """Everything that was tried on one address book. Shared by its writers, hence the lock."""

    account: str
    attempts: dict[str, list[Attempt]] = field(default_factory=dict)
    sent: dict[str, set[bytes]] = field(default_factory=dict)
    etags: dict[bytes, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    _updates: set[tuple[str, str]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, href: str, result: bytes | None) -> Attempt:
        """Notes that a request leaves now."""
        attempt = Attempt(result, time.monotonic())
        with self._lock:
            self.attempts.setdefault(href, []).append(attempt)
            if result is not None:
                self.sent.setdefault(href, set()).add(result)
        return attempt

    def refuse(self, href: str, attempt: Attempt) -> None:
        """The answer says that nothing was done."""
        with self._lock:
            self.attempts[href].remove(attempt)

    def acknowledge(self, href: str, attempt: Attempt, etag: str = "", if_match: str = "") -> None:
        """The answer says that it was done; two updates of one ETag are a lost update."""
        attempt.ended, attempt.acknowledged = time.monotonic(), True
        with self._lock:
            if etag and attempt.result is not None:
                self.etags[attempt.result] = etag
            if if_match:
                if (href, if_match) in self._updates:
                    self._find("two updates of the same ETag were both acknowledged", href)
                self._updates.add((href, if_match))

    def leave_open(self, attempt: Attempt, *, over: bool) -> None:
        """No clear answer; `over` says that the request can't be carried out from now on."""
        if over:
            attempt.ended = time.monotonic()

    def observe(self, href: str, body: bytes | None) -> None:
        """A writer looked, alone on this href, and found this: it must be allowed, and counts."""
        with self._lock:
            self._check(href, body)
            self._settle(href, body)

    def settle(self, found: dict[str, bytes], etags: dict[str, str]) -> None:
        """Compares a whole book, at rest, with what it may hold; goes on from what was found."""
        with self._lock:
            for href in sorted(self.attempts.keys() | found.keys()):
                body = found.get(href)
                self._check(href, body)
                expected = self.etags.get(body, "") if body is not None else ""
                if expected and etags.get(href) != expected:
                    self._find("ETag changed", href, f"{expected} became {etags.get(href)}")
                self._settle(href, body)

    def report(self, what: str, href: str = "", detail: str = "") -> None:
        """Adds a finding from outside."""
        with self._lock:
            self._find(what, href, detail)

    def _settle(self, href: str, body: bytes | None) -> None:
        now = time.monotonic()
        self.attempts[href] = [Attempt(body, now, now, acknowledged=True)]

    def _check(self, href: str, body: bytes | None) -> None:
        allowed = self._allowed(href)
        if body in allowed:
            return
        if body is not None and body not in self.sent.get(href, ()):
            self._find("present though never sent", href, repr(body[:200]))
        elif body is None:
            self._find("an acknowledged write is missing", href, f"{len(allowed)} allowed")
        elif allowed <= {None}:
            self._find("an acknowledged deletion came back", href)
        else:
            self._find("an older revision than the acknowledged one", href, repr(body[:200]))

    def _allowed(self, href: str) -> set[bytes | None]:
        attempts = self.attempts.get(href, [])
        last = max((one.began for one in attempts if one.acknowledged), default=-NEVER)
        allowed = {one.result for one in attempts if one.ended >= last}
        if last == -NEVER:
            allowed.add(None)
        return allowed

    def _find(self, what: str, href: str, detail: str = "") -> None:
        self.findings.append(Finding(what, self.account, href, detail))
