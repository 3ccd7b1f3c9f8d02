"""Pages as SQLite leaves them, and pages that are put together from others."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from stillhere.recovery.salvage.cells import is_whole, read_cells
from stillhere.recovery.salvage.file import OWN_PAGE_SIZE, DamagedFile, Page
from stillhere.store.schema import BRIEF, TABLES

BLOCK = 512
_INSERT = "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, 0, '', '', '', ?, ?, 0, ?, ?, 1, ?)"


def make_pages(path: Path, seed: int) -> list[Page]:
    """The pages with rows of a core in which much was put, changed and deleted."""
    chance = random.Random(seed)
    sql = sqlite3.connect(path)
    sql.execute(f"PRAGMA page_size = {OWN_PAGE_SIZE}")
    sql.execute(f"PRAGMA secure_delete = {chance.choice(('OFF', 'FAST', 'ON'))}")
    sql.executescript(TABLES)
    for number in range(3_000):
        name = (1, "contacts", f"{chance.randrange(900)}.vcf")
        if chance.random() < 0.3:
            sql.execute("DELETE FROM records WHERE (shelf, collection, href) = (?, ?, ?)", name)
        else:
            body = chance.randbytes(chance.choice((0, 3, 40, 200, 2_000, 20_000)))
            span = (number, number + chance.choice((0, 3_600, 2 * BRIEF)))
            sql.execute(_INSERT, (*name, number, len(body), bytes(32), *span, body))
    sql.execute("INSERT INTO notes SELECT 1, seq, 2, '', '', 0, '', body FROM records")
    sql.commit()
    sql.close()
    file = DamagedFile(path)
    pages = [page for page in file.pages() if page.number > 1 and any(read_cells(page))]
    file.close()
    return pages


@pytest.mark.parametrize("seed", range(3))
def test_every_page_that_sqlite_left_is_whole(seed: int, tmp_path: Path) -> None:
    pages = make_pages(tmp_path / "core.sqlite", seed)
    assert len(pages) > 30
    assert all(map(is_whole, pages))


def test_a_page_with_a_part_of_another_has_no_row_that_neither_had(tmp_path: Path) -> None:
    pages = make_pages(tmp_path / "core.sqlite", 7)
    chance = random.Random(7)
    strange: dict[bool, list[int]] = {True: [], False: []}
    for page in pages:
        for other in chance.sample(pages, 5):
            end = BLOCK * chance.randrange(1, OWN_PAGE_SIZE // BLOCK)
            mixed = page._replace(data=page.data[:end] + other.data[end:])
            known = {cell.local for one in (page, other) for cell in read_cells(one)}
            rows = [cell.local for cell in read_cells(mixed)]
            strange[is_whole(mixed)].append(sum(row not in known for row in rows))
    assert max(strange[True]) <= 1, "the one that is half of one and half of the other"
    assert max(strange[False]) > 10


@pytest.mark.parametrize("data", [b"", b"\x0a", b"\x0a" * 40, bytes([10, 255] * 8192)])
def test_noise_is_not_whole(data: bytes) -> None:
    assert not is_whole(Page(2, 0, (), data))
