"""A recovered shelf that is still a page is read, written over, and proven as rows are."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from tests.recovery.service import Worn

from stillhere.errors import Damaged
from stillhere.replication.start import Working
from stillhere.replication.verify import verify


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
