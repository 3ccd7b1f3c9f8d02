"""A recovered shelf that is still a page is read, written over, and proven as rows are."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
from pathlib import Path
from threading import Event

import pytest
from tests.recovery.service import Worn

from stillhere.errors import Damaged, Unavailable
from stillhere.recovery.workers import Workers
from stillhere.replication.compact import compact
from stillhere.replication.start import Working
from stillhere.replication.verify import verify
from stillhere.store import writer
from stillhere.store.pages import settle
from stillhere.store.shelf import ShelfRow


@pytest.fixture
def working(worn: Worn, tmp_path: Path) -> Working:
    """A recovered core, every shelf of it a page."""
    recovery = worn.recovery(tmp_path / "home")
    working = recovery.begin()
    recovery.run()
    return working


def paged(working: Working) -> list[bytes]:
    """The accounts whose contacts are a page."""
    rows = working.core.reader().execute(
        "SELECT account FROM shelves WHERE kind = 'contacts'"
        " AND id IN (SELECT shelf FROM pages) ORDER BY id"
    )
    return [account for (account,) in rows]


def test_the_first_write_makes_rows_of_it(working: Working) -> None:
    account = paged(working)[0]
    with working.store.read(account, "contacts") as shelf:
        before = {(r.collection, r.href): body for r, body in shelf.everything()}
        book = next(name for name, _ in before if name)
    working.store.write(account, "contacts", lambda s: s.put(book, "new.vcf", b"new")).result()
    assert account not in paged(working)
    with working.store.read(account, "contacts") as shelf:
        after = {(r.collection, r.href): body for r, body in shelf.everything()}
    assert after == before | {(book, "new.vcf"): b"new"}
    assert verify(working).proven
    working.close()


ROT = {
    "a piece that does not open": "UPDATE pages SET piece = x'00' WHERE shelf = ?1",
    "the bodies of another": "UPDATE pages SET piece ="
    " (SELECT piece FROM pages WHERE shelf > ?1 LIMIT 1) WHERE shelf = ?1",
    "the names of another": "UPDATE pages SET sheet ="
    " (SELECT sheet FROM pages WHERE shelf > ?1 LIMIT 1) WHERE shelf = ?1",
    "places that are wrong": "UPDATE pages SET runs = x'90' WHERE shelf = ?1",
    "no piece": "UPDATE pages SET piece = NULL WHERE shelf = ?1",
}


@pytest.mark.parametrize("rot", ROT.values(), ids=ROT)
def test_a_page_that_rots_in_the_core_is_named_and_holds_up_nobody_else(
    working: Working, rot: str
) -> None:
    account, other = paged(working)[:2]
    sql = sqlite3.connect(working.core.home / "core.sqlite")
    (shelf,) = sql.execute(
        "SELECT id FROM shelves WHERE account = ? AND kind = 'contacts'", (account,)
    ).fetchone()
    assert sql.execute(rot, (shelf,)).rowcount
    sql.commit()
    sql.close()
    with pytest.raises(Damaged), working.store.read(account, "contacts") as found:
        found.everything()
    broken = working.store.write(account, "contacts", lambda s: s.put("contacts", "n", b"n"))
    sound = working.store.write(other, "contacts", lambda s: s.put("contacts", "n", b"n"))
    with pytest.raises(Damaged):
        broken.result()
    assert sound.result().size == 1
    assert not verify(working).proven
    working.close()


def test_a_disk_that_fills_while_rows_are_made_takes_nothing_of_the_group(
    worn: Worn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite has then ended the transaction: whoever was in it before must not go on without."""
    large, other = (person.account for person in worn.people[:2])
    with worn.recovered(tmp_path / "before") as working:
        body = os.urandom(1 << 20)
        working.store.write(large, "contacts", lambda s: s.put("contacts", "n", body)).result()
        compact(working)

    def in_little_room(sql: sqlite3.Connection, row: ShelfRow) -> int:
        if row.account == large:
            (pages,) = sql.execute("PRAGMA page_count").fetchone()
            sql.execute(f"PRAGMA max_page_count = {pages}")
        return settle(sql, row)

    with worn.recovered(tmp_path / "home") as working:
        monkeypatch.setattr(writer, "settle", in_little_room)
        together = Event()
        working.store.install(lambda _: together.wait(9))
        group = [
            working.store.write(account, "contacts", lambda s: s.put("contacts", "new", b"new"))
            for account in (other, large)
        ]
        together.set()
        for write in group:
            with pytest.raises(Unavailable, match="full"):
                write.result(9)
        with working.store.read(other, "contacts") as shelf:
            assert shelf.record("contacts", "new") is None
        assert verify(working).proven


def test_rows_that_are_made_count_for_how_much_is_done_at_once(
    worn: Worn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_GROUP_CHANGES", 2)  # less than a shelf has
    with worn.recovered(tmp_path / "home") as working:
        accounts = paged(working)
        before = len(list(worn.place.rglob("*.seg")))
        together = Event()
        working.store.install(lambda _: together.wait(9))
        group = [
            working.store.write(account, "contacts", lambda s: s.put("contacts", "new", b"new"))
            for account in accounts
        ]
        together.set()
        for write in group:
            write.result(9)
        assert len(accounts) > 1
        assert len(list(worn.place.rglob("*.seg"))) == before + len(accounts)


def test_no_key_stays_when_a_core_is_whole(worn: Worn, tmp_path: Path) -> None:
    recovery = worn.recovery(tmp_path / "home")
    working = recovery.begin()
    recovery.run()
    kept = vars(recovery)
    assert not {"_kit", "_keys", "_checked", "_knocks", "anchor"} & kept.keys()
    recovery.run()  # says once more that it is whole
    working.close()


def test_a_disk_that_fills_while_shelves_are_laid_beside_is_told(
    worn: Worn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that ends early is gone on with, and what can't be written is no file that is
    cut short."""
    monkeypatch.setattr(Workers, "many", True)
    recovery = worn.recovery(tmp_path / "home")
    working = recovery.begin()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with worn.copy(tmp_path / "two").recovered(tmp_path / "other"):
            pass  # loads what is loaded late
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 10, limits[1]))
        with pytest.raises(Unavailable, match="bulk was interrupted"):
            recovery.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    recovery.run()
    assert verify(working).proven
    working.close()
