"""What stands before every protocol: the whole process is open, or closed with a reason.

A core that may not serve (its epoch is sealed, its vault cannot be read, it is still starting)
answers 503 + Retry-After (RFC 9110, 15.6.4) with a problem body (RFC 9457) to everything, before
anything is looked up: a listing that is wrong makes phones delete what they hold.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stillhere.errors import Closed, Fenced, StillhereError

PIECE_WITHIN_S = 30
BODY_WITHIN_S = 900
FENCED_RETRY_S = 3600
DEFAULT_RETRY_S = 30
_SUPERSEDED = "Another server has taken over from this one. Nothing on your device has to change."
_NOT_YET = "This server cannot answer yet. Keep what you have; nothing has to be deleted."


Halted = Callable[[], StillhereError | None]
"""What keeps the core from answering anything; None when nothing does."""
Hold = Callable[[], Awaitable[None] | None]
"""What an answer has to wait for before it is sent; None for nothing."""
_STARTING = Closed(retry_after=1, reason="starting")


class Doorway:
    """The one ASGI application of the process; `open` and `close` change what it answers.

    Safe to call from any thread: a request sees the door as it was when it came.
    """

    def __init__(self, reason: StillhereError) -> None:
        self._app: ASGIApp | None = None
        self._halted: Halted = lambda: reason
        self._hold: Hold = lambda: None

    def open(self, app: ASGIApp, halted: Halted = lambda: None, hold: Hold = lambda: None) -> None:
        """From now on requests go to `app`, as long as nothing is `halted`.

        What is to be sent after `hold` is refused if the core has halted by then."""
        self._app, self._halted, self._hold = app, halted, hold

    def close(self, reason: StillhereError) -> None:
        """From now on every request is answered 503, as `reason` asks for."""
        self._app, self._halted = None, lambda: reason

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request (ASGI)."""
        app, reason = self._app, self._halted()
        if app is None or reason is not None:
            await _refuse(reason or _STARTING, send)
        elif _has_body(scope):
            await _with_patience(app, scope, receive, self._held(send))
        else:
            await app(scope, receive, self._held(send))

    def _held(self, send: Send) -> Send:
        """`send`, once it is sure that this core may say anything.

        Asked at the end and not at the beginning: a process can stand still in between."""
        refused = False

        async def send_later(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start":
                waiting = self._hold()
                if waiting is not None:
                    await waiting
                reason = self._halted()
                if reason is not None:
                    refused = True
                    await _refuse(reason, send)
            if not refused:
                await send(message)

        return send_later


def retry_after(reason: StillhereError) -> int:
    """Seconds after which asking again makes sense; a fenced core never opens again."""
    if isinstance(reason, Fenced):
        return FENCED_RETRY_S
    return int(getattr(reason, "retry_after", DEFAULT_RETRY_S))


async def _refuse(reason: StillhereError, send: Send) -> None:
    # The reason itself is for the operator, on standard error; strangers learn no path from it.
    superseded = isinstance(reason, Fenced)
    problem = {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": _SUPERSEDED if superseded else _NOT_YET,
    }
    body = json.dumps(problem, ensure_ascii=False).encode()
    after = str(retry_after(reason)).encode()
    await _send(send, 503, body, (b"content-type", b"application/problem+json"), after)


async def _send(
    send: Send, status: int, body: bytes, content_type: tuple[bytes, bytes], after: bytes = b""
) -> None:
    headers = [content_type, (b"content-length", str(len(body)).encode())]
    if after:
        headers.append((b"retry-after", after))
    # The rest of a body that nobody reads must not be taken for the next request.
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _has_body(scope: Scope) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


async def _with_patience(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Runs `app`; a body that stalls or drips becomes 408 instead of a request held for ever."""
    ends = asyncio.get_running_loop().time() + BODY_WITHIN_S
    more = True
    started = stalled = False

    async def receive_soon() -> Message:
        nonlocal more, stalled
        if not more:
            return await receive()
        wait = min(PIECE_WITHIN_S, ends - asyncio.get_running_loop().time())
        try:
            async with asyncio.timeout(wait):
                message = await receive()
        except TimeoutError:
            stalled = True
            return {"type": "http.disconnect"}
        more = message.get("more_body", False)
        return message

    async def send_unless_stalled(message: Message) -> None:
        nonlocal started
        if not stalled:
            started = True
            await send(message)

    try:
        await app(scope, receive_soon, send_unless_stalled)
    except Exception:
        if not stalled:
            raise
    if stalled and not started:
        await _send(send, 408, b"", (b"content-type", b"text/plain"))
