"""Conditional requests (RFC 9110, 13): whether a request may go ahead on what is there.

ETags here are digests of the bytes: a tag that a proxy has marked weak (``W/``) still names
exactly these bytes, so it counts in If-Match too. The letter of 13.1.1 would refuse the edit, and
telephones throw a refused edit away.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import NamedTuple

from stillhere.protocols.dav.grammar.if_header import Lists, any_holds, read_if

_TAG = re.compile(rb'(?:W/)?("[^"]*")|([^\s,"]+)')


class Conditions(NamedTuple):
    """The conditions of a request. A set of tags may hold ``*``; None is no condition.

    ``lists`` are those of an If header (RFC 4918, 10.4).
    ``unmodified_since`` and ``modified_since`` are seconds since 1970 UTC.
    """

    if_match: frozenset[str] | None = None
    if_none_match: frozenset[str] | None = None
    unmodified_since: int | None = None
    modified_since: int | None = None
    lists: Lists | None = None

    def allow_change(self, etag: str | None, modified: int) -> bool:
        """Whether a resource with this ETag may be changed; ``etag`` is None where there is none.

        ``modified`` is in milliseconds since 1970 UTC."""
        if self.if_match is not None:
            unchanged = etag is not None and ("*" in self.if_match or etag in self.if_match)
        elif self.unmodified_since is not None and etag is not None:
            unchanged = modified // 1000 <= self.unmodified_since
        else:
            unchanged = True
        return unchanged and not self._none_match(etag) and any_holds(self.lists, etag)

    def is_fresh(self, etag: str, modified: int) -> bool:
        """Whether who asks has these bytes already: the answer to a GET is 304 then."""
        if self.if_none_match is not None:
            return self._none_match(etag)
        return self.modified_since is not None and modified // 1000 <= self.modified_since

    def _none_match(self, etag: str | None) -> bool:
        tags = self.if_none_match or frozenset()
        return etag is not None and ("*" in tags or etag in tags)


NONE = Conditions()


def read_conditions(headers: dict[bytes, bytes], path: str = "") -> Conditions:
    """The conditions in the headers of a request for ``path``.

    A date that is none is ignored (13.1.3, 13.1.4).
    """
    if_match = headers.get(b"if-match")
    if_none_match = headers.get(b"if-none-match")
    unmodified = headers.get(b"if-unmodified-since")
    modified = headers.get(b"if-modified-since")
    lists = headers.get(b"if")
    if if_match is if_none_match is unmodified is modified is lists is None:
        return NONE
    return Conditions(
        _tags(if_match),
        _tags(if_none_match),
        _date(unmodified),
        _date(modified),
        read_if(lists, path),
    )


def http_date(modified: int) -> str:
    """Milliseconds since 1970 UTC as an HTTP date (5.6.7)."""
    return format_datetime(datetime.fromtimestamp(modified // 1000, UTC), usegmt=True)


def _tags(header: bytes | None) -> frozenset[str] | None:
    """The tags of a list; one without its quotes, as some devices send it, counts as quoted."""
    if header is None:
        return None
    if header.strip() == b"*":
        return frozenset("*")
    found = _TAG.findall(header)
    return frozenset((quoted or b'"%b"' % bare).decode("latin-1") for quoted, bare in found)


def _date(header: bytes | None) -> int | None:
    if header is None:
        return None
    try:
        date = parsedate_to_datetime(header.decode("ascii"))
        return int(date.replace(tzinfo=date.tzinfo or UTC).timestamp())
    except (ValueError, OverflowError):
        return None
