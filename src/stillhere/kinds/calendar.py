"""Events: iCalendar objects about a VEVENT."""

from stillhere.kinds.ical_kind import ical_kind

KIND = ical_kind(
    "calendar",
    "VEVENT",
    "Calendar",
    words=("event", "events"),
    collection_words=("calendar", "calendars"),
    in_body=("title", "place", "people", "everything else in the event"),
)
