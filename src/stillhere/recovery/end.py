"""As of when a vault is complete: its end, and what a witness has seen beyond it."""

from __future__ import annotations

import sqlite3

import msgspec

from stillhere.errors import Behind, Unavailable
from stillhere.recovery.check import Checked
from stillhere.replication.witness import Seen, Shortfall, find_shortfall
from stillhere.store.core import Core
from stillhere.store.schema import get_meta, set_meta
from stillhere.vault.anchor import Anchor
from stillhere.vault.backends import BackendError

_META = "vault end"


class VaultEnd(msgspec.Struct, frozen=True):
    """The vault that a core came out of ended ``as_of_at`` (0: it had no change); ``seen_at`` is
    when a witness had seen it (None: there is none), ``missing`` what it had then and has no
    more. Times in milliseconds."""

    as_of_at: int
    seen_at: int | None
    missing: str


def find_behind(checked: Checked, seen: Seen | None, *, accepted: bool) -> Shortfall | None:
    """What the vault lacks of what was seen. Raises Behind unless that is ``accepted``: begun
    from an old copy, an epoch can't be taken back. Raises Unavailable."""
    if seen is None:
        return None
    try:
        found = find_shortfall(checked.vault, checked.epochs, checked.journal_keys, seen)
    except BackendError as error:
        raise Unavailable(error.what, safe="nothing was changed", hint=error.hint) from error
    if found is not None and not accepted:
        raise Behind(
            f"this vault is behind what was seen on {found.when}: {found.what}",
            safe="nothing was changed; the old core is not sealed",
            hint="look for the vault's newest copy; --behind goes on if there is none",
        )
    return found


def keep_end(
    sql: sqlite3.Connection, anchor: Anchor, seen: Seen | None, lacking: Shortfall | None
) -> None:
    """Note where the vault ended when it was sealed; what is noted already stays."""
    if get_meta(sql, _META) is not None:
        return
    times = [source.header.created for source in anchor.tail.sources]
    end = VaultEnd(
        max([anchor.root.created, *times]),
        None if seen is None else seen.at,
        "" if lacking is None else lacking.what,
    )
    set_meta(sql, _META, msgspec.msgpack.encode(end))


def read_end(core: Core) -> VaultEnd | None:
    """Where the vault ended that this core came out of; None for one that was never lost."""
    kept = get_meta(core.reader(), _META)
    return None if kept is None else msgspec.msgpack.decode(kept, type=VaultEnd)
