"""What people keep: one module per kind says what its records are. Pure: bytes in, facts out."""

from collections.abc import Sequence

from stillhere.errors import BadInput
from stillhere.kinds import calendar, contacts, notes, tasks
from stillhere.kinds.item import Kind

KINDS: dict[str, Kind] = {
    kind.name: kind for kind in (contacts.KIND, calendar.KIND, tasks.KIND, notes.KIND)
}
"""Every kind of records by its name, in the order in which a recovery brings them back."""

AT_ONCE = frozenset(("account", *(kind.name for kind in KINDS.values() if kind.at_once)))
"""What every account has a shelf of from its first moment on; others begin when first used."""

RECOVERY_ORDER = ("account", *KINDS)
"""Everything that has shelves, in that order: who people are comes first."""


def order_of_stages(first: Sequence[str] = ()) -> tuple[str, ...]:
    """Everything that has shelves, the kinds named before the others. Raises BadInput."""
    for name in first:
        if name not in KINDS:
            raise BadInput(
                f"there is no kind {name!r}",
                safe="nothing was changed",
                hint=f"the kinds are {', '.join(KINDS)}",
            )
    return tuple(dict.fromkeys(("account", *first, *KINDS)))


def in_order(kind: str) -> tuple[int, str]:
    """What kinds sort by where nothing else says in which order they are told: that of a
    recovery, those that are not known here last."""
    known = RECOVERY_ORDER.index(kind) if kind in RECOVERY_ORDER else len(RECOVERY_ORDER)
    return known, kind


def kind_of(component: str) -> Kind | None:
    """The kind whose records are of this component (``VCARD``, ``VEVENT``, …)."""
    return next((kind for kind in KINDS.values() if kind.component == component), None)
