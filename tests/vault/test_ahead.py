"""Objects that are read ahead: the same bytes, in fewer reads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stillhere.errors import Damaged
from stillhere.vault.backends import Missing
from stillhere.vault.backends.ahead import AHEAD_BYTES, MOST, Ahead
from stillhere.vault.backends.directory import Directory

CHUNK = 40_000


class Place(Directory):
    """A place that counts reads; from ``bad`` on its disk gives nothing back."""

    reads = 0
    bad = 1 << 40

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        self.reads += 1
        if offset + length > self.bad:
            raise Damaged("a bad place")
        return super().read_range(name, offset, length)


def make(root: Path, names: list[str], size: int) -> tuple[Place, dict[str, bytes]]:
    place = Place(root, create=True)
    contents = {name: os.urandom(size) for name in names}
    for name, data in contents.items():
        place.create(name, data)
    return place, contents


def test_two_objects_are_read_side_by_side(tmp_path: Path) -> None:
    size = 2 * AHEAD_BYTES + 5000
    place, contents = make(tmp_path, ["rosters", "bodies"], size)
    ahead = Ahead(place)
    for offset in range(0, size, CHUNK):
        for name, data in contents.items():
            assert ahead.read_range(name, offset, CHUNK) == data[offset : offset + CHUNK]
    assert place.reads < 10
    for offset, length in ((7, 50), (0, size), (size - 9, 20), (size, 5), (3 * size, 5)):
        for name, data in contents.items():
            assert ahead.read_range(name, offset, length) == data[offset : offset + length]


def test_pieces_of_few_objects_are_kept(tmp_path: Path) -> None:
    names = [f"pack {number}" for number in range(MOST + 1)]
    place, contents = make(tmp_path, names, 1000)
    ahead = Ahead(place)
    for _ in range(2):
        for name in names[:MOST]:
            assert ahead.read_range(name, 5, 9) == contents[name][5:14]
    assert place.reads == MOST
    assert ahead.read_range(names[MOST], 5, 9) == contents[names[MOST]][5:14]
    assert ahead.read_range(names[0], 5, 9) == contents[names[0]][5:14]
    assert place.reads == MOST + 2


def test_what_lies_before_a_bad_place_is_read_and_what_is_missing_is_missing(
    tmp_path: Path,
) -> None:
    place, contents = make(tmp_path, ["pack"], AHEAD_BYTES)
    place.bad = 3 * CHUNK
    ahead = Ahead(place)
    for offset in range(0, place.bad, CHUNK):
        assert ahead.read_range("pack", offset, CHUNK) == contents["pack"][offset : offset + CHUNK]
    with pytest.raises(Damaged):
        ahead.read_range("pack", place.bad, CHUNK)
    with pytest.raises(Missing):
        ahead.read_range("another", 0, CHUNK)
