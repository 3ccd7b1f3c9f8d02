"""The objects of a worn vault by what they are, and ways to damage them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.recovery.service import BUCKET_BITS, Worn

from stillhere.recovery.check import check
from stillhere.vault.anchor import Anchor, read_anchor
from stillhere.vault.layout import (
    FORMAT,
    SERVICE_KEYS,
    bucket_of,
    epoch_name,
    key_name,
    manifest_name,
    root_name,
    segment_name,
    twin,
    wrap_name,
    writer_name,
)
from stillhere.vault.manifests import Level, Manifest, Span
from stillhere.vault.wraps import WRAP_BYTES


@dataclass(frozen=True)
class Target:
    """An object, its second copy if it has one, another of its kind, and an older one."""

    name: str
    twin: str = ""
    other: str = ""
    older: str = ""


Damage = Callable[[Path, Target, str], None]
"""(place, target, which of its copies) → done."""


def find_targets(worn: Worn) -> Mapping[str, Target]:
    """One object of every kind that the layout has, by what it is."""
    anchor = _read_anchor(worn)
    accounts = [person.account for person in worn.people]
    wraps = [wrap_name((worn.place / key_name(a)).read_bytes()[:WRAP_BYTES]) for a in accounts]
    assert wraps[0] != wraps[-1], "two processes have made these accounts"
    names = sorted(name for name in worn.objects() if name.startswith("names/"))
    return {
        "format": Target(FORMAT, f"{FORMAT}.twin"),
        "first epoch": _twinned(epoch_name(1), epoch_name(2)),
        "newest epoch": _twinned(epoch_name(2), epoch_name(1), epoch_name(1)),
        "slot of the first epoch": Target(writer_name(1, 0), other=writer_name(2, 0)),
        "slot of the newest epoch": Target(writer_name(2, 0), other=writer_name(1, 0)),
        "seal of the writers": Target(writer_name(1, 1), other=writer_name(1, 0)),
        "root manifest": _twinned(root_name(2), root_name(1), root_name(1)),
        "service keys": Target(*SERVICE_KEYS),
        "key": _twinned(key_name(accounts[0]), key_name(accounts[1])),
        "wrap": _twinned(wraps[0], wraps[-1]),
        "name": Target(names[0], other=names[1]),
        **_journal_targets(worn),
        **_ledger_targets(anchor),
        **_calendar_targets(anchor, accounts[0]),
    }


def _journal_targets(worn: Worn) -> dict[str, Target]:
    objects = sorted(name for name in worn.objects() if name.startswith("journal/"))
    old_roll, roll = (name for name in objects if name.endswith(".roll"))
    old, new = (
        [name for name in objects if name.startswith(f"journal/{n:06d}/") and "roll" not in name]
        for n in (1, 2)
    )
    assert old[-1] == segment_name(1, 0, int(Path(old[-2]).stem) + 1), "the seal is the last"
    return {
        "roll-up of the first epoch": Target(old_roll, other=roll),
        "roll-up": Target(roll, other=old_roll, older=old_roll),
        "segment of the first epoch": Target(old[1], other=old[0], older=old[0]),
        "last segment of the first epoch": Target(old[-2], other=old[1], older=old[0]),
        "seal of the journal": Target(old[-1], older=old[-2]),
        "first segment": Target(new[0], other=new[1], older=old[0]),
        "segment": Target(new[2], other=new[4], older=new[1]),
        "last segment": Target(new[-1], other=new[0], older=new[-2]),
    }


def _ledger_targets(anchor: Anchor) -> dict[str, Target]:
    found: dict[str, Target] = {}
    for kind in ("account", "contacts"):
        manifest, other = (anchor.manifest(kind, bucket) for bucket in (0, 1))
        assert manifest is not None
        assert other is not None
        number = manifest.number
        name = manifest_name(kind, 0, number)
        found[f"manifest of {kind}"] = Target(
            name,
            twin(name),
            manifest_name(kind, 1, other.number),
            manifest_name(kind, 0, number - 1),
        )
        for level in ("base", "delta"):
            older = found.get(f"bodies of {kind} base"), found.get(f"rosters of {kind} base")
            one, two = (_find_level(m, level) for m in (manifest, other))
            if one is not None and two is not None:
                found |= _level_targets(f"{kind} {level}", manifest, one, other, two, older)
    histories = [
        _pack(m, next(entry.history[0] for entry in m.shelves if entry.history))
        for m in (anchor.manifest("contacts", 0), anchor.manifest("contacts", 1))
        if m is not None
    ]
    found["history"] = Target(histories[0], other=histories[1])
    return found


def _calendar_targets(anchor: Anchor, account: bytes) -> dict[str, Target]:
    """Of the one calendar that there is; another object of the sort is one of contacts."""
    bucket = bucket_of(account, BUCKET_BITS)
    manifest, other = (anchor.manifest(kind, bucket) for kind in ("calendar", "contacts"))
    assert manifest is not None
    assert other is not None
    level, there = (_find_level(m, "base") for m in (manifest, other))
    assert level is not None
    assert there is not None
    name, another = (manifest_name(m.kind, bucket, m.number) for m in (manifest, other))
    return {
        "manifest of calendar": _twinned(name, another),
        **_level_targets("calendar base", manifest, level, other, there, (None, None)),
    }


def _level_targets(
    what: str,
    manifest: Manifest,
    level: Level,
    other: Manifest,
    there: Level,
    older: tuple[Target | None, Target | None],
) -> dict[str, Target]:
    bodies, rosters = (target.name if target is not None else "" for target in older)
    return {
        f"bodies of {what}": Target(
            _pack(manifest, level.bodies[0]),
            other=_pack(other, there.bodies[0]),
            older=bodies,
        ),
        f"rosters of {what}": Target(
            _pack(manifest, level.roster),
            _pack(manifest, level.bodies[0]),
            _pack(other, there.roster),
            rosters,
        ),
    }


def _find_level(manifest: Manifest, which: str) -> Level | None:
    levels = (getattr(entry, which) for entry in manifest.shelves)
    return next((level for level in levels if level is not None and level.bodies), None)


def _pack(manifest: Manifest, span: Span) -> str:
    return manifest.place(span).pack


def _twinned(name: str, other: str, older: str = "") -> Target:
    return Target(name, twin(name), other, older)


def _read_anchor(worn: Worn) -> Anchor:
    checked = check(worn.place, worn.kit)
    return read_anchor(checked.vault, checked.journal_keys, worn.epoch, ends=checked.ends)


def flip(where: float) -> Damage:
    """One bit turned over, at a share of the object's length."""

    def damage(place: Path, target: Target, copy: str) -> None:
        data = bytearray((place / copy).read_bytes())
        data[min(int(where * len(data)), len(data) - 1)] ^= 1
        (place / copy).write_bytes(data)

    return damage


def cut(share: float) -> Damage:
    """The object ends early."""

    def damage(place: Path, target: Target, copy: str) -> None:
        data = (place / copy).read_bytes()
        (place / copy).write_bytes(data[: int(share * len(data))])

    return damage


def delete(place: Path, target: Target, copy: str) -> None:
    """The object is gone."""
    (place / copy).unlink()


def swap(place: Path, target: Target, copy: str) -> None:
    """The object and another of its kind have each other's names."""
    one, two = (place / copy).read_bytes(), (place / target.other).read_bytes()
    (place / copy).write_bytes(two)
    (place / target.other).write_bytes(one)


def replay(place: Path, target: Target, copy: str) -> None:
    """An older object of the same kind is put in its place."""
    (place / copy).write_bytes((place / target.older).read_bytes())
