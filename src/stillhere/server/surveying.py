"""A survey of whatever is left: which sources open, what they have, and what an earlier look saw.

read the kit, open every source that opens, and note why the others don't
go on from what is kept in the state folder, if nothing has changed since
look for so many seconds, anew without a copy that falls silent; keep what was found, and tell
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stillhere.errors import BadInput, StillhereError, Unavailable
from stillhere.recovery.survey import ERROR, Figures, Silent, Survey
from stillhere.server import sources
from stillhere.server.incident import Desk
from stillhere.server.memory import Memory
from stillhere.server.patience import start, while_moving
from stillhere.server.recover import Tick, open_kit
from stillhere.server.sources import Sources, open_sources
from stillhere.status.outlook import Outlook, Share
from stillhere.vault.backends.place import Place, absolute
from stillhere.vault.kit import Kit


@dataclass(frozen=True)
class Seen:
    """A copy of the vault as it was found: where it is, and what is the matter with it, in
    words."""

    name: str
    flaws: list[str]


@dataclass(frozen=True)
class SeenCore:
    """A damaged core as it was found: where it is, of how many shelves it has something, how many
    records by name, and how many bodies of which nothing says whose they are."""

    name: str
    shelves: int
    records: int
    nameless: int


@dataclass(frozen=True)
class Surveyed:
    """What a survey found: the copies that can be read by themselves, and the damaged cores, in
    the order of the figures' ``holds``; ``together``, where copies are several; the sources that
    are left out, and why; the figures by kind ("": all kinds), and how it came to them.

    ``before`` counts the shelves that an earlier survey had looked at, ``silent`` says of how
    many there was no answer, and why; ``kept`` whether the next one can go on from here."""

    copies: list[Seen]
    cores: list[SeenCore]
    together: Seen | None
    unopened: dict[str, StillhereError]
    kinds: dict[str, Figures]
    complete: bool
    before: int
    seconds: float
    silent: tuple[int, str]
    kept: bool


def survey(
    places: Sequence[Place],
    kit_file: Path | None,
    tick: Tick,
    *,
    seconds: float | None,
    cores: Sequence[Path] = (),
    witness: Path | None = None,
    anew: bool = False,
) -> Surveyed:
    """Look for ``seconds`` (None: at everything) at what is left in these places, and in damaged
    ``cores``, which are read to their ends however long that takes.

    Raises WrongKit and BadInput, and what kept the first source from being opened when none
    was. Nothing is changed but what the state folder remembers."""
    kit = _kit_of(places, kit_file, cores)
    named = sorted(set(map(absolute, places)))
    files = sorted({path.absolute() for path in cores})
    opened = open_sources(named, files, kit, witness)
    try:
        while True:
            memory = _memory(opened, kit)
            found = {} if anew or memory is None else memory.read()
            work = Survey(opened.together, opened.apart, found, opened.cores)
            started = time.monotonic()
            silent = _look(work, opened, seconds, tick)
            taken = time.monotonic() - started
            if not silent:
                return _tell(work, opened, memory, len(found), taken)
    finally:
        opened.close()


def keep_for_page(seen: Surveyed, state: Path | None) -> None:
    """Keep what was found for the next edition of the page, if any shelf was looked at.

    Raises BadInput."""
    everything = seen.kinds.get("")
    if everything is None or not everything.looked:
        return
    found = Outlook(
        time.time_ns() // 1_000_000,
        len(seen.copies),
        len(seen.cores),
        len(seen.unopened),
        everything.shelves,
        everything.looked,
        everything.uncounted,
        1 - ERROR,
        tuple(share_of(kind, one) for kind, one in seen.kinds.items() if kind),
        share_of("", everything),
    )
    Desk(state).keep_survey(found)


def share_of(kind: str, one: Figures) -> Share:
    """The figures of a kind that everybody is told."""
    return Share(kind, one.known, one.proven, one.recoverable, one.missing)


def _kit_of(places: Sequence[Place], kit_file: Path | None, cores: Sequence[Path]) -> Kit | None:
    """The kit, which only copies of the vault need. Raises BadInput, WrongKit."""
    if not places and not cores:
        raise BadInput(
            "nothing is named that could be looked at",
            safe="nothing was read or changed",
            hint="--vault names a copy of the vault, --core a damaged core; each any number",
        )
    if not places:
        return None
    if kit_file is None:
        raise BadInput(
            "a copy of the vault can't be looked at without the kit",
            safe="nothing was read or changed",
            hint="name the recovery kit with --kit",
        )
    return open_kit(kit_file)


def _look(work: Survey, opened: Sources, seconds: float | None, tick: Tick) -> bool:
    """Look as long as may be; whether a copy fell silent, so that it is to be done anew without
    it. Raises Unavailable where no source is left."""
    started = time.monotonic()
    left = [False]  # whoever is left behind while it waits does nothing more when it goes on

    def spent() -> float:
        return 1.0 if left[0] else _share(time.monotonic() - started, seconds)

    def telling(done: int, total: int) -> None:
        if not left[0]:
            tick(done, total)

    try:
        looking = start(partial(work.look, spent, telling))
        while_moving(sources.ANSWER_S, looking, lambda: work.asking[1])
    except Silent as silent:
        opened.leave_out(silent.name, silent.why)
        return True
    except Unavailable as error:
        left[0] = True
        name, _, shelf = work.asking
        if len(opened.reached) > 1 or opened.cores:
            name = name or opened.find_silent()
            if not name:
                raise
            opened.leave_out(name, error.what)
            return True
        if shelf is not None:
            work.silent[shelf] = f"{opened.reached[0]} did not answer"
    return False


def _tell(
    work: Survey, opened: Sources, memory: Memory | None, before: int, taken: float
) -> Surveyed:
    more = len(work.found) > before
    kept = memory.keep(work.found) if more and memory is not None else True
    causes = list(work.silent.values())
    together = opened.together
    return Surveyed(
        [
            Seen(source.name, [*source.scan.flaws, *opened.behind.get(source.name, [])])
            for source in opened.alone
        ],
        [
            SeenCore(core.name, len(core.shelves), core.records, len(core.nameless))
            for core in opened.cores
        ],
        Seen(together.name, together.scan.flaws) if together and opened.apart else None,
        opened.unopened,
        work.tell(),
        work.complete,
        before,
        round(taken, 3),
        (len(causes), causes[0] if causes else ""),
        kept,
    )


def _memory(opened: Sources, kit: Kit | None) -> Memory | None:
    """What is kept of surveys of these sources; nothing is of damaged cores alone."""
    if kit is None or opened.together is None:
        return None
    states = [source.state for source in (opened.together, *opened.apart)]
    shelves = {*opened.together.scan.shelves}.union(*(core.shelves for core in opened.cores))
    return Memory(kit, states + [core.state for core in opened.cores], shelves)


def _share(passed: float, seconds: float | None) -> float:
    if seconds is None:
        return 0.0
    return passed / seconds if seconds else 1.0
