"""What a shelf's notes say: whence held records came back, and which devices know of more."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from stillhere.errors import NotFound
from stillhere.kinds import KINDS
from stillhere.recovery.accept import last_word
from stillhere.status.person import DeviceKnows, Ended
from stillhere.status.words import count, moment
from stillhere.store import (
    ACCEPTED,
    ACCOUNT,
    ADOPTED,
    EXPORTED,
    GIVEN_UP,
    HEALED,
    LOST_TAIL,
    PROVEN,
    SALVAGED,
    TAKEN_BACK,
    Core,
    Op,
    epoch_of,
    seq_of,
)
from stillhere.store.accounts import DEVICES, Device
from stillhere.store.pages import open_shelf
from stillhere.store.shelf import find_shelf

_NOTES = (
    "SELECT n.time, n.device, n.body FROM notes n JOIN shelves s ON s.id = n.shelf"
    " WHERE s.account = ? AND s.kind = ? AND n.op = ? ORDER BY n.seq"
)
_FIXED = {"operator": "the operator", "password": "a device with the chosen password", "": "?"}

_TOLD_APART = frozenset(
    (HEALED, GIVEN_UP, LOST_TAIL, EXPORTED, SALVAGED, ADOPTED, ACCEPTED, TAKEN_BACK, PROVEN)
)

Labels = Mapping[str, str]
"""What each device of an account is called, by its id."""


class Note(NamedTuple):
    """A note of a shelf: when (milliseconds), by which device, and what it says."""

    time: int
    device: str
    said: dict[str, str | int]

    @property
    def what(self) -> str:
        """What the note is about."""
        return str(self.said.get("what", "?"))

    def text(self, name: str) -> str:
        """One thing that it says, "" where it does not."""
        return str(self.said.get(name, ""))


def read_notes(sql: sqlite3.Connection, account: bytes, kind: str) -> list[Note]:
    """Every note of a shelf, oldest first."""
    rows = sql.execute(_NOTES, (account, kind, int(Op.NOTE)))
    return [Note(time, device, msgspec.msgpack.decode(body)) for time, device, body in rows]


def read_labels(core: Core, account: bytes) -> Labels:
    """What the devices of an account are called that are not revoked."""
    sql = core.reader()
    row = find_shelf(sql, account, ACCOUNT)
    if row is None:
        return {}
    return {
        record.href: msgspec.msgpack.decode(body, type=Device).label
        for record, body in open_shelf(sql, row).all_bodies(DEVICES)
        if body is not None
    }


def name_device(device: str, labels: Labels) -> str:
    """A device in words: its label and id."""
    if device in _FIXED:
        return _FIXED[device]
    return f"{labels.get(device, 'a device that is revoked')} (device {device})"


def list_ended(notes: Iterable[Note], labels: Labels) -> list[Ended]:
    """What became of held records, the newest word on each."""
    ended = {}
    for note in notes:
        if note.what in (HEALED, GIVEN_UP):
            place = note.text("collection"), note.text("href")
            whence = note.text("whence") or name_device(note.device, labels)
            same = note.what == HEALED and bool(note.said.get("same"))
            ended[place] = Ended(
                *place, note.text("uid"), note.what == GIVEN_UP, same, whence, note.time
            )
    return list(ended.values())


def list_devices(notes: Iterable[Note], labels: Labels) -> list[DeviceKnows]:
    """The devices with tokens beyond a recovered end, by collection, the one that knows most
    first; an export of it that was merged since is named."""
    notes = list(notes)
    found: dict[tuple[str, str], DeviceKnows] = {}
    for note in notes:
        if note.what != LOST_TAIL:
            continue
        place = note.text("collection"), note.device
        changes = _beyond(int(note.said["token"]), int(note.said["end"]))
        before = found.get(place)
        if before is None or before.changes <= changes:
            name = name_device(note.device, labels)
            merged = _last_export(notes, place, after=note.time)
            found[place] = DeviceKnows(place[0], note.device, name, changes, note.time, merged)
    return sorted(found.values(), key=lambda d: (d.collection, -d.changes, d.merged_at is None))


def list_others(notes: Iterable[Note]) -> list[str]:
    """What else was noted, each thing once; salvaged changes are counted."""
    notes = list(notes)
    told = {note.what for note in notes} - _TOLD_APART
    salvaged = [note for note in notes if note.what == SALVAGED]
    by_whence = Counter(note.text("whence") for note in salvaged)
    deleted = Counter(note.text("whence") for note in salvaged if note.said.get("deleted"))
    adopted = [n for n in notes if n.what == ADOPTED]
    told |= {f"the account was made again from {n.text('whence')}" for n in adopted}
    return sorted(told) + [
        f"{count(number, 'change')} came back that only {whence} had"
        f"{_of_them(deleted[whence])}; there may have been more"
        for whence, number in by_whence.items()
    ]


def _of_them(deletions: int) -> str:
    return f", {count(deletions, 'deletion')} among them" if deletions else ""


def list_opened(notes: Iterable[Note]) -> list[str]:
    """How a shelf that nobody could prove came to be open, or not, oldest first."""
    words = (ACCEPTED, TAKEN_BACK, PROVEN)
    return [f"{n.what}{_whence(n)}, {moment(n.time)}" for n in notes if n.what in words]


def stands_accepted(notes: Iterable[Note]) -> bool:
    """Whether a shelf is open, or was, because it was accepted, and nothing has proven it since."""
    return last_word(note.said for note in notes).get("what") in (ACCEPTED, TAKEN_BACK)


def _whence(note: Note) -> str:
    whence = note.text("whence")
    return f": {whence}" if whence else ""


def find_device(core: Core, account: bytes, device: str) -> tuple[str, dict[tuple[str, str], int]]:
    """A device in words, and the recovered ends that it has shown to be ahead of, by kind and
    collection. Raises NotFound for one that the account never had."""
    labels = read_labels(core, account)
    ends: dict[tuple[str, str], int] = {}
    for kind in KINDS:
        for note in read_notes(core.reader(), account, kind):
            if note.what == LOST_TAIL and note.device == device:
                place = (kind, note.text("collection"))
                ends[place] = max(int(note.said["end"]), ends.get(place, 0))
    if device not in labels and not ends:
        raise NotFound(
            f"there is no device {device!r}",
            safe="nothing was imported",
            hint="stillhere account device list and stillhere report show them",
        )
    return name_device(device, labels), ends


def _last_export(notes: Iterable[Note], place: tuple[str, str], after: int) -> int | None:
    times = [
        note.time
        for note in notes
        if note.what == EXPORTED
        and (note.text("collection"), note.text("device")) == place
        and note.time >= after
    ]
    return max(times, default=None)


def _beyond(token: int, end: int) -> int:
    """How many changes of its epoch a token has seen after the recovered end."""
    return token - max(end, seq_of(epoch_of(token), 0))
