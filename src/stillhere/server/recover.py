"""A lost core brought back: phones are answered first, the bulk comes in behind them.

read the kit, bind the socket: what can be refused is refused before anything is sealed
begin the recovery: checked, sealed, anchored
open the door; whoever asks has their shelf brought back then and there
run the bulk beside it, without compaction
go on as any other core, compaction included
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stillhere import config
from stillhere.errors import WrongKit
from stillhere.recovery.recovery import Recovery
from stillhere.server.announce import Announce
from stillhere.server.patience import telling
from stillhere.vault.kit import Kit, read_kit

Tick = Callable[[int, int], None]
"""Told how many shelves are back, and of how many."""
TICK_S = 0.2


def recover(home: Path, vault: Path, kit: Path, announce: Announce, tick: Tick) -> None:
    """Brings a core back into `home` and ends when it is whole.

    Raises WrongKit, NotAVault, FutureVault and BadInput before anything is sealed; Fenced when
    another recovery was first. Killed and started again with the same home, it goes on.
    """
    recovery = Recovery(home, vault, open_kit(kit), announce)
    with telling(announce):
        working = recovery.begin()
    try:
        settle(home, vault, None)
        with ticking(recovery, tick):
            recovery.run()
    finally:
        working.close()


def recover_serving(
    home: Path, vault: Path, kit: Path, listen: str | None, announce: Announce, tick: Tick
) -> None:
    """The same, answering phones meanwhile, and serving after it until told to stop."""
    from stillhere.protocols import host

    secret = open_kit(kit)
    wanted = listen or config.Settings(vault=str(vault)).listen
    with host.bind(*config.split_listen(wanted)) as listener:
        recovery = Recovery(home, vault, secret, announce)
        with telling(announce):
            working = recovery.begin()
        from stillhere.server.bulk import serve_beside

        working.core.lock("serve")
        with ticking(recovery, tick):
            serve_beside(recovery, working, listener, settle(home, vault, listen), announce)


def open_kit(path: Path) -> Kit:
    """The kit in a file. Raises WrongKit for a file that cannot be read, or is no kit."""
    try:
        return read_kit(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise WrongKit(
            f"the kit {path} cannot be read: {getattr(error, 'strerror', None) or error}",
            safe="nothing was read from the vault or changed in it",
            hint="give --kit the file that init wrote",
        ) from error


def settle(home: Path, vault: Path, listen: str | None) -> config.Settings:
    """The settings of the home that a recovery makes; those it has already stay."""
    if not (home / config.FILE).exists():
        settings = config.Settings(vault=str(vault.absolute()))
        if listen is not None:
            settings = config.Settings(vault=settings.vault, listen=listen)
        config.save(home, settings)
    return config.load(home)


@contextmanager
def ticking(recovery: Recovery, tick: Tick) -> Iterator[None]:
    """Tells `tick` how far the recovery is, several times a second."""
    over = threading.Event()

    def tell() -> None:
        while not over.wait(TICK_S):
            stages = recovery.stages
            tick(sum(stage.shelves for stage in stages), sum(stage.total for stage in stages))

    thread = threading.Thread(target=tell, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
