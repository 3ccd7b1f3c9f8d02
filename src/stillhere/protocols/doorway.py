"""What stands before every protocol: the whole process is open, or closed with a reason.

A core that may not serve (its epoch is sealed, its vault cannot be read, it is still starting)
answers 503 + Retry-After (RFC 9110, 15.6.4) with a problem body (RFC 9457) to everything, before
anything is looked up: a listing that is wrong makes phones delete what they hold.
"""

from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stillhere.errors import Closed, Fenced, StillhereError
from stillhere.protocols.incoming import has_body, send_problem, with_patience

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
            app = _refusing(reason or _STARTING)
        else:
            send = self._held(send)
        if has_body(scope):
            await with_patience(app, scope, receive, send)
        else:
            await app(scope, receive, send)

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


def _refusing(reason: StillhereError) -> ASGIApp:
    async def refuse(_scope: Scope, _receive: Receive, send: Send) -> None:
        await _refuse(reason, send)

    return refuse


async def _refuse(reason: StillhereError, send: Send) -> None:
    # The reason itself is for the operator, on standard error; strangers learn no path from it.
    detail = _SUPERSEDED if isinstance(reason, Fenced) else _NOT_YET
    after = (b"retry-after", str(retry_after(reason)).encode())
    await send_problem(send, 503, "Service Unavailable", detail, (after,))
