"""One request after log-in: who asks, for what, and the ways to its body and to the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from stillhere.errors import BadInput
from stillhere.protocols.dav.grammar.caldav import CALDAV
from stillhere.protocols.dav.grammar.carddav import CARDDAV
from stillhere.protocols.dav.grammar.conditional import Conditions, read_conditions
from stillhere.protocols.dav.grammar.dialect import Dialect
from stillhere.protocols.dav.grammar.paths import Home, Place, home_path, principal_path
from stillhere.protocols.dav.grammar.webdav import read_depth
from stillhere.protocols.dav.handlers.answer import Answer, Refused, refusal
from stillhere.store import Login, Shelf, ShelfWrite, Store
from stillhere.store.accounts import fold_name

DIALECTS = {dialect.home: dialect for dialect in (CARDDAV, CALDAV)}
T = TypeVar("T")


class Gone(Exception):
    """The device hung up before its request was whole; nobody waits for an answer."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may ask for. Sizes in bytes."""

    item: int = 1_000_000
    xml: int = 2_000_000
    hrefs: int = 10_000
    page: int = 10_000
    """Members in one answer of sync-collection."""
    answer: int = 100_000_000
    """Bytes of an answer with many items."""
    search_s: float = 10.0
    """Seconds of a processor for one query or multiget; 10,000 cards usually take 0.2."""
    properties: int = 65_536
    """What devices may keep with one collection besides its items."""


class Seat(NamedTuple):
    """Who asks, and the paths that are theirs."""

    login: Login
    principal: str
    homes: dict[Home, str]

    def owns(self, name: str) -> bool:
        """Whether a name in a path is this person's, as log-in names are compared."""
        if name == self.login.name:
            return True
        try:
            return fold_name(name) == fold_name(self.login.name)
        except BadInput:
            return False


@lru_cache(4096)
def seat_of(login: Login) -> Seat:
    """The paths of a person who logged in."""
    homes = {home: home_path(home, login.name) for home in Home}
    return Seat(login, principal_path(login.name), homes)


@dataclass(slots=True)
class Request:
    """A request that passed log-in and gate; ``kind`` is that of the shelf it is about."""

    store: Store
    limits: Limits
    pool: ThreadPoolExecutor
    seat: Seat
    place: Place
    kind: str
    method: str
    path: str
    headers: dict[bytes, bytes]
    receive: Callable[[], Awaitable[Any]]
    making: asyncio.Lock
    """Held while a collection is made or moved: no two in a home have one name, on whatever
    shelf."""

    async def body(self, limit: int, too_large: Callable[[int], Answer]) -> bytes:
        """The whole body. Raises Refused when it is longer than ``limit`` bytes, and Gone."""
        pieces: list[bytes] = []
        size, more = 0, True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise Gone
            piece: bytes = message.get("body", b"")
            more = message.get("more_body", False)
            size += len(piece)
            if size > limit:
                raise Refused(too_large(limit))
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def xml(self) -> bytes:
        """The body of a request in XML."""
        return await self.body(self.limits.xml, _too_large)

    def depth(self, missing: int | None) -> int | None:
        """The Depth header: 0, 1, or None for infinity."""
        return read_depth(self.headers.get(b"depth"), missing)

    def conditions(self) -> Conditions:
        """What the request is conditional on."""
        return read_conditions(self.headers, self.path)

    @property
    def dialect(self) -> Dialect:
        """What things are called in the home that the path is in."""
        assert self.place.home is not None
        return DIALECTS[self.place.home]

    @property
    def home(self) -> str:
        """The path of the home that the path is in."""
        assert self.place.home is not None
        return self.seat.homes[self.place.home]

    @property
    def host(self) -> str:
        """The host and port that the device believes it talks to."""
        return self.headers.get(b"host", b"").decode("latin-1")

    @property
    def minimal(self) -> bool:
        """Whether properties that are not found may be left out (RFC 8144, 2.1)."""
        return b"return=minimal" in self.headers.get(b"prefer", b"")

    def read(self, fn: Callable[[Shelf], T]) -> T:
        """What ``fn`` finds on the person's shelf, at once: for answers of a few records."""
        with self.store.read(self.seat.login.account, self.kind) as shelf:
            return fn(shelf)

    async def read_long(self, fn: Callable[[Shelf], T]) -> T:
        """The same in a thread, so that a long listing holds up nobody else."""
        return await asyncio.get_running_loop().run_in_executor(self.pool, self.read, fn)

    async def write(self, fn: Callable[[ShelfWrite], T]) -> T:
        """What ``fn`` returns, once all that it changed is in the vault."""
        login = self.seat.login
        return await asyncio.wrap_future(
            self.store.write(login.account, self.kind, fn, device=login.device)
        )

    def of_kind(self, kind: str) -> Request:
        """The same request, about another shelf."""
        return replace(self, kind=kind)

    def token(self, collection: str, seq: int) -> str:
        """The sync token of a position."""
        return self.store.tokens.make(self.seat.login.account, self.kind, collection, seq)


def _too_large(limit: int) -> Answer:
    return refusal(
        413,
        "Content Too Large",
        f"a request of this kind has at most {limit} bytes",
        safe="nothing was changed",
    )
