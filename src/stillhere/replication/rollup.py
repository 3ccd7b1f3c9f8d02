"""Roll-ups: many segments become one object, so that a first answer opens few.

take the segments of one writer that no roll-up holds yet
copy every part as it is (its associated data names its segment, so it stays provable)
write the roll-up, read it back, and only then remove the segments
"""

from __future__ import annotations

import time
from contextlib import suppress
from itertools import pairwise

from stillhere.errors import Damaged
from stillhere.vault.backends import Exists, Missing
from stillhere.vault.layout import roll_name
from stillhere.vault.opened import Vault, find_proven
from stillhere.vault.segments import Header, Row, digest_of, frame, pack_rows, unpack_rows
from stillhere.vault.tail import Source, list_journal, read_source

MAX_ROLL_BYTES = 16 << 20


def roll_up(
    vault: Vault, journal_key: bytes, epoch: int, writer: int, *, after: int, upto: int, least: int
) -> int:
    """Roll the segments from ``after`` + 1 to ``upto`` that still lie alone.

    Does nothing for fewer than ``least``. Returns the last segment that is in a roll-up or
    before one. Raises Damaged (a segment is gone or does not prove itself), BackendError."""
    listing = list_journal(vault, epoch, writer, after)
    alone = [span for span in listing.spans if span.first == span.last <= upto]
    rolled = max((span.last for span in listing.spans if span.last > span.first), default=after)
    alone = [span for span in alone if span.first > rolled]
    if len(alone) < least:
        return rolled
    if any(later.first != span.last + 1 for span, later in pairwise(alone)):
        raise Damaged(f"segments of writer {writer} in epoch {epoch} are missing")
    group: list[Source] = []
    size = 0
    for span in alone:
        try:
            source = read_source(vault, journal_key, span.name, epoch, writer, span)
        except Missing:
            raise Damaged(f"{span.name} is gone") from None
        if source is None:
            break
        if source.whole is None:
            source.whole = vault.backend.read(span.name)
        if group and digest_of(group[-1].whole or b"") != source.header.before:
            _take_right_copy(vault, group[-1], source.header.before)
        group.append(source)
        size += len(source.whole or b"")
        if size >= MAX_ROLL_BYTES:
            rolled = _write(vault, journal_key, group)
            group, size = [], 0
    if len(group) > 1:
        rolled = _write(vault, journal_key, group)
    return rolled


def _take_right_copy(vault: Vault, source: Source, digest: bytes) -> None:
    """Its header proves itself and its parts are not all as they were written: another copy of
    the vault may have them."""

    def prove(name: str, data: bytes) -> bytes:
        if digest_of(data) != digest:
            raise Damaged(f"{name} is not what the segment after it names")
        return data

    with suppress(Damaged):
        source.whole = find_proven(vault, (source.name,), prove) or source.whole


def _write(vault: Vault, journal_key: bytes, group: list[Source]) -> int:
    first, last = group[0].header, group[-1].header
    rows: list[Row] = []
    pieces: list[bytes] = []
    offset = 0
    for source in group:
        for row in unpack_rows(source.header.rows):
            piece = source.sealed(row)
            rows.append(row._replace(offset=offset))
            pieces.append(piece)
            offset += len(piece)
    header = Header(
        first.epoch,
        first.writer,
        first.first,
        last.last,
        first.before,
        time.time_ns() // 1_000_000,
        pack_rows(rows),
        first.touched_before,
        b"".join(digest_of(source.whole or b"") for source in group),
    )
    data = frame(journal_key, header, pieces)
    name = roll_name(first.epoch, first.writer, first.first, last.last)
    with suppress(Exists):  # it is there when the removal of its segments was interrupted
        vault.backend.create(name, data)
    if vault.backend.read(name)[-64:] != data[-64:]:
        raise Damaged(f"{name} is not what was written")
    for source in group:
        vault.backend.delete(source.name)
    return last.last
