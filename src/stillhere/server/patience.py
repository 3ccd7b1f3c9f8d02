"""A vault that hangs holds up neither who is waiting for an answer nor the end of the process.

A call into a file system that hangs can't be called back: the thread that made it stays where it
is. So the process says what it waits for, and when it is told to stop it leaves without that
thread, as if it were killed: nothing acknowledged depends on an orderly end.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import TypeVar

from stillhere.errors import Unavailable
from stillhere.server.announce import Announce

TELL_S = 3.0
LEAVE_S = 5.0
LOOK_S = 0.1

T = TypeVar("T")


async def wait_telling(work: Callable[[], T], tell: Callable[[Unavailable], None]) -> T:
    """What `work` returns or raises, done in a thread; `tell` hears of it when that takes long."""
    working = asyncio.ensure_future(asyncio.to_thread(work))
    if not (await asyncio.wait({working}, timeout=TELL_S))[0]:
        tell(_silent())
    return await working


def start(work: Callable[[], T]) -> Future[T]:
    """What `work` will return or raise, done in a thread that may be left behind."""
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001  whoever waits raises it
            done.set_exception(error)

    threading.Thread(target=run, name="within", daemon=True).start()
    return done


def within(seconds: float, work: Callable[[], T]) -> T:
    """What `work` returns or raises; Unavailable when that takes longer. It is left behind then:
    for a process that is about to end."""
    done = start(work)
    if wait({done}, seconds).not_done:
        raise Unavailable(
            f"the vault has not answered for {seconds:g} s", safe="nothing was changed"
        )
    return done.result()


def while_moving(seconds: float, done: Future[T], since: Callable[[], float]) -> T:
    """What work that was started returns or raises; Unavailable when it has not moved on for so
    many seconds, as `since` says by the monotonic clock. It is left behind then."""
    while wait({done}, LOOK_S).not_done:
        if time.monotonic() - since() > seconds:
            raise Unavailable(f"it did not answer for {seconds:g} s", safe="nothing was changed")
    return done.result()


@contextmanager
def telling(announce: Announce) -> Iterator[None]:
    """Tells the operator when what is done here takes long."""
    over = threading.Event()

    def tell() -> None:
        if not over.wait(TELL_S):
            announce.refuse(_silent())

    threading.Thread(target=tell, name="telling", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def leave_in_time(announce: Announce) -> None:
    """From now on the process ends by itself within five seconds, or is ended."""

    def leave() -> None:
        time.sleep(LEAVE_S)
        announce.refuse(
            Unavailable(
                "the vault does not answer: this process ends without waiting for it",
                safe="what was acknowledged is in the vault, or waits for it in this core's home",
                hint="look at the vault; the core can be started again at any time",
            )
        )
        os._exit(Unavailable.exit_code)

    threading.Thread(target=leave, name="leaving", daemon=True).start()


def _silent() -> Unavailable:
    return Unavailable(
        f"still waiting for the vault after {TELL_S:g} s",
        safe="nothing was changed",
        hint="look at the vault; this goes on by itself when it does",
    )
