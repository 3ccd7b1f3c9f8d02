"""The power goes after a sample of a life's operations; ``tests/power.py`` does it after each.

Nothing acknowledged is lost then, nothing is served that was never sent, and nothing refuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.outage.cuts import Life, Recorded, Tally, cut, left, live, said
from tests.outage.disk import KEPT, SYNCED, lay_out
from tests.outage.judge import (
    Site,
    after_a_life,
    after_a_recovery,
    after_mending,
    after_two_places,
)
from tests.rooms import quick_folder

pytestmark = pytest.mark.requires_tool("strace")
SEED = "ci"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for recordings and for what is left of them."""
    with quick_folder() as made:
        yield made


def sample(recorded: Recorded, folder: Path, points: int) -> Tally:
    """A few cuts; whether anything was tried at all is part of it."""
    tally = cut(recorded, folder / "disks", SEED, points=points, pairs=2)
    assert tally.tries >= points
    return tally


def test_init(folder: Path) -> None:
    recorded = live([Life("found_it")], folder / "life")
    assert sample(recorded, folder, 20).findings == []


def test_writes_roll_ups_and_compactions(folder: Path) -> None:
    recorded = live([Life("work")], folder / "life")
    assert sample(recorded, folder, 18).findings == []


def test_a_core_that_acknowledges_by_itself(folder: Path) -> None:
    recorded = live([Life("spool")], folder / "life")
    assert sample(recorded, folder, 15).findings == []


def test_a_recovery(folder: Path) -> None:
    lives = [Life("begin"), Life("recover")]
    recorded = live(lives, folder / "life", after_a_recovery)
    assert sample(recorded, folder, 10).findings == []


@pytest.mark.parametrize("life", ["seed", "part"])
def test_a_second_place_is_added_and_one_is_left(folder: Path, life: str) -> None:
    recorded = live([Life(life)], folder / "life", after_two_places)
    assert sample(recorded, folder, 6).findings == []


def test_a_recovery_of_two_places(folder: Path) -> None:
    lives = [Life("two"), Life("recover")]
    recorded = live(lives, folder / "life", after_a_recovery)
    assert sample(recorded, folder, 5).findings == []


@pytest.mark.parametrize("loss", ["ruin", "raze"])
def test_what_is_accepted_and_healed_while_the_power_goes_comes_back_all_the_same(
    folder: Path, loss: str
) -> None:
    recorded = live([Life(loss), Life("mend")], folder / "life", after_mending)
    assert sample(recorded, folder, 6).findings == []


@pytest.mark.parametrize("nth", [19, 33])
def test_a_start_after_a_kill(folder: Path, nth: int) -> None:
    """A process that is killed loses nothing, and leaves behind what is not synced yet."""
    recorded = live([Life("begin", nth), Life("start")], folder / "life")
    assert sample(recorded, folder, 8).findings == []


@pytest.mark.parametrize("life", [Life("leave"), Life("spool", 6)], ids=["vault", "spool"])
def test_what_a_start_replays_is_durable_where_it_lies(folder: Path, life: Life) -> None:
    """Else the core would be ahead of a vault that loses its power next, and serve nothing; and
    what waits in the spool would reach the vault out of order."""
    recorded = live([life, Life("start")], folder / "life")
    opened, _ = next(said(recorded.ops))
    for op in recorded.ops[:opened]:
        recorded.disk.apply(op)
    lines = recorded.lines(opened)
    for name, tree in left(recorded.disk, KEPT, SYNCED, SEED).items():
        lay_out(tree, folder / "left" / name)
    found = dict(after_a_life(Site(folder / "left", lines)))
    assert found == {"start": [], "recover": []}


@pytest.mark.parametrize("spoilt", ["without_folders", "without_bytes", "without_core"])
def test_a_life_that_does_not_sync_is_found_out(folder: Path, spoilt: str) -> None:
    """Else the tests above could not fail."""
    recorded = live([Life("found_it", 0, spoilt)], folder / "life")
    assert sample(recorded, folder, 12).findings != []


def test_a_second_place_that_is_not_synced_is_found_out(folder: Path) -> None:
    recorded = live([Life("two", 0, "without_second")], folder / "life", after_two_places)
    assert sample(recorded, folder, 12).findings != []
