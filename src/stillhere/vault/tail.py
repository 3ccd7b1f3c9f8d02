"""The tail: everything in the journal that no manifest has taken in yet.

Read once, it is an index by shelf over the segments and roll-ups; the parts themselves are
read when a shelf asks for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple, TypeVar

from stillhere.errors import Damaged
from stillhere.vault.backends import Missing, Readable, each, first_of
from stillhere.vault.epochs import is_seal
from stillhere.vault.layout import (
    journal_folder,
    pad_kind,
    roll_name,
    segment_name,
    unpad_kind,
)
from stillhere.vault.opened import Vault
from stillhere.vault.segments import (
    Header,
    Row,
    find_rows,
    open_bodies,
    open_entries,
    parts_offset,
    read_header,
    unpack_rows,
    unpack_touched,
)

Cut = Mapping[int, Mapping[int, int]]
"""epoch → writer → the last segment that the manifests have taken in."""

_SEGMENT = re.compile(r"([0-9]{12})\.seg\Z")
_ROLL = re.compile(r"([0-9]{12})-([0-9]{12})\.roll\Z")
LISTINGS = 5  # how often a folder is listed again when a roll-up has moved what was listed
KEEP_BYTES = 1 << 20  # objects up to this size are kept whole in memory while a tail is used


T = TypeVar("T")


class Span(NamedTuple):
    """Segments of a writer, in one object."""

    first: int
    last: int
    name: str


class Listing(NamedTuple):
    """What lies in a writer's folder: the fewest objects that cover its segments, and gaps."""

    spans: list[Span]
    gaps: list[tuple[int, int]]
    last: int

    def until(self, end: int) -> Listing:
        """The part of a listing that lies before a sealed end."""
        spans = [span for span in self.spans if span.first <= end]
        gaps = [(first, min(last, end)) for first, last in self.gaps if first <= end]
        return Listing(spans, gaps, min(self.last, end))


class Gap(NamedTuple):
    """Segments that are missing or broken; what they touched is known when one alone is."""

    epoch: int
    writer: int
    first: int
    last: int
    cause: str
    touched: frozenset[tuple[bytes, str]] | None


@dataclass
class Source:
    """One journal object that was read: its header, and how to get at its parts."""

    vault: Vault
    name: str
    header: Header
    start: int
    whole: bytes | None
    size: int
    journal_key: bytes = field(repr=False)

    def rows(self, account: bytes, kind: str) -> list[Row]:
        """The parts of one shelf, in order."""
        return find_rows(self.header.rows, account, pad_kind(kind))

    def entries(self, data_key: bytes, row: Row) -> tuple[bytes, list[bytes]]:
        """A part's chain before and its encoded entries. Raises Damaged, BackendError."""
        prove = partial(open_entries, data_key, self.header, row)
        return self._proven(row, 0, row.entries_length, prove)

    def bodies(self, data_key: bytes, row: Row) -> list[bytes | None]:
        """A part's bodies. Raises Damaged, BackendError."""
        prove = partial(open_bodies, data_key, self.header, row)
        return self._proven(row, row.entries_length, row.bodies_length, prove)

    def sealed(self, row: Row) -> bytes:
        """A part's bytes as they are, for a roll-up."""
        return self._piece(row, 0, row.entries_length + row.bodies_length)

    def _proven(self, row: Row, offset: int, length: int, prove: Callable[[bytes], T]) -> T:
        """What ``prove`` makes of a piece, from whichever copy of the vault has it whole."""
        try:
            return prove(self._piece(row, offset, length))
        except Damaged as error:
            copies = each(self.vault.backend)
            start = self.start + row.offset + offset
            found = first_of(partial(self._prove, copy, start, length, prove) for copy in copies)
            if found is None:
                raise error
            return found

    def _prove(self, copy: Readable, start: int, length: int, prove: Callable[[bytes], T]) -> T:
        return prove(copy.read_range(self.name, start, length))

    def _piece(self, row: Row, offset: int, length: int) -> bytes:
        start = self.start + row.offset + offset
        if self.whole is not None:
            return self.whole[start : start + length]
        try:
            return self.vault.backend.read_range(self.name, start, length)
        except Missing:
            return self._rolled(row).piece_of(row, offset, length)

    def _rolled(self, row: Row) -> Source:
        """The roll-up that this segment has gone into since it was read. Raises Damaged."""
        epoch, writer = self.header.epoch, self.header.writer
        for span in list_journal(self.vault, epoch, writer, row.segment - 1).spans[:1]:
            if span.first <= row.segment <= span.last and span.name != self.name:
                with suppress(Missing):
                    moved = read_source(
                        self.vault, self.journal_key, span.name, epoch, writer, span
                    )
                    if moved is not None:
                        return moved
        raise Damaged(f"{self.name} is missing")

    def piece_of(self, part: Row, offset: int, length: int) -> bytes:
        """A piece of another object's part, which lies in this one too. Raises Damaged."""
        for row in find_rows(self.header.rows, part.account, part.kind):
            if (row.segment, row.first) == (part.segment, part.first):
                return self._piece(row, offset, length)
        raise Damaged(f"{self.name} lacks a part of segment {part.segment}")


@dataclass
class Tail:
    """The journal after a cut. ``size`` in bytes; ``ends`` the last segment of each writer."""

    sources: list[Source] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    ends: dict[int, dict[int, int]] = field(default_factory=dict)
    size: int = 0
    _index: dict[tuple[bytes, str], list[tuple[Source, Row]]] | None = None

    def parts(self, account: bytes, kind: str) -> list[tuple[Source, Row]]:
        """One shelf's parts by position.

        A few shelves are found by searching every header; see ``index`` for all of them."""
        if self._index is not None:
            found = self._index.get((account, kind), [])
        else:
            found = [(s, row) for s in self.sources for row in s.rows(account, kind)]
        return sorted(
            found, key=lambda item: (item[1].first, item[0].header.epoch, item[0].header.writer)
        )

    def index(self) -> None:
        """Index every part by shelf, for work that goes through many shelves."""
        index: dict[tuple[bytes, str], list[tuple[Source, Row]]] = {}
        for source in self.sources:
            for row in unpack_rows(source.header.rows):
                index.setdefault((row.account, unpad_kind(row.kind)), []).append((source, row))
        self._index = index

    def read_from(self, vault: Vault) -> Tail:
        """The same, with parts that are read from this vault, or are in memory."""
        sources = [replace(source, vault=vault) for source in self.sources]
        return Tail(sources, self.gaps, self.ends, self.size)

    def shelves(self) -> set[tuple[bytes, str]]:
        """Every shelf that the tail touches, those of lost segments included where known."""
        if self._index is None:
            self.index()
        touched = set(self._index or ())
        for gap in self.gaps:
            touched |= gap.touched or frozenset()
        return touched


def list_journal(vault: Vault, epoch: int, writer: int, after: int = 0) -> Listing:
    """What covers a writer's segments after ``after``. Raises BackendError.

    A roll-up is preferred to the segments in it; what lies before ``after`` is left out."""
    spans = []
    for name in vault.backend.names(journal_folder(epoch, writer)):
        if match := _SEGMENT.match(name):
            number = int(match[1])
            spans.append(Span(number, number, segment_name(epoch, writer, number)))
        elif match := _ROLL.match(name):
            first, last = int(match[1]), int(match[2])
            spans.append(Span(first, last, roll_name(epoch, writer, first, last)))
    spans.sort(key=lambda span: (span.first, -span.last))
    chosen: list[Span] = []
    gaps: list[tuple[int, int]] = []
    reached = after
    for span in spans:
        if span.last <= reached:
            continue
        if span.first > reached + 1:
            gaps.append((reached + 1, span.first - 1))
        chosen.append(span)
        reached = span.last
    return Listing(chosen, gaps, reached)


def read_tail(
    vault: Vault,
    journal_keys: Mapping[int, bytes],
    writers: Mapping[int, Iterable[int]],
    cut: Cut,
    ends: Mapping[int, Mapping[int, int]] | None = None,
) -> Tail:
    """Index the journal after ``cut``: of every epoch in ``writers``, every writer there.

    ``ends`` gives the last segment of writers that are sealed, so that a lost end is seen."""
    tail = Tail()
    for epoch, numbers in sorted(writers.items()):
        for writer in numbers:
            after = cut.get(epoch, {}).get(writer, 0)
            last = (ends or {}).get(epoch, {}).get(writer)
            _read_writer(tail, vault, journal_keys[epoch], epoch, writer, after, last)
    return tail


def _read_writer(
    tail: Tail,
    vault: Vault,
    journal_key: bytes,
    epoch: int,
    writer: int,
    after: int,
    sealed_end: int | None,
) -> None:
    sources, lost = _read_listed(vault, journal_key, epoch, writer, after, sealed_end)
    reached = max([after, *(s.header.last for s in sources), *(last for _, last, _ in lost)])
    if sealed_end is not None and reached < sealed_end:
        lost.append((reached + 1, sealed_end, "missing"))
        reached = sealed_end
    tail.sources += sources
    tail.size += sum(source.size for source in sources)
    tail.ends.setdefault(epoch, {})[writer] = reached
    tail.gaps += [
        Gap(epoch, writer, first, last, cause, _touched_by_lost(first, last, sources))
        for first, last, cause in sorted(lost)
    ]


def _read_listed(
    vault: Vault,
    journal_key: bytes,
    epoch: int,
    writer: int,
    after: int,
    sealed_end: int | None,
    listings: int = LISTINGS,
) -> tuple[list[Source], list[tuple[int, int, str]]]:
    """A writer's objects and what is lost of them, from a listing that nobody rolled away."""
    listing = list_journal(vault, epoch, writer, after)
    if sealed_end is not None:  # what lies beyond is the seal, whether or not it can be read
        listing = listing.until(sealed_end)
    ended = sealed_end is not None
    sources, lost, moved = _read_spans(vault, journal_key, epoch, writer, listing.spans, ended)
    if moved and listings > 1:
        return _read_listed(vault, journal_key, epoch, writer, after, sealed_end, listings - 1)
    return sources, lost + [(first, last, "missing") for first, last in listing.gaps]


def _read_spans(
    vault: Vault, journal_key: bytes, epoch: int, writer: int, spans: Iterable[Span], ended: bool
) -> tuple[list[Source], list[tuple[int, int, str]], bool]:
    """The objects of a listing, those that are broken, and whether any has gone since.

    One that has gone was rolled up meanwhile, or was lost: another listing tells."""
    sources: list[Source] = []
    lost: list[tuple[int, int, str]] = []
    moved = False
    for span in spans:
        try:
            source = read_source(vault, journal_key, span.name, epoch, writer, span, ended=ended)
        except Missing:
            moved = True
            lost.append((span.first, span.last, "missing"))
            continue
        except Damaged as error:
            lost.append((span.first, span.last, error.what))
            continue
        if source is None:  # the seal: the journal ends before it
            break
        sources.append(source)
    return sources, lost, moved


def _touched_by_lost(
    first: int, last: int, sources: Iterable[Source]
) -> frozenset[tuple[bytes, str]] | None:
    """Which shelves a lost segment touched, if its successor tells; None when not known."""
    for source in sources:
        header = source.header
        if first == last and header.first == last + 1 and header.touched_before:
            rows = unpack_touched(header.touched_before)
            return frozenset((account, unpad_kind(kind)) for account, kind, _ in rows)
    return None


def read_source(
    vault: Vault,
    journal_key: bytes,
    name: str,
    epoch: int,
    writer: int,
    span: Span,
    *,
    ended: bool = False,
) -> Source | None:
    """One segment or roll-up, its header proven; None for a seal. Before the end of a writer that
    has ``ended`` a seal is only where a copy of the vault was left behind: it is nothing there.

    From the first copy of the vault where it proves itself. Raises Damaged, Missing,
    BackendError."""
    read = partial(_read_copy, vault, journal_key, name, epoch, writer, span)
    found = first_of(partial(read, copy, ended) for copy in each(vault.backend))
    if found is None:
        raise Missing(name)
    return found[0]


def _read_copy(
    vault: Vault,
    journal_key: bytes,
    name: str,
    epoch: int,
    writer: int,
    span: Span,
    copy: Readable,
    ended: bool,
) -> tuple[Source | None]:
    size = copy.size(name)
    if size <= KEEP_BYTES:
        data = copy.read(name)
        if is_seal(vault, name, data):
            if ended:
                raise Damaged(f"{name} is a seal in {getattr(copy, 'place', 'a copy')}")
            return (None,)
        header, start = read_header(journal_key, data)
        source = Source(vault, name, header, start, data, size, journal_key)
    else:
        header, start = _read_large_header(copy, journal_key, name, size)
        source = Source(vault, name, header, start, None, size, journal_key)
    if (header.epoch, header.writer, header.first, header.last) != (
        epoch,
        writer,
        span.first,
        span.last,
    ):
        raise Damaged(f"{name} is another object than its name says")
    return (source,)


def _read_large_header(
    copy: Readable, journal_key: bytes, name: str, size: int
) -> tuple[Header, int]:
    front = copy.read_range(name, 0, 12)
    length = int.from_bytes(front[8:12], "big")
    if parts_offset(length) < size:
        try:
            return read_header(journal_key, copy.read_range(name, 0, parts_offset(length)))
        except Damaged:
            pass  # the other end may prove itself
    return read_header(journal_key, copy.read(name))
