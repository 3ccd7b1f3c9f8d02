"""Cells of SQLite's b-tree pages, and the values in them (Database File Format, 1.6 and 2.1).

Every length comes from a damaged file: what does not fit in its page, or is longer than anything
that a core keeps, is no cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from stillhere.recovery.salvage.file import LEAVES, Page

MAX_PAYLOAD = 256 << 20  # bytes of one row
MAX_COLUMNS = 16
INTERIOR_INDEX, TABLE_LEAF = 2, 13
Value = int | str | bytes | None

_WIDTHS = (0, 1, 2, 3, 4, 6, 8)
_TEXT, _BLOB = 13, 12


class Cell(NamedTuple):
    """A row as its page has it: ``local`` are the bytes that lie there, of ``length`` in all; the
    others lie in a chain of pages that begins with ``overflow`` (0: there are none)."""

    rowid: int
    length: int
    local: bytes
    overflow: int


class Columns(NamedTuple):
    """The serial type of each column, and where in the row its value begins."""

    types: list[int]
    starts: list[int]


def read_cells(page: Page) -> Iterator[Cell]:
    """The cells that a page's own array names; none for a page that has no rows."""
    data = page.data
    head = 100 if page.number == 1 else 0
    kind = data[head] if head < len(data) else 0
    if kind not in LEAVES:
        return
    first = head + (12 if kind == INTERIOR_INDEX else 8)
    count = int.from_bytes(data[head + 3 : head + 5], "big")
    for at in range(first, min(first + 2 * count, len(data) - 1), 2):
        found = _read_cell(data, kind, data[at] << 8 | data[at + 1])
        if found is not None:
            yield found[0]


def is_whole(page: Page) -> bool:
    """Whether a page is laid out as SQLite leaves every page that it writes (1.6): its cells and
    its free blocks fill the room behind the array, and none lies in another. What is put together
    from parts of several pages is not, nor what somebody stored in a page."""
    data, head = page.data, 100 if page.number == 1 else 0
    kind = data[head] if head < len(data) else 0
    if kind not in LEAVES:
        return False
    first = head + (12 if kind == INTERIOR_INDEX else 8)
    free, count, top = (int.from_bytes(data[head + n : head + n + 2], "big") for n in (1, 3, 5))
    spans = []
    for at in range(first, min(first + 2 * count, len(data) - 1), 2):
        begin = data[at] << 8 | data[at + 1]
        found = _read_cell(data, kind, begin)
        if found is None:
            return False
        spans.append((begin, max(found[1], begin + 4)))
    while free and len(spans) <= len(data) // 4:
        size = int.from_bytes(data[free + 2 : free + 4], "big")
        spans.append((free, free + max(size, 4)))
        free = int.from_bytes(data[free : free + 2], "big")
    spans.sort()
    apart = all(end <= begin for (_, end), (begin, _) in pairwise(spans))
    used = sum(end - begin for begin, end in spans)
    inside = bool(spans) and first + 2 * count <= top <= spans[0][0] and spans[-1][1] <= len(data)
    return inside and apart and used + data[head + 7] == len(data) - top


def _read_cell(data: bytes, kind: int, at: int) -> tuple[Cell, int] | None:
    """A cell, and where it ends."""
    usable = len(data)
    if kind == INTERIOR_INDEX:
        at += 4
    if at < 8 or at >= usable:
        return None
    length, at = read_varint(data, at)
    rowid, most = 0, None
    if kind == TABLE_LEAF:
        rowid, at = read_varint(data, at)
        most = usable - 35
    cell = cut_cell(data, at, length, rowid, most=most)
    if cell is None:
        return None
    return cell, at + len(cell.local) + (4 if len(cell.local) < cell.length else 0)


def cut_cell(
    data: bytes, at: int, length: int, rowid: int = 0, *, most: int | None = None
) -> Cell | None:
    """The cell of a row that begins there; ``most`` is how long one may be that lies in its page
    whole, by itself that of an index. None where it does not fit."""
    usable = len(data)
    if not 0 < length <= MAX_PAYLOAD:
        return None
    if most is None:
        most = (usable - 12) * 64 // 255 - 23
    if length <= most:
        return Cell(rowid, length, data[at : at + length], 0) if at + length <= usable else None
    least = (usable - 12) * 32 // 255 - 23
    here = least + (length - least) % (usable - 4)
    end = at + (here if here <= most else least)
    if end + 4 > usable:
        return None
    return Cell(rowid, length, data[at:end], int.from_bytes(data[end : end + 4], "big"))


def read_columns(cell: Cell) -> Columns | None:
    """How a row is laid out; None where it is not, or not to the last byte."""
    local = cell.local
    at = start = local[0] if local else 0
    if not 1 < start < 128 or start > len(local):
        return None
    types, starts = [], []
    position = 1
    while position < start:
        kind, position = read_varint(local, position)
        types.append(kind)
        starts.append(at)
        at += size_of(kind)
        if len(types) > MAX_COLUMNS:
            return None
    return Columns(types, starts) if position == start and at == cell.length else None


def gather(cell: Cell, page: Callable[[int], bytes]) -> bytes | None:
    """The whole row; None where its chain of pages breaks."""
    parts, left = [cell.local], cell.length - len(cell.local)
    number = cell.overflow
    seen: set[int] = set()
    while left > 0:
        data = page(number) if number not in seen else b""
        if not data:
            return None
        seen.add(number)
        parts.append(data[4 : 4 + left])
        left -= len(parts[-1])
        number = int.from_bytes(data[:4], "big")
    return b"".join(parts)


def read_value(row: bytes, kind: int, start: int) -> Value:
    """One value. Raises ValueError for text that is none."""
    if kind in (8, 9):
        return kind - 8
    data = row[start : start + size_of(kind)]
    if kind >= _BLOB:
        return data.decode() if kind % 2 else data
    return int.from_bytes(data, "big", signed=True) if kind else None


def size_of(kind: int) -> int:
    """How many bytes a value of this serial type takes."""
    if kind >= _BLOB:
        return (kind - _BLOB) // 2
    if kind == 7:
        return 8
    return _WIDTHS[kind] if kind < len(_WIDTHS) else 0


def is_integer(kind: int) -> bool:
    """Whether this serial type is a whole number's."""
    return 0 < kind < 7 or kind in (8, 9)


def is_text(kind: int) -> bool:
    """Whether this serial type is a text's."""
    return kind >= _TEXT and kind % 2 == 1


def is_blob(kind: int) -> bool:
    """Whether this serial type is that of bytes."""
    return kind >= _BLOB and kind % 2 == 0


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and where it ends; it may end beyond the data, then it is 0
    from there on."""
    value = 0
    for byte in data[at : at + 8]:
        at += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at
    last = data[at] if at < len(data) else 0
    return value << 8 | last, at + 1
