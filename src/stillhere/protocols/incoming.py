"""Bodies of requests: waited for with patience that ends, and never left in the way of an answer.

A body that stalls or drips is 408 instead of a request held for ever. One that nobody wants to
read is read to its end where that is near, and thrown away: who is still sending reads no answer
before, and bytes left behind would be taken for the next request, or reset the connection while
the answer is on its way.
"""

import asyncio
import json

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PIECE_WITHIN_S = 30
BODY_WITHIN_S = 900
THROWN_AWAY_BYTES = 16 << 20

Headers = tuple[tuple[bytes, bytes], ...]
CLOSE: Headers = ((b"connection", b"close"),)


def has_body(scope: Scope) -> bool:
    """Whether a request announces a body."""
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


async def send_problem(
    send: Send, status: int, title: str, detail: str, headers: Headers = ()
) -> None:
    """Answers with a problem document (RFC 9457), and ends the connection."""
    problem = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    body = json.dumps(problem, ensure_ascii=False).encode()
    about = (
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
    )
    start = {"type": "http.response.start", "status": status}
    await send(start | {"headers": [*about, *headers, *CLOSE]})
    await send({"type": "http.response.body", "body": body})


async def with_patience(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Runs `app` on a request that has a body."""
    body = _Body(scope, receive)
    started = False

    async def send_clear_of_body(message: Message) -> None:
        nonlocal started
        if message["type"] == "http.response.start" and not body.stalled:
            if not await body.throw_away():
                message = {**message, "headers": [*message.get("headers", ()), *CLOSE]}
            started = True
        if started:
            await send(message)

    try:
        await app(scope, body.receive, send_clear_of_body)
    except Exception:
        if not body.stalled:
            raise
    if body.stalled and not started:
        detail = "the rest of this request did not come in time; nothing was changed"
        await send_problem(send, 408, "Request Timeout", detail)


class _Body:
    """What comes of a request after its head."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.stalled = False
        self._receive = receive
        self._more = True
        self._ends = asyncio.get_running_loop().time() + BODY_WITHIN_S
        # Who asks first whether to send (RFC 9110, 10.1.1) sends nothing before it is asked to.
        self._asks = any(name == b"expect" for name, _ in scope["headers"])

    async def receive(self) -> Message:
        """The next piece; a body that stalls looks like a client that has gone."""
        self._asks = False
        if not self._more:
            return await self._receive()
        wait = min(PIECE_WITHIN_S, self._ends - asyncio.get_running_loop().time())
        try:
            async with asyncio.timeout(wait):
                message = await self._receive()
        except TimeoutError:
            self.stalled = True
            return {"type": "http.disconnect"}
        self._more = message.get("more_body", False)
        return message

    async def throw_away(self) -> bool:
        """Reads what is left of the body; False when its end is not near."""
        size = 0
        while self._more and not self._asks and size <= THROWN_AWAY_BYTES:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                return False
            size += len(message.get("body", b""))
        return not self._more
