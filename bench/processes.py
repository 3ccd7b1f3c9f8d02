"""Servers as real processes: started, watched, measured, ended by their own process id."""

from __future__ import annotations

import contextlib
import json
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from load import Address

STILLHERE = (sys.executable, "-m", "stillhere")


class Event(dict[str, Any]):
    """One JSON line that a process printed."""


class Watched:
    """A process that prints a JSON line per event; everything else it says goes to a log file."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self.started = time.perf_counter()
        self._log = log.open("ab")
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._log
        )
        self.seen: list[Event] = []
        self._events: queue.Queue[Event | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(b"{"):
                self._events.put(Event(json.loads(line)))
        self._events.put(None)

    def wait_for(self, event: str, timeout: float = 120.0) -> Event:
        """The first event of that name. Raises TimeoutError, or RuntimeError at its early end."""
        deadline = time.perf_counter() + timeout
        while True:
            for seen in self.seen:
                if seen.get("event") == event:
                    return seen
            try:
                nextone = self._events.get(timeout=max(0.0, deadline - time.perf_counter()))
            except queue.Empty:
                raise TimeoutError(f"no event {event!r} within {timeout:.0f} s") from None
            if nextone is None:
                last = Path(self._log.name).read_text("utf-8", "replace")[-500:]
                raise RuntimeError(f"ended before {event!r}: {last}")
            self.seen.append(nextone)

    def has_seen(self, event: str) -> bool:
        """Whether the event has been printed by now."""
        with contextlib.suppress(TimeoutError, RuntimeError):
            self.wait_for(event, timeout=0.0)
            return True
        return False

    def address(self, event: str = "serving") -> Address:
        """Where it listens, once it says so."""
        host, port = str(self.wait_for(event)["url"]).split("//")[1].rstrip("/").split(":")
        return host, int(port)

    def end(self) -> None:
        """Asks it to stop; kills it after ten seconds."""
        stop(self.process)
        self._log.close()


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends one process that was started here."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
    if process.stdout is not None:
        process.stdout.close()


def run_cli(*arguments: str, text: str = "", timeout: float = 600.0) -> str:
    """Runs one stillhere command to its end; returns what it printed.

    Raises RuntimeError with its own words if it fails.
    """
    done = subprocess.run(
        [*STILLHERE, *arguments],
        input=text,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments[:2])} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def free_port() -> int:
    """A port of the loopback interface that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serve_plain(command: Sequence[str], address: Address, log: Path) -> Iterator[int]:
    """Runs a server that prints no events until the block ends; yields its process id."""
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            _wait_until_it_accepts(process, address, log)
            yield process.pid
        finally:
            stop(process)


def _wait_until_it_accepts(process: subprocess.Popen[bytes], address: Address, log: Path) -> None:
    deadline = time.perf_counter() + 60
    while time.perf_counter() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended at once: see {log}")
        with contextlib.suppress(OSError), socket.create_connection(address, timeout=1):
            return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on {address}")


def tree(pid: int) -> list[int]:
    """The process and everything below it, as of now."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def summed_pss(pid: int) -> int:
    """Proportional set size of a process tree, bytes: shared pages are counted once in all."""
    total = 0
    for one in tree(pid):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total
