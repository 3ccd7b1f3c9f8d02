"""What people in the demo keep, kind by kind: where phones find it, how its owner changes it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from stillhere.demo import diary, people
from stillhere.demo.dav import CALDAV, CARDDAV, Client, Dialect
from stillhere.demo.wire import Wire

CALENDAR_TYPE = "text/calendar; charset=utf-8"


@dataclass(frozen=True)
class Kind:
    """One kind of what people keep. `mean` is how many of it a person has on average, `share` how
    often an edit is about it."""

    name: str
    words: tuple[str, str]
    component: str
    mean: int
    share: float
    make: Callable[[str, int], list[tuple[str, bytes]]] = field(repr=False)
    """So many different items as (href, bytes), the same for the same seed."""
    revise: Callable[[bytes, int], bytes] = field(repr=False)
    """An item as its owner leaves it after their so-manieth edit."""
    dialect: Dialect = CALDAV
    media_type: str = CALENDAR_TYPE

    def client(self, wire: Wire) -> Client:
        """Return what speaks to a collection of this kind."""
        return Client(wire, self.dialect, self.component, self.media_type)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            *("contacts", ("contact", "contacts"), "VCARD", people.MEAN_BOOK, 0.5),
            people.cards,
            people.revise,
            CARDDAV,
            "text/vcard; charset=utf-8",
        ),
        Kind("calendar", ("event", "events"), "VEVENT", 6, 0.25, diary.events, diary.amend),
        Kind("tasks", ("to-do", "to-dos"), "VTODO", 3, 0.15, diary.todos, diary.amend),
        Kind("notes", ("note", "notes"), "VJOURNAL", 2, 0.1, diary.notes, diary.amend),
    )
}
CONTACTS = "contacts"
"""What people ask for first."""
