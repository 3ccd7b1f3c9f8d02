"""CardDAV and CalDAV requests as ready bytes, and the few answers the benches look into.

RFC 4918 (PROPFIND), RFC 5689 (extended MKCOL), RFC 6352 (addressbook-multiget and
addressbook-query),
RFC 6578 (sync-collection), RFC 4791 (MKCALENDAR, calendar-query, calendar-multiget).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

XML = '<?xml version="1.0" encoding="utf-8"?>'
NAMESPACES = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"'
CALENDARS = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"'
TOKEN = re.compile(rb"<(?:\w+:)?sync-token[^>]*>\s*([^<\s]+)\s*<")
EVENT_HREF = re.compile(rb"<(?:\w+:)?href[^>]*>[^<]*\.ics\s*</")
CARD_HREF = re.compile(rb"<(?:\w+:)?href[^>]*>[^<]*\.vcf\s*</")


@dataclass(frozen=True)
class Login:
    """What a request authenticates with; an empty name sends no credentials."""

    name: str = ""
    password: str = ""

    def header(self) -> str:
        if not self.name:
            return ""
        pair = base64.b64encode(f"{self.name}:{self.password}".encode()).decode()
        return f"Authorization: Basic {pair}\r\n"


def request(
    method: str,
    path: str,
    login: Login,
    body: bytes = b"",
    *,
    depth: str = "",
    content_type: str = "application/xml; charset=utf-8",
    extra: str = "",
) -> bytes:
    """One HTTP/1.1 request, whole."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{login.header()}{extra}"
    if depth:
        head += f"Depth: {depth}\r\n"
    if body:
        head += f"Content-Type: {content_type}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def put(path: str, login: Login, card: bytes) -> bytes:
    """Creates one card; refused by the server if the name is taken."""
    return request(
        "PUT",
        path,
        login,
        card,
        content_type="text/vcard; charset=utf-8",
        extra="If-None-Match: *\r\n",
    )


def make_book(path: str, login: Login) -> bytes:
    """Extended MKCOL of an address book."""
    body = (
        f"{XML}<D:mkcol {NAMESPACES}><D:set><D:prop><D:resourcetype><D:collection/>"
        "<C:addressbook/></D:resourcetype><D:displayname>bench</D:displayname>"
        "</D:prop></D:set></D:mkcol>"
    )
    return request("MKCOL", path, login, body.encode())


def list_book(path: str, login: Login, *, depth: str = "1") -> bytes:
    """PROPFIND for the properties that clients ask a listing for."""
    body = (
        f"{XML}<D:propfind {NAMESPACES}><D:prop><D:getetag/><D:getcontenttype/>"
        "<D:resourcetype/></D:prop></D:propfind>"
    )
    return request("PROPFIND", path, login, body.encode(), depth=depth)


def find_principal(path: str, login: Login) -> bytes:
    """PROPFIND that a client begins with: it needs a log-in and no contacts."""
    body = (
        f"{XML}<D:propfind {NAMESPACES}><D:prop><D:current-user-principal/></D:prop></D:propfind>"
    )
    return request("PROPFIND", path, login, body.encode(), depth="0")


def sync(path: str, login: Login, token: str = "") -> bytes:
    """sync-collection of ETags; an empty token is the initial one."""
    body = (
        f"{XML}<D:sync-collection {NAMESPACES}><D:sync-token>{token}</D:sync-token>"
        "<D:sync-level>1</D:sync-level><D:prop><D:getetag/></D:prop></D:sync-collection>"
    )
    return request("REPORT", path, login, body.encode(), depth="0")


def multiget(path: str, login: Login, hrefs: Iterable[str]) -> bytes:
    """addressbook-multiget of whole cards; `hrefs` are absolute paths."""
    listed = "".join(f"<D:href>{href}</D:href>" for href in hrefs)
    body = (
        f"{XML}<C:addressbook-multiget {NAMESPACES}><D:prop><D:getetag/><C:address-data/>"
        f"</D:prop>{listed}</C:addressbook-multiget>"
    )
    return request("REPORT", path, login, body.encode(), depth="1")


def search(path: str, login: Login, words: str) -> bytes:
    """addressbook-query for the names of whom the words are part of the name."""
    body = (
        f"{XML}<C:addressbook-query {NAMESPACES}><D:prop><D:getetag/></D:prop><C:filter>"
        '<C:prop-filter name="FN"><C:text-match collation="i;unicode-casemap"'
        f' match-type="contains">{words}</C:text-match></C:prop-filter></C:filter>'
        "</C:addressbook-query>"
    )
    return request("REPORT", path, login, body.encode(), depth="1")


def make_calendar(path: str, login: Login) -> bytes:
    """MKCALENDAR of a calendar for events."""
    return request("MKCALENDAR", path, login)


def month(path: str, login: Login, start: datetime, end: datetime, *, data: bool = False) -> bytes:
    """calendar-query for the events in a time: their ETags, and with `data` the events."""
    wanted = "<D:getetag/>" + ("<C:calendar-data/>" if data else "")
    body = (
        f"{XML}<C:calendar-query {CALENDARS}><D:prop>{wanted}</D:prop><C:filter>"
        '<C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">'
        f'<C:time-range start="{start:%Y%m%dT%H%M%SZ}" end="{end:%Y%m%dT%H%M%SZ}"/>'
        "</C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"
    )
    return request("REPORT", path, login, body.encode(), depth="1")


def calendar_multiget(path: str, login: Login, hrefs: Iterable[str]) -> bytes:
    """calendar-multiget of whole events; `hrefs` are absolute paths."""
    listed = "".join(f"<D:href>{href}</D:href>" for href in hrefs)
    body = (
        f"{XML}<C:calendar-multiget {CALENDARS}><D:prop><D:getetag/><C:calendar-data/></D:prop>"
        f"{listed}</C:calendar-multiget>"
    )
    return request("REPORT", path, login, body.encode(), depth="1")


def read_token(answer: bytes) -> str:
    """The sync token of a sync-collection answer. Raises ValueError if there is none."""
    found = TOKEN.search(answer)
    if found is None:
        raise ValueError("an answer without sync-token")
    return found.group(1).decode()


def count_cards(answer: bytes) -> int:
    """How many cards a multistatus names."""
    return len(CARD_HREF.findall(answer))


def count_events(answer: bytes) -> int:
    """How many items of a calendar a multistatus names."""
    return len(EVENT_HREF.findall(answer))


def count_bodies(answer: bytes) -> int:
    """How many cards a multiget carries."""
    return answer.count(b"BEGIN:VCARD")
