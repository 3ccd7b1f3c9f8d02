"""A store that misbehaves: what lies between a program and a real one, and does as a test says."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.seaweed import HOST, Seaweed

Trick = Callable[["Asked"], None]
HANG_S = 3


class Asked(BaseHTTPRequestHandler):
    """One request on its way. A trick may pass it on, answer itself, or say nothing."""

    protocol_version = "HTTP/1.1"
    server: Liar
    body: bytes

    def pass_on(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """What the real store answers."""
        connection = http.client.HTTPConnection(HOST, self.server.store.port, timeout=30)
        try:
            connection.request(self.command, self.path, self.body, dict(self.headers))
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def answer(self, status: int, code: str = "") -> None:
        """An answer that the real store knows nothing of."""
        body = f"<Error><Code>{code}</Code></Error>".encode() if code else b""
        self.send((status, [], body))

    def send(self, answer: tuple[int, list[tuple[str, str]], bytes], cut: int = 0) -> None:
        """Give an answer, or all but the last bytes of it."""
        status, headers, body = answer
        self.send_response_only(status)
        kept = [(k, v) for k, v in headers if k.lower() not in ("content-length", "connection")]
        length = {k.lower(): v for k, v in headers}.get("content-length", str(len(body)))
        for name, value in [*kept, ("Content-Length", length)]:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) - cut])
        if cut:
            self.break_off()

    def break_off(self) -> None:
        """Close the connection."""
        self.close_connection = True

    def _do(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.seen.append((self.command, self.path))
        trick = self.server.trick
        if trick is None or not self.server.applies(self):
            self.send(self.pass_on())
        else:
            trick(self)

    do_GET = do_HEAD = do_PUT = do_DELETE = _do  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Liar(ThreadingHTTPServer):
    """Passes everything on, but for what a test has a trick for."""

    daemon_threads = True
    trick: Trick | None = None
    method = "PUT"

    def __init__(self, store: Seaweed) -> None:
        super().__init__((HOST, 0), Asked)
        self.store = store
        self.seen: list[tuple[str, str]] = []

    def applies(self, asked: Asked) -> bool:
        """Whether the trick is for this request: the probe is answered as it should be."""
        return asked.command == self.method and "/probe/" not in asked.path

    @property
    def variables(self) -> dict[str, str]:
        """What leads here and not to the store."""
        address = f"http://{HOST}:{self.server_address[1]}"
        return self.store.variables | {"AWS_ENDPOINT_URL": address}


@contextmanager
def lying(store: Seaweed) -> Iterator[Liar]:
    """The liar before a store, ended at the end."""
    with Liar(store) as liar:
        thread = threading.Thread(target=liar.serve_forever, daemon=True)
        thread.start()
        try:
            yield liar
        finally:
            liar.shutdown()
            thread.join()


def loses_its_answer(asked: Asked) -> None:
    """It is done, and nobody is told."""
    asked.pass_on()
    asked.break_off()


def breaks_off(asked: Asked) -> None:
    """Nothing is done and nothing is said."""
    asked.break_off()


def hangs(asked: Asked) -> None:
    """It is done later than anybody waits for it."""
    time.sleep(HANG_S)
    asked.send(asked.pass_on())


def cuts_short(asked: Asked) -> None:
    """Half of what is there."""
    answer = asked.pass_on()
    asked.send(answer, cut=len(answer[2]) // 2 or 1)


def says(status: int, code: str = "", times: int = 1000) -> Trick:
    """It refuses, the first so many times."""
    left = [times]

    def refuse(asked: Asked) -> None:
        left[0] -= 1
        if left[0] < 0:
            asked.send(asked.pass_on())
        else:
            asked.answer(status, code)

    return refuse


def once(trick: Trick) -> Trick:
    """The trick for the first request, and no other."""
    left = [trick]

    def first(asked: Asked) -> None:
        if left:
            left.pop()(asked)
        else:
            asked.send(asked.pass_on())

    return first
