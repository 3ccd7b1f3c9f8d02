"""Items in listings: written through a template made once per request, as there are thousands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from stillhere.kinds import contacts
from stillhere.protocols.dav.grammar import principal, webdav
from stillhere.protocols.dav.grammar.conditional import http_date
from stillhere.protocols.dav.grammar.mkcol import RESOURCETYPE
from stillhere.protocols.dav.grammar.paths import write_name
from stillhere.protocols.dav.grammar.webdav import Ask, Wanted
from stillhere.protocols.dav.grammar.xml import CS, D, element, escape, escape_bytes
from stillhere.protocols.dav.handlers.live import Subject
from stillhere.store import Record

GETETAG = f"{D}getetag"

Content = Callable[[Record, bytes], bytes]


class Writer(Protocol):
    """Writes the DAV:response of one item; ``body`` is needed where its data is wanted."""

    def __call__(self, record: Record, body: bytes = b"") -> bytes:
        """The response, in UTF-8."""
        ...


def item_writer(subject: Subject, wanted: Wanted, data: Content | None = None) -> Writer:
    """What writes the DAV:response of each item of the collection ``subject``.

    With ``data`` (in a report), the property that carries bodies is what that makes of the
    body it is given.
    """
    contents = _ITEM | {subject.request.dialect.data: data} if data is not None else _ITEM
    names = wanted.names if wanted.ask is Ask.NAMED else (*_ITEM_ALL, *wanted.names)
    if wanted.ask is Ask.NAMES:
        names = (*_ITEM_FIXED, *contents)
    slots: list[Content] = []
    found: list[str] = []
    missing: list[str] = []
    for name in dict.fromkeys(names):
        if wanted.ask is Ask.NAMES:
            found.append(element(name))
        elif name in _ITEM_FIXED:
            found.append(element(name, _ITEM_FIXED[name](subject)).replace("%", "%%"))
        elif name in contents:
            found.append(element(name, "%b"))
            slots.append(contents[name])
        elif wanted.ask is Ask.NAMED and not subject.request.minimal:
            missing.append(element(name).replace("%", "%%"))
    href = subject.href.replace("%", "%%") + "%b"
    template = webdav.response(href, webdav.propstat("".join(found), "".join(missing))).encode()

    def write(record: Record, body: bytes = b"") -> bytes:
        filled = [content(record, body) for content in slots]
        return template % (write_name(record.href).encode(), *filled)

    return write


def give_whole(record: Record, body: bytes) -> bytes:
    """An item as it came, as the content of CARDDAV:address-data or CALDAV:calendar-data."""
    if record.media_type == contacts.OLD_MEDIA_TYPE:
        return escape(contacts.text_of(body)).encode()
    return escape_bytes(body)


_ITEM: dict[str, Content] = {
    GETETAG: lambda record, _: record.etag.encode(),
    # An early Thunderbird asks for the ETag under this name.
    f"{CS}getetag": lambda record, _: record.etag.encode(),
    f"{D}getcontenttype": lambda record, _: escape(record.media_type).encode(),
    f"{D}getcontentlength": lambda record, _: b"%d" % record.size,
    f"{D}getlastmodified": lambda record, _: http_date(record.modified).encode(),
}
_ITEM_ALL = (
    RESOURCETYPE,
    GETETAG,
    f"{D}getcontenttype",
    f"{D}getcontentlength",
    f"{D}getlastmodified",
)
_ITEM_FIXED: dict[str, Callable[[Subject], str]] = {
    RESOURCETYPE: lambda _: "",
    principal.CURRENT_USER_PRINCIPAL: lambda s: principal.href_content(s.seat.principal),
    principal.OWNER: lambda s: principal.href_content(s.seat.principal),
    principal.PRIVILEGES: lambda _: principal.privilege_content(writable=True),
    f"{D}supported-report-set": lambda _: "",
}
