"""A process that recovers and is killed at a chosen moment: a fork for each order it is given.

Started as a program. Each line of its input is an ``Order`` in JSON, and each line of its
output an ``End``. A fork ends by SIGKILL at the n-th change it was about to make below the
vault or the home (files made, linked, removed; the database opened), or after a time.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from stillhere.recovery.recovery import Recovery
from stillhere.store import Store
from stillhere.vault.kit import read_kit

EVENTS = ("open", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "sqlite3.connect")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
PAUSE_S = 0.002


@dataclass(frozen=True)
class Order:
    """Recover so, and die so: at the ``steps``-th change (0: never), or after ``seconds``.

    With ``run`` the bulk is done too; ``phones`` (account ids) write all the while."""

    home: str
    place: str
    kit: str
    run: bool
    steps: int = 0
    seconds: float = 0.0
    phones: tuple[str, ...] = ()


@dataclass(frozen=True)
class End:
    """How it ended: whether it was killed, how many changes it had begun, what it took, and the
    number of each phone's writes that were acknowledged."""

    killed: bool
    steps: int
    seconds: float
    acknowledged: dict[str, int]
    error: str


class Victims:
    """The program, as a test uses it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def send(self, order: Order) -> End:
        """Have a process recover, and hear how it ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(order)) + "\n")
        self._process.stdin.flush()
        return End(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End the program."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()


@contextmanager
def victims() -> Iterator[Victims]:
    """The program while it is needed."""
    started = Victims()
    try:
        yield started
    finally:
        started.close()


def body_of(phone: str, number: int) -> bytes:
    """What a phone writes."""
    return f"written by {phone} during the recovery, {number}".encode()


def _main() -> None:
    for line in sys.stdin:
        fields = json.loads(line)
        order = Order(**fields | {"phones": tuple(fields["phones"])})
        print(json.dumps(asdict(_carry_out(order))), flush=True)


def _carry_out(order: Order) -> End:
    reading, writing = os.pipe()
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _be_the_victim(order, writing)
    os.close(writing)
    status = _wait(child, order.seconds)
    took = time.monotonic() - began
    with os.fdopen(reading, "rb") as pipe:
        lines = pipe.read().decode().splitlines()
    steps = max((int(line[5:]) for line in lines if line.startswith("step ")), default=0)
    acknowledged = dict.fromkeys(order.phones, 0)
    for line in lines:
        if line.startswith("kept "):
            _, phone, number = line.split()
            acknowledged[phone] = int(number)
    error = "\n".join(line[6:] for line in lines if line.startswith("error "))
    return End(os.WIFSIGNALED(status), steps, took, acknowledged, error)


def _wait(child: int, seconds: float) -> int:
    deadline = time.monotonic() + seconds
    while seconds and time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(PAUSE_S)
    if seconds:
        os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def _be_the_victim(order: Order, pipe: int) -> None:
    try:
        _count_changes(order, pipe)
        recovery = Recovery(
            Path(order.home), Path(order.place), read_kit(order.kit), lambda *_, **__: None
        )
        working = recovery.begin()
        for phone in order.phones:
            threading.Thread(
                target=_write_on, args=(working.store, phone, pipe), daemon=True
            ).start()
        if order.run:
            recovery.run()
    except BaseException as error:
        os.write(pipe, f"error {error!r}\n".encode())
        os._exit(1)
    os._exit(0)


def _count_changes(order: Order, pipe: int) -> None:
    count = 0
    places = (order.home, order.place)

    def hear(event: str, args: tuple[object, ...]) -> None:
        nonlocal count
        if event not in EVENTS or not str(args[0]).startswith(places):
            return
        if event == "open" and not int(str(args[2])) & WRITING:
            return
        count += 1
        if count == order.steps:
            os.kill(os.getpid(), signal.SIGKILL)
        os.write(pipe, f"step {count}\n".encode())

    sys.addaudithook(hear)


def _write_on(store: Store, phone: str, pipe: int) -> None:
    account = bytes.fromhex(phone)

    async def knock() -> None:
        await store.gate.enter(account, "contacts")

    with suppress(Exception):  # the end of the process ends this too
        asyncio.run(knock())
        number = 0
        while True:
            number += 1
            body = body_of(phone, number)
            href = f"during {number}.vcf"
            store.write(
                account, "contacts", lambda s, h=href, b=body: s.put("contacts", h, b)
            ).result()
            os.write(pipe, f"kept {phone} {number}\n".encode())


if __name__ == "__main__":
    _main()
