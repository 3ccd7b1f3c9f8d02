"""To-dos: iCalendar objects about a VTODO."""

from __future__ import annotations

from functools import partial

from stillhere.kinds import ical, ical_file, ical_revision
from stillhere.kinds.item import Kind

COMPONENT = "VTODO"

KIND = Kind(
    name="tasks",
    component=COMPONENT,
    collection=ical.COLLECTION,
    at_once=False,
    media_type=ical.MEDIA_TYPE % COMPONENT,
    extensions=ical.EXTENSIONS,
    words=("to-do", "to-dos"),
    collection_words=("to-do list", "to-do lists"),
    in_body=("title", "how far it is", "everything else in the to-do"),
    first=("tasks", {"{DAV:}displayname": "Tasks"}),
    parse=partial(ical.parse, component=COMPONENT),
    split=ical_file.split,
    join=ical_file.join,
    give_uid=ical.give_uid,
    revision_of=ical_revision.revision_of,
    says_nothing_new=ical_revision.says_nothing_new,
)
