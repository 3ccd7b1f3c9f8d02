"""Rows on pages whose array of cells is lost: disks lose blocks that are smaller than a page.

A row of ``records`` is known by its beginning, which says of which types its columns are. What
people store can look the same, so what is found so may prove a body, and says nothing of whose
it is or what it is called.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stillhere.recovery.salvage.cells import (
    Cell,
    Columns,
    cut_cell,
    read_columns,
    read_varint,
    size_of,
)
from stillhere.recovery.salvage.file import LEAVES, Page
from stillhere.recovery.salvage.rows import SHAPES, table_of


def _of_length(first: int) -> bytes:
    """The serial types of a text (first 13) or of bytes (first 12): a number of variable length,
    odd or even as the first is."""
    last = b"".join(b"\\x%02x" % byte for byte in range(first % 2, 128, 2))
    alone = b"".join(b"\\x%02x" % byte for byte in range(first, 128, 2))
    return rb"(?:[%s]|[\x80-\xff]{1,3}[%s])" % (alone, last)


_TYPES = {
    "i": rb"[\x01-\x06\x08\x09]",
    "t": _of_length(13),
    "d": rb"\x4c",
    "?": _of_length(12),
}
_BEGINNING = re.compile(
    rb"(?=([\x10-\x30]%s))" % b"".join(_TYPES[letter] for letter in SHAPES["records"]), re.S
)


def carve(page: Page) -> Iterator[tuple[Cell, Columns]]:
    """What may be rows of ``records`` with a body, on a page that does not say that it has any."""
    data = page.data
    if not data or data[100 if page.number == 1 else 0] in LEAVES:
        return
    for found in _BEGINNING.finditer(data):
        at, end = found.span(1)
        if data[at] != end - at:
            continue
        length, position = data[at], at + 1
        while position < end:
            kind, position = read_varint(data, position)
            length += size_of(kind)
        cell = cut_cell(data, at, length)
        columns = read_columns(cell) if cell is not None else None
        if cell is not None and columns is not None and table_of(columns) == "records":
            yield cell, columns
