"""From files to items: split, parsed, each with a UID, and what cannot be kept with its line."""

import hashlib
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from stillhere.errors import NotFound
from stillhere.kinds import KINDS, kind_of
from stillhere.kinds.item import BadItem, Kind
from stillhere.protocols.exchange.plan import Piece, Refused

_GIVEN = uuid.UUID("5a8c3f0e-6f7d-5b0a-9d0b-1c4e0f6b7a21")
GROUP_ITEMS = 500
GROUP_BYTES = 8 << 20
_OWN_LINE = re.compile(r"^line \d+ ")
EXTENSIONS = tuple(dict.fromkeys(end for kind in KINDS.values() for end in kind.extensions))


def find_files(named: Sequence[Path]) -> list[Path]:
    """The files that were named, and those that may hold items in and below the folders that were.

    Raises NotFound for what does not exist, before anything is read.
    """
    files: list[Path] = []
    for path in named:
        if path.is_dir():
            inside = (p for p in path.rglob("*") if p.suffix.lower() in EXTENSIONS)
            files.extend(sorted(p for p in inside if p.is_file()))
        elif path.is_file():
            files.append(path)
        else:
            raise NotFound(f"there is no file {path}", safe="nothing was imported")
    return files


def read(files: Iterable[Path]) -> Iterator[Piece | Refused]:
    """Every item of every file, in order. Lines count from 1."""
    for path in files:
        try:
            data = path.read_bytes()
        except OSError as error:
            yield Refused(str(path), 0, f"the file cannot be read: {error.strerror}")
            continue
        nothing = True
        for found in read_items(str(path), data):
            nothing = False
            yield found
        if nothing:
            yield Refused(str(path), 1, "there is nothing in this file that can be kept")


def read_items(source: str, data: bytes) -> Iterator[Piece | Refused]:
    """The items of one file's bytes; each is kept as it is, but for a UID where it has none."""
    likely = _kind_of_file(source, data)
    for part in likely.split(data):
        kind = kind_of(part.component) or likely
        line, body = part.line, part.body
        try:
            said = kind.parse(body)
            if said.uid:
                yield Piece(source, line, kind.name, body, said)
            else:
                kept = kind.give_uid(body, uid_for(body))
                yield Piece(source, line, kind.name, kept, kind.parse(kept), given=True)
        except BadItem as refusal:
            yield Refused(source, part.find_line(refusal.line), _reason(refusal))


def _kind_of_file(source: str, data: bytes) -> Kind:
    """A kind whose items a file may hold: by its name, else by how it begins, else the first."""
    named = Path(source).suffix.lower()
    for kind in KINDS.values():
        if named in kind.extensions:
            return kind
    calendar = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").upper().startswith(b"BEGIN:VCALENDAR")
    kinds = (kind for kind in KINDS.values() if kind.media_type == "text/calendar")
    return next(kinds) if calendar else next(iter(KINDS.values()))


def _reason(refusal: BadItem) -> str:
    # Its own line counts from the start of the item; here it stands beside the file's.
    what = _OWN_LINE.sub("the line ", refusal.what)
    return f"{what} ({refusal.hint})" if refusal.hint else what


def uid_for(body: bytes) -> str:
    """The UID an item without one is given: made from its bytes, so that importing it again
    finds it instead of adding it once more."""
    return str(uuid.uuid5(_GIVEN, hashlib.sha256(body).hexdigest()))


def into_groups(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """The items in runs that one change of one shelf can take."""
    group: list[Piece] = []
    size = 0
    for piece in pieces:
        if group and (
            len(group) == GROUP_ITEMS or size >= GROUP_BYTES or piece.kind != group[0].kind
        ):
            yield group
            group, size = [], 0
        group.append(piece)
        size += len(piece.body)
    if group:
        yield group
