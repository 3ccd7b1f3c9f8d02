"""What is read out of damaged cores: as much as is there, and nothing that was not."""

from __future__ import annotations

import random
import sqlite3
from hashlib import sha256
from pathlib import Path

import pytest
from tests.recovery.salvage.conftest import Lost
from tests.recovery.salvage.damage import Bodies, Core, named, searched

from stillhere.bodies import compress, decompress
from stillhere.errors import BadInput, Damaged
from stillhere.recovery.salvage.file import OWN_PAGE_SIZE
from stillhere.recovery.salvage.scan import Salvage
from stillhere.recovery.salvage.wanted import Wanted
from stillhere.store import State

LARGEST_PAGE = 60  # records that one page of 16 kB can have, in these cores


def is_part_of(found: Bodies, core: Core) -> bool:
    return found.items() <= core.bodies.items()


def test_a_whole_core_gives_everything(core: Core) -> None:
    assert named(core.path) == core.bodies
    assert searched(core.path, core) == core.bodies


def test_what_is_in_the_log_only_is_found(logged: Core) -> None:
    assert logged.path.stat().st_size < logged.log.stat().st_size
    assert named(logged.path) == logged.bodies
    assert searched(logged.path, logged) == logged.bodies


def test_a_log_alone_is_read(logged: Core) -> None:
    logged.path.unlink()
    assert named(logged.path) == logged.bodies
    assert named(logged.log) == logged.bodies


def test_a_log_whose_beginning_is_gone_is_read(logged: Core) -> None:
    data = bytearray(logged.log.read_bytes())
    data[:32] = bytes(32)
    logged.log.write_bytes(data)
    assert named(logged.path) == logged.bodies


def test_tombstones_and_names_are_read_as_they_are(core: Core) -> None:
    with Salvage(core.path) as salvage:
        index = salvage.index()
        found = {(index.shelf(row.shelf), row.record): row.body for row in salvage.records()}
    for shelf, content in core.contents.items():
        rows = {record: body for (where, record), body in found.items() if where == shelf}
        assert sorted((*record, body) for record, body in rows.items()) == sorted(content.rows)


def test_the_first_page_is_not_needed(core: Core) -> None:
    data = bytearray(core.path.read_bytes())
    data[:OWN_PAGE_SIZE] = random.Random(1).randbytes(OWN_PAGE_SIZE)
    core.path.write_bytes(data)
    assert named(core.path) == core.bodies


def test_a_wrong_page_size_is_not_believed(core: Core) -> None:
    data = bytearray(core.path.read_bytes())
    data[16:18] = (4096).to_bytes(2, "big")
    core.path.write_bytes(data)
    assert named(core.path) == core.bodies


@pytest.mark.parametrize("seed", range(4))
def test_a_bad_page_costs_what_lay_on_it(core: Core, seed: int) -> None:
    core.spoil(1, seed)
    assert is_part_of(named(core.path), core)


@pytest.mark.parametrize("seed", range(4))
def test_a_bad_page_of_rows_is_no_whole_shelf(lost: Lost, tmp_path: Path, seed: int) -> None:
    """Of shelves that are pages one of the file may be what several of them need."""
    core = lost.rows.copy(tmp_path / "core").filed()
    core.spoil(1, seed)
    assert len(named(core.path)) > len(core.bodies) - LARGEST_PAGE


@pytest.mark.parametrize("pages", [10, 100])
def test_of_many_bad_pages_nothing_wrong_comes(core: Core, pages: int) -> None:
    core.spoil(pages, pages)
    found = named(core.path)
    assert found
    assert len(found) < len(core.bodies)
    assert is_part_of(found, core)
    assert searched(core.path, core).items() >= found.items()
    assert is_part_of(searched(core.path, core), core)


def test_bad_pages_of_a_log_cost_what_lay_on_them(logged: Core) -> None:
    logged.spoil(100, log=True)
    found = named(logged.path)
    assert found
    assert is_part_of(found, logged)


def test_a_file_that_is_cut_short_gives_what_is_left(core: Core) -> None:
    core.cut(0.6)
    found = named(core.path)
    assert found
    assert len(found) < len(core.bodies)
    assert is_part_of(found, core)


def test_pieces_are_searched_where_their_roster_is_lost(lost: Lost, tmp_path: Path) -> None:
    core = lost.pages.copy(tmp_path / "core").filed()
    data = core.path.read_bytes()
    for sheet in _read_all(core.path, "SELECT sheet FROM pages"):
        assert data.count(sheet[:64]) == 1
        data = data.replace(sheet[:64], bytes(64))
    core.path.write_bytes(data)
    assert named(core.path) == {}
    assert searched(core.path, core) == core.bodies


def test_pages_that_are_bad_in_part_are_searched(lost: Lost, tmp_path: Path) -> None:
    core = lost.rows.copy(tmp_path / "core").filed()
    data = bytearray(core.path.read_bytes())
    for page in range(0, len(data), OWN_PAGE_SIZE):
        if data[page] == 10:  # all leaves of indexes, as records are
            data[page : page + 4096] = bytes(4096)
    core.path.write_bytes(data)
    by_name, found = named(core.path), searched(core.path, core)
    assert is_part_of(found, core)
    assert len(found) > len(core.bodies) // 2 > len(by_name)


def test_what_is_not_there_is_not_found(core: Core) -> None:
    with Salvage(core.path) as salvage:
        assert list(salvage.bodies(Wanted([]))) == []
        account, record = core.present[0]
        other = record._replace(digest=sha256(b"another").digest())
        assert list(salvage.bodies(Wanted([(account, other)]))) == []


def test_nothing_is_written(logged: Core) -> None:
    folder = logged.path.parent
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    folder.chmod(0o500)
    named(logged.path)
    searched(logged.path, logged)
    folder.chmod(0o700)
    after = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    assert before == after


@pytest.mark.parametrize("seed", range(40))
def test_noise_is_survived(small: Lost, seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    core = chance.choice(small).copy(tmp_path / "core")
    if chance.random() < 0.5:
        core.filed()
    for path in (core.path, core.log):
        if path.exists() and path.stat().st_size:
            path.write_bytes(_garble(path.read_bytes(), chance))
    assert is_part_of(named(core.path), core)
    assert is_part_of(searched(core.path, core), core)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(BadInput):
            Salvage(path)


@pytest.mark.parametrize("data", [b"", b"x", bytes(100), bytes(5 * OWN_PAGE_SIZE)])
def test_a_file_of_nothing_gives_nothing(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "core.sqlite").write_bytes(data)
    assert named(tmp_path / "core.sqlite") == {}


def test_a_piece_that_says_it_is_huge_is_not_opened() -> None:
    small = compress(b"x" * 300)
    assert small[4] >> 6 == 1  # two bytes say how large it is
    huge = small[:4] + bytes([small[4] | 0xC0]) + (1 << 60).to_bytes(8, "little") + small[7:]
    with pytest.raises(Damaged):
        decompress(huge)


def test_states_are_those_that_there_are(core: Core) -> None:
    with Salvage(core.path) as salvage:
        assert all(
            (row.body is None) == (row.record.state != State.PRESENT) for row in salvage.records()
        )


def _garble(data: bytes, chance: random.Random) -> bytes:
    """Bits turned over, runs overwritten, moved and left out, more often at beginnings of pages."""
    garbled = bytearray(data)
    for _ in range(chance.choice((1, 30, 1000))):
        at = chance.randrange(len(garbled))
        if chance.random() < 0.5:
            at -= at % OWN_PAGE_SIZE
            at = min(len(garbled) - 1, at + chance.randrange(120))
        what = chance.random()
        if what < 0.6:
            garbled[at] ^= 1 << chance.randrange(8)
        elif what < 0.8:
            garbled[at : at + 8] = chance.randbytes(8)
        elif what < 0.9:
            garbled[at : at + 64] = b"\xff" * 64
        else:
            garbled[at : at + 4] = garbled[:4]
    return bytes(garbled[: chance.choice((len(garbled), chance.randrange(len(garbled))))])


def _read_all(path: Path, query: str) -> list[bytes]:
    connection = sqlite3.connect(path)
    found = [row[0] for row in connection.execute(query)]
    connection.close()
    return found
