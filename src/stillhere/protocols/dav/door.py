"""The door itself: one request in, one answer out, and no answer that makes a device delete.

may this core still answer anybody?                        503
/.well-known/carddav and caldav lead to /dav/              301
who is it?                                                 401, 429
is it their own path?                                      403, whether or not it exists
is that shelf open? (a knock opens it)                    503, before anything is looked up
is there such a method?                                    405
the method's own answer
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from starlette.types import Receive, Scope, Send

from stillhere.errors import BadInput, Closed, Erased, Fenced, StillhereError, Unavailable
from stillhere.protocols.dav.grammar import basic, paths
from stillhere.protocols.dav.grammar.paths import Level
from stillhere.protocols.dav.handlers import (
    allow,
    delete,
    get,
    mkcol,
    propfind,
    proppatch,
    put,
    report,
    transfer,
)
from stillhere.protocols.dav.handlers.answer import Answer, Refused, missing, refusal, unavailable
from stillhere.protocols.dav.handlers.request import (
    Gone,
    Limits,
    Request,
    seat_of,
)
from stillhere.protocols.dav.handlers.shelves import find_kind
from stillhere.store import BadLogin, Login, Store, Throttled

FENCED_RETRY_S = 3600
MISSING_RETRY_S = 60
READING_THREADS = 2
MAKING = ("MKCOL", "MKCALENDAR")

Handler = Callable[[Request], Awaitable[Answer]]

_METHODS: dict[str, Handler] = {
    "OPTIONS": allow.options,
    "PROPFIND": propfind.propfind,
    "REPORT": report.report,
    "PUT": put.put,
    "GET": get.get,
    "HEAD": get.get,
    "DELETE": delete.delete,
    "PROPPATCH": proppatch.proppatch,
    "MKCOL": mkcol.mkcol,
    "MKCALENDAR": mkcol.mkcalendar,
    "COPY": transfer.transfer,
    "MOVE": transfer.transfer,
}
_log = logging.getLogger(__name__)


def app(
    store: Store,
    *,
    max_item_bytes: int = 1_000_000,
    max_xml_bytes: int = 2_000_000,
    max_hrefs: int = 10_000,
    max_page: int = 10_000,
    max_answer_bytes: int = 100_000_000,
    max_search_s: float = 10.0,
) -> Door:
    """The ASGI application for /dav/, /.well-known/carddav and /.well-known/caldav.

    Sizes in bytes, else counts. ``max_search_s`` is in seconds of a processor.
    """
    limits = Limits(
        item=max_item_bytes,
        xml=max_xml_bytes,
        hrefs=max_hrefs,
        page=max_page,
        answer=max_answer_bytes,
        search_s=max_search_s,
    )
    return Door(store, limits)


class Door:
    """An ASGI application. Plain ASGI, since a request here is answered in a few dozen µs."""

    def __init__(self, store: Store, limits: Limits) -> None:
        self._store = store
        self._limits = limits
        self._pool = ThreadPoolExecutor(READING_THREADS, thread_name_prefix="dav")
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        assert scope["type"] == "http"
        try:
            answer = await self._answer(scope, receive)
        except Refused as refused:
            answer = refused.answer
        except Gone:
            return
        except StillhereError as error:
            answer = explain(error)
        except Exception:  # noqa: BLE001 (logged; strangers learn no details)
            _log.exception("%s failed", scope["method"])
            answer = refusal(
                500, "Internal Server Error", "this request met an error of the server"
            )
        await _send(send, answer, head_only=scope["method"] == "HEAD")

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        # Before log-in: a later core may know names that this one does not.
        if self._store.gate.halted is not None:
            raise self._store.gate.halted
        raw_path = scope["raw_path"]
        if raw_path.rstrip(b"/") in paths.WELL_KNOWN:
            return Answer(301, ((b"location", paths.ROOT.encode()),))
        headers = _read_headers(scope["headers"])
        login = await self._log_in(headers, scope)
        place = paths.read_path(raw_path)
        seat = seat_of(login)
        if place.owner and not seat.owns(place.owner):
            return refusal(403, "Forbidden", "this path is not yours")
        method = scope["method"]
        making = None if method in MAKING else self._making
        kind = await find_kind(self._store, login, place, making)
        handler = _METHODS.get(method)
        if handler is None:
            return allow.not_allowed(place.level)
        if place.level is Level.NOWHERE and method not in MAKING:
            return missing()
        return await handler(
            Request(
                self._store,
                self._limits,
                self._pool,
                seat,
                place,
                kind,
                method,
                raw_path.decode("latin-1"),
                headers,
                receive,
                self._making,
            )
        )

    async def _log_in(self, headers: dict[bytes, bytes], scope: Scope) -> Login:
        try:
            name, password = basic.read_credentials(headers.get(b"authorization"))
            client = scope["client"]
            return await self._store.logins.authenticate(
                name, password, client=client[0] if client else ""
            )
        except (basic.NoCredentials, BadLogin):
            raise Refused(_ASK) from None


def explain(error: StillhereError) -> Answer:
    """What an error is on the wire: never 404 for what a device could take for a deletion."""
    match error:
        case Throttled():
            return refusal(
                429,
                "Too Many Requests",
                error.what,
                hint=error.hint,
                headers=((b"retry-after", b"%d" % error.retry_after),),
            )
        case Erased():
            return _ASK
        case BadInput():
            return refusal(400, "Bad Request", error.what, safe=error.safe, hint=error.hint)
        case Closed():
            retry_after, reason = error.retry_after, error.reason
        case Unavailable():
            retry_after, reason = error.retry_after, "vault"
        case Fenced():
            retry_after, reason = FENCED_RETRY_S, "superseded"
        case _:
            retry_after, reason = MISSING_RETRY_S, ""
    return unavailable(error.what, retry_after, safe=error.safe, hint=error.hint, reason=reason)


def _read_headers(pairs: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by name; those that are repeated are joined (RFC 9110, 5.3)."""
    headers = dict(pairs)
    if len(headers) != len(pairs):
        headers.clear()
        for name, value in pairs:
            headers[name] = headers[name] + b", " + value if name in headers else value
    return headers


async def _send(send: Send, answer: Answer, *, head_only: bool) -> None:
    headers = list(answer.headers)
    if answer.status not in (204, 304):
        headers.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head_only else answer.body})


_ASK = refusal(
    401,
    "Unauthorized",
    "log in with the name and password of your account",
    headers=((b"www-authenticate", basic.CHALLENGE),),
)
