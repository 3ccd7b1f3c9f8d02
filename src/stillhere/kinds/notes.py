"""Notes: iCalendar objects about a VJOURNAL."""

from stillhere.kinds.ical_kind import ical_kind

KIND = ical_kind(
    "notes",
    "VJOURNAL",
    "Notes",
    words=("note", "notes"),
    collection_words=("notebook", "notebooks"),
    in_body=("title", "text", "everything else in the note"),
)
