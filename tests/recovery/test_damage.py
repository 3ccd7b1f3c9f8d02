"""Damage to every kind of object in a vault, one at a time.

What comes of it is one of three: it is repaired from a second copy (``whole``), what is
missing is named (``held``, ``closed``), or the vault is refused untouched (``refused``).
``judge`` sees to it that nothing wrong is served, and nothing is missing without a word.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from tests.recovery.judge import recover_twice
from tests.recovery.objects import Damage, Target, cut, delete, find_targets, flip, replay, swap
from tests.recovery.service import BUCKET_BITS, Worn

from stillhere.recovery.workers import Workers
from stillhere.vault.layout import bucket_of

WHOLE = {"whole"}
NAMED = {"whole", "held", "closed"}
REFUSED = {"refused"}
ANYTHING = NAMED | REFUSED

DAMAGES: dict[str, Damage] = {
    "first byte flipped": flip(0),
    "middle byte flipped": flip(0.5),
    "last byte flipped": flip(1),
    "cut in half": cut(0.5),
    "empty": cut(0),
    "deleted": delete,
    "swapped": swap,
    "replayed": replay,
}
ON_TWINS = ("middle byte flipped", "deleted")
ON_BOTH = ("middle byte flipped", "empty", "deleted", "replayed")

# what there is once, and what may come of damage to it
SINGLE = {
    "slot of the first epoch": ANYTHING,
    "slot of the newest epoch": ANYTHING,
    "seal of the writers": WHOLE,
    "name": WHOLE,
    "roll-up of the first epoch": NAMED,
    "roll-up": NAMED,
    "segment of the first epoch": NAMED,
    "last segment of the first epoch": NAMED,
    "seal of the journal": WHOLE,
    "first segment": NAMED,
    "segment": NAMED,
    "last segment": NAMED,
    "bodies of account base": NAMED,
    "bodies of contacts base": NAMED,
    "bodies of contacts delta": NAMED,
    "bodies of calendar base": NAMED,
    "history": WHOLE,
}
# what there is twice: one copy is always enough; without both
TWICE = {
    "format": REFUSED,
    "first epoch": REFUSED,
    "newest epoch": REFUSED,
    "root manifest": ANYTHING,
    "service keys": REFUSED,
    "key": NAMED,
    "wrap": NAMED,
    "manifest of account": NAMED,
    "manifest of contacts": NAMED,
    "manifest of calendar": NAMED,
    "rosters of account base": NAMED,
    "rosters of contacts base": NAMED,
    "rosters of contacts delta": NAMED,
    "rosters of calendar base": NAMED,
}
# the end of a journal that nothing has sealed yet leaves no trace when it is deleted
UNKNOWABLE = {
    ("last segment", "deleted"),
    ("last segment", "swapped"),
    ("last segment", "replayed"),
}


# of these there is no other one, or no older one
ALONE = {
    "swapped": {"format", "service keys", "seal of the journal"},
    "replayed": {
        "format",
        "service keys",
        "first epoch",
        "slot of the first epoch",
        "slot of the newest epoch",
        "seal of the writers",
        "name",
        "key",
        "wrap",
        "roll-up of the first epoch",
        "bodies of account base",
        "bodies of contacts base",
        "rosters of account base",
        "rosters of contacts base",
        "manifest of account",
        "manifest of calendar",
        "bodies of calendar base",
        "rosters of calendar base",
        "history",
    },
}


def _table() -> Iterator[object]:
    for kind, damage in product(SINGLE | TWICE, DAMAGES):
        if kind in ALONE.get(damage, ()) or (kind, damage) in UNKNOWABLE:
            continue
        if kind in SINGLE:
            yield pytest.param(kind, damage, "it", SINGLE[kind], id=f"{kind}, {damage}")
            continue
        yield pytest.param(kind, damage, "it", WHOLE, id=f"{kind}, {damage}")
        if damage in ON_TWINS:  # the names of a roster are stored a second time with its bodies
            alone = NAMED if kind.startswith("rosters") else WHOLE
            yield pytest.param(kind, damage, "its twin", alone, id=f"twin of {kind}, {damage}")
        if damage in ON_BOTH:
            yield pytest.param(kind, damage, "both", TWICE[kind], id=f"{kind} and twin, {damage}")


@pytest.mark.parametrize(("kind", "damage", "which", "allowed"), list(_table()))
def test_nothing_wrong_is_served_and_nothing_is_missing_without_a_word(
    worn: Worn, tmp_path: Path, kind: str, damage: str, which: str, allowed: set[str]
) -> None:
    target = find_targets(worn)[kind]
    copies = {"it": [target.name], "its twin": [target.twin], "both": [target.name, target.twin]}
    for copy in copies[which]:
        DAMAGES[damage](worn.place, target, copy)
    outcome = recover_twice(worn, tmp_path, always=damage == "deleted")
    assert outcome.how in allowed


def test_a_lost_list_of_calendars_closes_those_of_its_bucket_and_no_others(
    worn: Worn, tmp_path: Path
) -> None:
    """Who has none there may have had one: an empty calendar would empty a phone."""
    target = find_targets(worn)["manifest of calendar"]
    for copy in (target.name, target.twin):
        delete(worn.place, target, copy)
    outcome = recover_twice(worn, tmp_path)
    bucket = bucket_of(worn.people[0].account, BUCKET_BITS)
    beside = [p for p in worn.people if bucket_of(p.account, BUCKET_BITS) == bucket]
    assert outcome.closed == {(person.name, "calendar") for person in beside}
    assert len(beside) < len(worn.people)


def test_a_lost_calendar_closes_nobody_else_s(worn: Worn, tmp_path: Path) -> None:
    target = find_targets(worn)["rosters of calendar base"]
    for copy in (target.name, target.twin):
        delete(worn.place, target, copy)
    outcome = recover_twice(worn, tmp_path)
    assert outcome.closed == {(worn.people[0].name, "calendar")}


ROUNDS = 400 if os.environ.get("STILLHERE_LONG") else 20


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_several_objects_damaged_at_random(
    worn: Worn, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any objects, any damage, up to three at once, and rows made in either way."""
    monkeypatch.setattr(Workers, "many", bool(seed % 2))
    rng = random.Random(seed)
    newest = find_targets(worn)["last segment"].name  # its end alone would leave no trace
    names = sorted(name for name in worn.objects() if name != newest)
    for _ in range(rng.randint(1, 3)):
        name, other, where = rng.choice(names), rng.choice(names), rng.random()
        damages = {
            "flip": flip(where),
            "cut": cut(where),
            "delete": delete,
            "swap": swap,
            "replay": replay,
        }
        how = rng.choice(["flip", *damages])
        if (worn.place / name).exists() and (worn.place / other).exists():
            print(how, name, where, other)  # a failure shows what was done
            damages[how](worn.place, Target(name, other=other, older=other), name)
    recover_twice(worn, tmp_path)
