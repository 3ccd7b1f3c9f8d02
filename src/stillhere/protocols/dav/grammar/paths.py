"""Where things are: the paths below /dav/, read strictly and written in one way only.

/dav/                                    who is asking
/dav/principals/NAME/                    a person
/dav/addressbooks/NAME/                  the home of a person's address books
/dav/addressbooks/NAME/BOOK/             an address book
/dav/addressbooks/NAME/BOOK/CARD         a card
/dav/calendars/NAME/                     the home of a person's calendars, to-do lists and notes
/dav/calendars/NAME/CALENDAR/            one of them
/dav/calendars/NAME/CALENDAR/ITEM        an event, a to-do or a note
"""

from __future__ import annotations

import re
from enum import IntEnum, StrEnum
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes, urlsplit

from stillhere.errors import BadInput

ROOT = "/dav/"
PRINCIPALS = "/dav/principals/"
WELL_KNOWN = frozenset((b"/.well-known/carddav", b"/.well-known/caldav"))
"""Where devices look first (RFC 6764, 5); both lead to ``ROOT``."""

MAX_NAME = 255
"""Bytes of a name in UTF-8, as in most file systems."""

# What may stand in a path segment (RFC 3986, 3.3) and needs no escape in XML.
_SAFE = "!$()*+,;=:@~"
_PLAIN = re.compile(r"[A-Za-z0-9._~-]*")
_CONTROL = re.compile("[\x00-\x1f\x7f]")


class BadPath(BadInput):
    """A path that can't be the name of anything here."""


class Level(IntEnum):
    """What a path names, from the top down; NOWHERE is outside of everything there is."""

    NOWHERE = 0
    ROOT = 1
    PRINCIPALS = 2
    PRINCIPAL = 3
    HOMES = 4
    HOME = 5
    COLLECTION = 6
    ITEM = 7


class Home(StrEnum):
    """A home's kind, by the name that it has in paths."""

    ADDRESSBOOKS = "addressbooks"
    CALENDARS = "calendars"

    @property
    def path(self) -> str:
        """The path that the homes of everybody are below."""
        return f"{ROOT}{self.value}/"


class Place(NamedTuple):
    """A path that was read: what it names, and the names in it; ``home`` from HOMES on down."""

    level: Level
    home: Home | None = None
    owner: str = ""
    collection: str = ""
    item: str = ""


_HOMES = {home.value: home for home in Home}


def read_path(raw: str | bytes) -> Place:
    """What a percent-encoded path names. Raises BadPath for names that nothing may have."""
    # One character per byte, so that names are decoded once, after the path is cut into them.
    path = (raw.encode() if isinstance(raw, str) else raw).decode("latin-1")
    if not path.startswith(ROOT):
        return Place(Level.ROOT if path == "/dav" else Level.NOWHERE)
    names = [_read_name(name) for name in path[len(ROOT) :].split("/")]
    if not names[-1]:
        names.pop()
    if not all(names) or len(names) > 4:
        return Place(Level.NOWHERE)
    match names:
        case []:
            return Place(Level.ROOT)
        case ["principals"]:
            return Place(Level.PRINCIPALS)
        case ["principals", owner]:
            return Place(Level.PRINCIPAL, None, owner)
        case [home, *inside] if home in _HOMES:
            return Place(Level(Level.HOMES + len(inside)), _HOMES[home], *inside)
    return Place(Level.NOWHERE)


def read_href(href: str, host: str) -> Place:
    """What an href or Destination names; one on another host is NOWHERE. Raises BadPath."""
    if not href.startswith("/") or href.startswith("//"):
        try:
            parts = urlsplit(href)
        except ValueError:
            raise BadPath("this is no URL") from None
        if parts.netloc and parts.netloc.rpartition("@")[2].lower() != host.lower():
            return Place(Level.NOWHERE)
        href = parts.path
    return read_path(href)


def write_name(name: str) -> str:
    """A name as a path segment, safe in XML."""
    return name if _PLAIN.fullmatch(name) else quote(name, safe=_SAFE)


def is_plain(path: str, start: int) -> bool:
    """Whether the rest of a path is one name that is written as it is read."""
    return _PLAIN.fullmatch(path, start) is not None


def principal_path(owner: str) -> str:
    """The path of a person."""
    return f"{PRINCIPALS}{write_name(owner)}/"


def home_path(home: Home, owner: str) -> str:
    """The path of a person's home."""
    return f"{home.path}{write_name(owner)}/"


def _read_name(segment: str) -> str:
    if "%" not in segment and segment.isascii():
        name = segment
    else:
        try:
            name = unquote_to_bytes(segment.encode("latin-1")).decode()
        except UnicodeDecodeError:
            raise BadPath("a name in the path is not UTF-8") from None
    if len(name) > MAX_NAME or len(name.encode()) > MAX_NAME:
        raise BadPath(f"a name in the path is longer than {MAX_NAME} bytes")
    if name in (".", "..") or "/" in name or _CONTROL.search(name):
        raise BadPath("a name in the path is . or .., or has a slash or control character")
    return name
