"""People's devices that write: threads over real connections, each remembering what it knows.

Most hrefs belong to one writer, which therefore knows what a request will leave behind. After a
request without a clear answer it looks, as a real client does, before it goes on; a MOVE must
then be found done or not done, never half. A few hrefs are shared by all writers of an account
and written with If-Match, so that lost updates would show.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field

from tests.crashing.forms import Form
from tests.crashing.homes import find_home
from tests.crashing.model import Attempt, Model
from tests.live.client import Answer, Client, Login, Lost

SHARED = ("shared-0", "shared-1", "shared-2")
OWNED_AT_MOST = 60
RETRY_S = 0.1
DONE = (200, 201, 204)


@dataclass
class Counts:
    """How much happened, summed over the writers of a round."""

    acknowledged: int = 0
    refused: int = 0
    unanswered: int = 0
    unavailable: int = 0
    moves: int = 0

    def add(self, other: Counts) -> None:
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass
class Writer:
    """One device of one account, for one kind. Lives through many servers; `write_on` is one of
    their lives."""

    number: int
    form: Form
    login: Login
    model: Model
    seed: str
    counts: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        self.rng = random.Random(f"{self.seed} writer {self.number}")
        self._path = self.form.path_of(self.login)
        self._bodies: dict[str, bytes] = {}  # owned hrefs that exist, as this writer knows them
        self._shared_etags: dict[str, str] = {}
        self._doubtful: list[tuple[str, bytes | None, bytes | None]] = []  # href, before, after
        self._made = 0

    def write_on(self, url: str, stop: threading.Event) -> None:
        """Writes until told to stop or the server is gone."""
        client = Client(url, self.login)
        try:
            find_home(client, self.form.home_of(self.login), self.model, stop)
            while not stop.is_set():
                if self._doubtful:
                    self._look(client)
                else:
                    self._write_once(client)
        except Lost as lost:
            if not lost.gone:
                self.model.report("no answer in time", detail=str(lost))
        finally:
            client.close()

    def _write_once(self, client: Client) -> None:
        choice = self.rng.random()
        if choice < 0.25:
            self._write_shared(client)
        elif not self._bodies or (choice < 0.55 and len(self._bodies) < OWNED_AT_MOST):
            href = self._new_href()
            self._put(client, href, self._item(f"{href}-uid"))
        else:
            self._change(client, self.rng.choice(list(self._bodies)), choice)

    def _change(self, client: Client, href: str, choice: float) -> None:
        if choice < 0.78:
            uid = self._bodies[href].split(b"UID:")[1].split(b"\r\n")[0].decode()
            self._put(client, href, self._item(uid))
        elif choice < 0.9:
            self._delete(client, href)
        else:
            self._move(client, href)

    def _put(self, client: Client, href: str, body: bytes) -> None:
        before = self._bodies.get(href)
        condition, if_match = {}, ""
        if before is None:
            condition = {"If_None_Match": "*"} if self.rng.random() < 0.5 else {}
        elif self.rng.random() < 0.5 and before in self.model.etags:
            if_match = self.model.etags[before]
            condition = {"If_Match": if_match}
        attempt = self.model.begin(href, body)
        answer = self._ask(client, "PUT", [(href, attempt, before)], body, condition)
        if answer:
            self._know(href, body)
            self.model.acknowledge(href, attempt, answer.etag, if_match)

    def _delete(self, client: Client, href: str) -> None:
        before = self._bodies[href]
        etag = self.model.etags.get(before, "")
        condition = {"If_Match": etag} if etag and self.rng.random() < 0.5 else {}
        attempt = self.model.begin(href, None)
        if self._ask(client, "DELETE", [(href, attempt, before)], headers=condition):
            self._know(href, None)
            self.model.acknowledge(href, attempt)

    def _move(self, client: Client, href: str) -> None:
        body, target = self._bodies[href], self._new_href()
        there, here = self.model.begin(target, body), self.model.begin(href, None)
        touched = [(href, here, body), (target, there, None)]
        headers = {"Destination": self._path + target, "Overwrite": "F"}
        if self._ask(client, "MOVE", touched, headers=headers):
            self.counts.moves += 1
            self._know(href, None)
            self._know(target, body)
            self.model.acknowledge(href, here)
            self.model.acknowledge(target, there)

    def _ask(
        self,
        client: Client,
        method: str,
        touched: list[tuple[str, Attempt, bytes | None]],
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> Answer | None:
        """One write on owned hrefs; None means not done, or doubtful and noted as such."""
        headers = (headers or {}) | ({"Content_Type": self.form.media_type} if body else {})
        try:
            answer = client.ask(method, self._path + touched[0][0], body, **headers)
        except Lost as lost:
            self._doubt(touched, over=lost.gone)
            self.counts.unanswered += 1
            raise
        if answer.status in DONE:
            self.counts.acknowledged += 1
            return answer
        if answer.status == 503:
            self._doubt(touched, over=True)
            self.counts.unavailable += 1
            time.sleep(RETRY_S)
            return None
        for href, attempt, _ in touched:
            self.model.refuse(href, attempt)
        self.model.report(
            f"{method} on an href of one writer answered {answer.status}",
            touched[0][0],
            repr((headers, answer.body[:300])),
        )
        return None

    def _doubt(self, touched: list[tuple[str, Attempt, bytes | None]], *, over: bool) -> None:
        for href, attempt, before in touched:
            self.model.leave_open(attempt, over=over)
            self._doubtful.append((href, before, attempt.result))

    def _look(self, client: Client) -> None:
        """Reads every href of the doubtful request: all as before, or all as after."""
        found: list[bytes | None] = []
        for href, _, _ in self._doubtful:
            answer = client.ask("GET", self._path + href)
            if answer.status not in (200, 404):
                if answer.status != 503:
                    self.model.report(f"GET answered {answer.status}", href)
                self.counts.unavailable += 1
                time.sleep(RETRY_S)
                return
            found.append(answer.body if answer.status == 200 else None)
        before = [one[1] for one in self._doubtful]
        after = [one[2] for one in self._doubtful]
        if found not in (before, after):
            self.model.report(
                "a doubtful request is neither done nor not done", self._doubtful[0][0]
            )
        for (href, _, _), body in zip(self._doubtful, found, strict=True):
            self.model.observe(href, body)
            self._know(href, body)
        self._doubtful.clear()

    def _write_shared(self, client: Client) -> None:
        href = self.rng.choice(SHARED) + self.form.extension
        path = self._path + href
        etag = self._shared_etags.get(href)
        if etag is None:
            answer = client.ask("GET", path)
            if answer.status == 503:
                time.sleep(RETRY_S)
                return
            etag = answer.etag if answer.status == 200 else ""
        deletes = bool(etag) and self.rng.random() < 0.15
        body = None if deletes else self._item(href)
        attempt = self.model.begin(href, body)
        try:
            if body is None:
                answer = client.ask("DELETE", path, If_Match=etag)
            else:
                condition = {"If_Match": etag} if etag else {"If_None_Match": "*"}
                content = {"Content_Type": self.form.media_type}
                answer = client.ask("PUT", path, body, **condition, **content)
        except Lost as lost:
            self._shared_etags.pop(href, None)
            self.model.leave_open(attempt, over=lost.gone)
            self.counts.unanswered += 1
            raise
        self._close_shared(href, attempt, answer, etag)

    def _close_shared(self, href: str, attempt: Attempt, answer: Answer, etag: str) -> None:
        self._shared_etags.pop(href, None)
        if answer.status in DONE:
            self.counts.acknowledged += 1
            self.model.acknowledge(href, attempt, answer.etag, etag)
            if answer.etag:
                self._shared_etags[href] = answer.etag
        elif answer.status == 503:
            self.counts.unavailable += 1
            self.model.leave_open(attempt, over=True)
            time.sleep(RETRY_S)
        else:
            self.counts.refused += 1
            self.model.refuse(href, attempt)
            if answer.status not in (404, 412):
                what = f"a conditional write on a shared href answered {answer.status}"
                self.model.report(what, href, repr(answer.body[:300]))

    def _know(self, href: str, body: bytes | None) -> None:
        if body is None:
            self._bodies.pop(href, None)
        else:
            self._bodies[href] = body

    def _new_href(self) -> str:
        self._made += 1
        return f"w{self.number}-{self._made}{self.form.extension}"

    def _item(self, uid: str) -> bytes:
        note = "x" * self.rng.choice(
            (10, 200, 2_000, 20_000) if self.number % 4 == 0 else (10, 200)
        )
        return self.form.item(uid, self.rng.getrandbits(64), note)
