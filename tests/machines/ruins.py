"""A day on which every copy of the vault loses the same chunks, and one turns up that has them.

Until then each record is there, held under its own ETag, or on a shelf that is closed; what is
accepted as it was found can be closed again. Afterwards everything is back in its place.
"""

from __future__ import annotations

import hashlib
import shutil

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from tests.machines.places import Places
from tests.machines.world import Owner
from tests.recovery.model import Book, Put, Row, draft

from stillhere.errors import Closed
from stillhere.recovery.accept import accept, take_back
from stillhere.recovery.heal import heal
from stillhere.replication.compact import compact
from stillhere.store import Shelf, State

SINCE = Put("contacts", "since.vcf", b"written on an accepted shelf")


class Ruins(Places):
    """What may happen to a service whose vault has lost something in all of its places."""

    @precondition(lambda self: self.gone and self.zombie is None and self.resumed is None)
    @rule(rosters=st.booleans(), accepts=st.booleans(), undoes=st.booleans())
    def lose_chunks_and_find_them(self, rosters: bool, accepts: bool, undoes: bool) -> None:
        """Bodies, or the rosters of contacts too."""
        found = self.folder / "found"
        shutil.rmtree(found, ignore_errors=True)
        shutil.copytree(self.whole[0], found)
        for place in self.places:
            for pack in place.glob(f"ledger/contacts/*[{'br' if rosters else 'b'}]-*.pack"):
                pack.unlink()
        self.stop_at = ()
        self.begin_recovery()
        assert self.recovery is not None
        self.recovery.run()
        self.recovery = self.resumed = None
        accepted = [owner for owner in self.owners if not self._is_sound(owner) and accepts]
        for owner in accepted:
            self._accept(owner, undoes=undoes)
        healed = heal(self.core(), found)
        assert (healed.held, healed.unproven) == (0, 0)
        compact(self.core())
        for owner in self.owners:
            with self.core().store.read(owner.account, "contacts") as shelf:
                _adopt(shelf, self.books[owner.account], accepted=owner in accepted)

    def _is_sound(self, owner: Owner) -> bool:
        """Whether a shelf is open; then all is there, or held."""
        try:
            with self.core().store.read(owner.account, "contacts") as shelf:
                book = self.books[owner.account]
                there = {(r.collection, r.href): (r, body) for r, body in shelf.everything()}
                assert there.keys() == book.rows.keys()
                for key, (record, body) in there.items():
                    expected = book.rows[key].body
                    if record.state == State.HELD:
                        assert expected is not None
                        assert record.digest == hashlib.sha256(expected).digest()
                    else:
                        assert body == expected
        except Closed:
            return False
        return True

    def _accept(self, owner: Owner, *, undoes: bool) -> None:
        working, book = self.core(), self.books[owner.account]
        accept(working, owner.account, "contacts")
        with working.store.read(owner.account, "contacts") as shelf:
            bodies = {body for record, body in shelf.everything() if record.collection}
            assert bodies <= book.revisions | {None}
        working.store.write(owner.account, "contacts", lambda s: draft(s, [SINCE])).result()
        book.apply([SINCE], self.epoch)
        if undoes:
            take_back(working, owner.account, "contacts")
            with pytest.raises(Closed), working.store.read(owner.account, "contacts"):
                pass


def _adopt(shelf: Shelf, book: Book, *, accepted: bool) -> None:
    """Everything is there again and nothing else, at whatever position; go on from there."""
    rows = {(r.collection, r.href): Row(r.seq, body) for r, body in shelf.everything()}
    there = {key: row.body for key, row in rows.items() if row.body is not None}
    expected = {key: row.body for key, row in book.rows.items() if row.body is not None}
    if accepted:  # without any address book it got one
        expected = {("", "contacts"): there["", "contacts"]} | expected
    assert there == expected
    assert book.rows.keys() <= rows.keys(), "a deletion is forgotten"
    book.rows = rows
    book.seqs.append(shelf.last_seq)
    book.seqs.sort()
    assert book.last == shelf.last_seq, "positions have gone back"
    book.revisions = {body for body in there.values() if body is not None}
