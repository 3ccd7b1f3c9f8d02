"""What people keep: one module per kind says what its records are. Pure: bytes in, facts out."""

from stillhere.kinds import calendar, contacts, notes, tasks
from stillhere.kinds.item import Kind

KINDS: dict[str, Kind] = {
    kind.name: kind for kind in (contacts.KIND, calendar.KIND, tasks.KIND, notes.KIND)
}
"""Every kind of records by its name, in the order in which a recovery brings them back."""

RECOVERY_ORDER = ("account", *KINDS)
"""Everything that has shelves, in that order: who people are comes first."""


def kind_of(component: str) -> Kind | None:
    """The kind whose records are of this component (``VCARD``, ``VEVENT``, …)."""
    return next((kind for kind in KINDS.values() if kind.component == component), None)
