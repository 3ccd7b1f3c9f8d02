"""Numbers, times and tables in words that need no explanation.

Times come as milliseconds since 1970 in UTC and are told in the reader's own zone.
"""

import dataclasses
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from stillhere.kinds import KINDS

_SPANS = ((86_400, "day"), (3600, "hour"), (60, "minute"))
_SIZES = ((1 << 40, "TB"), (1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB"))


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun: "1 contact", "10,000 contacts"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def count_of(number: int, kind: str) -> str:
    """So many records of a kind, in what people call them: "1 event", "10,000 contacts"."""
    words = KINDS[kind].words if kind in KINDS else ("record", "records")
    return count(number, *words)


def files_of(kind: str) -> str:
    """What files of a kind are called: ".vcf files"."""
    return f"{KINDS[kind].extensions[0]} files"


def moment(at_ms: int) -> str:
    """A time where the reader is: "2 March 2026, 11:40:05 CET"."""
    local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone()
    return f"{local.day} {local:%B %Y, %H:%M:%S %Z}"


def span(seconds: float) -> str:
    """A time that passes, in the largest unit that says enough: "0.4 s", "12 s", "3 minutes"."""
    for unit, name in _SPANS:
        if seconds >= 2 * unit:
            return count(round(seconds / unit), name)
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def ago(at_ms: int, now_ms: int) -> str:
    """How long ago, and when: "2 hours ago (2 March 2026, 11:40:05 CET)"."""
    return f"{span(max(0, now_ms - at_ms) / 1000)} ago ({moment(at_ms)})"


def size(number: int) -> str:
    """A size, in units of 1024: "3.9 GB"."""
    for unit, name in _SIZES:
        if number >= unit:
            return f"{number / unit:.1f} {name}"
    return count(number, "byte")


def table(rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> list[str]:
    """Lines of aligned columns, two blanks apart; columns in `right` end flush.

    Widths are those of a terminal: a Chinese character takes two cells, an accent none.
    """
    kept = [list(row) for row in rows]
    widths = [max(map(_cells, column)) for column in zip(*kept, strict=True)]
    return [
        "  ".join(_pad(cell, widths[n], flush=n in right) for n, cell in enumerate(row)).rstrip()
        for row in kept
    ]


def plain(value: Any) -> Any:
    """Dataclasses, bytes and times as JSON can hold them; a field `…_at` is a time."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _field(field.name, getattr(value, field.name))
            for field in dataclasses.fields(value)
        }
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value


def _field(name: str, value: Any) -> Any:
    if name.endswith("_at") and isinstance(value, int):
        stamp = datetime.fromtimestamp(value / 1000, UTC)
        return stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return plain(value)


def _cells(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) != 0 for c in text)


def _pad(text: str, width: int, *, flush: bool) -> str:
    gap = " " * (width - _cells(text))
    return gap + text if flush else text + gap
