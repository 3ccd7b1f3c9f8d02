"""Fates: what each copy of the vault shares with the core, and what one failure would take.

A fate has a name: that of a disk, a host, whoever holds the credentials, a provider. Two places
with one name are lost together. What nobody knows has no name, and is never called shared.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stillhere.status.words import count, table

FATES = ("disk", "host", "credentials", "provider")
_TAKES = {
    "disk": "one disk",
    "host": "one machine",
    "credentials": "whoever gets hold of this machine's credentials",
    "provider": "one provider",
}
_HINTS = {
    "disk": "stillhere vault add a place on another machine, or at least another disk",
    "host": "stillhere vault add a place on another machine",
    "credentials": "have the storage keep what this machine deletes (snapshots),"
    ' and say so as "apart" in stillhere.toml',
    "provider": "stillhere vault add a place at another provider",
}


@dataclass(frozen=True)
class Fate:
    """The names of what a place depends on; "" where that is not known."""

    place: str
    disk: str = ""
    host: str = ""
    credentials: str = ""
    provider: str = ""

    def name(self, fate: str) -> str:
        """The name of one of `FATES`."""
        return str(getattr(self, fate))


@dataclass(frozen=True)
class CopyFigures:
    """One copy of the vault: `behind` counts the segments that the core has and the copy has not,
    `lacking` the epochs that have not begun there, `trouble` says why it can't be read, and is
    empty otherwise; `joining` until it is seeded."""

    place: str
    joining: bool
    behind: int
    trouble: str
    fate: Fate
    lacking: Sequence[int] = ()


def state(copy: CopyFigures) -> str:
    """How a copy is, in words."""
    if copy.trouble:
        return f"can't be read: {copy.trouble}"
    if copy.joining:
        return "is being added: stillhere vault add goes on with it"
    if copy.lacking:
        epochs = " and ".join(f"epoch {number}" for number in copy.lacking)
        return f"was left behind: {epochs} did not begin there"
    return f"{count(copy.behind, 'segment')} behind" if copy.behind else "has every change"


def lines(core: Fate, copies: Sequence[CopyFigures]) -> list[str]:
    """The table of fates: a row for each copy."""
    head = ("Shared:", *(fate.capitalize() for fate in FATES), "by the core and")
    rows = [("", *(_shared(core, copy.fate, f) for f in FATES), copy.place) for copy in copies]
    return table([head, *rows])


def warnings(core: Fate, copies: Sequence[CopyFigures]) -> Iterator[tuple[str, str]]:
    """What one failure would take, if it takes too much, and copies that fail: (warning, hint).

    Of failures that take the core and every copy the likeliest one is told."""
    for copy in copies:
        if len(copies) > 1 and (copy.trouble or copy.behind or copy.lacking):
            behind = copy.behind and not copy.trouble
            back = "bring it back" if copy.trouble else f"stillhere vault add {copy.place} heals it"
            yield (
                f"the copy in {copy.place} {'is ' + state(copy) if behind else state(copy)}",
                f"{back}; or stillhere vault remove {copy.place} goes on without it",
            )
    fates = [copy.fate for copy in copies if not copy.joining]
    for fate in FATES:
        if core.name(fate) and all(one.name(fate) == core.name(fate) for one in fates):
            yield f"{_TAKES[fate]} takes the core and every copy of the vault", _HINTS[fate]
            return
    for fate in FATES:
        names = {one.name(fate) for one in fates}
        if len(fates) > 1 and len(names) == 1 and names != {""}:
            what = f"{_TAKES[fate]} ({names.pop()}) takes every copy of the vault"
            yield f"{what}: only the core is left then", _HINTS[fate]
            return


def _shared(core: Fate, copy: Fate, fate: str) -> str:
    if not (core.name(fate) and copy.name(fate)):
        return "not known"
    return "yes" if core.name(fate) == copy.name(fate) else "no"
