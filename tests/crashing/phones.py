"""Phones that only sync: they keep old tokens with what they held then, and ask again later.

A delta (RFC 6578) for an old token must lead from the old listing to the current one, and must
not name what that phone already has: then nobody downloads anything anew after a recovery.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass

from tests.crashing.forms import Form
from tests.crashing.homes import find_home
from tests.crashing.model import Model
from tests.live.client import LISTING, Client, Login, Lost, read_multistatus, sync_body

KEPT = 8
PAUSE_S = 0.05
PAGES_AT_MOST = 500


class Refused(Exception):
    """The server did not answer a sync with 207."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"sync answered {status}: {body[:300]!r}")
        self.status = status


@dataclass(frozen=True)
class Snapshot:
    """A token, and the book that the phone held when it got it: ETags by href."""

    token: str
    book: dict[str, str]


class Phone:
    """One device that reads one collection. Lives through many servers."""

    def __init__(self, form: Form, login: Login, model: Model, seed: str) -> None:
        self.form = form
        self.login = login
        self.path = form.path_of(login)
        self.model = model
        self.rng = random.Random(f"{seed} phone {login.name} {form.kind}")
        self.snapshots: list[Snapshot] = []

    def sync_on(self, url: str, stop: threading.Event) -> None:
        """Syncs from time to time until told to stop or the server is gone."""
        client = Client(url, self.login)
        try:
            find_home(client, self.form.home_of(self.login), self.model, stop)
            while not stop.wait(PAUSE_S):
                try:
                    self._keep(self._sync(client, self._latest()))
                except Refused as refused:
                    if refused.status != 503:
                        self.model.report("a sync was refused", detail=str(refused))
        except Lost as lost:
            if not lost.gone:
                self.model.report("no answer to a sync in time", detail=str(lost))
        finally:
            client.close()

    def check(self, client: Client, listing: dict[str, str]) -> int:
        """Every kept token again, at rest, against the current listing; returns how many."""
        for old in self.snapshots:
            try:
                new = self._sync(client, old)
            except Refused as refused:
                self.model.report("an old token was refused", detail=str(refused))
                continue
            if new.book != listing:
                differs = {
                    href: (new.book.get(href), listing.get(href))
                    for href in new.book.keys() | listing.keys()
                    if new.book.get(href) != listing.get(href)
                }
                self.model.report("a delta leads elsewhere", detail=f"{old.token} {differs}")
        checked = len(self.snapshots)
        self._keep(self._sync(client, Snapshot("", {})))
        return checked

    def _latest(self) -> Snapshot:
        return self.snapshots[-1] if self.snapshots else Snapshot("", {})

    def _keep(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)
        if len(self.snapshots) > KEPT:
            del self.snapshots[self.rng.randrange(KEPT)]

    def _sync(self, client: Client, old: Snapshot) -> Snapshot:
        """Follows a delta through all of its pages. Raises Refused, Lost."""
        book, token = dict(old.book), old.token
        limit = 5 if self.rng.random() < 0.3 else 0
        for _ in range(PAGES_AT_MOST):
            answer = client.ask(
                "REPORT",
                self.path,
                sync_body(token, limit),
                Depth="0",
                Content_Type="application/xml",
            )
            if answer.status != 207:
                raise Refused(answer.status, answer.body)
            page = read_multistatus(answer.body, self.path)
            for entry in page.entries:
                if entry.status == 404:
                    book.pop(entry.href, None)
                    continue
                if old.token and old.book.get(entry.href) == entry.etag:
                    self.model.report("a delta names what the phone has", entry.href, old.token)
                book[entry.href] = entry.etag
            token = page.token
            if not page.truncated:
                return Snapshot(token, book)
        self.model.report("a delta without end", detail=f"from {old.token}")
        return Snapshot(token, book)


def list_book(client: Client, path: str, patience_s: float = 30.0) -> dict[str, str]:
    """ETags by href from a PROPFIND, once the shelf is open. Raises Refused after `patience_s`."""
    deadline = time.monotonic() + patience_s
    while True:
        answer = client.ask("PROPFIND", path, LISTING, Depth="1", Content_Type="application/xml")
        if answer.status == 207:
            return {one.href: one.etag for one in read_multistatus(answer.body, path).entries}
        if answer.status != 503 or time.monotonic() > deadline:
            raise Refused(answer.status, answer.body)
        time.sleep(PAUSE_S)
