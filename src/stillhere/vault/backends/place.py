"""A vault's place as people write it: a folder, or ``s3://BUCKET/PREFIX``."""

from __future__ import annotations

from pathlib import Path

from stillhere.vault.backends import Backend
from stillhere.vault.backends.access import read_address
from stillhere.vault.backends.directory import Directory

REMOTE = "s3://"
Place = str | Path
"""A folder, or an address that begins with ``s3://``."""


def is_remote(place: Place) -> bool:
    """Whether a place is a bucket and not a folder of this machine."""
    return str(place).startswith(REMOTE)


def absolute(place: Place, start: Path | None = None) -> str:
    """The same place, from wherever it is named: a folder that is not absolute is seen from
    ``start``, or from the current one."""
    return str(place) if is_remote(place) else str(((start or Path()) / place).absolute())


def resolve(place: Place) -> str:
    """A place as its backend calls it, whatever links lead there. Raises BadInput."""
    return str(read_address(str(place))) if is_remote(place) else str(Path(place).resolve())


def lies_within(place: str, other: str) -> bool:
    """Whether a resolved place is a folder below another one."""
    if is_remote(place) != is_remote(other):
        return False
    if is_remote(place):
        one, two = read_address(place), read_address(other)
        if one.profile != two.profile:  # two buckets of one name, perhaps
            return False
        place, other = f"{one.bucket}/{one.prefix}".rstrip("/"), f"{two.bucket}/{two.prefix}"
    return place.startswith(f"{other.rstrip('/')}/")


def open_place(place: Place, *, create: bool = False) -> Backend:
    """What keeps objects in a place; ``create`` lets a vault begin there.

    Raises BadInput for a bucket that is not named as it should be, or whose keys are not there."""
    if is_remote(place):
        from stillhere.vault.backends.s3 import S3  # what it needs is not for a folder

        return S3(str(place), create=create)
    return Directory(Path(place).absolute(), create=create)
