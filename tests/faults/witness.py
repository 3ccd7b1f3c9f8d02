"""Somebody with a phone who keeps count: what was acknowledged, what was not, and what is seen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from itertools import count

from tests.live.client import LISTING, Answer, Client, Login, read_multistatus, sync_body
from tests.live.core import Core, Process

QUICK_S = 5.0  # more than any answer from memory takes on a busy machine
HEALED_WITHIN_S = 30.0
_numbers = count()


class Witness:
    """Writes cards that nobody wrote before, and knows of each what was answered."""

    def __init__(self, login: Login) -> None:
        self.login = login
        self.kept: dict[str, bytes] = {}
        self.unsure: dict[str, bytes] = {}

    @contextmanager
    def connected(self, url: str) -> Iterator[None]:
        """Talks to this server until the end."""
        self._url = url
        self._client = Client(url, self.login)
        try:
            yield
        finally:
            self._client.close()

    def put(self, size: int = 0) -> Answer:
        """Store a new card; it counts as kept when that was answered with success."""
        return self._put(self._client, f"card {next(_numbers)}", size)

    def putting(self, pool: ThreadPoolExecutor) -> tuple[str, Future[Answer]]:
        """The same on a connection of its own, in the background; the card's name."""
        href = f"card {next(_numbers)}"

        def put() -> Answer:
            with closing(Client(self._url, self.login)) as client:
                return self._put(client, href, 0)

        return href, pool.submit(put)

    def _put(self, client: Client, href: str, size: int) -> Answer:
        note = "" if not size else f"NOTE:{'x' * size}\r\n"
        card = f"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:{href}\r\nFN:{href}\r\n{note}END:VCARD\r\n"
        body = card.encode()
        self.unsure[href] = body
        answer = client.ask("PUT", self.login.book + href.replace(" ", "%20"), body)
        if answer.status == 201:
            self.kept[href] = self.unsure.pop(href)
        else:
            assert_not_now(answer)
        return answer

    def put_when_healed(self) -> None:
        """Store a new card; it may take a while until the vault takes it again."""
        until = time.monotonic() + HEALED_WITHIN_S
        while self.put().status != 201:
            assert time.monotonic() < until, "it did not heal by itself"
            time.sleep(0.1)

    def look(self) -> set[str]:
        """Read in every way there is; each answer is quick and whole. The names of the cards."""
        kept = set(self.kept)
        asked = [self._listing(), self._changes(), *map(self._multiget, [*self.kept][-1:])]
        for answer in asked:
            assert answer.status == 207, answer
        names, then = (
            {entry.href for entry in read_multistatus(answer.body, self.login.book).entries}
            for answer in asked[:2]
        )
        assert names <= then, "what was there is there a moment later"
        assert names >= kept, "an acknowledged card is not there"
        assert names <= self.kept.keys() | self.unsure.keys()
        return names

    def assert_all_there(self) -> None:
        """Everything that was acknowledged is there, byte for byte; the rest is whole or absent."""
        for href in self.look():
            answer = self._quick("GET", self.login.book + href.replace(" ", "%20"))
            assert answer.status == 200, answer
            assert answer.body == (self.kept.get(href) or self.unsure[href])

    def first_answer(self) -> Answer:
        """A listing on a connection that logs in anew, whatever it says."""
        with closing(Client(self._url, self.login)) as client:
            return client.ask("PROPFIND", self.login.book, LISTING, Depth="1")

    def _listing(self) -> Answer:
        return self._quick("PROPFIND", self.login.book, LISTING, Depth="1")

    def _changes(self) -> Answer:
        return self._quick("REPORT", self.login.book, sync_body(""))

    def _multiget(self, href: str) -> Answer:
        path = self.login.book + href.replace(" ", "%20")
        body = (
            '<C:addressbook-multiget xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav">'
            "<D:prop><D:getetag/><C:address-data/></D:prop>"
            f"<D:href>{path}</D:href></C:addressbook-multiget>"
        )
        answer = self._quick("REPORT", self.login.book, body.encode(), Depth="0")
        assert b"address-data" in answer.body
        return answer

    def _quick(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        began = time.monotonic()
        answer = self._client.ask(method, path, body, **headers)
        assert time.monotonic() - began < QUICK_S, f"{method} waited"
        return answer


def assert_not_now(answer: Answer) -> None:
    """503 that says when to ask again, and nothing else."""
    assert answer.status == 503, answer
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Content-Type"] == "application/problem+json"


@contextmanager
def at_work(process: Process, people: list[Witness]) -> Iterator[None]:
    """People talk to this server as soon as it serves; in the end it is killed."""
    try:
        url = process.wait_for("serving")["url"]
        with ExitStack() as connections:
            for person in people:
                connections.enter_context(person.connected(url))
            yield
    finally:
        process.kill()


def assert_vault_has_all(core: Core, people: list[Witness]) -> None:
    """The core is lost; the vault gives back what was acknowledged."""
    core.lose()
    recovery = core.recover()
    with at_work(recovery, people):
        assert recovery.wait_for("whole")["verdicts"]["incomplete"] == 0
        for person in people:
            person.assert_all_there()
            assert person.put().status == 201
