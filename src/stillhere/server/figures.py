"""What a core knows of itself, read for the status page; works where the vault cannot be read."""

import time
from pathlib import Path

from stillhere.config import Settings, find_home, load
from stillhere.errors import BadInput, NotFound, StillhereError
from stillhere.replication.compact import TailFigures, tail_figures
from stillhere.replication.spool import Behind, Spool
from stillhere.replication.start import open_core
from stillhere.replication.verified import last_verified
from stillhere.server.core import same_disk
from stillhere.server.rates import forecast, last_measured
from stillhere.status.core import CoreStatus, KindFigures, Loss, Protection
from stillhere.store import Core

_SHELVES = "SELECT kind, count(*), sum(closed <> '') FROM shelves GROUP BY kind"
_RECORDS = (
    "SELECT s.kind, sum(r.state <> 1), sum(r.state = 2), sum((r.state <> 1) * r.size),"
    " max(r.modified) FROM records r JOIN shelves s ON s.id = r.shelf"
    " WHERE r.collection <> '' GROUP BY s.kind"
)


def read_status(option: Path | None) -> CoreStatus:
    """The state of the core at `--home` or STILLHERE_HOME.

    Raises BadInput, NotFound, and Damaged for a core that cannot be read; a core that may not
    serve and a vault that cannot be read are part of the answer.
    """
    home = find_home(option)
    settings = load(home)
    behind = Spool(home).measure()
    tail, trouble = _look_at_vault(home, settings)
    core = Core(home)
    try:
        kinds, changed = _count(core)
        accounts = len(core.shelves_of("account"))
        protection = _protection(home, settings, core, behind, tail, trouble, changed)
        loss = _loss(core, accounts, sum(kind.records for kind in kinds))
    finally:
        core.close()
    now = time.time_ns() // 1_000_000
    return CoreStatus(str(home), now, accounts, kinds, protection, loss)


def _look_at_vault(home: Path, settings: Settings) -> tuple[TailFigures | None, str]:
    """The journal's tail, or why this core may not serve."""
    try:
        working = open_core(home, Path(settings.vault))
    except (BadInput, NotFound):
        raise
    except StillhereError as error:
        return None, error.what
    try:
        return tail_figures(working), ""
    except StillhereError as error:
        return None, error.what
    finally:
        working.close()


def _count(core: Core) -> tuple[list[KindFigures], int | None]:
    sql = core.reader()
    records = {row[0]: row[1:] for row in sql.execute(_RECORDS)}
    kinds = []
    for kind, shelves, closed in sql.execute(_SHELVES).fetchall():
        present, held, size, _ = records.get(kind, (0, 0, 0, None))
        kinds.append(KindFigures(kind, shelves, closed, present, held, size))
    return kinds, max((row[3] for row in records.values()), default=None)


def _protection(
    home: Path,
    settings: Settings,
    core: Core,
    behind: Behind,
    tail: TailFigures | None,
    trouble: str,
    changed: int | None,
) -> Protection:
    proven = last_verified(core)
    return Protection(
        vault=settings.vault,
        ack=settings.ack,
        epoch=core.identity().epoch,
        rpo_s=settings.ack_window_s if settings.ack == "core" else 0,
        behind_segments=behind.segments,
        behind_bytes=behind.bytes,
        behind_s=behind.age_s,
        trouble=trouble,
        last_change_at=changed,
        last_compacted_at=tail.compacted or None if tail else None,
        tail_segments=tail.segments if tail else None,
        tail_bytes=tail.size if tail else None,
        last_proven_at=proven.at if proven else None,
        proven_shelves=proven.shelves if proven else 0,
        proven_records=proven.records if proven else 0,
        unproven_shelves=len({f[:2] for f in proven.findings}) if proven else 0,
        same_disk=same_disk(home, Path(settings.vault)),
    )


def _loss(core: Core, accounts: int, records: int) -> Loss | None:
    rates = last_measured(core)
    if rates is None:
        return None
    expected = forecast(rates, accounts, records)
    return Loss(
        expected.first_contact_s,
        expected.contacts_s,
        expected.mirrored_s,
        expected.whole_s,
        f"{rates.records:,} records of this vault brought back on this machine",
        rates.at,
    )
