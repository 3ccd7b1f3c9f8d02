"""A cheap HTTP/1.1 load generator: prebuilt requests in, answers and times out.

It must cost far less than the servers it asks, so it parses no more of an answer than its
status line and its length (RFC 9112, section 6), and drives many connections from one thread.
Every connection is a closed loop: the next request leaves when the last answer is in.
A server that closes after an answer (HTTP/1.0) gets a new connection, within the timed part,
as any client would have to do.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Address = tuple[str, int]
PATIENCE = 600.0  # seconds without a byte before a run gives up


class Answer(NamedTuple):
    """What came back: `seconds` runs from the first byte sent to the last byte received."""

    status: int
    body: bytes
    seconds: float


@dataclass(frozen=True)
class Run:
    """Answers per connection, and how long all of it took."""

    answers: list[list[Answer]]
    wall_s: float
    generator_cpu_s: float

    @property
    def count(self) -> int:
        return sum(len(one) for one in self.answers)

    @property
    def per_second(self) -> float:
        return self.count / self.wall_s

    @property
    def generator_share(self) -> float:
        """CPU seconds of the generator per second of wall time; near 1.0 it is the limit."""
        return self.generator_cpu_s / self.wall_s

    def latencies(self) -> list[float]:
        """Seconds per answer, ascending."""
        return sorted(answer.seconds for one in self.answers for answer in one)


class UnexpectedAnswer(Exception):
    """The server answered something that the measured request must not be answered with."""


class _Incoming:
    """One answer as it arrives."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.head_end = -1
        self.length = -1
        self.chunked = False
        self.closes = False

    def feed(self, data: bytes) -> bool:
        """Takes more bytes; true once the answer is complete (b"" means the peer closed)."""
        if not data:
            self.closes = True
            if self.head_end < 0 or self.length >= 0 or self.chunked:
                raise ConnectionError("the server closed in the middle of an answer")
            return True
        self.buffer += data
        if self.head_end < 0 and not self._read_head():
            return False
        if self.chunked:
            return self.buffer.endswith(b"0\r\n\r\n")
        return self.length >= 0 and len(self.buffer) >= self.head_end + self.length

    def _read_head(self) -> bool:
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        self.head_end = end + 4
        head = bytes(self.buffer[: self.head_end]).lower()
        at = head.find(b"\r\ncontent-length:")
        if at >= 0:
            self.length = int(head[at + 17 : head.index(b"\r\n", at + 2)])
        self.chunked = b"\r\ntransfer-encoding: chunked" in head
        if self.status in (204, 304):
            self.length = 0
        self.closes = b"\r\nconnection: close" in head or head.startswith(b"http/1.0")
        return True

    @property
    def status(self) -> int:
        return int(self.buffer[9:12])

    def body(self) -> bytes:
        raw = bytes(self.buffer[self.head_end :])
        return _join_chunks(raw) if self.chunked else raw


def _join_chunks(raw: bytes) -> bytes:
    parts: list[bytes] = []
    at = 0
    while True:
        line = raw.index(b"\r\n", at)
        size = int(raw[at:line].split(b";")[0], 16)
        if size == 0:
            return b"".join(parts)
        parts.append(raw[line + 2 : line + 2 + size])
        at = line + 2 + size + 2


class Connection:
    """One kept-alive connection, asked one request at a time."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.socket: socket.socket | None = None
        self._incoming = _Incoming()
        self._unsent = b""
        self._started = 0.0

    def ask(self, request: bytes, expect: int | None = None) -> Answer:
        """Sends and waits. Raises UnexpectedAnswer if `expect` is given and not met."""
        self.begin(request)
        with selectors.DefaultSelector() as selector:
            assert self.socket is not None
            selector.register(self.socket, selectors.EVENT_WRITE)
            _await(selector)
            self.send()
            selector.modify(self.socket, selectors.EVENT_READ)
            while True:
                _await(selector)
                answer = self.receive()
                if answer is not None:
                    return check(answer, expect)

    def begin(self, request: bytes) -> None:
        """Takes the next request and starts to connect if there is no open connection.

        Never waits: a server whose queue is full holds up this connection alone.
        """
        self._started = time.perf_counter()
        self._unsent = request
        self._incoming = _Incoming()
        if self.socket is None:
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket.setblocking(False)
            self.socket.connect_ex(self.address)

    def send(self) -> None:
        """Sends the request, now that the socket can be written."""
        assert self.socket is not None
        self.socket.settimeout(PATIENCE)
        self.socket.sendall(self._unsent)

    def receive(self) -> Answer | None:
        """Reads what there is; the answer once it is complete."""
        assert self.socket is not None
        if not self._incoming.feed(self.socket.recv(1 << 18)):
            return None
        seconds = time.perf_counter() - self._started
        answer = Answer(self._incoming.status, self._incoming.body(), seconds)
        if self._incoming.closes:
            self.close()
        return answer

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None


def _await(selector: selectors.BaseSelector) -> list[tuple[selectors.SelectorKey, int]]:
    ready = selector.select(PATIENCE)
    if not ready:
        raise TimeoutError(f"no answer within {PATIENCE:.0f} s")
    return ready


def check(answer: Answer, expect: int | None) -> Answer:
    """The answer, if its status is the one expected."""
    if expect is not None and answer.status != expect:
        raise UnexpectedAnswer(f"{answer.status} instead of {expect}: {answer.body[:300]!r}")
    return answer


def drive(
    connections: Sequence[Connection], requests: Sequence[Sequence[bytes]], expect: int
) -> Run:
    """Every connection works through its own requests, all at the same time, in one thread.

    Raises UnexpectedAnswer at the first answer that is not `expect`.
    """
    answers: list[list[Answer]] = [[] for _ in connections]
    left: list[Iterator[bytes]] = [iter(one) for one in requests]
    cpu, began = time.process_time(), time.perf_counter()
    with selectors.DefaultSelector() as selector:
        for number, connection in enumerate(connections):
            _begin_next(selector, connection, left[number], number)
        while selector.get_map():
            for key, event in _await(selector):
                connection = connections[key.data]
                if event & selectors.EVENT_WRITE:
                    connection.send()
                    selector.modify(key.fileobj, selectors.EVENT_READ, key.data)
                    continue
                answer = connection.receive()
                if answer is not None:
                    answers[key.data].append(check(answer, expect))
                    selector.unregister(key.fileobj)
                    _begin_next(selector, connection, left[key.data], key.data)
    return Run(answers, time.perf_counter() - began, time.process_time() - cpu)


def _begin_next(
    selector: selectors.BaseSelector, connection: Connection, left: Iterator[bytes], number: int
) -> None:
    request = next(left, None)
    if request is None:
        return
    fresh = connection.socket is None
    connection.begin(request)
    assert connection.socket is not None
    if not fresh:
        connection.send()
    waits_for = selectors.EVENT_WRITE if fresh else selectors.EVENT_READ
    selector.register(connection.socket, waits_for, number)
