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

import uvicorn
import uvloop
from starlette.types import ASGIApp

from stillhere.errors import BadInput
from stillhere.protocols.connection import Connection, make_room

BACKLOG = 2048
KEEP_ALIVE_S = 75
STOP_WITHIN_S = 10


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
        http=Connection,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",  # else strangers write a line for every request that is none
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=trusted_proxies,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_WITHIN_S,
    )
    server = _Server(config)
    Connection.bound(make_room())
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
