"""The witness's file: what `status` remembers of a vault, for the day when only the vault is left.

It lies outside of core and vault: in the operator's state folder, or where they say. What
`status --json` prints serves as well, so a mailbox or a log can be the witness.
"""

from contextlib import suppress
from pathlib import Path

import msgspec

from stillhere import config
from stillhere.config import Settings
from stillhere.durable import replace_file
from stillhere.errors import BadInput, Behind
from stillhere.replication.start import Working, open_core
from stillhere.replication.window import Window
from stillhere.replication.witness import Seen, Shortfall, find_shortfall, known_erasures
from stillhere.vault.backends import BackendError
from stillhere.vault.epochs import read_epochs


class _Status(msgspec.Struct):
    """What `status --json` prints, as far as it matters here."""

    witness: Seen


def open_watched(home: Path, settings: Settings, window: Window | None = None) -> Working:
    """A core that may serve, and a vault of which nothing is missing that was seen.

    Raises what `open_core` raises, Behind, and NotAVault for a store that overwrites."""
    first, *more = config.places_of(settings)
    working = open_core(home, first, window, more=more)
    vault, seen = working.vault.id, None
    with suppress(BadInput):  # people wait; `status` says what is wrong with the file
        seen = recall(file_of(vault, settings=settings), vault)
    try:
        with suppress(BackendError):  # what can't be written now is proven before it is
            working.vault.backend.prove()
        refuse(shortfall_of(working, seen))
    except BaseException:
        working.close()
        raise
    return working


def refuse(shortfall: Shortfall | None) -> None:
    """Raises Behind when core and vault both lack something that was seen."""
    if shortfall is not None:
        raise Behind(
            f"core and vault are behind what was seen on {shortfall.when}: {shortfall.what}",
            safe="nothing was changed",
            hint="bring the newest copies of both back;"
            " if there are none, stillhere recover --behind into a new home",
        )


def shortfall_of(working: Working, seen: Seen | None) -> Shortfall | None:
    """What a core at work and its vault lack of what was seen. Raises Damaged, BackendError."""
    if seen is None:
        return None
    keys, known = working.identity.journal_keys, known_erasures(working.core)
    return find_shortfall(working.vault, read_epochs(working.vault), keys, seen, known)


def file_of(vault: bytes, named: Path | None = None, settings: Settings | None = None) -> Path:
    """Where a vault is remembered: as the command says, or the settings, or by its id."""
    if named is not None:
        return named
    if settings is not None and settings.witness:
        return Path(settings.witness).expanduser()
    return config.state_folder() / f"{vault.hex()}.json"


def recall(path: Path, vault: bytes, *, named: bool = False) -> Seen | None:
    """What a file remembers; None where there is none yet, unless somebody has `named` it.

    Raises BadInput for one that cannot be read or remembers another vault."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        if named:
            raise _unfit(path, "is not there") from None
        return None
    except OSError as error:
        raise _unfit(path, f"cannot be read: {error.strerror or error}") from error
    try:
        try:
            seen = msgspec.json.decode(text, type=Seen)
        except msgspec.ValidationError:
            seen = msgspec.json.decode(text, type=_Status).witness
    except msgspec.DecodeError:
        raise _unfit(path, "remembers no vault") from None
    if seen.vault != vault.hex():
        raise _unfit(path, f"remembers another vault, {seen.vault}")
    return seen


def remember(path: Path, seen: Seen) -> None:
    """Keep how far a vault was seen to reach; replaced whole or not at all. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_file(path, msgspec.json.encode(seen))


def _unfit(path: Path, why: str) -> BadInput:
    return BadInput(
        f"the witness {path} {why}",
        safe="nothing was changed",
        hint="name a file that stillhere status has kept or printed; or remove it, to begin anew",
    )
