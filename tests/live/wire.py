"""A raw connection to a server: says exactly what a test wants said, however impolite."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.live.client import Login

PATIENCE_S = 30.0


class Reply(NamedTuple):
    """One answer; `body` is what came of it."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def words(self) -> str:
        return self.body.decode()


class Wire:
    """One TCP connection. Every wait has an end: a test fails instead of hanging."""

    def __init__(self, url: str, *, source: str = "") -> None:
        host, port = url.removeprefix("http://").split(":")
        self.socket = socket.create_connection(
            (host, int(port)), PATIENCE_S, source_address=(source, 0) if source else None
        )
        self._left = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def ask(self, data: bytes) -> Reply:
        self.send(data)
        return self.reply()

    def reply(self) -> Reply:
        """The next answer. Raises ConnectionError when none comes."""
        while b"\r\n\r\n" not in self._left:
            self._read()
        head, _, self._left = self._left.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.split(": ", 1) for line in lines)
        headers = {name.lower(): value for name, value in pairs}
        status = int(first.split()[1])
        if status == 100:
            return Reply(status, headers, b"")
        length = int(headers.get("content-length", "0"))
        while len(self._left) < length:
            self._read()
        body, self._left = self._left[:length], self._left[length:]
        return Reply(status, headers, body)

    def is_closed(self) -> bool:
        """Waits until the server has closed; whatever came before that is thrown away."""
        try:
            while self.socket.recv(1 << 16):
                pass
        except ConnectionError:
            pass
        return True

    def close(self) -> None:
        self.socket.close()

    def _read(self) -> None:
        piece = self.socket.recv(1 << 20)
        if not piece:
            raise ConnectionError("the server closed without an answer")
        self._left += piece


@contextmanager
def wire(url: str, *, source: str = "") -> Iterator[Wire]:
    opened = Wire(url, source=source)
    try:
        yield opened
    finally:
        opened.close()


def request(
    method: str, path: str | bytes, login: Login | None, body: bytes | None = None, *headers: str
) -> bytes:
    """The bytes of a request; with a body, its length is told unless a header says more."""
    raw = path.encode() if isinstance(path, str) else path
    lines = [b"%b %b HTTP/1.1" % (method.encode(), raw), b"host: stillhere.example"]
    if login is not None:
        pair = base64.b64encode(f"{login.name}:{login.password}".encode())
        lines.append(b"authorization: Basic " + pair)
    lines += [header.encode("latin-1") for header in headers]
    told = " ".join(headers).lower()
    if body is not None and "content-length" not in told and "transfer-encoding" not in told:
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body or b""])
