"""The process that listens: one socket, one uvicorn, and limits that it lacks by itself.

The socket is bound before anything else is ready, so that port 0 is known and early callers wait
in the queue instead of being refused. What is behind the door may come later, or never: a core
that may not serve still listens, and answers 503 to everything.
"""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import uvicorn
import uvloop
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from stillhere.errors import BadInput

BACKLOG = 2048
KEEP_ALIVE_S = 75
STOP_WITHIN_S = 10
HEAD_WITHIN_S = 20
HEAD_BYTES = 64 << 10


def bind(host: str, port: int) -> socket.socket:
    """A listening TCP socket. Raises BadInput when the address is taken or not this machine's."""
    listener = None
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise BadInput(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            safe="nothing was changed",
            hint="another --listen HOST:PORT; port 0 picks a free one",
        ) from error
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket) -> str:
    """What to type into a client, for example "http://127.0.0.1:8080"."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(
    app: ASGIApp,
    listener: socket.socket,
    *,
    trusted_proxies: list[str],
    beside: Callable[[], Awaitable[None]],
) -> None:
    """Serves `app` on `listener` until SIGTERM or SIGINT, then lets running requests finish.

    `beside` starts when the first request can be answered, and is cancelled at the end; when it
    raises, the serving stops and the error comes out here.
    """
    config = uvicorn.Config(
        app,
        http=_Connection,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=trusted_proxies,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_WITHIN_S,
    )
    server = _Server(config)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(server, listener, beside))


async def _serve(
    server: "_Server", listener: socket.socket, beside: Callable[[], Awaitable[None]]
) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    async with _beside(server, beside):
        await server.serve(sockets=[listener])


@asynccontextmanager
async def _beside(server: "_Server", beside: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    async def start() -> None:
        await server.ready.wait()
        await beside()

    def end(task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and task.exception():
            server.stop()

    task = asyncio.create_task(start())
    task.add_done_callback(end)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class _Server(uvicorn.Server):
    """uvicorn's server, told to stop by this module and not by signals of its own."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    def stop(self) -> None:
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Connection(HttpToolsProtocol):
    """uvicorn's connection with a limit on the size of a request's head and the time for it.

    httptools bounds neither; without them a few clients hold memory and connections for ever.
    """

    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._head_timer is None and getattr(self.cycle, "response_complete", True):
            self._expect_head()
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_timer is not None and self._head_bytes > HEAD_BYTES:
            self._refuse(431)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._head_timer is None:
            self._expect_head()

    def on_headers_complete(self) -> None:
        self._end_head()
        super().on_headers_complete()

    def _expect_head(self) -> None:
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(HEAD_WITHIN_S, self._refuse, 408)

    def _end_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, status: int) -> None:
        self._end_head()
        if self._head_bytes and not self.transport.is_closing():
            answer = b"content-length: 0\r\nconnection: close\r\n\r\n"
            self.transport.write(STATUS_LINE[status] + answer)
        self.transport.close()
