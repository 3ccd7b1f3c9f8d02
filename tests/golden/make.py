"""Makes the golden vault of the format of today, once: `python -m tests.golden.make`.

A format version that was released has its folder for good, and this program refuses to touch
one. When the format gets its next number, run it again: it makes the next folder beside the
others. Its SHA-256 sums go into `sums.txt`, which a test keeps.
"""

from __future__ import annotations

import gzip
import io
import json
import shutil
import sys
import tarfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.golden.damages import keep_damaged, list_damages
from tests.golden.reading import HERE, Golden, Json, damage, lost, read_all, recovered

from stillhere import __version__
from stillhere.errors import RefusedVault
from stillhere.kinds import KINDS
from stillhere.replication.compact import compact
from stillhere.replication.found import found
from stillhere.replication.rollup import roll_up
from stillhere.replication.start import Working, anchor_of, open_core
from stillhere.store import NewAccount, ShelfWrite
from stillhere.store.accounts import Created
from stillhere.vault.kit import Kit
from stillhere.vault.layout import bucket_of
from stillhere.vault.opened import VERSION

PEOPLE = ("Zoë", "anna", "李 雷", "gone")
CARDS = 8


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


def live(home: Path, place: Path) -> tuple[Kit, dict[str, str]]:
    """Two epochs of a service, with everything that a vault can have; its kit and log-ins."""
    kit, working, made = _found(home / "1", place)
    logins = {one.name: one.device.password for one in made if one.device is not None}
    zoe, anna, lei, gone = (one.account for one in made)
    for one in made:
        notes = {f"{n}": f"{one.name}, first revision" for n in range(CARDS)}
        put(working, one.account, "contacts", notes)
    compact(working)
    _revise(working, zoe)
    compact(working)
    _write_beside(working, anna, lei)
    _lose_a_body(place, working, anna)
    working.close()
    shutil.rmtree(home / "1")
    with recovered(place, kit, home / "2") as working:
        _heal(working, anna)
        working.eraser.erase(gone, "gone")
        put(working, lei, "contacts", {"0": "李 雷, in epoch 2"})
        compact(working)
        put(working, zoe, "work", {"boss": "in epoch 2", "é ü": "a name to be escaped"})
        put(working, lei, "contacts", {"9": "after the last root"})
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


def _roll(working: Working) -> None:
    journal = working.journal
    assert journal.writer is not None
    key, epoch = working.identity.journal_key, working.identity.epoch
    roll_up(working.vault, key, epoch, journal.writer, after=0, upto=journal.written, least=2)


def _lose_a_body(place: Path, working: Working, anna: bytes) -> None:
    """A disk has lost what is in the middle of anna's base; all but one card heals later."""
    source = anchor_of(working).source(anna, "contacts")
    assert source.entry is not None
    assert source.manifest is not None
    piece = source.manifest.place(source.entry.base.bodies[0])
    path = place / piece.pack
    data = bytearray(path.read_bytes())
    data[piece.offset + piece.length - 40] ^= 1
    path.write_bytes(data)


def _heal(working: Working, anna: bytes) -> None:
    """Her phone sends all but one of the lost cards again."""
    put(working, anna, "contacts", {f"{n}": "anna, first revision" for n in range(1, CARDS)})
    name, properties = KINDS["contacts"].first
    working.store.write(
        anna, "contacts", lambda shelf: shelf.put_collection(name, properties)
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
    """Make the folder of today's format."""
    golden = Golden(HERE / str(VERSION))
    if golden.folder.exists():
        sys.exit(f"{golden.folder} is there: what a format was is never made again")
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
    """SHA-256 of every file of a format's folder, by its name here."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(HERE)): sha256(p.read_bytes()).hexdigest() for p in files}


def add_sums(golden: Golden) -> None:
    """Write down what nobody may change any more, as sha256sum reads it."""
    with (HERE / "sums.txt").open("a", encoding="utf-8") as file:
        file.writelines(f"{digest}  {name}\n" for name, digest in sums(golden.folder).items())


if __name__ == "__main__":
    main()
