"""A core that answers phones: it listens first, opens when it is proven, and watches its fence.

see that nobody else serves this home
bind the socket, so that callers wait instead of being refused
open the core; while its vault cannot be read, or hangs, answer 503 and try again
open the door
tend the vault; when another core has taken over, answer 503 to everything
on SIGTERM or SIGINT let running requests finish, then close the core, if the vault lets it
"""

import asyncio
from pathlib import Path

from stillhere import config
from stillhere.errors import Closed, Fenced, RefusedVault, StillhereError, Unavailable
from stillhere.protocols import dav, host
from stillhere.protocols.doorway import Doorway
from stillhere.replication.start import Working
from stillhere.replication.tend import Limits, Tender
from stillhere.replication.window import Window
from stillhere.server.announce import Announce
from stillhere.server.patience import leave_in_time, wait_telling
from stillhere.server.witness import open_watched
from stillhere.store import lock_home

RETRY_S = 5
LOOK_S = 0.5


def serve(home: Path, listen: str | None, announce: Announce) -> None:
    """Serves the core at `home` until it is told to stop.

    A fenced core, or one whose vault cannot be read, goes on listening and answers 503 to
    everything. Raises NotFound, BadInput and Damaged, which nobody can wait out.
    """
    settings = config.load(home)
    with lock_home(home, "serve"):
        _serve(home, settings, listen, announce)


def _serve(home: Path, settings: config.Settings, listen: str | None, announce: Announce) -> None:
    listener = host.bind(*config.split_listen(listen or settings.listen))
    url = host.url_of(listener)
    door = Doorway(Closed(retry_after=1, reason="starting"))
    working: Working | None = None
    tender: Tender | None = None

    async def beside() -> None:
        nonlocal working, tender
        try:
            working = await _open(home, settings, door, announce, url)
            tender = Tender(working, limits_of(settings))
            open_door(door, working, tender, settings)
            announce("serving", url=url)
            await watch(working, tender, announce)
        except asyncio.CancelledError:
            leave_in_time(announce)
            raise

    try:
        host.run(door, listener, trusted_proxies=settings.trusted_proxies, beside=beside)
    finally:
        if tender is not None:
            tender.close()
        if working is not None:
            working.close()


def open_door(door: Doorway, working: Working, tender: Tender, settings: config.Settings) -> None:
    """Lets requests in to everything this core serves."""
    store = working.store
    store.be_patient(settings.write_within_s)
    app = dav.app(store, max_item_bytes=settings.max_item_bytes)
    door.open(app, lambda: store.gate.halted, tender.fence.hold)


def limits_of(settings: config.Settings) -> Limits:
    """When the core's journal is rolled up and compacted, and how often its fence is looked at."""
    return Limits(
        roll_segments=settings.rollup_segments,
        tail_bytes=settings.tail_bytes,
        compact_every_s=settings.compact_every_s,
        fence_every_s=settings.fence_check_s,
    )


def window_of(settings: config.Settings) -> Window | None:
    """The window of a core that acknowledges before the vault has a change; None for others."""
    if settings.ack == "vault":
        return None
    return Window(settings.ack_window_s, settings.spool_bytes)


async def watch(working: Working, tender: Tender, announce: Announce) -> None:
    """Tells what goes wrong beside the serving, each trouble once, until the process ends.

    The last of it is what halts the core; the door is closed then by the gate's own word.
    """
    gate = working.store.gate
    told: StillhereError | None = None
    while gate.halted is None:
        trouble = tender.failing or working.store.stalled() or tender.trouble
        if trouble is not None and (told is None or trouble.what != told.what):
            announce.refuse(trouble)
        told = trouble
        await asyncio.sleep(LOOK_S)
    announce.refuse(gate.halted)
    await asyncio.Event().wait()


async def _open(
    home: Path, settings: config.Settings, door: Doorway, announce: Announce, url: str
) -> Working:
    """The core, as soon as it may serve; never returns for a fenced one."""
    told = ""

    def open_now() -> Working:
        now = config.load(home)  # a copy that it waits for may have been removed
        return open_watched(home, now, window_of(settings))

    def refuse(error: StillhereError) -> None:
        nonlocal told
        door.close(error)
        if error.what != told:
            announce.refuse(error)
            announce("refusing", url=url)
            told = error.what

    while True:
        try:
            return await wait_telling(open_now, refuse)
        except Fenced as error:
            refuse(error)
            await asyncio.Event().wait()
        except (Unavailable, RefusedVault) as error:
            refuse(error)
            await asyncio.sleep(RETRY_S)
