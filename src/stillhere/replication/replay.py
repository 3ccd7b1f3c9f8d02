"""Replay: changes that the vault holds and the core does not, applied to the core.

They must continue the core's own chains; anything else in the vault is not this core's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from stillhere.errors import Damaged, NotFound, Surplus
from stillhere.store.draft import apply_changes, save_head
from stillhere.store.erased import is_erased
from stillhere.store.records import Change, Op
from stillhere.store.shelf import find_shelf
from stillhere.vault.backends import BackendError, Exists, Missing, NotInAll
from stillhere.vault.layout import unpad_kind
from stillhere.vault.segments import (
    Row,
    chain_key,
    decode_entry,
    digest_of,
    extend_chain,
    unpack_rows,
)
from stillhere.vault.tail import Source

DataKey = Callable[[bytes], bytes]


def replay(
    connection: sqlite3.Connection,
    sources: Sequence[Source],
    data_key: DataKey,
    *,
    only_known: bool = False,
) -> int:
    """Apply every part of these segments in the transaction at hand; returns the changes.

    Those of erased accounts are passed over, and with ``only_known`` shelves that are not in
    rows (yet): a recovery brings them.
    Raises Surplus when a part does not continue its shelf, Damaged, BackendError."""
    _make_durable(sources)
    by_shelf: dict[tuple[bytes, str], list[tuple[Source, Row]]] = {}
    for source in sources:
        for row in unpack_rows(source.header.rows):
            by_shelf.setdefault((row.account, unpad_kind(row.kind)), []).append((source, row))
    count = 0
    for (account, kind), parts in by_shelf.items():
        if only_known and find_shelf(connection, account, kind) is None:
            continue
        count += _replay_shelf(connection, account, kind, parts, data_key)
    for source in sources:
        keep_position(connection, source)
    return count


def _make_durable(sources: Sequence[Source]) -> None:
    """See that each writer's last segment is durable before the core has it.

    A writer that was killed may have given it its name and not synced that; a core that is
    ahead of its vault would serve nothing after the vault's next power cut. Where the vault has
    copies and one of them lacks it, it is not done: raises NotInAll."""
    newest = {(source.header.epoch, source.header.writer): source for source in sources}
    for source in newest.values():
        if source.header.first == source.header.last:
            backend = source.vault.backend
            try:
                backend.create(source.name, source.whole or backend.read(source.name))
            except NotInAll:
                raise
            except (Exists, Missing, BackendError):
                continue  # what can't be written stays as it is


def keep_position(connection: sqlite3.Connection, source: Source) -> None:
    """Note that a writer's segments up to this one are in the core."""
    header = source.header
    whole = source.whole or source.vault.backend.read(source.name)
    digest = digest_of(whole) if header.first == header.last else header.digests[-32:]
    connection.execute(
        "INSERT INTO writers VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET segment = excluded.segment, digest = excluded.digest"
        " WHERE excluded.segment > segment",
        (header.epoch, header.writer, header.last, digest),
    )


def _replay_shelf(
    connection: sqlite3.Connection,
    account: bytes,
    kind: str,
    parts: Sequence[tuple[Source, Row]],
    data_key: DataKey,
) -> int:
    row = find_shelf(connection, account, kind)
    if row is None and is_erased(connection, account):
        return 0
    try:
        key = data_key(account)
    except NotFound:
        row = None
        key = b""
    if row is None:
        raise _surplus("changes of an account that this core does not know")
    chaining = chain_key(key, kind)
    waiting = {}
    for source, part in parts:
        if part.last > row.last_seq:
            before, entries = source.entries(key, part)
            waiting[before] = (source, part, entries)
    count = 0
    while waiting:
        if row.chain not in waiting:
            raise _surplus("changes that do not continue what this core has")
        source, part, entries = waiting.pop(row.chain)
        chain = extend_chain(chaining, row.chain, entries)
        apply_changes(connection, row, _changes(source, part, entries, key))
        save_head(connection, row, part.last, chain)
        count += len(entries)
    return count


def _changes(source: Source, part: Row, encoded: Sequence[bytes], key: bytes) -> list[Change]:
    try:
        bodies = source.bodies(key, part)
    except (Damaged, BackendError) as error:
        raise Damaged(
            f"a change that this core must replay can't be read: {error.what}",
            safe="nothing was changed in the core",
            hint="recover from the vault: it names what is held",
        ) from error
    changes = []
    for raw, body in zip(encoded, bodies, strict=True):
        e = decode_entry(raw)
        if body is not None and e.digest != digest_of(body):
            raise Damaged("a change that this core must replay does not match its digest")
        changes.append(
            Change(
                e.seq,
                e.time,
                e.device,
                Op(e.op),
                e.collection,
                e.href,
                e.uid,
                e.component,
                e.media_type,
                e.size,
                e.digest,
                body,
                e.starts,
                e.ends,
                e.exact,
            )
        )
    return changes


def _surplus(what: str) -> Surplus:
    return Surplus(
        f"the vault holds {what}",
        safe="everything that was acknowledged is in the vault",
        hint="this core is an old copy, or not the only one: recover from the vault",
    )
