"""The CardDAV and CalDAV that a phone speaks: find a collection, ask for changes, fetch items, send
edits.

RFC 6764 (discovery), 6352 (CardDAV), 4791 (CalDAV), 6578 (sync-collection), 9110 (conditional
requests). Every
answer that is not what was asked for becomes one of the exceptions below; what a phone then does
is in collection.py.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from urllib.parse import quote, urlsplit
from xml.etree.ElementTree import ParseError
from xml.sax.saxutils import escape

from stillhere.demo.wire import (
    CALENDAR,
    CARD,
    DAV,
    XML,
    Answer,
    Item,
    Multistatus,
    UnreachableError,
    Wire,
    path_of,
    read_multistatus,
    refuses_token,
)

BATCH = 50
"""Items asked for in one multiget."""
_PAGES = 1_000  # of one delta, at most
_REDIRECTS = 5


@dataclass(frozen=True)
class Dialect:
    """What CardDAV and CalDAV call the same: the prefix `C` stands for their `namespace`."""

    namespace: str
    well_known: str
    home: str
    """The property that says where the collections are."""
    collection: str
    """The resource type of one."""
    multiget: str
    data: str
    """The property with an item's bytes."""

    @property
    def namespaces(self) -> str:
        """Their declarations."""
        return f'xmlns="DAV:" xmlns:C="{self.namespace[1:-1]}"'


CARDDAV = Dialect(
    CARD,
    "/.well-known/carddav",
    "addressbook-home-set",
    "addressbook",
    "addressbook-multiget",
    "address-data",
)
CALDAV = Dialect(
    CALENDAR,
    "/.well-known/caldav",
    "calendar-home-set",
    "calendar",
    "calendar-multiget",
    "calendar-data",
)


class ClosedError(Exception):
    """503 (or 429): ask again after `retry_after` seconds; nothing else may be concluded."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"asked to wait {retry_after:.0f} s")
        self.retry_after = retry_after


class ConflictError(Exception):
    """412: the server's item is not the one that the edit was made on."""


class TokenRefusedError(Exception):
    """The server does not know the sync token (DAV:valid-sync-token)."""


class GoneError(Exception):
    """404 or 410: what was asked for does not exist."""


class OddAnswerError(Exception):
    """Any other answer: a refused log-in, an error of the server, no multistatus."""


TROUBLE = (ClosedError, ConflictError, TokenRefusedError, GoneError, OddAnswerError)
"""All of the above: the server answered, but not with what was asked for."""


@dataclass(frozen=True)
class Delta:
    """What a collection says has changed since a token; everything, when the token was empty."""

    etags: dict[str, str]
    """Present members by href (the last segment, decoded)."""
    deleted: list[str]
    token: str


@dataclass
class Stopwatch:
    """When requests for the collection itself were first sent and answered (`time.monotonic`)."""

    asked: float | None = None
    """First request that reached a listening server."""
    answered: float | None = None
    """First answer that was not 'ask again later'."""
    multiget: float | None = None
    """First answer that brought items."""
    waits: int = 0
    """Answers that said 'ask again later'."""


@dataclass
class Client:
    """One person's collection of one sort, as seen through one connection: of items of this
    `component` and `media_type`."""

    wire: Wire
    dialect: Dialect = CARDDAV
    component: str = "VCARD"
    media_type: str = "text/vcard; charset=utf-8"
    watch: Stopwatch = field(default_factory=Stopwatch)

    def discover(self) -> str:
        """Return the (encoded) path of the first collection, from nothing but the host."""
        dialect, homes = self.dialect, self.wire.homes
        if dialect.home not in homes:
            principal = self._follow(dialect.well_known, "current-user-principal")
            homes[dialect.home] = self._follow(principal, f"C:{dialect.home}")
        home = homes[dialect.home]
        body = self._propfind("<resourcetype/><C:supported-calendar-component-set/>")
        listing = self._multistatus("PROPFIND", home, body, depth="1")
        for item in listing.items:
            if self._takes(item):
                return quote(item.path.rstrip("/") + "/")
        raise GoneError(f"no collection for {self.component}")

    def _takes(self, item: Item) -> bool:
        """Say whether a member of the home is a collection of this sort."""
        sort = item.properties.get(f"{DAV}resourcetype")
        if sort is None or sort.find(f"{self.dialect.namespace}{self.dialect.collection}") is None:
            return False
        taken = item.properties.get(f"{CALENDAR}supported-calendar-component-set")
        if self.dialect is CARDDAV or taken is None:
            return True
        return any(each.get("name") == self.component for each in taken)

    def changes(self, collection: str, token: str) -> Delta:
        """Return what changed since `token`, all pages of it; an empty token asks for all."""
        etags: dict[str, str] = {}
        deleted: dict[str, None] = {}
        for _ in range(_PAGES):
            body = (
                f"<sync-collection {self.dialect.namespaces}>"
                f"<sync-token>{escape(token)}</sync-token><sync-level>1</sync-level>"
                "<prop><getetag/></prop></sync-collection>"
            )
            page = self._multistatus("REPORT", collection, body.encode(), timed=True)
            for href, item in _members(collection, page.items):
                if item.status == 404:
                    etags.pop(href, None)
                    deleted[href] = None
                else:
                    deleted.pop(href, None)
                    etags[href] = item.etag
            token = page.token
            if not any(item.status == 507 for item in page.items):
                return Delta(etags, list(deleted), token)
        raise OddAnswerError(f"a delta of more than {_PAGES} pages")

    def fetch(self, collection: str, hrefs: Iterable[str]) -> Iterator[tuple[str, str, bytes]]:
        """Yield (href, ETag, bytes) of those of `hrefs` that the server gives, in batches."""
        wanted, dialect = iter(hrefs), self.dialect
        while batch := list(islice(wanted, BATCH)):
            paths = "".join(f"<href>{escape(collection + quote(href))}</href>" for href in batch)
            body = (
                f"<C:{dialect.multiget} {dialect.namespaces}><prop><getetag/><C:{dialect.data}/>"
                f"</prop>{paths}</C:{dialect.multiget}>"
            )
            answer = self._multistatus("REPORT", collection, body.encode(), timed=True)
            for href, item in _members(collection, answer.items):
                if item.data is not None and item.status == 200:
                    self.watch.multiget = self.watch.multiget or time.monotonic()
                    yield href, item.etag, item.data

    def get(self, collection: str, href: str) -> bytes:
        """Return one item as it is, line ends and all (XML answers may change those)."""
        return self._send("GET", collection + quote(href)).body

    def put(self, collection: str, href: str, body: bytes, etag: str) -> str:
        """Store an item over the one with `etag`, or a new one when empty; return its ETag.

        The ETag is empty when the server gives none.
        """
        condition = {"If-Match": etag} if etag else {"If-None-Match": "*"}
        headers = {"Content-Type": self.media_type, **condition}
        answer = self._send("PUT", collection + quote(href), body, headers, timed=True)
        return answer.headers.get("etag", "")

    def delete(self, collection: str, href: str, etag: str) -> None:
        """Delete the item that has `etag`."""
        headers = {"If-Match": etag} if etag else {}
        self._send("DELETE", collection + quote(href), headers=headers, timed=True)

    def _follow(self, path: str, name: str) -> str:
        """Return the href in a property of `path`, following redirects."""
        answer = self._multistatus("PROPFIND", path, self._propfind(f"<{name}/>"), depth="0")
        clark = f"{self.dialect.namespace}{name[2:]}" if name.startswith("C:") else f"{DAV}{name}"
        for item in answer.items:
            if clark in item.properties:
                return quote(path_of(item.properties[clark].findtext(f"{DAV}href", "")))
        raise GoneError(f"no {name} at {path}")

    def _propfind(self, properties: str) -> bytes:
        declared = self.dialect.namespaces
        return f"<propfind {declared}><prop>{properties}</prop></propfind>".encode()

    def _multistatus(
        self, method: str, path: str, body: bytes, *, depth: str = "1", timed: bool = False
    ) -> Multistatus:
        headers = {"Content-Type": XML, "Depth": depth}
        answer = self._send(method, path, body, headers, timed=timed)
        if answer.status != 207:
            raise OddAnswerError(f"{method} answered {answer.status} instead of 207")
        try:
            return read_multistatus(answer.body)
        except ParseError as error:
            raise OddAnswerError(f"{method} answered what isn't XML: {error}") from error

    def _send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        *,
        timed: bool = False,
    ) -> Answer:
        started = time.monotonic()
        try:
            answer = self.wire.ask(method, path, body, headers)
        except UnreachableError as error:
            if timed and error.listening:
                self.watch.asked = self.watch.asked or started
            raise
        if timed:
            self.watch.asked = self.watch.asked or started
        for _ in range(_REDIRECTS):
            if answer.status not in (301, 302, 307, 308):
                break
            path = urlsplit(answer.headers.get("location", "/")).path
            answer = self.wire.ask(method, path, body, headers)
        if answer.status in (429, 503):
            self.watch.waits += 1
            raise ClosedError(answer.retry_after)
        if timed:
            self.watch.answered = self.watch.answered or time.monotonic()
        _raise_for(method, answer)
        return answer


def _raise_for(method: str, answer: Answer) -> None:
    """Raise what the status of an unwelcome answer means."""
    if answer.status < 300:
        return
    if refuses_token(answer):
        raise TokenRefusedError
    if answer.status == 412:
        raise ConflictError
    if answer.status in (404, 410):
        raise GoneError(method)
    raise OddAnswerError(f"{method} answered {answer.status}")


def _members(collection: str, items: Iterable[Item]) -> Iterator[tuple[str, Item]]:
    """Yield the responses for members of a collection with the last segment of their paths."""
    base = path_of(collection)
    for item in items:
        if item.path.startswith(base) and item.path != base:
            yield item.path[len(base) :], item
