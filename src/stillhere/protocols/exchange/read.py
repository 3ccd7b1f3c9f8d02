"""From files to cards: split, parsed, each with a UID, and what cannot be kept with its line."""

import hashlib
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from stillhere.errors import NotFound
from stillhere.kinds import contacts
from stillhere.kinds.item import BadItem
from stillhere.protocols.exchange.plan import Card, Refused

_GIVEN = uuid.UUID("5a8c3f0e-6f7d-5b0a-9d0b-1c4e0f6b7a21")
GROUP_CARDS = 500
GROUP_BYTES = 8 << 20
_OWN_LINE = re.compile(r"^line \d+ ")


def find_files(named: Sequence[Path]) -> list[Path]:
    """The files that were named, and the .vcf files in and below the folders that were.

    Raises NotFound for what does not exist, before anything is read.
    """
    files: list[Path] = []
    for path in named:
        if path.is_dir():
            inside = (p for p in path.rglob("*") if p.suffix.lower() in (".vcf", ".vcard"))
            files.extend(sorted(p for p in inside if p.is_file()))
        elif path.is_file():
            files.append(path)
        else:
            raise NotFound(f"there is no file {path}", safe="nothing was imported")
    return files


def read(files: Iterable[Path]) -> Iterator[Card | Refused]:
    """Every card of every file, in order. Lines count from 1."""
    for path in files:
        try:
            data = path.read_bytes()
        except OSError as error:
            yield Refused(str(path), 0, f"the file cannot be read: {error.strerror}")
            continue
        nothing = True
        for found in read_cards(str(path), data):
            nothing = False
            yield found
        if nothing:
            yield Refused(str(path), 1, "there is no card in this file")


def read_cards(source: str, data: bytes) -> Iterator[Card | Refused]:
    """The cards of one file's bytes; each is kept as it is, but for a UID where it has none."""
    for line, body in contacts.split_cards(data):
        try:
            said = contacts.parse(body)
            if said.uid:
                yield Card(source, line, body, said.uid, said.media_type)
            else:
                uid = uid_for(body)
                kept = contacts.give_uid(body, uid)
                yield Card(source, line, kept, uid, said.media_type, given=True)
        except BadItem as refusal:
            yield Refused(source, line + refusal.line - 1, _reason(refusal))


def _reason(refusal: BadItem) -> str:
    # Its own line counts from the start of the card; here it stands beside the file's.
    what = _OWN_LINE.sub("the line ", refusal.what)
    return f"{what} ({refusal.hint})" if refusal.hint else what


def uid_for(body: bytes) -> str:
    """The UID a card without one is given: made from its bytes, so that importing it again
    finds it instead of adding it once more."""
    return str(uuid.uuid5(_GIVEN, hashlib.sha256(body).hexdigest()))


def into_groups(cards: list[Card]) -> Iterator[list[Card]]:
    """The cards in runs that one change of the shelf can take."""
    group: list[Card] = []
    size = 0
    for card in cards:
        group.append(card)
        size += len(card.body)
        if len(group) == GROUP_CARDS or size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group
