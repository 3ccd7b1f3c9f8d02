"""One connection: bounds on the size of a request's head, on waiting for it, and on how many
connections there are.

httptools bounds none of them; without them a few strangers hold memory and connections for ever.
Where there is no room for another connection, the one that has been idle the longest makes way:
who comes to ask something is served, however many only hold the line.
"""

import asyncio
import logging
import resource
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

HEAD_WITHIN_S = 20
HEAD_BYTES = 64 << 10
MOST_CONNECTIONS = 10_000
KEPT_FILES = 256  # open files that are not connections: database, vault, a recovery's mirror
FEW_CONNECTIONS = 1_000

_WORDS = {
    408: b"the head of this request did not come in time\n",
    431: b"the head of this request is too large\n",
    503: b"there is no room for another connection; try again\n",
}
_log = logging.getLogger(__name__)


def make_room() -> int:
    """Lets this process open as many files as it may; returns how many connections fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + KEPT_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    fit = most_connections()
    if fit < FEW_CONNECTIONS:
        _log.warning(
            "only %d connections fit into the limit of open files; raise it (ulimit -n)", fit
        )
    return fit


def most_connections() -> int:
    """How many connections fit beside the other files that this process has open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return min(MOST_CONNECTIONS, max(soft - KEPT_FILES, soft // 2))


class Connection(HttpToolsProtocol):
    """uvicorn's connection, bounded."""

    _idle: ClassVar[dict["Connection", None]] = {}
    """Those that wait for a request, or for the rest of its head; the longest idle first."""
    _most: ClassVar[int] = MOST_CONNECTIONS
    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _unread = 0

    @classmethod
    def bound(cls, most: int) -> None:
        """From now on there are at most so many."""
        cls._most = most

    def connection_made(self, transport: Any) -> None:
        """Begins to wait for a head, where there is room."""
        super().connection_made(transport)
        if len(self.connections) > self._most and not self._make_way():
            self._refuse(503)
            return
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends all waiting."""
        self._end_head()
        self._idle.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Counts what comes before a head is whole."""
        if self._head_timer is None and getattr(self.cycle, "response_complete", True):
            self._expect_head()
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_timer is not None and self._head_bytes > HEAD_BYTES:
            self._refuse(431)

    def on_message_begin(self) -> None:
        """Waits for the head of a request that follows another in the same piece."""
        super().on_message_begin()
        if self._head_timer is None:
            self._expect_head()

    def on_headers_complete(self) -> None:
        """Hands the request on."""
        self._end_head()
        self._idle.pop(self, None)
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """The connection is idle now, unless another request waits on it."""
        super().on_response_complete()
        if self in self.connections and getattr(self.cycle, "response_complete", True):
            self._idle[self] = None

    def timeout_keep_alive_handler(self) -> None:
        """Ends an idle connection; one whose answer nobody reads gets no second wait for it."""
        unread = self.transport.get_write_buffer_size()
        if not unread:
            super().timeout_keep_alive_handler()
        elif self._unread and unread >= self._unread:
            self.transport.abort()
        else:
            self._unread = unread
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _make_way(self) -> bool:
        longest = next(iter(self._idle), None)
        if longest is None:
            return False
        del self._idle[longest]
        longest.transport.abort()
        return True

    def _expect_head(self) -> None:
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(HEAD_WITHIN_S, self._refuse, 408)
        self._idle.setdefault(self)

    def _end_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, status: int) -> None:
        self._end_head()
        if (self._head_bytes or status == 503) and not self.transport.is_closing():
            words = _WORDS[status]
            about = b"content-type: text/plain\r\ncontent-length: %d\r\n" % len(words)
            after = b"retry-after: 5\r\n" if status == 503 else b""
            self.transport.write(
                STATUS_LINE[status] + about + after + b"connection: close\r\n\r\n" + words
            )
        self.transport.close()
