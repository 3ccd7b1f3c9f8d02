"""What is done to a golden vault: the list is made once, with the vault, and kept beside it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.golden.reading import Golden

Steps = list[list[str | int]]


def list_damages(place: Path) -> Iterator[tuple[str, Steps]]:
    """A name and the steps of each damage, for the objects that this vault has."""

    def newest(pattern: str) -> str:
        return str(max(place.glob(pattern)).relative_to(place))

    def flip(name: str, offset: int | None = None) -> list[str | int]:
        size = (place / name).stat().st_size
        return ["flip", name, size // 2 if offset is None else offset % size]

    def both(name: str) -> Steps:
        return [flip(name), flip(f"{name}.twin")]

    root = newest("manifest/root/*[0-9]")
    manifest = newest("manifest/contacts/*/*[0-9]")
    older = manifest[:-8] + f"{int(manifest[-8:]) - 1:08d}"
    roll = newest("journal/000002/*/*.roll")
    segment = newest("journal/000002/*/*.seg")
    inside = segment.replace(segment[-16:], f"{int(segment[-16:-4]) - 1:012d}.seg")
    bodies = max(place.glob("ledger/contacts/*b-*"), key=lambda path: path.stat().st_size)
    pack = str(bodies.relative_to(place))
    dates = newest("manifest/calendar/*/*[0-9]")
    events = sorted(place.glob("ledger/calendar/*.pack"))
    keys = sorted(str(p.relative_to(place)) for p in place.glob("keys/??/*[0-9a-f]"))
    wraps = sorted(str(p.relative_to(place)) for p in place.glob("wraps/*[0-9a-f]"))
    erasure = newest("erasures/??/*[0-9a-f]")
    yield "one copy of the format is broken", [flip("format.json")]
    yield "one copy of a sealed epoch is broken", [flip("epochs/000001/epoch")]
    yield "one copy of the newest epoch is gone", [["delete", "epochs/000002/epoch"]]
    yield "one copy of the service keys is broken", [flip("keys/service")]
    yield "one copy of a key is broken", [flip(keys[0])]
    yield "one copy of each wrapping key is gone", [["delete", f"{name}.twin"] for name in wraps]
    yield "one copy of an erasure is gone", [["delete", erasure]]
    yield "one copy of the newest root is broken", [flip(root)]
    yield "one copy of a manifest is broken", [flip(manifest)]
    yield "both copies of the format are broken", both("format.json")
    yield "both copies of the newest epoch are broken", both("epochs/000002/epoch")
    yield "both copies of a key are broken", both(keys[0])
    yield "both copies of each wrapping key are broken", [one for n in wraps for one in both(n)]
    yield "both copies of an erasure are gone", [["delete", erasure], ["delete", f"{erasure}.twin"]]
    yield "both copies of the newest root are gone", [["delete", root], ["delete", f"{root}.twin"]]
    yield "both copies of a manifest are broken", both(manifest)
    yield (
        "the keys of two accounts are swapped",
        [
            ["swap", keys[0], keys[1]],
            ["swap", f"{keys[0]}.twin", f"{keys[1]}.twin"],
        ],
    )
    yield (
        "a manifest and the one before it are swapped",
        [
            ["swap", manifest, older],
            ["swap", f"{manifest}.twin", f"{older}.twin"],
        ],
    )
    yield (
        "a pack of bodies is broken",
        [flip(pack, bodies.stat().st_size * tenth // 10) for tenth in range(1, 9)],
    )
    yield "a pack of bodies is cut short", [["cut", pack, bodies.stat().st_size // 2]]
    yield "a pack of rosters is broken", [flip(newest("ledger/contacts/*-000002r-*"))]
    yield (
        "all packs of rosters are gone",
        [
            ["delete", str(path.relative_to(place))]
            for path in sorted(place.glob("ledger/contacts/*r-*.pack"))
        ],
    )
    yield (
        "all packs of bodies are gone",
        [
            ["delete", str(path.relative_to(place))]
            for path in sorted(place.glob("ledger/contacts/*b-*.pack"))
        ],
    )
    yield "one copy of a manifest of calendars is broken", [flip(dates)]
    yield "both copies of a manifest of calendars are broken", both(dates)
    for what, letter in (("bodies", "b"), ("rosters", "r")):
        gone = [str(p.relative_to(place)) for p in events if f"{letter}-" in p.name]
        yield f"all packs of {what} of calendars are gone", [["delete", name] for name in gone]
    yield (
        "all packs of calendars are gone",
        [["delete", str(path.relative_to(place))] for path in events],
    )
    yield "one end of a roll-up is broken", [flip(roll, -50)]
    yield "the last part of a roll-up is broken", [flip(roll, _end_of_parts(place / roll) - 20)]
    yield "a roll-up is gone", [["delete", roll]]
    yield "the last segment is broken", [flip(segment, _end_of_parts(place / segment) - 20)]
    yield "a segment inside the tail is gone", [["delete", inside]]
    yield "a seal is gone", [["delete", newest("journal/000001/000000/*.seg")]]
    yield "a writer's slot is gone", [["delete", "epochs/000001/writers/000000"]]
    yield "files of a torn disk", [["put", "torn"]]
    yield "files of a disk with bad blocks", [["put", "blocks"]]


def _end_of_parts(path: Path) -> int:
    """Where the parts of a segment or roll-up end (docs/format.md)."""
    data = path.read_bytes()
    return len(data) - 44 - int.from_bytes(data[-12:-8], "big")


def keep_damaged(golden: Golden, scratch: Path) -> None:
    """Keep some objects as a dying disk has left them: cut short, and with blocks of zeros."""
    place = golden.unpack(scratch)
    torn = [
        max(place.glob("ledger/contacts/*-000001r-*")),
        max(place.glob("journal/000002/*/*.seg")),
        max(place.glob("manifest/root/*[0-9]")),
    ]
    blocks = [
        max(place.glob("journal/000002/*/*.roll")),
        max(place.glob("ledger/account/*-000001b-*")),
        place / "format.json",
    ]
    for kept, paths in (("torn", torn), ("blocks", blocks)):
        for path in paths:
            data = path.read_bytes()
            middle = len(data) // 2
            damaged = data[: middle + 100]
            if kept == "blocks":
                damaged = data[:middle] + bytes(64) + data[middle + 64 :]
            to = golden.folder / "damaged" / kept / path.relative_to(place)
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(damaged)
    shutil.rmtree(place)
