"""The core on disk: its home directory, database, key file and identity."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from stillhere.durable import make_folder
from stillhere.errors import BadInput
from stillhere.store.keyring import KEY_FILE, DataKeys, Keyring
from stillhere.store.schema import DATABASE, LOG_PAGES, WRITER_KB, connect, get_meta, set_meta

CHECKPOINT_S = 0.1
BULK_PAGES = 32_000  # 512 MB of log, past which the writing thread moves pages itself


class Identity(msgspec.Struct, frozen=True):
    """Who this core is: its id, the vault it belongs to, the epoch it may write in.

    The secrets are in the clear here and wrapped in the database. ``journal_keys`` has one for
    each epoch whose journal may still be read. ``recovering`` is true until every shelf of a
    recovery is in the core.
    """

    core: bytes
    vault: bytes
    vault_place: str
    epoch: int
    signing_key: bytes
    journal_keys: dict[int, bytes]
    names_key: bytes
    tokens_key: bytes
    kit_public: bytes
    root_public: bytes
    created: int
    recovering: bool = False

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"Identity(core={self.core.hex()}, epoch={self.epoch})"

    @property
    def journal_key(self) -> bytes:
        """The key of this epoch's journal."""
        return self.journal_keys[self.epoch]


class Core:
    """An opened home. Connections for reading are one per thread; writing has its own."""

    def __init__(self, home: Path, *, create: bool = False) -> None:
        self.home = home
        if create:
            _make_home(home)
        connect(home, create=create).close()
        self.keyring = Keyring(home, create=create)
        self._threads = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._locks: list[IO[bytes]] = []
        self._key_reader = connect(home)
        self._opened.append(self._key_reader)
        self.data_keys = DataKeys(self.keyring, self._key_reader)

    def lock(self, work: str) -> None:
        """Be the only process that does this work in this home, until the core is closed.

        Raises BadInput when another does it."""
        self._locks.append(lock_home(self.home, work))

    def connect(self) -> sqlite3.Connection:
        """A new connection, for a thread that writes."""
        return connect(self.home, cache_kb=WRITER_KB)

    def positions(self, epoch: int) -> dict[int, int]:
        """The last segment of every writer of an epoch that is in this core."""
        rows = self.reader().execute(
            "SELECT writer, segment FROM writers WHERE epoch = ?", (epoch,)
        )
        return dict(rows.fetchall())

    def reader(self) -> sqlite3.Connection:
        """This thread's connection for reading."""
        connection: sqlite3.Connection | None = getattr(self._threads, "connection", None)
        if connection is None:
            connection = self._threads.connection = connect(self.home)
            self._opened.append(connection)
        return connection

    def identity(self) -> Identity:
        """Who this core is. Raises BadInput for a home that was never finished."""
        wrapped = get_meta(self.reader(), "identity")
        if wrapped is None:
            raise BadInput(
                f"the core in {self.home} was never finished",
                safe="nothing was changed",
                hint="remove that folder and start the command that made it again",
            )
        return msgspec.msgpack.decode(self.keyring.open(wrapped, b"identity"), type=Identity)

    def keep_identity(self, identity: Identity, connection: sqlite3.Connection) -> None:
        """Keep who this core is, in the transaction at hand (or at once)."""
        secret = msgspec.msgpack.encode(identity)
        set_meta(connection, "identity", self.keyring.wrap(secret, b"identity"))

    def shelves_of(self, kind: str) -> set[bytes]:
        """The accounts that have a shelf of this kind in the core."""
        rows = self.reader().execute("SELECT account FROM shelves WHERE kind = ?", (kind,))
        return {row[0] for row in rows}

    @contextmanager
    def checkpointing_beside(self, writer: Callable[[str], object]) -> Iterator[None]:
        """Move what is committed into the core's file in a thread of its own, for a bulk.

        ``writer`` runs a pragma on the writing connection, which then leaves that work alone
        until the log has grown out of bounds."""
        over = threading.Event()

        def move() -> None:
            connection = self.connect()
            while not over.wait(CHECKPOINT_S):
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            connection.close()

        writer(f"PRAGMA wal_autocheckpoint = {BULK_PAGES}")
        thread = threading.Thread(target=move, name="checkpoint", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            writer(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")

    def checkpoint(self) -> None:
        """Make everything committed so far durable in the core's own file."""
        self.reader().execute("PRAGMA wal_checkpoint(FULL)")

    def rebuild(self) -> bool:
        """Write the core's file anew, without traces of what was deleted, and empty its log.

        Pages keep pieces of what they held before they were split, whatever secure_delete says.
        Takes the size of the core in free space; writes wait meanwhile. False when somebody
        was reading all the while, so that the log could not be emptied."""
        folder = str(self.home).replace("'", "''")
        connection = self.connect()
        try:
            # the copy is in the clear: it is not to lie where other programs' files are
            connection.execute(f"PRAGMA temp_store_directory = '{folder}'")
            connection.execute("VACUUM")
            (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            connection.close()
        return not busy

    def close(self) -> None:
        """Close every reading connection, and let go of the locks."""
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        for lock in self._locks:
            lock.close()


def lock_home(home: Path, work: str) -> IO[bytes]:
    """Be the only process that does this work in a home, until what is returned is closed.

    Raises BadInput when another does it."""
    lock = open(home / f"{work}.lock", "a+b")  # noqa: SIM115 (kept open)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise BadInput(
            f"another stillhere {work} is at work in {home}",
            safe="nothing was changed",
            hint="leave it running, or end it and start this command again",
        ) from None
    return lock


def is_unfinished(home: Path) -> bool:
    """Whether the core in a home was never finished: it has no identity, and nothing else."""
    connection = sqlite3.connect(home / DATABASE)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return version == 0 or get_meta(connection, "identity") is None
    except sqlite3.DatabaseError:
        return False
    finally:
        connection.close()


def clear_unfinished(home: Path) -> None:
    """Remove the files of a home whose making was cut short before anything was in it."""
    beside = home.glob(f"{DATABASE}-*")
    for path in (*beside, home / KEY_FILE, home / "recover.lock", home / DATABASE):
        path.unlink(missing_ok=True)  # the database last: without it, the rest is a stranger's


def _make_home(home: Path) -> None:
    try:
        make_folder(home, 0o700)
    except OSError as error:
        raise BadInput(f"{home} can't be made: {error}", safe="nothing was changed") from error
    if any(home.iterdir()):
        raise BadInput(
            f"{home} is not empty",
            safe="nothing was changed",
            hint="name a folder that is empty or does not exist",
        )
    os.chmod(home, 0o700)
