"""A survey of whatever is left: which copies open, what they have, and what an earlier look saw.

read the kit, open every copy that opens, and note why the others don't
go on from what is kept in the state folder, if nothing has changed since
look for so many seconds, keep what was found, and tell
"""

import hmac
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from stillhere import config
from stillhere.errors import BadInput, NotAVault, StillhereError
from stillhere.kinds import RECOVERY_ORDER
from stillhere.recovery.found import Found
from stillhere.recovery.source import Shelf, Source, open_source
from stillhere.recovery.survey import Figures, Survey
from stillhere.replication.witness import find_shortfall
from stillhere.server.patience import within
from stillhere.server.recover import Tick, open_kit
from stillhere.server.witness import file_of, recall
from stillhere.vault.backends.place import Place, absolute
from stillhere.vault.kit import Kit

DIGEST_BYTES = 16
OPEN_S = 60.0
"""How long a source may take to be opened and listed before the others are looked at without it."""


@dataclass(frozen=True)
class Seen:
    """A copy of the vault as it was found: where it is, and what is the matter with it, in
    words."""

    name: str
    flaws: list[str]


@dataclass(frozen=True)
class Surveyed:
    """What a survey found: the copies that can be read by themselves, in the order of the
    figures' ``holds``; ``together``, where they are several; those that can't be, and why; the
    figures by kind ("": all kinds), and how it came to them.

    ``before`` counts the shelves that an earlier survey had looked at, ``silent`` says of how
    many there was no answer, and why; ``kept`` whether the next one can go on from here."""

    copies: list[Seen]
    together: Seen | None
    unopened: dict[str, StillhereError]
    kinds: dict[str, Figures]
    complete: bool
    before: int
    seconds: float
    silent: tuple[int, str]
    kept: bool


class _Kept(msgspec.Struct, frozen=True):
    """What the state folder has of a survey: the state of each source, and what was found, by
    digests of the shelves that the kit alone can make. Nothing in it names an account: it is
    still there when one is erased."""

    states: list[bytes]
    found: dict[bytes, Found]


def survey(
    places: Sequence[Place],
    kit_file: Path,
    tick: Tick,
    *,
    seconds: float | None,
    witness: Path | None = None,
    anew: bool = False,
) -> Surveyed:
    """Look for ``seconds`` (None: at everything) at what is left in these places.

    Raises WrongKit and BadInput, and what kept the first source from being opened when none
    was. Nothing is changed but what the state folder remembers."""
    kit = open_kit(kit_file)
    opened = _open(sorted(set(map(absolute, places))), kit)
    sources = opened.apart or [opened.together]
    flaws = [[*source.scan.flaws, *_behind(source, kit, witness)] for source in sources]
    file = config.state_folder() / f"{kit.vault.hex()}.survey"
    states = [source.state for source in (opened.together, *opened.apart)]
    names = _name(opened.together.scan.shelves, kit)
    work = Survey(opened.together, opened.apart, {} if anew else _read(file, states, names))
    before, started = len(work.found), time.monotonic()
    work.look(lambda: _share(time.monotonic() - started, seconds), tick)
    taken = time.monotonic() - started
    kept = _keep(file, states, work.found, names) if len(work.found) > before else True
    causes = list(work.silent.values())
    together = Seen(opened.together.name, opened.together.scan.flaws) if opened.apart else None
    return Surveyed(
        [Seen(source.name, flaw) for source, flaw in zip(sources, flaws, strict=True)],
        together,
        opened.unopened,
        work.tell(),
        work.complete,
        before,
        round(taken, 3),
        (len(causes), causes[0] if causes else ""),
        kept,
    )


class _Opened(NamedTuple):
    together: Source
    apart: list[Source]
    unopened: dict[str, StillhereError]


def _open(places: Sequence[Place], kit: Kit) -> _Opened:
    """Every copy by itself, and all that can be reached together: one that is not whole enough
    to be read alone may have what another lacks."""
    apart: list[Source] = []
    reached: list[Place] = []
    unopened: dict[str, StillhereError] = {}
    for place in places:
        try:
            apart.append(within(OPEN_S, partial(open_source, [place], kit, RECOVERY_ORDER)))
            reached.append(place)
        except NotAVault as error:
            unopened[str(place)] = error
            reached.append(place)
        except StillhereError as error:
            unopened[str(place)] = error
    if len(reached) == len(apart) == 1:
        return _Opened(apart[0], [], unopened)
    if not reached:
        raise next(iter(unopened.values()))
    return _Opened(open_source(reached, kit, RECOVERY_ORDER), apart, unopened)


def _behind(source: Source, kit: Kit, witness: Path | None) -> list[str]:
    """What a source lacks of what a witness saw of the vault. Raises BadInput."""
    try:
        seen = recall(file_of(kit.vault, witness), kit.vault, named=witness is not None)
    except BadInput:
        if witness is not None:
            raise
        seen = None  # nobody has named it, and `status` says what is wrong with it
    if seen is None:
        return []
    checked = source.checked
    shortfall = find_shortfall(checked.vault, checked.epochs, checked.journal_keys, seen)
    return [f"behind what was seen on {shortfall.when}: {shortfall.what}"] if shortfall else []


def _share(passed: float, seconds: float | None) -> float:
    if seconds is None:
        return 0.0
    return passed / seconds if seconds else 1.0


def _name(shelves: Iterable[Shelf], kit: Kit) -> dict[Shelf, bytes]:
    """Each shelf's digest."""
    key = kit.key_for("surveys")
    return {
        (kind, account): hmac.digest(key, account + kind.encode(), "sha256")[:DIGEST_BYTES]
        for kind, account in shelves
    }


def _read(file: Path, states: Sequence[bytes], names: Mapping[Shelf, bytes]) -> dict[Shelf, Found]:
    """What an earlier survey found in the same sources, as they are now; else nothing."""
    try:
        kept = msgspec.msgpack.decode(file.read_bytes(), type=_Kept)
    except (OSError, msgspec.DecodeError):
        return {}
    if kept.states != list(states):
        return {}
    return {shelf: kept.found[name] for shelf, name in names.items() if name in kept.found}


def _keep(
    file: Path, states: list[bytes], found: Mapping[Shelf, Found], names: Mapping[Shelf, bytes]
) -> bool:
    """Keep what was found, whole or not at all; whether it could be."""
    by_digest = {names[shelf]: one for shelf, one in found.items()}
    draft = file.with_name(f"{file.name}.new")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.write_bytes(msgspec.msgpack.encode(_Kept(states, by_digest)))
        os.replace(draft, file)
    except OSError:
        return False
    return True
