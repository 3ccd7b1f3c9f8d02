"""File systems that lack what a directory likes best, as the system calls show them.

Not every machine has one to mount, so the calls themselves answer as they do there: FAT has no
hard links, some network file systems have no files without names.
"""

from __future__ import annotations

import errno
import os
from typing import Any

import pytest

from stillhere import durable

_open = os.open


def plain(patch: pytest.MonkeyPatch) -> None:
    """A Linux file system with everything."""


def without_unnamed(patch: pytest.MonkeyPatch) -> None:
    """No O_TMPFILE: objects need a temporary name."""

    def refuse(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "Operation not supported", str(path))
        return _open(path, flags, *rest, **named)

    patch.setattr(os, "open", refuse)


def without_links(patch: pytest.MonkeyPatch) -> None:
    """No hard links either: a file can only be renamed to its name."""

    def refuse(source: Any, *_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted", str(source))

    without_unnamed(patch)
    patch.setattr(os, "link", refuse)


def without_renames(patch: pytest.MonkeyPatch) -> None:
    """Nor a rename that replaces nothing: a name can only be taken by opening it."""
    without_links(patch)
    patch.setattr(durable, "_renameat2", None)


KINDS = (plain, without_unnamed, without_links, without_renames)
