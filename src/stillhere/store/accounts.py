"""Accounts: their names, passwords and devices, kept as records on each account's own shelf.

A new account is prepared in the core first (name, id and data key, not yet an account), then
registered in the vault (wrapped key, name), and exists once its account shelf has its first
change. Every step can be repeated after a crash.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import sqlite3
import time
import unicodedata
from base64 import b32encode
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import msgspec

from stillhere.errors import BadInput, Erased, NotFound
from stillhere.kinds import KINDS
from stillhere.kinds.item import Kind
from stillhere.store.door import Door
from stillhere.store.draft import ShelfWrite
from stillhere.store.erased import is_erased

ACCOUNT = "account"
CREDENTIALS = "credentials"
DEVICES = "devices"
GENESIS = bytes(32)
UNFINISHED = "unfinished-"  # then its id: what is called so whose making was cut short
LOST_NAME = "lost-"  # then the account's id: what an account is called whose profile is lost
MAX_NAME = 128
MIN_PASSWORD, MAX_PASSWORD = 8, 1024
AHEAD = 512  # writes that wait for the vault while further accounts are made
_EMPTY_ENDS = msgspec.msgpack.encode({})

Register = Callable[[bytes, str, bytes], bytes]
"""(account, folded name, data key) → the account that now has the name in the vault."""


class Profile(msgspec.Struct, frozen=True):
    """What an account is called."""

    name: str
    created: int


class Password(msgspec.Struct, frozen=True):
    """A chosen password, as its argon2id hash."""

    argon2: str


class Device(msgspec.Struct, frozen=True):
    """A generated password of one device: a salted fast hash, since it can't be guessed."""

    label: str
    salt: bytes
    hash: bytes
    created: int


class DevicePassword(NamedTuple):
    """A device password, shown once."""

    device: str
    password: str

    def __repr__(self) -> str:
        """Without the password."""
        return f"DevicePassword({self.device!r})"


class AccountRow(NamedTuple):
    """An account as a list shows it."""

    account: bytes
    name: str


class NewAccount(NamedTuple):
    """An account to be made; with ``device`` it gets a device password under that label."""

    name: str
    password: str | None = None
    device: str | None = None

    def __repr__(self) -> str:
        """Without the password."""
        return f"NewAccount({self.name!r})"


class Created(NamedTuple):
    """An account that was made."""

    account: bytes
    name: str
    device: DevicePassword | None


def fold_name(name: str) -> str:
    """The form in which log-in names are compared. Raises BadInput for an unusable name."""
    name = unicodedata.normalize("NFC", name.strip())
    if not name or len(name) > MAX_NAME:
        raise BadInput(f"a name has 1 to {MAX_NAME} characters", safe="nothing was changed")
    bad = [c for c in name if unicodedata.category(c)[0] in "CZ" and c != " "]
    if bad or "/" in name or ":" in name or name in (".", ".."):
        raise BadInput(
            "a name has no slashes, colons or control characters", safe="nothing was changed"
        )
    return unicodedata.normalize("NFC", name.casefold())


def hash_device_secret(salt: bytes, secret: str) -> bytes:
    """The salted hash of a device password's secret part."""
    return hmac.digest(salt, secret.encode("utf-8", "surrogatepass"), hashlib.sha256)


class Accounts:
    """Makes, finds and changes accounts."""

    def __init__(self, store: Door, register: Register) -> None:
        self._store = store
        self._register = register

    def list(self) -> list[AccountRow]:
        """Every account, by name."""
        rows = self._store.core.reader().execute(
            "SELECT a.account, a.name FROM accounts a JOIN shelves s"
            " ON s.account = a.account AND s.kind = 'account' WHERE s.last_seq > 0"
            " ORDER BY a.folded"
        )
        return [AccountRow(*row) for row in rows]

    def count(self) -> int:
        """How many accounts there are."""
        (found,) = (
            self._store.core.reader()
            .execute(
                "SELECT count(*) FROM accounts a JOIN shelves s"
                " ON s.account = a.account AND s.kind = 'account' WHERE s.last_seq > 0"
            )
            .fetchone()
        )
        return int(found)

    def find(self, name: str) -> bytes:
        """The id of an account. Raises NotFound."""
        account = find_folded(self._store.core.reader(), fold_name(name))
        if account is None:
            raise NotFound(
                f"there is no account {name!r}",
                safe="nothing was changed",
                hint="stillhere account list shows them",
            )
        return account

    def create(self, name: str, password: str | None = None) -> bytes:
        """Make one account; returns its id. Raises BadInput when the name is taken."""
        return self.create_many([NewAccount(name, password)])[0].account

    def create_many(self, wanted: Sequence[NewAccount]) -> Sequence[Created]:
        """Make accounts, together: all exist when this returns. The names are checked first."""
        passwords = [
            None if new.password is None else hash_password(new.password) for new in wanted
        ]
        folded = [fold_name(new.name) for new in wanted]
        if len(set(folded)) != len(folded):
            raise BadInput("a name is given twice", safe="nothing was changed")
        # durable, since no journal could bring a prepared account back after a power cut
        prepared = self._store.install(
            lambda sql: self._prepare(sql, wanted, folded), durable=True
        ).result()
        with ThreadPoolExecutor(8, thread_name_prefix="register") as pool:
            owners = list(
                pool.map(lambda p, name: self._register(p[0], name, p[1]), prepared, folded)
            )
        waiting: deque[Future[object]] = deque()
        made: list[Created] = []
        for new, (account, _), owner, argon2 in zip(
            wanted, prepared, owners, passwords, strict=True
        ):
            if owner != account:
                adopt = partial(_adopt, account=account, owner=owner)
                self._store.install(adopt, durable=True).result()
            device = None if new.device is None else _new_device(new.device)
            waiting.extend(self._write_first(owner, new, argon2, device))
            made.append(Created(owner, new.name, device[0] if device else None))
            while len(waiting) > AHEAD:
                waiting.popleft().result()
        for future in waiting:
            future.result()
        return made

    def set_password(self, account: bytes, password: str) -> None:
        """Choose a new password; the old one is refused from the moment this returns."""
        body = msgspec.msgpack.encode(Password(hash_password(password)))
        self._write(account, lambda shelf: shelf.put(CREDENTIALS, "password", body))

    def add_device(self, account: bytes, label: str) -> DevicePassword:
        """Generate a password for one device."""
        password, device = _new_device(label)
        body = msgspec.msgpack.encode(device)
        self._write(account, lambda shelf: shelf.put(DEVICES, password.device, body))
        return password

    def devices(self, account: bytes) -> dict[str, Device]:
        """Every device of an account, by id."""
        with self._store.read(account, ACCOUNT) as shelf:
            return {
                record.href: msgspec.msgpack.decode(body, type=Device)
                for record, body in shelf.all_bodies(DEVICES)
                if body is not None
            }

    def revoke_device(self, account: bytes, device: str) -> None:
        """Refuse a device from now on. Raises NotFound."""

        def revoke(shelf: ShelfWrite) -> None:
            if shelf.record(DEVICES, device) is None:
                raise NotFound(f"there is no device {device!r}", safe="nothing was changed")
            shelf.delete(DEVICES, device)

        self._write(account, revoke)

    def _write(self, account: bytes, fn: Callable[[ShelfWrite], object]) -> None:
        self._store.write(account, ACCOUNT, fn, device="operator").result()

    def _prepare(
        self, sql: sqlite3.Connection, wanted: Sequence[NewAccount], folded: Sequence[str]
    ) -> Sequence[tuple[bytes, bytes]]:
        prepared = []
        for new, name in zip(wanted, folded, strict=True):
            if find_folded(sql, name) is not None:
                raise _taken(new.name)
            row = sql.execute(
                "SELECT account, data_key FROM accounts WHERE folded = ?", (name,)
            ).fetchone()
            if row is not None:
                key = self._store.core.keyring.open(row[1], row[0])
                prepared.append((row[0], key))
                continue
            account, key = os.urandom(16), os.urandom(32)
            wrapped = self._store.core.keyring.wrap(key, account)
            add_accounts(sql, [(account, new.name, wrapped)])
            for kind in (ACCOUNT, *KINDS):
                add_shelf(sql, account, kind)
            prepared.append((account, key))
        return prepared

    def _write_first(
        self,
        account: bytes,
        new: NewAccount,
        argon2: str | None,
        device: tuple[DevicePassword, Device] | None,
    ) -> Iterator[Future[object]]:
        def first(shelf: ShelfWrite) -> None:
            if shelf.record(CREDENTIALS, "profile") is not None:  # another process was first
                raise _taken(new.name)
            now = time.time_ns() // 1_000_000
            profile = Profile(unicodedata.normalize("NFC", new.name.strip()), now)
            if argon2 is not None:
                shelf.put(CREDENTIALS, "password", msgspec.msgpack.encode(Password(argon2)))
            if device is not None:
                shelf.put(DEVICES, device[0].device, msgspec.msgpack.encode(device[1]))
            shelf.put(CREDENTIALS, "profile", msgspec.msgpack.encode(profile))

        write = self._store.write
        for kind in KINDS.values():
            if kind.at_once:
                yield write(account, kind.name, partial(begin, kind), device="operator")
        yield write(account, ACCOUNT, first, device="operator")


def begin(kind: Kind, shelf: ShelfWrite) -> None:
    """Have the first collection of a kind on a shelf that has had none."""
    if not shelf.position(""):
        shelf.put_collection(*kind.first, kind.collection)


def _taken(name: str) -> BadInput:
    return BadInput(
        f"there is an account {name!r} already",
        safe="nothing was changed",
        hint="choose another name",
    )


def _adopt(sql: sqlite3.Connection, account: bytes, owner: bytes) -> None:
    """Let the account that has the name in the vault be the one that is made.

    Its making was cut short before the core was lost; a recovery has kept its key. Raises
    BadInput where it is anybody's account."""
    unfinished = sql.execute(
        "SELECT 1 FROM accounts WHERE account = ? AND NOT EXISTS (SELECT 1 FROM shelves"
        " WHERE shelves.account = accounts.account AND kind = 'account' AND last_seq > 0)",
        (owner,),
    ).fetchone()
    if unfinished is None:
        raise BadInput(
            "a name is taken in the vault by an account that this core does not have",
            safe="nothing was changed for that name",
            hint="choose another name",
        )
    name, folded = sql.execute(
        "SELECT name, folded FROM accounts WHERE account = ?", (account,)
    ).fetchone()
    sql.execute("DELETE FROM accounts WHERE account = ?", (account,))
    sql.execute("UPDATE accounts SET name = ?, folded = ? WHERE account = ?", (name, folded, owner))
    sql.execute("UPDATE OR IGNORE shelves SET account = ? WHERE account = ?", (owner, account))
    sql.execute("DELETE FROM shelves WHERE account = ?", (account,))


def find_folded(sql: sqlite3.Connection, folded: str) -> bytes | None:
    """The account that has this folded name, or None."""
    row = sql.execute(
        "SELECT a.account FROM accounts a JOIN shelves s ON s.account = a.account"
        " AND s.kind = 'account' WHERE a.folded = ? AND s.last_seq > 0",
        (folded,),
    ).fetchone()
    return None if row is None else row[0]


def name_of(sql: sqlite3.Connection, account: bytes) -> str:
    """An account's name as it was given. Raises Erased, NotFound."""
    row = sql.execute("SELECT name FROM accounts WHERE account = ?", (account,)).fetchone()
    if row is None:
        gone = Erased if is_erased(sql, account) else NotFound
        raise gone("there is no such account any more", safe="nothing was changed")
    return str(row[0])


def add_accounts(sql: sqlite3.Connection, accounts: Iterable[tuple[bytes, str, bytes]]) -> None:
    """Put accounts into the core: id, name and wrapped data key of each."""
    sql.executemany(
        "INSERT OR REPLACE INTO accounts (account, name, folded, data_key) VALUES (?, ?, ?, ?)",
        [
            (account, unicodedata.normalize("NFC", name.strip()), fold_name(name), wrapped_key)
            for account, name, wrapped_key in accounts
        ],
    )


def rename_account(sql: sqlite3.Connection, account: bytes, name: str) -> None:
    """Call an account by its name again, unless somebody else has it."""
    sql.execute(
        "UPDATE OR IGNORE accounts SET name = ?, folded = ? WHERE account = ?",
        (name, fold_name(name), account),
    )


def add_shelf(sql: sqlite3.Connection, account: bytes, kind: str) -> None:
    """Put an empty, open shelf into the core."""
    sql.execute(
        "INSERT INTO shelves (account, kind, last_seq, chain, ends) VALUES (?, ?, 0, ?, ?)",
        (account, kind, GENESIS, _EMPTY_ENDS),
    )


def add_blank_shelves(sql: sqlite3.Connection, kind: str) -> None:
    """Put an empty, open shelf of a kind into the core for every account that has none."""
    sql.execute(
        "INSERT INTO shelves (account, kind, last_seq, chain, ends) SELECT account, ?, 0, ?, ?"
        " FROM accounts WHERE account NOT IN (SELECT account FROM shelves WHERE kind = ?)",
        (kind, GENESIS, _EMPTY_ENDS, kind),
    )


def hash_password(password: str) -> str:
    """The argon2id hash of a chosen password. Raises BadInput for one that is too short."""
    from argon2 import PasswordHasher

    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise BadInput(
            f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters",
            safe="nothing was changed",
        )
    return PasswordHasher().hash(password)


def _new_device(label: str) -> tuple[DevicePassword, Device]:
    device = b32encode(os.urandom(5)).decode().lower()
    secret = b32encode(secrets.token_bytes(20)).decode().lower()
    salt = os.urandom(16)
    now = time.time_ns() // 1_000_000
    record = Device(label[:200], salt, hash_device_secret(salt, secret), now)
    return DevicePassword(device, f"{DEVICE_PREFIX}{device}-{secret}"), record


DEVICE_PREFIX = "sh-"
