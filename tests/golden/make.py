"""Makes the next golden vault, by the format of today, once: `python -m tests.golden.make`.

What was made has its folder for good, and this program touches none that is there. When the
format gets its next number, or more can be in it than before, run it again: it makes the next
folder beside the others. Its SHA-256 sums go into `sums.txt`, which a test keeps.

    1   accounts and contacts
    2   calendars, to-do lists and notes too, with the times that they are at; an event is held
"""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.golden.damages import keep_damaged, list_damages
from tests.golden.reading import (
    HERE,
    Golden,
    Json,
    damage,
    goldens,
    lost,
    read_all,
    recovered,
)

from stillhere import __version__
from stillhere.errors import RefusedVault
from stillhere.kinds import KINDS
from stillhere.replication.compact import compact
from stillhere.replication.found import found
from stillhere.replication.rollup import roll_up
from stillhere.replication.start import Working, anchor_of, open_core
from stillhere.store import NewAccount, ShelfWrite
from stillhere.store.accounts import Created, begin
from stillhere.vault.kit import Kit
from stillhere.vault.layout import bucket_of
from stillhere.vault.opened import VERSION

PEOPLE = ("Zoë", "anna", "李 雷", "gone")
CARDS = 8
EVENTS = {
    "meeting": "DTSTART:20261203T090000Z\r\nDTEND:20261203T100000Z",
    "weekly": "DTSTART:20261201T170000Z\r\nDURATION:PT45M\r\nRRULE:FREQ=WEEKLY",
    "holiday": "DTSTART;VALUE=DATE:20261224\r\nDTEND;VALUE=DATE:20261227",
    "breakfast": "DTSTART:20261205T073000\r\nDURATION:PT30M",
    "once upon a time": "X-WHEN:nobody knows",
}
TASKS = {
    "due": "DUE:20261231T235959Z",
    "some day": "STATUS:NEEDS-ACTION",
    "done": "DTSTART:20261101T080000Z\r\nCOMPLETED:20261102T080000Z",
}
NOTES = {"minutes": "DTSTART;VALUE=DATE:20261130", "thought": "DESCRIPTION:at no time"}


def card(name: str, note: str) -> bytes:
    """A card as a phone sends it."""
    text = f"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:{name}\r\nFN:{name}\r\nNOTE:{note}\r\nEND:VCARD\r\n"
    return text.encode()


def put(working: Working, account: bytes, book: str, cards: dict[str, str]) -> None:
    """Store cards, by name and note, in one change group."""

    def write(shelf: ShelfWrite) -> None:
        for name, note in cards.items():
            shelf.put(
                book,
                f"{name}.vcf",
                card(name, note),
                uid=name,
                component="VCARD",
                media_type="text/vcard",
            )

    working.store.write(account, "contacts", write, device="phone").result()


def put_items(working: Working, account: bytes, name: str, items: dict[str, str]) -> None:
    """Store items of one kind, by name and lines, in its first collection, which begins with
    them if need be."""
    kind = KINDS[name]

    def write(shelf: ShelfWrite) -> None:
        begin(kind, shelf)
        for uid, lines in items.items():
            text = (
                f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//golden//EN\r\nBEGIN:{kind.component}\r\n"
                f"UID:{uid}\r\nDTSTAMP:20261130T000000Z\r\nSUMMARY:Größe {uid}\r\n{lines}\r\n"
                f"END:{kind.component}\r\nEND:VCALENDAR\r\n"
            )
            item = kind.parse(text.encode())
            shelf.put(
                kind.first[0],
                f"{uid}.ics",
                text.encode(),
                uid=item.uid,
                component=item.component,
                media_type=item.media_type,
                span=item.span,
            )

    working.store.write(account, name, write, device="phone").result()


def live(home: Path, place: Path) -> tuple[Kit, dict[str, str]]:
    """Two epochs of a service, with everything that a vault can have; its kit and log-ins."""
    kit, working, made = _found(home / "1", place)
    logins = {one.name: one.device.password for one in made if one.device is not None}
    zoe, anna, lei, gone = (one.account for one in made)
    for one in made:
        notes = {f"{n}": f"{one.name}, first revision" for n in range(CARDS)}
        put(working, one.account, "contacts", notes)
    for account in (zoe, anna):
        put_items(working, account, "calendar", EVENTS)
    put_items(working, zoe, "tasks", TASKS)
    put_items(working, zoe, "notes", NOTES)
    compact(working)
    _revise(working, zoe)
    _revise_calendars(working, zoe)
    compact(working)
    _write_beside(working, anna, lei)
    for kind in ("contacts", "calendar"):
        _lose_a_body(place, working, anna, kind)
    working.close()
    shutil.rmtree(home / "1")
    with recovered(place, kit, home / "2") as working:
        _heal(working, anna)
        working.eraser.erase(gone, "gone")
        put(working, lei, "contacts", {"0": "李 雷, in epoch 2"})
        put_items(working, zoe, "tasks", {"late": "DUE;VALUE=DATE:20270105"})
        compact(working)
        put(working, zoe, "work", {"boss": "in epoch 2", "é ü": "a name to be escaped"})
        put(working, lei, "contacts", {"9": "after the last root"})
        put_items(working, anna, "notes", {"first": "DTSTART:20261202T080000Z"})
        put_items(
            working, zoe, "calendar", {"meeting": "DTSTART:20261204T100000Z\r\nDURATION:PT2H"}
        )
        _roll(working)
        delete = working.store.write(
            anna, "contacts", lambda shelf: shelf.delete("contacts", "7.vcf")
        )
        delete.result()
        put(working, zoe, "contacts", {"last": "the last segment"})
    return kit, logins


def _found(home: Path, place: Path) -> tuple[Kit, Working, Sequence[Created]]:
    """A service with people in both of its buckets; ids are random, so it may take a few."""
    while True:
        kit = found(home, place, bucket_bits=1)
        working = open_core(home)
        made = working.store.accounts.create_many([NewAccount(n, device="phone") for n in PEOPLE])
        if len({bucket_of(one.account, 1) for one in made[:3]}) == 2:
            return kit, working, made
        working.close()
        shutil.rmtree(home)
        shutil.rmtree(place)


def _revise(working: Working, zoe: bytes) -> None:
    def revise(shelf: ShelfWrite) -> None:
        shelf.put_collection("work", {"{DAV:}displayname": "Büro", "{urn:x}colour": "#ff0000"})
        shelf.delete("contacts", "4.vcf")
        shelf.keep_conflict("contacts", "5.vcf", card("5", "lost a conflict"))
        shelf.note("lost-tail token", {"collection": "contacts", "token": 1, "end": 0})

    put(working, zoe, "contacts", {"3": "second revision"})
    working.store.write(zoe, "contacts", revise, device="phone").result()
    put(working, zoe, "work", {"boss": "first revision"})


def _write_beside(working: Working, anna: bytes, lei: bytes) -> None:
    """A roll-up and lone segments of one writer, and those of another beside it."""
    beside = open_core(working.core.home)
    try:
        for number in range(3):
            put(working, anna, "contacts", {f"rolled {number}": "in a roll-up"})
            put(beside, lei, "contacts", {f"beside {number}": "of the second writer"})
    finally:
        beside.close()
    _roll(working)
    put(working, anna, "contacts", {"alone": "in a lone segment"})
    conflict = card("alone", "lost a conflict")
    working.store.write(
        anna, "contacts", lambda shelf: shelf.keep_conflict("contacts", "alone.vcf", conflict)
    ).result()


def _revise_calendars(working: Working, zoe: bytes) -> None:
    properties = {
        "{DAV:}displayname": "Reisen",
        "{http://apple.com/ns/ical/}calendar-color": "#f00",
    }
    change = working.store.write
    change(zoe, "calendar", lambda s: s.put_collection("reisen", properties, "CALENDAR")).result()
    change(zoe, "calendar", lambda s: s.delete("calendar", "holiday.ics")).result()
    change(zoe, "notes", lambda s: s.delete_collection("notes")).result()
    put_items(working, zoe, "calendar", {"weekly": f"{EVENTS['weekly']};COUNT=9"})


def _roll(working: Working) -> None:
    journal = working.journal
    assert journal.writer is not None
    key, epoch = working.identity.journal_key, working.identity.epoch
    roll_up(working.vault, key, epoch, journal.writer, after=0, upto=journal.written, least=2)


def _lose_a_body(place: Path, working: Working, anna: bytes, kind: str) -> None:
    """A disk has lost what is in the middle of anna's base; all but one record heals later."""
    source = anchor_of(working).source(anna, kind)
    assert source.entry is not None
    assert source.manifest is not None
    piece = source.manifest.place(source.entry.base.bodies[0])
    path = place / piece.pack
    data = bytearray(path.read_bytes())
    data[piece.offset + piece.length - 40] ^= 1
    path.write_bytes(data)


def _heal(working: Working, anna: bytes) -> None:
    """Her phone sends all but one of the lost cards and events again."""
    put(working, anna, "contacts", {f"{n}": "anna, first revision" for n in range(1, CARDS)})
    sent = {name: lines for name, lines in EVENTS.items() if name != "meeting"}
    put_items(working, anna, "calendar", sent)
    for kind in (KINDS["contacts"], KINDS["calendar"]):
        working.store.write(
            anna,
            kind.name,
            lambda shelf, kind=kind: shelf.put_collection(*kind.first, kind.collection),
        ).result()


def pack_up(place: Path, to: Path) -> None:
    """The vault as one file that says nothing of when, where or by whom."""
    files = sorted(path for path in place.rglob("*") if path.is_file())
    with (
        to.open("wb") as file,
        gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as squeezed,
        tarfile.open(fileobj=squeezed, mode="w") as tar,
    ):
        for path in files:
            entry = tarfile.TarInfo(f"vault/{path.relative_to(place)}")
            entry.size = path.stat().st_size
            tar.addfile(entry, io.BytesIO(path.read_bytes()))


def write_json(path: Path, said: Json) -> None:
    """One file, a line for each thing."""
    path.write_text(json.dumps(said, ensure_ascii=False, indent=1) + "\n", "utf-8")


def what_remains(golden: Golden, scratch: Path, steps: Json, expected: Json) -> Json:
    """What a recovery of a damaged copy lacks, or that it is refused."""
    shutil.rmtree(scratch, ignore_errors=True)
    place = golden.unpack(scratch)
    damage(place, golden, steps)
    try:
        with recovered(place, golden.kit, scratch / "home") as working:
            return lost(expected, read_all(working))
    except RefusedVault as error:
        return {"refused": type(error).__name__}


def main() -> None:
    """Make the next folder."""
    golden = Golden(HERE / str(len(goldens()) + 1))
    with TemporaryDirectory() as folder:
        scratch = Path(folder)
        kit, logins = live(scratch / "home", scratch / "vault")
        golden.folder.mkdir()
        pack_up(scratch / "vault", golden.folder / "vault.tar.gz")
        (golden.folder / "kit.txt").write_text(kit.text(), "utf-8")
        with recovered(golden.unpack(scratch / "a"), kit, scratch / "a" / "home") as working:
            expected = read_all(working, revisions=True)
        write_json(
            golden.folder / "expected.json",
            {"format": VERSION, "made_by": __version__, "logins": logins} | expected,
        )
        keep_damaged(golden, scratch / "c")
        damages = [
            {"name": name, "do": steps}
            | {"lost": what_remains(golden, scratch / "b", steps, expected)}
            for name, steps in list_damages(scratch / "vault")
        ]
        write_json(golden.folder / "damages.json", damages)
    add_sums(golden)


def sums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a vault's folder, by its name here."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(HERE)): sha256(p.read_bytes()).hexdigest() for p in files}


def add_sums(golden: Golden) -> None:
    """Write down what nobody may change any more, as sha256sum reads it."""
    with (HERE / "sums.txt").open("a", encoding="utf-8") as file:
        file.writelines(f"{digest}  {name}\n" for name, digest in sums(golden.folder).items())


if __name__ == "__main__":
    main()
