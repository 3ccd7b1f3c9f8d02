"""Events: iCalendar objects about a VEVENT."""

from __future__ import annotations

from functools import partial

from stillhere.kinds import ical, ical_file, ical_revision
from stillhere.kinds.item import Kind

COMPONENT = "VEVENT"

KIND = Kind(
    name="calendar",
    component=COMPONENT,
    collection=ical.COLLECTION,
    at_once=False,
    media_type=ical.MEDIA_TYPE % COMPONENT,
    extensions=ical.EXTENSIONS,
    words=("event", "events"),
    collection_words=("calendar", "calendars"),
    in_body=("title", "place", "people", "everything else in the event"),
    first=("calendar", {"{DAV:}displayname": "Calendar"}),
    parse=partial(ical.parse, component=COMPONENT),
    split=ical_file.split,
    join=ical_file.join,
    give_uid=ical.give_uid,
    revision_of=ical_revision.revision_of,
    says_nothing_new=ical_revision.says_nothing_new,
)
