"""A lost core brought back: phones are answered first, the bulk comes in behind them.

read the kit, ask the witness, bind the socket: what is refused is refused before it is sealed
begin the recovery: checked, sealed, anchored
open the door; whoever asks has their shelf brought back then and there
run the bulk beside it, without compaction
search the damaged cores that there are, for what no vault had
go on as any other core, compaction included
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from stillhere import config
from stillhere.errors import WrongKit
from stillhere.kinds import RECOVERY_ORDER
from stillhere.recovery.recovery import Recovery
from stillhere.replication.start import Working
from stillhere.replication.witness import see
from stillhere.server.announce import Announce
from stillhere.server.patience import telling
from stillhere.server.teller import Teller, Told
from stillhere.server.witness import file_of, recall, remember
from stillhere.vault.backends import BackendError
from stillhere.vault.backends.place import Place, absolute, resolve
from stillhere.vault.copied import written_places
from stillhere.vault.kit import Kit, read_kit
from stillhere.vault.layout import epoch_name
from stillhere.vault.opened import exists

Tick = Callable[[int, int], None]
"""Told how many shelves are back, and of how many."""
TICK_S = 0.2


@dataclass(frozen=True)
class Lost:
    """What is at hand after a loss: a home to be, copies of the vault, the kit's file, and perhaps
    a witness (its file, else the one in the state folder). `behind` accepts a vault that it saw
    more of. `salvage` names damaged cores, to be searched when everything else is back. `told` is
    where everybody is told how far it is, None for nowhere; `stages` the order in which kinds come
    back."""

    home: Path
    vaults: Sequence[Place]
    kit: Path
    witness: Path | None = None
    behind: bool = False
    salvage: Sequence[Path] = ()
    told: Told | None = None
    stages: Sequence[str] = RECOVERY_ORDER

    def recovery(self, announce: Announce) -> Recovery:
        """The recovery that can be begun now. Raises WrongKit, BadInput."""
        kit = open_kit(self.kit)
        if self.salvage:
            from stillhere.recovery.salvage.salvage import check_files

            check_files(self.home, self.salvage)
        seen = recall(file_of(kit.vault, self.witness), kit.vault, named=self.witness is not None)
        first, *more = self.vaults
        return Recovery(
            self.home,
            first,
            kit,
            announce,
            stages=self.stages,
            seen=seen,
            behind=self.behind,
            more=more,
        )


def recover(lost: Lost, announce: Announce, tick: Tick) -> None:
    """Brings a core back into its home and ends when it is whole.

    Raises WrongKit, NotAVault, FutureVault, Behind and BadInput before anything is sealed; Fenced
    when another recovery was first. Killed and started again with the same home, it goes on.
    """
    teller = Teller(lost.told, announce)
    recovery = lost.recovery(teller)
    with telling(announce):
        working = recovery.begin()
    try:
        settle(lost, working, None)
        _remember(working)
        with ticking(recovery, tick), teller.beside(recovery):
            recovery.run()
        look_further(working, lost, announce)
    finally:
        working.close()


def recover_serving(lost: Lost, listen: str | None, announce: Announce, tick: Tick) -> None:
    """The same, answering phones meanwhile, and serving after it until told to stop."""
    from stillhere.protocols import host

    teller = Teller(lost.told, announce)
    recovery = lost.recovery(teller)
    wanted = listen or config.Settings(vault=str(lost.vaults[0])).listen
    with host.bind(*config.split_listen(wanted)) as listener:
        with telling(announce):
            working = recovery.begin()
        from stillhere.server.bulk import serve_beside

        working.core.lock("serve")
        settings = settle(lost, working, listen)
        _remember(working)
        with ticking(recovery, tick), teller.beside(recovery):
            after = partial(look_further, working, lost, announce)
            serve_beside(recovery, working, listener, settings, announce, after)


def look_further(working: Working, lost: Lost, announce: Announce) -> None:
    """Search the damaged cores, if there are any, for what no vault had."""
    if lost.salvage:
        from stillhere.recovery.salvage.salvage import salvage

        salvage(working, lost.salvage, announce)


def _remember(working: Working) -> None:
    """Brings the witness of this machine up to the new epoch, if the vault could be sealed."""
    file = file_of(working.vault.id)
    with suppress(OSError, BackendError):  # people wait; `status` says that it can't be kept
        if file.exists() and exists(working.vault, epoch_name(working.identity.epoch)):
            remember(file, see(working))


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


def settle(lost: Lost, working: Working, listen: str | None) -> config.Settings:
    """The settings of the home that a recovery makes, with those copies of the vault that it
    writes to; those it has already stay."""
    home = lost.home
    if not (home / config.FILE).exists():
        written = written_places(working.vault.backend)
        named = {resolve(vault): absolute(vault) for vault in lost.vaults}
        first, *more = [named.get(place, place) for place in written]
        settings = config.Settings(vault=first, copies=more)
        if listen is not None:
            settings = msgspec.structs.replace(settings, listen=listen)
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
