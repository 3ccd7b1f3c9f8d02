"""Live properties: what each resource above the cards says of itself.

A table per level of the tree. Whatever a device set itself is kept with the address book.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stillhere.protocols.dav.grammar import carddav, principal, query, sync, versioning, webdav
from stillhere.protocols.dav.grammar.mkcol import RESOURCETYPE
from stillhere.protocols.dav.grammar.paths import PRINCIPALS, Level, write_name
from stillhere.protocols.dav.grammar.webdav import DESCRIPTION, DISPLAYNAME, Ask, Wanted
from stillhere.protocols.dav.grammar.xml import CS, C, D, element, escape
from stillhere.protocols.dav.handlers.request import Request, Seat
from stillhere.store import Collection

GETCTAG = f"{CS}getctag"
BOOK_REPORTS = (sync.REPORT, carddav.MULTIGET, query.REPORT, versioning.EXPAND_PROPERTY)


@dataclass(frozen=True, slots=True)
class Subject:
    """A resource that is described: its level, and its address book where it is one."""

    request: Request
    level: Level
    book: Collection | None = None

    @property
    def seat(self) -> Seat:
        """Who asks."""
        return self.request.seat

    @property
    def href(self) -> str:
        """The path of the resource, percent-encoded."""
        match self.level:
            case Level.PRINCIPAL:
                return self.seat.principal
            case Level.HOME:
                return self.seat.home
            case Level.BOOK:
                assert self.book is not None
                return f"{self.seat.home}{write_name(self.book.name)}/"
        return _FIXED[self.level]


Content = Callable[[Subject], str | None]


def describe(subject: Subject, wanted: Wanted) -> str:
    """The DAV:propstat elements of a resource that is no card."""
    live = LIVE[subject.level]
    kept = subject.book.properties if subject.book else {}
    if wanted.ask is Ask.NAMES:
        names = [name for name, content in live.items() if content(subject) is not None]
        return webdav.propstat("".join(map(element, dict.fromkeys([*names, *kept]))), "")
    names = [*wanted.names]
    if wanted.ask is Ask.ALL:
        names = list(dict.fromkeys([RESOURCETYPE, DISPLAYNAME, *kept, *names]))
    found, missing = [], []
    for name in names:
        content = live[name](subject) if name in live else None
        if content is not None:
            found.append(element(name, content))
        elif name in kept:
            found.append(_kept_element(name, kept[name]))
        elif wanted.ask is Ask.NAMED and not subject.request.minimal:
            missing.append(element(name))
    return webdav.propstat("".join(found), "".join(missing))


def settle(
    kept: dict[str, str], instructions: list[webdav.Instruction], limit: int
) -> tuple[dict[str, str], webdav.Outcome]:
    """The properties after these instructions, all or none, and what became of each.

    ``limit`` bounds names and values together, in characters.
    """
    after = dict(kept)
    refused: dict[str, int] = {}
    for name, value in instructions:
        if _is_protected(name):
            refused[name] = 403
        elif value is None:
            after.pop(name, None)
        else:
            after[name] = value
            if sum(len(n) + len(v) for n, v in after.items()) > limit:
                refused[name] = 507
    names = [instruction.name for instruction in instructions]
    if refused:
        statuses = {name: refused.get(name, 424) for name in names}
        return kept, webdav.Outcome(statuses, f"{D}cannot-modify-protected-property")
    return after, webdav.Outcome(dict.fromkeys(names, 200))


def _is_protected(name: str) -> bool:
    """Whether only the server sets this: what is live anywhere, and all of WebDAV's own."""
    if name in webdav.TEXT_PROPERTIES:
        return False
    return name.startswith(D) or name in LIVE[Level.BOOK] or name in LIVE[Level.PRINCIPAL]


def _kept_element(name: str, value: str) -> str:
    return element(name, escape(value)) if name in webdav.TEXT_PROPERTIES else value


def _text(name: str) -> Content:
    """The content of a property that is kept as text with the address book."""

    def content(subject: Subject) -> str | None:
        assert subject.book is not None
        value = subject.book.properties.get(name)
        return None if value is None else escape(value)

    return content


def _token(subject: Subject) -> str:
    assert subject.book is not None
    return escape(subject.request.token(subject.book.name, subject.book.position))


def _always(content: str) -> Content:
    return lambda _: content


_FIXED = {Level.ROOT: "/dav/", Level.PRINCIPALS: PRINCIPALS, Level.HOMES: "/dav/addressbooks/"}

_ANY: dict[str, Content] = {
    RESOURCETYPE: _always("<D:collection/>"),
    principal.CURRENT_USER_PRINCIPAL: lambda s: principal.href_content(s.seat.principal),
    principal.PRINCIPAL_COLLECTION_SET: _always(principal.href_content(PRINCIPALS)),
    principal.PRIVILEGES: _always(principal.privilege_content(writable=False)),
    f"{D}supported-report-set": _always(
        versioning.report_set_content([versioning.EXPAND_PROPERTY])
    ),
}
_OWNED: dict[str, Content] = {
    principal.OWNER: lambda s: principal.href_content(s.seat.principal),
    principal.PRIVILEGES: _always(principal.privilege_content(writable=True)),
}
LIVE: dict[Level, dict[str, Content]] = {
    Level.ROOT: _ANY,
    Level.PRINCIPALS: _ANY,
    Level.HOMES: _ANY,
    Level.PRINCIPAL: _ANY
    | {
        RESOURCETYPE: _always("<D:principal/>"),
        DISPLAYNAME: lambda s: escape(s.seat.login.name),
        principal.PRINCIPAL_URL: lambda s: principal.href_content(s.seat.principal),
        f"{C}addressbook-home-set": lambda s: principal.href_content(s.seat.home),
    },
    Level.HOME: _ANY | _OWNED | {DISPLAYNAME: lambda s: escape(s.seat.login.name)},
    Level.BOOK: _ANY
    | _OWNED
    | {
        RESOURCETYPE: _always("<D:collection/><C:addressbook/>"),
        DISPLAYNAME: _text(DISPLAYNAME),
        DESCRIPTION: _text(DESCRIPTION),
        GETCTAG: _token,
        sync.SYNC_TOKEN: _token,
        carddav.MAX_RESOURCE_SIZE: lambda s: str(s.request.limits.card),
        f"{C}supported-address-data": _always(carddav.SUPPORTED_ADDRESS_DATA),
        f"{C}supported-collation-set": _always(carddav.SUPPORTED_COLLATIONS),
        f"{D}supported-report-set": _always(versioning.report_set_content(BOOK_REPORTS)),
    },
}
