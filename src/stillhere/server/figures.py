"""What a core knows of itself, read for the status page; works where the vault cannot be read."""

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from stillhere.config import Settings, find_home, load, places_of
from stillhere.errors import BadInput, NotFound, StillhereError, Unavailable
from stillhere.kinds import in_order
from stillhere.recovery.drill import past_drills
from stillhere.replication.compact import TailFigures, tail_figures
from stillhere.replication.spool import Behind, Spool
from stillhere.replication.start import Working, open_core
from stillhere.replication.verified import last_verified
from stillhere.replication.witness import Seen, see
from stillhere.server.copies import look as look_at_copies
from stillhere.server.core import same_disk
from stillhere.server.fates import fate_of
from stillhere.server.forecast import expect
from stillhere.server.patience import within
from stillhere.server.witness import file_of, recall, remember, shortfall_of
from stillhere.status.core import CoreStatus, KindFigures, LastDrill, Protection
from stillhere.store import Core
from stillhere.store.erased import read_erased

SILENT_S = 5.0
_SHELVES = (
    "SELECT kind, count(*), sum(closed <> '') FROM shelves"
    " WHERE last_seq > 0 OR closed <> '' GROUP BY kind"
)
_RECORDS = (
    "SELECT s.kind, sum(t.records), sum(t.held), sum(t.size), max(t.changed) FROM ("
    "SELECT shelf, state <> 1 AS records, state = 2 AS held, (state <> 1) * size AS size,"
    " modified AS changed FROM records WHERE collection <> ''"
    " UNION ALL SELECT shelf, records, held, size, changed FROM pages"
    ") t JOIN shelves s ON s.id = t.shelf GROUP BY s.kind"
)


def read_status(option: Path | None, witness: Path | None = None) -> CoreStatus:
    """The state of the core at `--home` or STILLHERE_HOME, which the witness remembers.

    Raises BadInput, NotFound, and Damaged for a core that cannot be read; a core that may not
    serve and a vault that cannot be read are part of the answer.
    """
    home = find_home(option)
    settings = load(home)
    behind = Spool(home).measure()
    look = _look(home, settings, witness)
    core = Core(home)
    try:
        kinds, changed = count_kinds(core.reader())
        accounts = len(core.shelves_of("account"))
        protection = _protection(settings, core, behind, look, changed)
        loss = expect(core, kinds)
    finally:
        core.close()
    now = time.time_ns() // 1_000_000
    seen = None if look.seen is None else msgspec.to_builtins(look.seen, str_keys=True)
    return CoreStatus(
        str(home),
        now,
        accounts,
        kinds,
        protection,
        loss,
        seen,
        fate_of(home),
        look_at_copies(home, settings),
    )


@dataclass
class _Look:
    """What the vault showed: the journal's tail, or why this core may not serve (`trouble`);
    what was `seen_before`, what is `missing` of it, and what is `seen` now."""

    witness: Path
    tail: TailFigures | None = None
    trouble: str = ""
    seen_before: Seen | None = None
    missing: str = ""
    seen: Seen | None = None
    unkept: str = ""
    same_disk: bool = False


def _look(home: Path, settings: Settings, witness: Path | None) -> _Look:
    """A look at the vault that ends even where the vault hangs."""
    core = Core(home)
    vault = core.identity().vault
    core.close()
    file = file_of(vault, witness, settings)
    try:
        return within(SILENT_S, lambda: _look_at_vault(home, settings, _Look(file)))
    except Unavailable as error:
        return _Look(file, trouble=error.what)


def _look_at_vault(home: Path, settings: Settings, look: _Look) -> _Look:
    look.same_disk = all(same_disk(home, place) for place in places_of(settings))
    try:
        first, *more = places_of(settings)
        working = open_core(home, first, more=more)
    except (BadInput, NotFound):
        raise
    except StillhereError as error:
        look.trouble = error.what
        return look
    try:
        look.tail = tail_figures(working)
        _ask_witness(working, look)
    except StillhereError as error:
        look.trouble = error.what
    finally:
        working.close()
    return look


def _ask_witness(working: Working, look: _Look) -> None:
    """What was seen is compared, and replaced unless it is more than there is now."""
    try:
        look.seen_before = recall(look.witness, working.vault.id)
    except BadInput as error:
        look.unkept = error.what
        return
    shortfall = shortfall_of(working, look.seen_before)
    if shortfall is not None:
        look.missing = shortfall.what
        return
    look.seen = see(working)
    try:
        remember(look.witness, look.seen)
    except OSError as error:
        look.unkept = f"the witness {look.witness} can't be kept: {error.strerror or error}"


def count_kinds(sql: sqlite3.Connection) -> tuple[list[KindFigures], int | None]:
    """Every kind that a core has, in the order of its recovery, and when anything of it changed
    last (milliseconds). A shelf that nothing was ever written to is none yet."""
    records = {row[0]: row[1:] for row in sql.execute(_RECORDS)}
    kinds = []
    for kind, shelves, closed in sorted(sql.execute(_SHELVES), key=lambda row: in_order(row[0])):
        present, held, size, _ = records.get(kind, (0, 0, 0, None))
        kinds.append(KindFigures(kind, shelves, closed, present, held, size))
    return kinds, max((row[3] for row in records.values()), default=None)


def _protection(
    settings: Settings,
    core: Core,
    behind: Behind,
    look: _Look,
    changed: int | None,
) -> Protection:
    proven, tail = last_verified(core), look.tail
    return Protection(
        vault=settings.vault,
        ack=settings.ack,
        epoch=core.identity().epoch,
        rpo_s=settings.ack_window_s if settings.ack == "core" else 0,
        behind_segments=behind.segments,
        behind_bytes=behind.bytes,
        behind_s=behind.age_s,
        trouble=look.trouble,
        last_change_at=changed,
        last_compacted_at=tail.compacted or None if tail else None,
        tail_segments=tail.segments if tail else None,
        tail_bytes=tail.size if tail else None,
        last_proven_at=proven.at if proven else None,
        proven_shelves=proven.shelves if proven else 0,
        proven_records=proven.records if proven else 0,
        unproven_shelves=len({f[:2] for f in proven.findings}) if proven else 0,
        pending_erasures=sum(one.pending for one in read_erased(core.reader()).values()),
        last_drill=_last_drill(core),
        same_disk=look.same_disk,
        witness=str(look.witness),
        seen_at=look.seen_before.at if look.seen_before else None,
        missing=look.missing,
        unkept=look.unkept,
    )


def _last_drill(core: Core) -> LastDrill | None:
    drills = past_drills(core)
    if not drills:
        return None
    last = drills[-1]
    return LastDrill(last.at, last.accounts, bool(last.sample), last.whole_s, last.flawed)
