"""The sources of a survey, as far as they answer: copies of the vault, and damaged cores.

All are opened at the same time. What does not open, or gives no answer for too long, is named and
left out, and the others are looked at without it.
"""

import time
from collections.abc import Sequence
from concurrent.futures import wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from stillhere.errors import BadInput, NotAVault, StillhereError, Unavailable
from stillhere.kinds import RECOVERY_ORDER
from stillhere.recovery.salvage.remains import Remains
from stillhere.recovery.source import Source, open_source
from stillhere.replication.witness import Seen, find_shortfall
from stillhere.server.patience import start, while_moving
from stillhere.server.witness import file_of, recall
from stillhere.vault.backends.place import Place, open_place
from stillhere.vault.kit import Kit

OPEN_S = 60.0
"""How long a copy may say nothing while it is opened and listed."""
ANSWER_S = 20.0
"""How long a source may take to answer about one shelf, or a file to be read on."""


class Pulse:
    """When work has moved on last, by the monotonic clock."""

    def __init__(self) -> None:
        self._at = time.monotonic()

    def __call__(self) -> None:
        """It moves on now."""
        self._at = time.monotonic()

    def since(self) -> float:
        """When it did."""
        return self._at


@dataclass
class Sources:
    """What can be looked at: copies ``apart`` and ``together`` (None where no copy opens),
    damaged ``cores``; ``behind`` says of a copy, by its name, what it lacks of what a witness
    saw, ``unopened`` of every other source why it is left out."""

    kit: Kit | None
    reached: list[str] = field(default_factory=list)
    together: Source | None = None
    apart: list[Source] = field(default_factory=list)
    cores: list[Remains] = field(default_factory=list)
    behind: dict[str, list[str]] = field(default_factory=dict)
    unopened: dict[str, StillhereError] = field(default_factory=dict)

    @property
    def alone(self) -> list[Source]:
        """The copies as each can be read by itself."""
        return self.apart or [source for source in [self.together] if source is not None]

    def leave_out(self, name: str, why: str) -> None:
        """Go on without a copy that has no answer. Raises Unavailable where no source is left."""
        self.unopened[name] = _silent(name, why)
        self.reached.remove(name)
        self.apart = [source for source in self.alone if source.name != name]
        self.join()

    def find_silent(self) -> str:
        """The copy that hangs when all together have no answer, or else one that fails; "" where
        each answers."""
        if len(self.reached) == 1:
            return self.reached[0]
        asked = {name: start(partial(_ask, name)) for name in self.reached}
        wait(asked.values(), ANSWER_S)
        hanging = [name for name, answer in asked.items() if not answer.done()]
        failing = [name for name, answer in asked.items() if answer.done() and answer.exception()]
        return next(iter(hanging + failing), "")

    def close(self) -> None:
        """Let go of the damaged cores."""
        for core in self.cores:
            core.close()

    def join(self) -> None:
        """Open what is reached as one: a copy that is not whole enough to be read alone may have
        what another lacks. Raises what kept the first source out when none is left."""
        self.together = None
        if len(self.reached) == len(self.apart) == 1:
            self.together, self.apart = self.apart[0], []
        elif self.reached and self.kit is not None:
            pulse = Pulse()
            work = partial(open_source, list(self.reached), self.kit, RECOVERY_ORDER, pulse)
            try:
                self.together = while_moving(OPEN_S, start(work), pulse.since)
            except StillhereError as error:
                if isinstance(error, Unavailable) and (silent := self.find_silent()):
                    self.leave_out(silent, error.what)
                elif not self.cores:
                    raise
        if self.together is None and not self.cores:
            raise next(iter(self.unopened.values()))
        self._leave_out_strangers()

    def _leave_out_strangers(self) -> None:
        """Go on without cores that no account connects with the vault: of another service, for
        all that anybody can tell, and nobody would be made out of them."""
        if self.together is None:
            return
        ours = {account for _, account in self.together.scan.shelves} | self.together.erased
        for core in list(self.cores):
            if core.shelves and ours.isdisjoint(account for _, account in core.shelves):
                self.cores.remove(core)
                core.close()
                self.unopened[core.name] = BadInput(
                    f"{core.name} is left out: it has no account in common with the vault",
                    safe="nothing was changed",
                    hint="is it of this service? `survey --core` alone counts what it has",
                )


def open_sources(
    places: Sequence[str], cores: Sequence[Path], kit: Kit | None, witness: Path | None
) -> Sources:
    """Open every source that opens. Raises BadInput for a witness that was named and can't be
    read, and what kept the first source from being opened when none was."""
    found = Sources(kit)
    for path in cores:
        try:
            found.cores.append(_read(path))
        except StillhereError as error:
            found.unopened[str(path)] = error
    if kit is not None:
        _open(found, places, kit, _recall(kit, witness))
    found.join()
    return found


def _open(found: Sources, places: Sequence[str], kit: Kit, seen: Seen | None) -> None:
    pulses = {place: Pulse() for place in places}
    opening = {
        place: start(partial(_open_one, place, kit, seen, pulse)) for place, pulse in pulses.items()
    }
    for place, opened in opening.items():
        try:
            source, behind = while_moving(OPEN_S, opened, pulses[place].since)
            found.behind[place] = behind
            found.apart.append(source)
            found.reached.append(place)
        except NotAVault as error:
            found.unopened[place] = error
            found.reached.append(place)
        except StillhereError as error:
            found.unopened[place] = error if opened.done() else _silent(place, error.what)


def _open_one(place: Place, kit: Kit, seen: Seen | None, pulse: Pulse) -> tuple[Source, list[str]]:
    """A copy, and what it lacks of what a witness has seen."""
    source = open_source([place], kit, RECOVERY_ORDER, pulse)
    if seen is None:
        return source, []
    checked = source.checked
    short = find_shortfall(checked.vault, checked.epochs, checked.journal_keys, seen)
    return source, [f"behind what was seen on {short.when}: {short.what}"] if short else []


def _recall(kit: Kit, witness: Path | None) -> Seen | None:
    """What a witness saw of the vault. Raises BadInput for one that was named."""
    try:
        return recall(file_of(kit.vault, witness), kit.vault, named=witness is not None)
    except BadInput:
        if witness is not None:
            raise
        return None  # nobody has named it, and `status` says what is wrong with it


def _read(path: Path) -> Remains:
    """A damaged core, read to its end however long that takes, as long as it goes on."""
    pulse = Pulse()
    try:
        return while_moving(ANSWER_S, start(partial(Remains, path, pulse)), pulse.since)
    except Unavailable as error:
        raise _silent(str(path), error.what) from None


def _ask(place: str) -> None:
    open_place(place).names("")


def _silent(name: str, why: str) -> Unavailable:
    return Unavailable(
        f"{name} is left out: {why}",
        safe="nothing was changed",
        hint="look at its disk or store; the same command again asks it anew",
    )
