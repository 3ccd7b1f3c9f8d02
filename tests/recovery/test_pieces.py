"""Recovered bodies that stay in their pieces are read, written over, and proven as rows are."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from tests.recovery.service import Worn

from stillhere.errors import Damaged
from stillhere.replication.start import Working
from stillhere.replication.verify import verify
from stillhere.vault import levels


@pytest.fixture
def working(worn: Worn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Working:
    """A recovered core that keeps every body that it can in a piece."""
    monkeypatch.setattr(levels, "FEW_BODIES", 1)
    recovery = worn.recovery(tmp_path / "home")
    working = recovery.begin()
    recovery.run()
    return working


def packed(working: Working) -> list[bytes]:
    """The accounts whose contacts lie in pieces."""
    rows = working.core.reader().execute(
        "SELECT account FROM shelves WHERE kind = 'contacts'"
        " AND id IN (SELECT shelf FROM pieces) ORDER BY id"
    )
    return [account for (account,) in rows]


def test_the_first_write_takes_every_body_out(working: Working) -> None:
    account = packed(working)[0]
    with working.store.read(account, "contacts") as shelf:
        before = {(r.collection, r.href): body for r, body in shelf.everything()}
        book = next(name for name, _ in before if name)
    working.store.write(account, "contacts", lambda s: s.put(book, "new.vcf", b"new")).result()
    assert account not in packed(working)
    with working.store.read(account, "contacts") as shelf:
        after = {(r.collection, r.href): body for r, body in shelf.everything()}
    assert after == before | {(book, "new.vcf"): b"new"}
    assert verify(working).proven
    working.close()


def test_a_piece_that_rots_in_the_core_is_named_and_holds_up_nobody_else(working: Working) -> None:
    account, other = packed(working)[:2]
    sql = sqlite3.connect(working.core.home / "core.sqlite")
    sql.execute(
        "UPDATE pieces SET packed = x'00' WHERE shelf ="
        " (SELECT id FROM shelves WHERE account = ? AND kind = 'contacts')",
        (account,),
    )
    sql.commit()
    sql.close()
    with working.store.read(account, "contacts") as shelf, pytest.raises(Damaged):
        shelf.everything()
    broken = working.store.write(account, "contacts", lambda s: s.put("contacts", "n", b"n"))
    sound = working.store.write(other, "contacts", lambda s: s.put("contacts", "n", b"n"))
    with pytest.raises(Damaged):
        broken.result()
    assert sound.result().size == 1
    assert not verify(working).proven
    working.close()
