"""A core with ``ack = "core"`` whose vault a test takes away from it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.live.core import Core

WINDOW_S = 4
SETTINGS = {
    "ack": "core",
    "ack_window_s": WINDOW_S,
    "rollup_segments": 4,
    "compact_every_s": 1,
    "fence_check_s": 1,
}
PATIENCE_S = 30.0
AGAIN_S = 0.05


class CutOff(Core):
    """A core whose server sees the vault through a link, which a test cuts."""

    def __init__(self, folder: Path, settings: Mapping[str, object] = SETTINGS) -> None:
        self.link = folder / "link"
        super().__init__(folder, ["ana"], settings={**settings, "vault": str(self.link)})
        self.heal()

    def cut(self) -> None:
        self.link.unlink()

    def heal(self) -> None:
        self.link.symlink_to(self.vault)


def eventually(happens: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not happens():
        assert time.monotonic() < until, "it never came"
        time.sleep(AGAIN_S)


def is_behind(core: Core) -> bool:
    return any((core.home / "spool").rglob("*.seg"))
