"""Rows that other processes make are those that the serving one would have made."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from tests.recovery.judge import judge
from tests.recovery.service import Worn

from stillhere.recovery import beside
from stillhere.recovery.workers import Workers
from stillhere.replication.compact import compact
from stillhere.store.side import make_side, take_in

SHELVES = "account, kind, closed, last_seq, chain, ends, settled, held"
SIBLING = "(SELECT hex(account) || kind FROM shelves WHERE id = shelf)"


def tables(home: Path) -> dict[str, list[object]]:
    """What a core has, but for the ids and keys that it gave out itself."""
    sql = sqlite3.connect(home / "core.sqlite")
    asked = {
        "shelves": SHELVES,
        "pages": f"{SIBLING}, records, held, size, changed, runs, digest, sheet",
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


def test_rows_made_beside_are_those_of_the_writing_thread(worn: Worn, tmp_path: Path) -> None:
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


def test_rows_are_made_beside_although_the_vault_is_gone(
    worn: Worn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once mirrored: every shelf comes that way, none by the writing thread itself."""
    with worn.recovered(tmp_path / "earlier") as working:
        compact(working)
    monkeypatch.setattr(Workers, "many", True)
    taken: list[int] = []

    def watched(sql: sqlite3.Connection, first: int, last: int) -> list[int]:
        ids = take_in(sql, first, last)
        taken.extend(ids)
        return ids

    def announce(event: str, **_: object) -> None:
        if event == "mirrored":
            shutil.rmtree(worn.place)

    monkeypatch.setattr(beside, "take_in", watched)
    recovery = worn.recovery(tmp_path / "home", announce)
    working = recovery.begin()
    try:
        for person in worn.people:
            person.book.end_epoch(working.identity.epoch)
        recovery.run()
        assert judge(working, worn).how == "whole"
        assert len(taken) == 2 * len(worn.people)
    finally:
        working.close()


def side_of(path: Path, *accounts: bytes) -> Path:
    side = make_side(path)
    for account in accounts:
        (shelf,) = side.execute(
            "INSERT INTO shelves (account, kind, last_seq, chain, ends)"
            " VALUES (?, 'contacts', 1, x'', x'80') RETURNING id",
            (account,),
        ).fetchone()
        side.execute(
            "INSERT INTO pages VALUES (?, 1, 0, 1, 1, x'', x'', ?)",
            (shelf, account),
        )
    side.close()
    return path


def test_a_shelf_that_somebody_knocked_for_stays_as_it_is(tmp_path: Path) -> None:
    core = make_side(tmp_path / "core")
    accounts = [bytes([number]) * 16 for number in range(4)]
    core.execute(
        "INSERT INTO shelves (account, kind, last_seq, chain, ends)"
        " VALUES (?, 'contacts', 9, x'', x'80')",
        (accounts[1],),
    )
    core.execute("INSERT INTO erased VALUES (?, 5, x'', 0, 0, 0)", (accounts[2],))
    core.execute("ATTACH ? AS side", (str(side_of(tmp_path / "side", *accounts)),))
    assert take_in(core, 1, 3) == [1]
    assert take_in(core, 4, 4) == [4]
    rows = core.execute(
        "SELECT s.account, s.last_seq, p.sheet FROM main.shelves s"
        " LEFT JOIN main.pages p ON p.shelf = s.id ORDER BY 1"
    ).fetchall()
    assert rows == [
        (accounts[0], 1, accounts[0]),
        (accounts[1], 9, None),
        (accounts[3], 1, accounts[3]),
    ]
