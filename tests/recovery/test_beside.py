"""Pages that other processes make are those that the serving one would have made."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any, cast

import pytest
from tests.recovery.judge import judge
from tests.recovery.service import Worn

from stillhere.errors import Damaged
from stillhere.recovery import beside
from stillhere.recovery.beside import Waiting
from stillhere.recovery.bucket import Mirrored
from stillhere.recovery.workers import Workers
from stillhere.replication.compact import compact
from stillhere.store.pages import NewPage
from stillhere.store.recovered import (
    Batch,
    Beside,
    Recovered,
    add_recovered,
    files_beside,
    read_batch,
)
from stillhere.store.schema import connect

SHELVES = "account, kind, closed, last_seq, chain, ends, settled, held"
SIBLING = "(SELECT hex(account) || kind FROM shelves WHERE id = shelf)"


def tables(home: Path) -> dict[str, list[object]]:
    """What a core has, but for the ids and keys that it gave out itself."""
    sql = sqlite3.connect(home / "core.sqlite")
    asked = {
        "shelves": SHELVES,
        "pages": f"{SIBLING}, records, held, size, changed, runs, digest, sheet, piece",
        "pieces": f"{SIBLING}, number, packed",
        "notes": f"{SIBLING}, seq, op, collection, href, body",
        "accounts": "account, name, folded",
    }
    found = {
        table: sql.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2, 3").fetchall()
        for table, columns in asked.items()
    }
    sql.close()
    return found


def test_pages_made_beside_are_those_of_the_writing_thread(worn: Worn, tmp_path: Path) -> None:
    there = worn.copy(tmp_path / "other")
    homes = tmp_path / "one", tmp_path / "two"
    ways = (worn, homes[0], False), (there, homes[1], True)
    for service, home, many in ways:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Workers, "many", many)
            recovery = service.recovery(home)
            working = recovery.begin()
            for person in service.people:
                person.book.end_epoch(working.identity.epoch)
            recovery.run()
            assert judge(working, service).how == "whole"
            working.close()
    one, two = map(tables, homes)
    assert one == two


def test_pages_are_taken_in_although_the_vault_is_gone(
    worn: Worn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once mirrored: every shelf comes that way, none by the writing thread itself."""
    with worn.recovered(tmp_path / "earlier") as working:
        compact(working)
    monkeypatch.setattr(Workers, "many", True)
    taken: list[Recovered] = []

    def watched(batch: Batch, sql: sqlite3.Connection) -> list[Recovered]:
        taken.extend(found := take(batch, sql))
        return found

    take = beside._take

    def announce(event: str, **_: object) -> None:
        if event == "mirrored":
            shutil.rmtree(worn.place)

    monkeypatch.setattr(beside, "_take", watched)
    recovery = worn.recovery(tmp_path / "home", announce)
    working = recovery.begin()
    try:
        for person in worn.people:
            person.book.end_epoch(working.identity.epoch)
        recovery.run()
        assert judge(working, worn).how == "whole"
        assert len(taken) == worn.shelves
    finally:
        working.close()


def shelf_of(account: bytes) -> Recovered:
    page = NewPage(1, 0, 1, 1, b"", b"", account, {})
    return Recovered(account, "contacts", "", 1, b"", b"\x80", b"", 1, 0, page, [], "", None)


def test_a_shelf_that_somebody_knocked_for_stays_as_it_is(tmp_path: Path) -> None:
    accounts = [bytes([number]) * 16 for number in range(4)]
    core = connect(tmp_path, create=True)
    core.execute(
        "INSERT INTO shelves (account, kind, last_seq, chain, ends)"
        " VALUES (?, 'contacts', 9, x'', x'80')",
        (accounts[1],),
    )
    core.execute("INSERT INTO erased VALUES (?, 5, x'', 0, 0, 0)", (accounts[2],))
    new = add_recovered(core, map(shelf_of, accounts))
    assert [shelf.account for shelf in new] == [accounts[0], accounts[3]]
    rows = core.execute(
        "SELECT s.account, s.last_seq, p.sheet FROM shelves s"
        " LEFT JOIN pages p ON p.shelf = s.id ORDER BY 1"
    ).fetchall()
    assert rows == [
        (accounts[0], 1, accounts[0]),
        (accounts[1], 9, None),
        (accounts[3], 1, accounts[3]),
    ]


def test_a_batch_that_is_not_as_it_was_laid_is_not_taken(tmp_path: Path) -> None:
    beside = Beside(tmp_path, "contacts")
    beside.begin()
    first, second = (beside.lay([shelf_of(bytes([number]) * 16)]) for number in range(2))
    beside.close()
    data = bytearray(first.path.read_bytes())
    data[20] ^= 1
    first.path.write_bytes(data)
    with pytest.raises(Damaged):
        read_batch(first)
    assert read_batch(second) == [shelf_of(b"\x01" * 16)]
    first.path.unlink()
    with pytest.raises(Damaged):
        read_batch(second)


def test_a_file_goes_with_the_last_bucket_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid, waiting = Beside(tmp_path, "1"), Waiting(cast("Any", None), 6)
    batches = []
    for bucket in range(4):
        if bucket == 2:
            monkeypatch.setattr("stillhere.store.recovered.FILE_BYTES", 1)
        laid.begin()
        batches.append(laid.lay([shelf_of(bytes([bucket << 2]) * 16)]))
        waiting.add(Mirrored("contacts", bucket, batches=batches[-1:]))
    laid.close()
    first, _, third, fourth = (batch.path for batch in batches)
    assert [batch.path for batch in batches] == [first, first, third, fourth]
    assert len(files_beside(tmp_path)) == 3
    there = []
    for work in waiting.stage("contacts"):
        there.append([path.exists() for path in (first, third, fourth)])
        assert work.over is not None
        work.over()
    assert there == [[True] * 3, [True] * 3, [False, True, True], [False, False, True]]
    assert not files_beside(tmp_path)
