"""Bodies that are looked for: by their digest, and by how long they are where that says which
of them a body may be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from hashlib import sha256

from stillhere.bodies import Piece
from stillhere.store.records import Record

TRIES = 64  # UIDs that are tried in one body, where nobody knows whose it is


class Wanted:
    """Held records, of however many people."""

    def __init__(self, held: Iterable[tuple[bytes, Record]]) -> None:
        """``held`` is pairs of an account and a record."""
        self.digests: set[bytes] = set()
        self._sizes: set[int] = set()
        self._uids: dict[tuple[bytes | None, int], list[str]] = defaultdict(list)
        for account, record in held:
            self.digests.add(record.digest)
            self._sizes.add(record.size)
            left = record.size - len(record.uid.encode())  # without the UID that a piece leaves out
            for owner in (account, None):
                self._uids[owner, left].append(record.uid)

    def find(self, piece: Piece, account: bytes | None) -> Iterable[tuple[bytes, bytes]]:
        """Those of a piece's bodies that are wanted, each with its digest. Nobody knows the
        records of the piece; ``account`` is whose it is, if that is known."""
        for number, (body, marked) in enumerate(zip(piece.bodies, piece.marked, strict=True)):
            if not marked:
                if len(body) in self._sizes and (digest := sha256(body).digest()) in self.digests:
                    yield digest, body
                continue
            uids = self._uids.get((account, len(body) - 1), ())
            for uid in uids if account is not None else uids[:TRIES]:
                whole = piece.body(number, uid)
                digest = sha256(whole).digest()
                if digest in self.digests:
                    yield digest, whole
                    break


def prove(body: bytes | None, digest: bytes) -> bytes | None:
    """A body if it is the one of this digest."""
    return body if body is not None and sha256(body).digest() == digest else None
