"""Disks of a test's own, mounted where nobody else sees them, that fill up, freeze and heal.

A process holds a mount namespace; what is started through it sees the disk, and the mounts are
gone when it ends. Root may do that nearly everywhere, others where user namespaces are allowed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

STORAGE = Path(__file__).with_name("storage.py")
PATIENCE_S = 20.0


class Namespace:
    """A mount namespace that lives as long as this object is open."""

    def __init__(self) -> None:
        alone = ["unshare", "--mount", "--propagation", "private"]
        self._own_user = os.geteuid() != 0
        if self._own_user:
            alone.insert(1, "--map-root-user")
        self._holder = subprocess.Popen(
            [*alone, "sh", "-c", "echo in && exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"in\n":
            self.close()
            pytest.skip("needs a mount namespace of its own, which this machine does not permit")

    @property
    def inside(self) -> tuple[str, ...]:
        """What stands before a command that is to see the disk."""
        user = ["--user", "--preserve-credentials"] if self._own_user else []
        target = ["--target", str(self._holder.pid)]
        return ("nsenter", *target, *user, "--mount", "--wd=" + str(Path.cwd()), "--")

    def run(self, *command: str | Path) -> None:
        """Run a command in there. Raises CalledProcessError."""
        line = [*self.inside, *map(str, command)]
        subprocess.run(line, check=True, capture_output=True, timeout=PATIENCE_S)

    def close(self) -> None:
        assert self._holder.stdin is not None
        assert self._holder.stdout is not None
        self._holder.stdin.close()
        self._holder.wait(PATIENCE_S)
        self._holder.stdout.close()


class SmallDisk:
    """A tmpfs of a few megabytes."""

    def __init__(self, namespace: Namespace, place: Path, megabytes: int) -> None:
        self._namespace = namespace
        self._place = place
        self.inside = namespace.inside
        place.mkdir()
        size = f"size={megabytes}m"
        namespace.run("mount", "-t", "tmpfs", "-o", size, "tmpfs", place)

    def fill(self, but: int = 0) -> None:
        """Leave no more than ``but`` bytes free: a file takes the rest."""
        script = (
            "import os, sys; place = sys.argv[1]; f = os.statvfs(place);"
            "room = f.f_bavail * f.f_bsize - int(sys.argv[2]);"
            "open(place + '/ballast', 'ab').write(bytes(max(0, room)))"
        )
        self._namespace.run(sys.executable, "-c", script, self._place, str(but))

    def free(self) -> None:
        """Take that file away again."""
        self._namespace.run("rm", self._place / "ballast")

    def be(self, option: str) -> None:
        """Remount: "ro" or "rw"."""
        self._namespace.run("mount", "-o", f"remount,{option}", self._place)


class MoodyDisk:
    """A disk that hangs, dawdles, fails or loses its answers (``storage.py``).

    What it holds is in ``folder``, where it can be looked at whatever its mood."""

    def __init__(self, namespace: Namespace, folder: Path, place: Path) -> None:
        self.folder = folder
        self.inside = namespace.inside
        folder.mkdir()
        place.mkdir()
        self._process = subprocess.Popen(
            [*namespace.inside, sys.executable, str(STORAGE), str(folder), str(place)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"mounted\n":
            _, said = self._process.communicate()
            pytest.skip(f"needs to mount a FUSE file system: {said.decode()[-200:]}")

    def be(self, mood: str) -> None:
        """From now on operations behave as the mood says, all others well."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(mood.encode() + b"\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == b"heard\n"

    def freeze(self) -> None:
        """Answer nothing at all any more, reads included."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it; what still waits for it hears an error."""
        self.thaw()
        self._process.kill()
        self._process.communicate()


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[SmallDisk]:
    namespace = Namespace()
    try:
        yield SmallDisk(namespace, place, megabytes)
    finally:
        namespace.close()


@contextmanager
def moody_disk(place: Path) -> Iterator[MoodyDisk]:
    namespace = Namespace()
    try:
        disk = MoodyDisk(namespace, place.with_name("stored"), place)
        try:
            yield disk
        finally:
            disk.close()
    finally:
        namespace.close()
