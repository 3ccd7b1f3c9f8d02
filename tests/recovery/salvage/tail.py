"""Cores that are lost with changes that no vault has, which lie in their files alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tests.recovery.salvage.damage import Core, copy_core
from tests.rooms import Service, is_segment

from stillhere.replication.start import Working
from stillhere.replication.window import Window

HOUR = 3600.0
T = TypeVar("T")


@contextmanager
def lost(
    service: Service, before: Callable[[Working], T], after: Callable[[Working, T], object]
) -> Iterator[tuple[Working, T, Core]]:
    """A core out of a vault that has what was done ``before``, the vault being away from then on;
    ``after`` was acknowledged by the old core alone, whose file is there."""
    with service.unsteady(Window(HOUR, 1 << 26)) as (working, vault):
        working.ship()
        made = before(working)
        working.ship()
        vault.refuse = is_segment
        after(working, made)
        core = copy_core(service, working, service.folder / "old")
    with service.recovered() as working:
        yield working, made, core


@contextmanager
def behind(
    service: Service, before: Callable[[Working], T], after: Callable[[Working, T], object]
) -> Iterator[tuple[Working, T, Core]]:
    """The same, but the vault is an older copy, which knows nothing of what came ``after``."""
    with service.at_work() as working:
        made = before(working)
        shutil.copytree(service.place, service.folder / "behind")
        after(working, made)
        core = copy_core(service, working, service.folder / "old")
    shutil.rmtree(service.place)
    (service.folder / "behind").rename(service.place)
    with service.recovered() as working:
        yield working, made, core
