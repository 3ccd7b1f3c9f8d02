"""A day on which every copy of the vault loses the same chunks, and one turns up that has them.

Until then each record is there, held under its own ETag, or on a shelf that is closed; what is
accepted as it was found can be closed again. Afterwards everything is back in its place. A list
that is lost closes shelves too to which nothing was ever written: the copy proves that.
"""

from __future__ import annotations

import hashlib
import shutil

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from tests.machines.places import Places
from tests.machines.world import SHELVES, ShelfName
from tests.recovery.model import Book, Put, Row, draft

from stillhere.errors import Closed
from stillhere.kinds import KINDS
from stillhere.recovery.accept import accept, take_back
from stillhere.recovery.heal import heal
from stillhere.replication.compact import compact
from stillhere.store import Shelf, State

PACKS = {"bodies": "b", "rosters": "br"}


class Ruins(Places):
    """What may happen to a service whose vault has lost something in all of its places."""

    @precondition(lambda self: self.gone and self.zombie is None and self.resumed is None)
    @rule(
        kind=st.sampled_from(("contacts", *SHELVES)),
        lost=st.sampled_from((*PACKS, "lists")),
        accepts=st.booleans(),
        undoes=st.booleans(),
    )
    def lose_chunks_and_find_them(self, kind: str, lost: str, accepts: bool, undoes: bool) -> None:
        """Bodies of one kind, or its rosters too, or the lists of which shelves there are."""
        found = self.folder / "found"
        shutil.rmtree(found, ignore_errors=True)
        shutil.copytree(self.whole[0], found)
        for place in self.places:
            if lost == "lists":
                shutil.rmtree(place / "manifest" / kind, ignore_errors=True)
            else:
                for pack in place.glob(f"ledger/{kind}/*[{PACKS[lost]}]-*.pack"):
                    pack.unlink()
        self.stop_at = ()
        self.begin_recovery()
        assert self.recovery is not None
        self.recovery.run()
        self.recovery = self.resumed = None
        ruined = [ShelfName(owner, kind) for owner in self.owners]
        closed = [at for at in ruined if not self._is_sound(at)]
        blank = [at for at in closed if not self.books[at.key].rows]
        accepted = closed if accepts else []
        for at in accepted:
            self._accept(at, undoes=undoes)
        healed = heal(self.core(), found)
        assert (healed.held, healed.unproven) == (0, 0)
        compact(self.core())
        for at in ruined:
            with self.core().store.read(*at.key) as shelf:
                _adopt(shelf, self.books[at.key], begun=at in accepted or at in blank)

    def _is_sound(self, at: ShelfName) -> bool:
        """Whether a shelf is open; then all is there, or held."""
        try:
            with self.core().store.read(*at.key) as shelf:
                book = self.books[at.key]
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

    def _accept(self, at: ShelfName, *, undoes: bool) -> None:
        working, book = self.core(), self.books[at.key]
        since = Put(KINDS[at.kind].first[0], "since.vcf", b"written on an accepted shelf")
        accept(working, *at.key)
        with working.store.read(*at.key) as shelf:
            bodies = {body for record, body in shelf.everything() if record.collection}
            assert bodies <= book.revisions | {None}
        working.store.write(*at.key, lambda s: draft(s, [since])).result()
        book.apply([since], self.epoch)
        if undoes:
            take_back(working, *at.key)
            with pytest.raises(Closed), working.store.read(*at.key):
                pass


def _adopt(shelf: Shelf, book: Book, *, begun: bool) -> None:
    """Everything is there again and nothing else, at whatever position; go on from there."""
    rows = {(r.collection, r.href): Row(r.seq, body) for r, body in shelf.everything()}
    there = {key: row.body for key, row in rows.items() if row.body is not None}
    expected = {key: row.body for key, row in book.rows.items() if row.body is not None}
    if begun:  # without any collection it got the first one
        first = ("", KINDS[shelf.kind].first[0])
        expected = {first: there[first]} | expected
        # Where its list was lost, nobody knew how far it had been: whoever knows more, shows it.
        assert all(shelf.ends.get(epoch, 0) <= end for epoch, end in book.ends.items())
        book.ends = shelf.ends
    assert there == expected
    assert book.rows.keys() <= rows.keys(), "a deletion is forgotten"
    book.rows = rows
    book.seqs.append(shelf.last_seq)
    book.seqs.sort()
    assert book.last == shelf.last_seq, "positions have gone back"
    book.revisions = {body for body in there.values() if body is not None}
