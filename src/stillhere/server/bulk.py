"""Serving while the bulk of a recovery comes in behind the phones that ask."""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from socket import socket

from stillhere.config import Settings
from stillhere.errors import Closed, Fenced, StillhereError
from stillhere.protocols import host
from stillhere.protocols.doorway import Doorway
from stillhere.recovery.recovery import Recovery
from stillhere.replication.start import Working
from stillhere.replication.tend import Tender
from stillhere.server.announce import Announce
from stillhere.server.patience import leave_in_time
from stillhere.server.serve import limits_of, open_door, watch

AGAIN_S = 5
LEAVE_S = 2
TIDY_S = 0.2


def serve_beside(
    recovery: Recovery,
    working: Working,
    listener: socket,
    settings: Settings,
    announce: Announce,
    after: Callable[[], None],
) -> None:
    """Serves `working` at once, brings the rest back beside it, does what comes `after` that, and
    serves on until told to stop.

    Told to stop before the core is whole, it leaves at once: a recovery goes on wherever it was
    stopped, and everything that was acknowledged is in the vault.
    """
    door = Doorway(Closed(retry_after=1, reason="starting"))
    tender = Tender(working, limits_of(settings), compacting=False)
    whole = threading.Event()

    def bring_back() -> None:
        _run(recovery, announce)
        tender.compacting = True
        try:
            after()
        except StillhereError as error:
            announce.refuse(error)
        except Exception as error:  # noqa: BLE001 (told, and everybody is served all the same)
            announce.refuse(StillhereError(f"looking further was interrupted: {error}"))
        whole.set()

    async def beside() -> None:
        open_door(door, working, tender, settings)
        announce("serving", url=host.url_of(listener))
        try:
            await asyncio.gather(in_thread(bring_back), watch(working, tender, announce))
        except asyncio.CancelledError:
            leave_in_time(announce)
            raise

    host.run(door, listener, trusted_proxies=settings.trusted_proxies, beside=beside)
    if not whole.is_set():
        leave()
    tender.close()
    working.close()


def in_thread(work: Callable[[], None]) -> "asyncio.Future[None]":
    """Runs `work` in a thread that nothing waits for at the end of the process."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: BaseException | None) -> None:
        if not done.cancelled():
            done.set_result(None) if error is None else done.set_exception(error)

    def run() -> None:
        failure: BaseException | None = None
        try:
            work()
        except BaseException as error:  # noqa: BLE001  it is raised where the future is awaited
            failure = error
        with suppress(RuntimeError):  # the loop is gone: nobody awaits it any more
            loop.call_soon_threadsafe(settle, failure)

    threading.Thread(target=run, name="recovery", daemon=True).start()
    return done


def leave() -> None:
    """Ends the process and its helpers without waiting for the bulk."""
    import multiprocessing

    children = multiprocessing.active_children()
    for child in children:
        child.terminate()
    for child in children:
        child.join(LEAVE_S)
    if children:
        time.sleep(TIDY_S)  # the pool sees that they are gone, and takes its semaphores back
    os._exit(0)


def _run(recovery: Recovery, announce: Announce) -> None:
    """The bulk, begun again for as long as the vault is in the way; each cause is told once."""
    told = ""
    while True:
        try:
            return recovery.run()
        except Fenced as error:
            recovery.working.store.gate.halt(error)
            raise
        except StillhereError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 (a helper that was killed, a full disk: told, and tried again)
            failure = StillhereError(f"the bulk was interrupted: {error}")
        if failure.what != told:
            announce.refuse(failure)
        told = failure.what
        time.sleep(AGAIN_S)
