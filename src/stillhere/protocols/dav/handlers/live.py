"""Live properties: what each resource above the items says of itself, a table per level."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stillhere.kinds import KINDS
from stillhere.protocols.dav.grammar import caldav, carddav, principal, sync, versioning, webdav
from stillhere.protocols.dav.grammar.mkcol import RESOURCETYPE
from stillhere.protocols.dav.grammar.paths import PRINCIPALS, ROOT, Home, Level, write_name
from stillhere.protocols.dav.grammar.webdav import DISPLAYNAME
from stillhere.protocols.dav.grammar.xml import CAL, CS, C, D, element, escape
from stillhere.protocols.dav.handlers.request import DIALECTS, Request, Seat
from stillhere.store import Collection

GETCTAG = f"{CS}getctag"


@dataclass(frozen=True, slots=True)
class Subject:
    """A resource that is described: its level, the home that it is or is in, and its collection
    where it is one; then the request is about the shelf that has it."""

    request: Request
    level: Level
    home: Home | None = None
    collection: Collection | None = None

    @property
    def seat(self) -> Seat:
        """Who asks."""
        return self.request.seat

    @property
    def name(self) -> str:
        """The name of the collection."""
        assert self.collection is not None
        return self.collection.name

    @property
    def href(self) -> str:
        """The path of the resource, percent-encoded."""
        match self.level, self.home:
            case Level.PRINCIPAL, _:
                return self.seat.principal
            case Level.HOMES, Home() as home:
                return home.path
            case Level.HOME, Home() as home:
                return self.seat.homes[home]
            case Level.COLLECTION, Home() as home:
                return f"{self.seat.homes[home]}{write_name(self.name)}/"
        return PRINCIPALS if self.level is Level.PRINCIPALS else ROOT


Content = Callable[[Subject], str | None]


def live_of(level: Level, home: Home | None) -> dict[str, Content]:
    """The live properties of what is at this level, by name; None for one that is not set."""
    if level is Level.COLLECTION and home is not None:
        return _COLLECTIONS[home]
    return _ABOVE.get(level, _ANY)


def is_protected(name: str) -> bool:
    """Whether only the server sets this: what is live anywhere, and all of WebDAV's own."""
    if name in webdav.TEXT_PROPERTIES:
        return False
    tables = (_ABOVE[Level.PRINCIPAL], *_COLLECTIONS.values())
    return name.startswith(D) or any(name in table for table in tables)


def _text(name: str) -> Content:
    """The content of a property that is kept as text with the collection."""

    def content(subject: Subject) -> str | None:
        assert subject.collection is not None
        value = subject.collection.properties.get(name)
        return None if value is None else escape(value)

    return content


def _token(subject: Subject) -> str:
    assert subject.collection is not None
    return escape(subject.request.token(subject.name, subject.collection.position))


def _always(content: str) -> Content:
    return lambda _: content


def _home_of(home: Home) -> Content:
    return lambda subject: principal.href_content(subject.seat.homes[home])


_ANY: dict[str, Content] = {
    RESOURCETYPE: _always("<D:collection/>"),
    principal.CURRENT_USER_PRINCIPAL: lambda s: principal.href_content(s.seat.principal),
    principal.PRINCIPAL_COLLECTION_SET: _always(principal.href_content(PRINCIPALS)),
    principal.PRIVILEGES: _always(principal.privilege_content(writable=False)),
    f"{D}supported-report-set": _always(
        versioning.report_set_content([versioning.EXPAND_PROPERTY])
    ),
}
_OWNED: dict[str, Content] = _ANY | {
    principal.OWNER: lambda s: principal.href_content(s.seat.principal),
    principal.PRIVILEGES: _always(principal.privilege_content(writable=True)),
}
_ABOVE: dict[Level, dict[str, Content]] = {
    Level.PRINCIPAL: _ANY
    | {
        RESOURCETYPE: _always("<D:principal/>"),
        DISPLAYNAME: lambda s: escape(s.seat.login.name),
        principal.PRINCIPAL_URL: lambda s: principal.href_content(s.seat.principal),
    }
    | {dialect.home_set: _home_of(home) for home, dialect in DIALECTS.items()},
    Level.HOME: _OWNED | {DISPLAYNAME: lambda s: escape(s.seat.login.name)},
}


def _collection(home: Home) -> dict[str, Content]:
    """What an address book and a calendar both say of themselves, each in its own words."""
    dialect = DIALECTS[home]
    reports = (
        sync.REPORT,
        dialect.multiget,
        dialect.query,
        *dialect.further_reports,
        versioning.EXPAND_PROPERTY,
    )
    return _OWNED | {
        RESOURCETYPE: _always("<D:collection/>" + element(dialect.collection)),
        DISPLAYNAME: _text(DISPLAYNAME),
        GETCTAG: _token,
        sync.SYNC_TOKEN: _token,
        dialect.max_resource_size: lambda s: str(s.request.limits.item),
        f"{D}supported-report-set": _always(versioning.report_set_content(reports)),
    }


_COLLECTIONS: dict[Home, dict[str, Content]] = {
    Home.ADDRESSBOOKS: _collection(Home.ADDRESSBOOKS)
    | {
        webdav.BOOK_DESCRIPTION: _text(webdav.BOOK_DESCRIPTION),
        f"{C}supported-address-data": _always(carddav.SUPPORTED_ADDRESS_DATA),
        f"{C}supported-collation-set": _always(carddav.SUPPORTED_COLLATIONS),
    },
    Home.CALENDARS: _collection(Home.CALENDARS)
    | {
        webdav.CALENDAR_DESCRIPTION: _text(webdav.CALENDAR_DESCRIPTION),
        webdav.CALENDAR_TIMEZONE: _text(webdav.CALENDAR_TIMEZONE),
        caldav.COMPONENT_SET: lambda s: caldav.component_set([KINDS[s.request.kind].component]),
        f"{CAL}supported-calendar-data": _always(caldav.SUPPORTED_CALENDAR_DATA),
        f"{CAL}supported-collation-set": _always(caldav.SUPPORTED_COLLATIONS),
    },
}
