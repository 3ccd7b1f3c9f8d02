"""What a golden vault says, in plain JSON, and how it is unpacked and damaged.

A folder here is a vault as it was left by the program of its time, its kit, and what that program
read from it: one of each format, and another where a format has got more that can be in it.
Nothing in it is ever made again (``make.py`` says when a new one is made).
"""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.recovery.history import kept_revisions

from stillhere.kinds.item import NO_SPAN
from stillhere.recovery.recovery import Recovery
from stillhere.recovery.report import read_report
from stillhere.replication.start import Working
from stillhere.store import Shelf, State
from stillhere.vault.kit import Kit, read_kit

HERE = Path(__file__).parent
UNTIMED = 10
"""Values of a record that is at no time; in a time range there are three more."""
Json = Any


@dataclass(frozen=True)
class Golden:
    """One vault's folder."""

    folder: Path

    @property
    def kit(self) -> Kit:
        return read_kit((self.folder / "kit.txt").read_text("utf-8"))

    @property
    def expected(self) -> Json:
        """What was read from the vault when it was made."""
        return json.loads((self.folder / "expected.json").read_text("utf-8"))

    @property
    def damages(self) -> Json:
        """What may happen to it, and what is lost by that."""
        return json.loads((self.folder / "damages.json").read_text("utf-8"))

    def unpack(self, to: Path) -> Path:
        """The vault, in a folder of its own."""
        with tarfile.open(self.folder / "vault.tar.gz") as kept:
            kept.extractall(to, filter="data")
        return to / "vault"


def goldens() -> list[Golden]:
    """Every folder, oldest first."""
    return [Golden(HERE / str(n)) for n in sorted(int(p.name) for p in HERE.glob("[0-9]*"))]


def damage(place: Path, golden: Golden, steps: Json) -> None:
    """Do to a vault what a list says, step by step."""
    for step in steps:
        match step:
            case ["flip", name, offset]:
                data = bytearray((place / name).read_bytes())
                data[offset] ^= 1
                (place / name).write_bytes(data)
            case ["cut", name, length]:
                (place / name).write_bytes((place / name).read_bytes()[:length])
            case ["delete", name]:
                (place / name).unlink()
            case ["swap", one, other]:
                first, second = (place / one).read_bytes(), (place / other).read_bytes()
                (place / one).write_bytes(second)
                (place / other).write_bytes(first)
            case ["put", kept]:  # files that lie here, damaged already, over those of the vault
                shutil.copytree(golden.folder / "damaged" / kept, place, dirs_exist_ok=True)
            case _:
                raise ValueError(step)


@contextmanager
def recovered(place: Path, kit: Kit, home: Path) -> Iterator[Working]:
    """A core of today brought back from a vault."""
    recovery = Recovery(home, place, kit, lambda *_, **__: None)
    working = recovery.begin()
    try:
        recovery.run()
        yield working
    finally:
        working.close()


def read_all(working: Working, *, revisions: bool = False) -> Json:
    """Everything on every shelf that is open, and every verdict; with ``revisions`` also what
    the vault keeps of what was replaced, deleted or lost a conflict."""
    accounts = {row.account: row.name for row in working.store.accounts.list()}
    verdicts = {(one.account, one.kind): one for one in read_report(working.core)}
    shelves = {}
    for (account, kind), one in sorted(verdicts.items()):
        said: dict[str, Json] = {"problems": one.verdict.problems}
        if not one.closed:
            with working.store.read(account, kind) as shelf:
                said |= _read(shelf)
            if revisions:
                kept = kept_revisions(working, account, kind)
                said["revisions"] = sorted(sha256(body).hexdigest() for body in kept)
        shelves[f"{account.hex()} {kind}"] = said
    return {"accounts": {a.hex(): name for a, name in accounts.items()}, "shelves": shelves}


def _read(shelf: Shelf) -> dict[str, Json]:
    rows = []
    for record, body in shelf.everything():
        assert (body is not None) == (record.state == State.PRESENT)
        assert body is None or sha256(body).digest() == record.digest, "not what it says it is"
        said = record if record.span != NO_SPAN else record[:UNTIMED]
        rows.append([value.hex() if isinstance(value, bytes) else value for value in said])
    return {"last": shelf.last_seq, "chain": shelf.chain.hex(), "rows": rows}


def lost(expected: Json, found: Json) -> Json:
    """What was there and is not: shelves that are closed, records that are held.

    Whatever else differs is wrong, and raises AssertionError."""
    assert found["accounts"].keys() <= expected["accounts"].keys()
    closed, held = [], []
    for name, wanted in expected["shelves"].items():
        got = found["shelves"].get(name, {})
        if "rows" not in got:
            assert got.get("problems", ["gone"]), f"{name} is closed without a reason"
            closed.append(name)
            continue
        assert (got["last"], got["chain"]) == (wanted["last"], wanted["chain"]), name
        for row, before in zip(got["rows"], wanted["rows"], strict=True):
            if row != before:
                assert row[3] == State.HELD, f"{row} is not {before}"
                assert [*row[:3], *row[4:]] == [*before[:3], *before[4:]]
                held.append([name, row[0], row[1]])
    return {"closed": closed, "held": held}
