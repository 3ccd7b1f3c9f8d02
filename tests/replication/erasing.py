"""A process that erases an account and is killed at a chosen moment: a fork for each order.

Started as a program. Each line of its input is HOME VAULT ACCOUNT NAME STEP; the answer is
"killed" or "done". A fork ends by SIGKILL when it is about to make its STEP-th change: a file
made, linked or removed below home or vault, or a statement that changes the core.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stillhere.replication.start import open_core
from stillhere.store import Core, schema

FILES = ("open", "os.link", "os.mkdir", "os.remove", "os.rename")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
STATEMENTS = ("BEGIN IMMEDIATE", "DELETE", "INSERT", "UPDATE", "COMMIT", "VACUUM", "PRAGMA wal_ch")


class Erasers:
    """The program, as a test uses it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def send(self, home: Path, place: Path, account: bytes, name: str, step: int) -> str:
        """Have a process erase, and hear how it ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{home} {place} {account.hex()} {name} {step}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        """End the program."""
        self._process.communicate(timeout=60)


@contextmanager
def erasers() -> Iterator[Erasers]:
    """The program while it is needed."""
    started = Erasers()
    try:
        yield started
    finally:
        started.close()


def _main() -> None:
    for line in sys.stdin:
        home, place, account, name, step = line.split()
        child = os.fork()
        if child == 0:
            _erase(Path(home), Path(place), bytes.fromhex(account), name, int(step))
        status = os.waitpid(child, 0)[1]
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        done = os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0
        print("killed" if killed else "done" if done else f"failed: {status}", flush=True)


def _erase(home: Path, place: Path, account: bytes, name: str, step: int) -> None:
    try:
        working = open_core(home, place)
        _die_at(step, (str(home), str(place)), working.store._writer._sql)
        working.eraser.erase(account, name)
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


def _die_at(step: int, places: tuple[str, str], writing: sqlite3.Connection) -> None:
    count = 0

    def change() -> None:
        nonlocal count
        count += 1
        if count == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def trace(statement: str) -> None:
        if statement.startswith(STATEMENTS):
            change()

    def hear(event: str, args: tuple[object, ...]) -> None:
        if event not in FILES or not str(args[0]).startswith(places):
            return
        if event != "open" or int(str(args[2])) & WRITING:
            change()

    def connect(core: Core) -> sqlite3.Connection:
        connection = schema.connect(core.home)
        connection.set_trace_callback(trace)
        return connection

    Core.connect = connect  # type: ignore[method-assign]  # whoever connects from now on is heard
    writing.set_trace_callback(trace)
    sys.addaudithook(hear)


if __name__ == "__main__":
    _main()
