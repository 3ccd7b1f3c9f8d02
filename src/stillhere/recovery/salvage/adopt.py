"""Accounts that no vault knows: made in the lost core, and lost before any vault had a change.

see that the file is of this service: it has an account that is known here
find whose account's shelf the core does not have, and never erased
    go on only with those of whom a row is there that could be merged
keep a key for each in the vault, a new one if none came out of it
give each empty shelves, of which every past epoch is lost from its beginning
    note whence it came, which makes it an account

Each keeps its id, so that the same file makes it once, and an erasure is heeded. What it had is
then merged as everybody's is (merge.py); until its name is read there, it is called by its id.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable
from functools import partial

import msgspec

from stillhere.errors import Unavailable
from stillhere.kinds import RECOVERY_ORDER
from stillhere.recovery.install import Verdict
from stillhere.recovery.salvage.heal import whence_of
from stillhere.recovery.salvage.login import may_let_in
from stillhere.recovery.salvage.scan import Salvage
from stillhere.replication.start import Working
from stillhere.store.accounts import ACCOUNT, LOST_NAME, UNFINISHED, add_accounts, add_shelf
from stillhere.store.core import Core
from stillhere.store.draft import ShelfWrite
from stillhere.store.erased import is_erased
from stillhere.store.records import ADOPTED, State, epoch_of
from stillhere.store.shelf import find_shelf
from stillhere.vault.backends import BackendError
from stillhere.vault.image import find_ends
from stillhere.vault.keys import keep_data_key, prove_data_key

_encode = msgspec.msgpack.Encoder().encode


def adopt(working: Working, salvage: Salvage) -> int:
    """Make the accounts that only the file has; returns how many. Raises Unavailable, Fenced;
    what was made until then stays, and is not made again."""
    whence = whence_of(salvage)
    made = 0
    for account in sorted(_find(working, salvage)):
        if _keep_key(working, account):
            had = _kinds_of(salvage, account)
            add = partial(_add, working.identity.epoch, account, had, whence)
            working.store.install(add, durable=True).result()
            note = partial(_note, whence=whence)
            working.store.write(account, ACCOUNT, note, device="operator").result()
            made += 1
    return made


def _find(working: Working, salvage: Salvage) -> set[bytes]:
    """The accounts that there are in the file alone, with something on a shelf."""
    sql, index = working.core.reader(), salvage.index()
    shelves = index.shelves()
    if not any(_is_ours(sql, account) for account, _ in shelves.values()):
        return set()  # another service's core, for all that anybody can tell: ids are random
    unknown = {
        account
        for number, (account, kind) in shelves.items()
        if kind == ACCOUNT and index.last(number) and not _is_known(sql, account)
    }
    found: set[bytes] = set()
    for row in salvage.rows() if unknown else ():
        account, kind = index.shelf(row.shelf) or (b"", "")
        if account not in unknown - found or kind not in RECOVERY_ORDER:
            continue
        past = 0 < epoch_of(row.record.seq) < working.identity.epoch
        there = row.record.state == State.PRESENT and row.record.seq <= index.last(row.shelf)
        if past and there and (kind != ACCOUNT or may_let_in(salvage, row)):
            found.add(account)
    return found


def _is_ours(sql: sqlite3.Connection, account: bytes) -> bool:
    there = sql.execute("SELECT 1 FROM accounts WHERE account = ?", (account,)).fetchone()
    return there is not None or is_erased(sql, account)


def _is_known(sql: sqlite3.Connection, account: bytes) -> bool:
    return is_erased(sql, account) or find_shelf(sql, account, ACCOUNT) is not None


def _keep_key(working: Working, account: bytes) -> bool:
    """Have a data key for an account, in the core first and then in the vault. False where the
    vault has another key in its place, which nobody can open: it can't be written over."""
    key = working.store.install(partial(_find_key, working.core, account), durable=True).result()
    try:
        keep_data_key(working.vault, working.wrapper, account, key)
        return None not in prove_data_key(working.vault, account, key).values()
    except BackendError as error:
        raise Unavailable(
            error.what,
            safe="what came back until now stays; the file is as it was",
            hint="give the same command again when the vault answers",
        ) from error


def _find_key(core: Core, account: bytes, sql: sqlite3.Connection) -> bytes:
    row = sql.execute("SELECT data_key FROM accounts WHERE account = ?", (account,)).fetchone()
    if row is not None:  # its key was in the vault, or this was begun before
        return core.keyring.open(row[0], account)
    key = os.urandom(32)
    add_accounts(sql, [(account, UNFINISHED + account.hex(), core.keyring.wrap(key, account))])
    return key


def _kinds_of(salvage: Salvage, account: bytes) -> set[str]:
    """The kinds of which it had anything in the file."""
    index = salvage.index()
    shelves = index.shelves().items()
    return {kind for number, (a, kind) in shelves if a == account and index.last(number)}


def _add(epoch: int, account: bytes, had: set[str], whence: str, sql: sqlite3.Connection) -> None:
    """Its shelves, those that are not there yet, and the name of one whose name is not known."""
    problem = f"no copy of the vault had this account; what is here is from {whence}"
    verdict = Verdict(0, 0, 0, [], [problem], time.time_ns() // 1_000_000)
    ends = find_ends([(0, {})], epoch)
    for kind in _missing(sql, account, RECOVERY_ORDER):
        add_shelf(sql, account, kind)
        sql.execute(
            "UPDATE shelves SET ends = ?, verdict = ? WHERE account = ? AND kind = ?",
            (_encode(ends), _encode(verdict) if kind in had else None, account, kind),
        )
    name = LOST_NAME + account.hex()
    sql.execute(
        "UPDATE accounts SET name = ?1, folded = ?1 WHERE account = ?2 AND folded = ?3",
        (name, account, UNFINISHED + account.hex()),
    )


def _missing(sql: sqlite3.Connection, account: bytes, kinds: Iterable[str]) -> list[str]:
    return [kind for kind in kinds if find_shelf(sql, account, kind) is None]


def _note(shelf: ShelfWrite, whence: str) -> None:
    shelf.note(ADOPTED, {"whence": whence})
