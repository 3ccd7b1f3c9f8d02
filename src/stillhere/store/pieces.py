"""Recovered bodies, packed as the vault had them until their shelf is first written to.

A row of such a shelf has in place of its body where it lies: the number of a piece << 32 and
the number in it. The first write to the shelf takes every body out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from stillhere.bodies import PLACE_SHIFT, Piece, open_piece


class Pieces:
    """The pieces of one shelf, each opened once."""

    def __init__(self, sql: sqlite3.Connection, shelf: int) -> None:
        self._sql = sql
        self._shelf = shelf
        self._opened: dict[int, Piece] = {}

    def body(self, kept: bytes | int | None, uid: str) -> bytes | None:
        """A row's body, from what its column has: the body, its place, or None."""
        if not isinstance(kept, int):
            return kept
        number = kept >> PLACE_SHIFT
        if number not in self._opened:
            (packed,) = self._sql.execute(
                "SELECT packed FROM pieces WHERE shelf = ? AND number = ?", (self._shelf, number)
            ).fetchone()
            self._opened[number] = open_piece(packed)
        return self._opened[number].body(kept & ((1 << PLACE_SHIFT) - 1), uid)


def add_pieces(sql: sqlite3.Connection, shelf: int, pieces: Sequence[bytes]) -> None:
    """Keep a shelf's pieces, numbered from 1."""
    sql.executemany(
        "INSERT INTO pieces VALUES (?, ?, ?)",
        [(shelf, number, packed) for number, packed in enumerate(pieces, 1)],
    )


def unpack_pieces(sql: sqlite3.Connection, shelf: int) -> None:
    """Take every body of a shelf out of its piece and into its row."""
    pieces = Pieces(sql, shelf)
    packed = sql.execute(
        "SELECT collection, href, uid, body FROM records"
        " WHERE shelf = ? AND typeof(body) = 'integer'",
        (shelf,),
    ).fetchall()
    sql.executemany(
        "UPDATE records SET body = ? WHERE shelf = ? AND collection = ? AND href = ?",
        [(pieces.body(kept, uid), shelf, name, href) for name, href, uid, kept in packed],
    )
    sql.execute("DELETE FROM pieces WHERE shelf = ?", (shelf,))
