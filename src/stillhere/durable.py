"""Files that are there after a power cut: what is in them is synced, and so is their name."""

from __future__ import annotations

import ctypes
import errno
import os
from contextlib import suppress
from pathlib import Path

_renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
_RENAME_NOREPLACE = 1


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Make a folder where there is none, and the parents that it lacks.

    One that is there is durable afterwards too: whoever made it may not have come as far.
    Raises OSError."""
    if not folder.parent.is_dir():
        make_folder(folder.parent)
    folder.mkdir(mode, exist_ok=True)
    with suppress(PermissionError):  # a parent that may be entered and not read
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rename_new(folder: int, old: str, new: str) -> None:
    """Give a file in an open folder a name that nobody has: renameat2(2), RENAME_NOREPLACE.

    Raises FileExistsError, or OSError: ENOSYS or EINVAL where that can't be done."""
    if _renameat2 is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if _renameat2(folder, os.fsencode(old), folder, os.fsencode(new), _RENAME_NOREPLACE):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), new)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file whole, or leave it as it was. Raises OSError."""
    draft = path.with_name(f"{path.name}.new")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)
