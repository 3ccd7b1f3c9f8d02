"""What can't be read for a moment is not lost: nothing is concluded from it, and it comes back.

An object becomes unreadable by a folder in its place: reading fails, as on a storage that does
not answer, and nothing says that the object is missing.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from tests.recovery.judge import judge
from tests.recovery.objects import find_targets
from tests.recovery.service import Worn

from stillhere.errors import Closed, Unavailable
from stillhere.recovery.recovery import Recovery

KINDS = (
    "format",
    "first epoch",
    "newest epoch",
    "slot of the first epoch",
    "slot of the newest epoch",
    "root manifest",
    "service keys",
    "key",
    "wrap",
    "name",
    "roll-up of the first epoch",
    "roll-up",
    "segment of the first epoch",
    "last segment of the first epoch",
    "segment",
    "last segment",
    "manifest of account",
    "manifest of contacts",
    "bodies of account base",
    "bodies of contacts base",
    "bodies of contacts delta",
    "rosters of account base",
    "rosters of contacts base",
    "rosters of contacts delta",
)


class Unreadable:
    """Objects that a storage does not give out, until it does again."""

    def __init__(self, place: Path, *names: str) -> None:
        self._objects = {place / name: (place / name).read_bytes() for name in names if name}

    def begin(self) -> None:
        """From now on they can't be read."""
        for path in self._objects:
            path.unlink()
            path.mkdir()

    def end(self) -> None:
        """They can be read again, as they were."""
        for path, data in self._objects.items():
            path.rmdir()
            path.write_bytes(data)


def knock_everywhere(recovery: Recovery, worn: Worn) -> None:
    """Every person's phone asks for its address book; some may be told to wait."""
    store = recovery.working.store
    for person in worn.people:
        with suppress(Closed):
            asyncio.run(store.gate.enter(person.account, "contacts"))


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_was_asked_for_meanwhile_the_recovery_is_whole(
    worn: Worn, tmp_path: Path, kind: str
) -> None:
    target = find_targets(worn)[kind]
    unreadable = Unreadable(worn.place, target.name, target.twin)
    unreadable.begin()
    recovery = worn.recovery(tmp_path / "home")
    with suppress(Unavailable):
        working = recovery.begin()
        knock_everywhere(recovery, worn)
        working.close()
    unreadable.end()
    with worn.recovered(tmp_path / "home") as working:
        for person in worn.people:
            person.book.end_epoch(working.identity.epoch)
        assert judge(working, worn).how == "whole"


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if "of contacts" in kind or kind in ("key", "wrap")]
)
def test_who_was_told_to_wait_is_let_in_afterwards(worn: Worn, tmp_path: Path, kind: str) -> None:
    """The same process goes on: it asks the vault again."""
    target = find_targets(worn)[kind]
    unreadable = Unreadable(worn.place, target.name, target.twin)
    recovery = worn.recovery(tmp_path / "home")
    working = recovery.begin()
    unreadable.begin()
    knock_everywhere(recovery, worn)
    unreadable.end()
    for person in worn.people:
        asyncio.run(working.store.gate.enter(person.account, "contacts"))
        person.book.end_epoch(working.identity.epoch)
    recovery.run()
    assert judge(working, worn).how == "whole"
    working.close()
