"""Notes: iCalendar objects about a VJOURNAL."""

from __future__ import annotations

from functools import partial

from stillhere.kinds import ical, ical_file, ical_revision
from stillhere.kinds.item import Kind

COMPONENT = "VJOURNAL"

KIND = Kind(
    name="notes",
    component=COMPONENT,
    collection=ical.COLLECTION,
    at_once=False,
    media_type=ical.MEDIA_TYPE % COMPONENT,
    extensions=ical.EXTENSIONS,
    words=("note", "notes"),
    collection_words=("notebook", "notebooks"),
    in_body=("title", "text", "everything else in the note"),
    first=("notes", {"{DAV:}displayname": "Notes"}),
    parse=partial(ical.parse, component=COMPONENT),
    split=ical_file.split,
    join=ical_file.join,
    give_uid=ical.give_uid,
    revision_of=ical_revision.revision_of,
    says_nothing_new=ical_revision.says_nothing_new,
)
