"""The table of fates, and what one failure would take."""

from collections.abc import Sequence

import pytest

from stillhere.status.fates import CopyFigures, Fate, lines, warnings

CORE = Fate("/home", "sda", "this machine", "this machine", "this machine")
SAME_DISK = Fate("/a", "sda", "this machine", "this machine", "this machine")
OTHER_DISK = Fate("/b", "sdb", "this machine", "this machine", "this machine")
NETWORK = Fate("/c", "nas:/export", "nas", "this machine", "")
SAME_NETWORK = Fate("/d", "nas:/export", "nas", "/d", "")
APART = Fate("/e", "far:/export", "far", "/e", "/e")
AWAY = Fate("/f")


def copy(fate: Fate, *, trouble: str = "", behind: int = 0, joining: bool = False) -> CopyFigures:
    return CopyFigures(fate.place, joining, behind, trouble, fate)


def told(*fates: Fate) -> list[str]:
    return [text for text, _ in warnings(CORE, [copy(fate) for fate in fates])]


@pytest.mark.parametrize(
    ("fates", "takes"),
    [
        ([SAME_DISK], "one disk"),
        ([OTHER_DISK], "one machine"),
        ([SAME_DISK, OTHER_DISK], "one machine"),
        ([NETWORK], "whoever gets hold of this machine's credentials"),
        ([OTHER_DISK, NETWORK], "whoever gets hold of this machine's credentials"),
    ],
)
def test_the_likeliest_failure_that_takes_everything_is_told(
    fates: Sequence[Fate], takes: str
) -> None:
    assert told(*fates) == [f"{takes} takes the core and every copy of the vault"]
    assert all(hint for _, hint in warnings(CORE, [copy(fate) for fate in fates]))


def test_copies_that_fall_together_and_leave_the_core_are_told_too() -> None:
    apart = Fate("/c", "nas:/export", "nas", "/c", "")
    assert told(apart, SAME_NETWORK) == [
        "one disk (nas:/export) takes every copy of the vault: only the core is left then"
    ]


@pytest.mark.parametrize("fates", [[APART], [SAME_DISK, APART], [APART, SAME_NETWORK]])
def test_nothing_is_told_where_no_failure_takes_all(fates: Sequence[Fate]) -> None:
    assert told(*fates) == []


def test_what_is_not_known_is_not_called_shared() -> None:
    assert told(AWAY) == []
    rows = lines(CORE, [copy(SAME_DISK), copy(NETWORK), copy(APART), copy(AWAY)])
    assert [[cell.strip() for cell in row.split("  ") if cell.strip()] for row in rows] == [
        ["Shared:", "Disk", "Host", "Credentials", "Provider", "by the core and"],
        ["yes", "yes", "yes", "yes", "/a"],
        ["no", "no", "yes", "not known", "/c"],
        ["no", "no", "no", "no", "/e"],
        ["not known", "not known", "not known", "not known", "/f"],
    ]


def test_a_copy_that_fails_or_lags_is_named_with_what_to_do() -> None:
    copies = [copy(APART), copy(SAME_DISK, trouble="it is gone"), copy(OTHER_DISK, behind=2)]
    (gone, hint), (behind, _) = warnings(CORE, copies)
    assert gone == "the copy in /a can't be read: it is gone"
    assert "stillhere vault remove /a" in hint
    assert behind == "the copy in /b is 2 segments behind"


def test_one_that_is_joining_protects_nothing_yet() -> None:
    copies = [copy(SAME_DISK), copy(APART, joining=True)]
    (only,) = warnings(CORE, copies)
    assert only[0].startswith("one disk takes")
