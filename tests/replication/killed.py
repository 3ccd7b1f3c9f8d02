"""A core in a process of its own that SIGKILL ends at a chosen moment.

Usage: killed.py HOME VAULT MOMENT ACK. It stores 1.vcf, 2.vcf … for anna, printing the name of each
that was acknowledged, and dies around the third of its segments: `before` it is made, `after`
it is durable and before the commit, or `between` the registration of its writer and its
first segment. ACK says where its segments are made first: in the `vault` or in the `core`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.rooms import Service, is_segment, put

from stillhere.replication.start import assemble, prove_start
from stillhere.replication.window import Window
from stillhere.store import Core
from stillhere.vault.backends.directory import Directory
from stillhere.vault.opened import open_vault

ROOT = Path(__file__).resolve().parents[2]


class Deadly(Directory):
    """A directory in which the third segment is the end of the process."""

    def __init__(self, root: Path, moment: str, *, create: bool = False) -> None:
        super().__init__(root, create=create)
        self.moment = moment
        self.left = 1 if moment == "between" else 3

    def create(self, name: str, data: bytes) -> None:
        self.left -= is_segment(name)
        if is_segment(name) and not self.left and self.moment != "after":
            os.kill(os.getpid(), signal.SIGKILL)
        super().create(name, data)
        if is_segment(name) and not self.left:
            os.kill(os.getpid(), signal.SIGKILL)


def kill_at(service: Service, moment: str, ack: str = "vault") -> list[str]:
    """Run such a process to its end; the names it was told are safe."""
    done = subprocess.run(
        [sys.executable, __file__, str(service.home), str(service.place), moment, ack],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stdout.split()


def main(home: Path, place: Path, moment: str, ack: str) -> None:
    core = Core(home)
    identity = core.identity()
    window = Window(60, 1 << 20) if ack == "core" else None
    backend = Directory(place) if window else Deadly(place, moment)
    vault = open_vault(backend, identity.root_public)
    prove_start(core, identity, vault)
    working = assemble(core, identity, vault, window)
    if window:
        working.spool._files = Deadly(home / "spool", moment, create=True)
        working.ship()
    anna = working.store.accounts.find("anna")
    for number in range(1, 9):
        put(working, anna, f"{number}.vcf", f"{number}")
        print(f"{number}.vcf", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
