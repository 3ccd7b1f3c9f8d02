"""To-dos: iCalendar objects about a VTODO."""

from stillhere.kinds.ical_kind import ical_kind

KIND = ical_kind(
    "tasks",
    "VTODO",
    "Tasks",
    words=("to-do", "to-dos"),
    collection_words=("to-do list", "to-do lists"),
    in_body=("title", "how far it is", "everything else in the to-do"),
)
