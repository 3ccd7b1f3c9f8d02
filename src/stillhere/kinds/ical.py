"""Events, to-dos and notes: iCalendar objects (RFC 5545), kept as the bytes that came.

What is read of one is what the service needs: that it is one whole object about one thing, its
UID, a few words to show, and the time it takes up. It is refused when other programs could not
tell what it is about (RFC 4791, 4.1), or when it could not be given back through every door.
What is odd and harms nobody is kept, since real programs write it: an object without VERSION or
PRODID, an event without start, a value that can't be read, a time zone that is not defined.

METHOD, which makes an object a message to somebody, is refused: RFC 4791 forbids it, the two
servers that most people have refuse it too, and what is taken here should be taken there.
"""

from __future__ import annotations

from stillhere.kinds.component import ZONE, Component, read_component
from stillhere.kinds.item import MAX_UID, BadItem, Item, NotOneItem, OtherComponent
from stillhere.kinds.lines import Property, refuse_controls, refuse_other_than_utf8
from stillhere.kinds.outline import Object, Part, outline

VERSION = "2.0"
MEDIA_TYPE = "text/calendar; charset=utf-8; component=%s"
COLLECTION = "CALENDAR"
EXTENSIONS = (".ics", ".ical")


def parse(data: bytes, component: str) -> Item:
    """What one object of these components (VEVENT, …) says of itself.

    Raises BadItem when it is not a whole iCalendar object in UTF-8, NotOneItem when it is not
    about one thing, OtherComponent when it is a thing of another kind.
    """
    # Only here: a recovery that brings contacts back starts without what reckons with time.
    from stillhere.kinds.span import span_of

    if not data.isascii():
        refuse_other_than_utf8(data, "file")
    refuse_controls(data)
    calendar = read_component(data)
    _refuse_form(data, calendar)
    records = [one for one in calendar.components if is_record(one.name)]
    if len(records) != 1 or records[0].name != component:
        _refuse_others(data, [one.name for one in records], component)
    uid = _words(records[0], "UID")
    if len(records) > 1:
        _refuse_several(data, records, uid)
    if len(uid) > MAX_UID:
        raise BadItem(f"the UID is longer than {MAX_UID} characters")
    is_part = all(one.first("RECURRENCE-ID") for one in records)
    media_type, span = MEDIA_TYPE % component, span_of(calendar)
    return Item(uid, _name_of(records), component, media_type, span, is_part)


def is_record(name: str) -> bool:
    """Whether a component of that name, right below VCALENDAR, is what an object is about."""
    return name != ZONE and not name.startswith("X-")


def give_uid(data: bytes, uid: str) -> bytes:
    """The object with a UID line in its component, in the object's own line ending.

    Nothing else changes. Raises BadItem for bytes that hold no component without a UID.
    """
    for part in _parts(data):
        if is_record(part.name) and not part.uid:
            place = part.begin.end
            begin = data[part.begin.start : place]
            eol = begin[len(begin.rstrip(b"\r\n")) :]
            return data[:place] + b"UID:" + uid.encode() + eol + data[place:]
    raise BadItem("there is nothing in it that has no UID")


def _name_of(records: list[Component]) -> str:
    """What a person would call it: the whole series before a single day of it."""
    series = next((one for one in records if not one.first("RECURRENCE-ID")), records[0])
    return _words(series, "SUMMARY") or _words(series, "DESCRIPTION").partition("\n")[0]


def _words(component: Component, name: str) -> str:
    """The value of its first property of that name that has one."""
    for one in component.properties:
        if one.name == name and (words := one.words()):
            return words
    return ""


def _refuse_form(data: bytes, calendar: Component) -> None:
    """Raises for another version of the format, and for a message."""
    version = _words(calendar, "VERSION")
    if version not in ("", VERSION):
        raise BadItem(
            f"VERSION {version[:20]!r} is not known",
            line=_find_property(data, "VERSION"),
            hint=f"known is {VERSION}",
        )
    if calendar.first("METHOD"):
        raise NotOneItem(
            "it has a METHOD: it is a message about an item, and not the item itself",
            line=_find_property(data, "METHOD"),
        )


def _refuse_others(data: bytes, names: list[str], component: str) -> None:
    """Raises unless an object that is about these components is about this one only."""
    if not names:
        raise NotOneItem("there is no event, to-do or note in it")
    places = [part.begin.number for part in _parts(data) if is_record(part.name)]
    for name, line in zip(names, places, strict=True):
        if name != names[0]:
            what = f"it holds a {names[0]} and a {name}, and an item is of one kind"
            raise NotOneItem(what, line=line)
    if names[0] != component:
        raise OtherComponent(f"it is a {names[0]}, not a {component}", names[0], line=places[0])


def _refuse_several(data: bytes, records: list[Component], uid: str) -> None:
    """Raises unless these are one thing: a series, and single days of it."""
    known: set[tuple[bytes, bytes] | None] = set()
    for nth, one in enumerate(records):
        other = _words(one, "UID")
        moment = _moment(one.first("RECURRENCE-ID"))
        if not (other and uid):
            what = "it holds several components, and one has no UID"
        elif other != uid:
            what = f"it holds the UIDs {uid[:80]} and {other[:80]}, and an item has one"
        elif moment in known:
            what = "it says the same RECURRENCE-ID twice" if moment else "it holds two of one UID"
        else:
            known.add(moment)
            continue
        places = [part.begin.number for part in _parts(data) if is_record(part.name)]
        raise NotOneItem(what, line=places[nth])


def _moment(recurrence: Property | None) -> tuple[bytes, bytes] | None:
    return recurrence and (recurrence.parameters.upper(), recurrence.value.strip())


def _parts(data: bytes) -> list[Part]:
    first = next(outline(data), None)
    return first.parts if isinstance(first, Object) else []


def _find_property(data: bytes, name: str) -> int:
    """The line of the VCALENDAR's property of that name."""
    first = next(outline(data), None)
    lines = first.properties if isinstance(first, Object) else []
    return next((line.number for line in lines if line.name == name), 1)
