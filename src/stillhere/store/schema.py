"""The core's tables, and how a connection to them is opened.

A record lies with its body in one clustered row, ordered by shelf, collection and name:
a listing, an export or a recovered shelf is one range of pages.
Records that are at some time are in one of two more indexes, brief and long spans apart;
the others, as contacts are, in neither.
Until a recovered shelf is first written to (``settled``), it has no rows but one page
(``store/pages.py``), with the figures that a scan of its rows would give.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stillhere.errors import Damaged, NotFound

VERSION = 2
DATABASE = "core.sqlite"
LOG_PAGES = 2000  # pages of 16 kB in the write-ahead log before they are moved into the file
BRIEF = 32 * 24 * 3600  # seconds: the longest span that is looked for by where it starts
READER_KB, WRITER_KB = 4096, 16384  # of pages that a connection keeps; more makes nothing faster

PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",  # the vault's journal, not this file, makes a commit durable
    "PRAGMA foreign_keys = OFF",
    f"PRAGMA wal_autocheckpoint = {LOG_PAGES}",
    "PRAGMA secure_delete = FAST",
    "PRAGMA busy_timeout = 20000",
)

TABLES = f"""
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE accounts (
    id       INTEGER PRIMARY KEY,
    account  BLOB NOT NULL UNIQUE,
    name     TEXT NOT NULL,
    folded   TEXT NOT NULL UNIQUE,
    data_key BLOB NOT NULL
);

CREATE TABLE shelves (
    id       INTEGER PRIMARY KEY,
    account  BLOB NOT NULL,
    kind     TEXT NOT NULL,
    closed   TEXT NOT NULL DEFAULT '',
    last_seq INTEGER NOT NULL,
    chain    BLOB NOT NULL,
    ends     BLOB NOT NULL,
    verdict  BLOB,
    settled  INTEGER NOT NULL DEFAULT 1,
    held     INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account, kind)
);

CREATE TABLE records (
    shelf      INTEGER NOT NULL,
    collection TEXT NOT NULL,
    href       TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    state      INTEGER NOT NULL,
    uid        TEXT NOT NULL,
    component  TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size       INTEGER NOT NULL,
    digest     BLOB NOT NULL,
    modified   INTEGER NOT NULL,
    starts     INTEGER NOT NULL,
    ends       INTEGER NOT NULL,
    exact      INTEGER NOT NULL,
    body       BLOB,
    PRIMARY KEY (shelf, collection, href)
) WITHOUT ROWID;
CREATE INDEX records_changed ON records (shelf, seq);
CREATE INDEX records_uid ON records (shelf, uid);
CREATE INDEX records_brief ON records (shelf, collection, starts, ends, state)
    WHERE starts < ends AND ends - starts <= {BRIEF};
CREATE INDEX records_long ON records (shelf, collection, ends, starts, state)
    WHERE ends - starts > {BRIEF};

CREATE TABLE pages (
    shelf   INTEGER PRIMARY KEY,
    records INTEGER NOT NULL,
    held    INTEGER NOT NULL,
    size    INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    runs    BLOB NOT NULL,
    digest  BLOB NOT NULL,
    sheet   BLOB NOT NULL,
    piece   BLOB
);

CREATE TABLE pieces (
    shelf  INTEGER NOT NULL,
    number INTEGER NOT NULL,
    packed BLOB NOT NULL,
    PRIMARY KEY (shelf, number)
) WITHOUT ROWID;

CREATE TABLE positions (
    shelf      INTEGER NOT NULL,
    collection TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    PRIMARY KEY (shelf, collection)
) WITHOUT ROWID;

CREATE TABLE notes (
    shelf      INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    op         INTEGER NOT NULL,
    collection TEXT NOT NULL,
    href       TEXT NOT NULL,
    time       INTEGER NOT NULL,
    device     TEXT NOT NULL,
    body       BLOB NOT NULL,
    PRIMARY KEY (shelf, seq)
) WITHOUT ROWID;

CREATE TABLE writers (
    epoch    INTEGER NOT NULL,
    writer   INTEGER NOT NULL,
    segment  INTEGER NOT NULL,
    digest   BLOB NOT NULL,
    PRIMARY KEY (epoch, writer)
) WITHOUT ROWID;

CREATE TABLE erased (
    account BLOB PRIMARY KEY,
    at      INTEGER NOT NULL,
    names   BLOB NOT NULL,
    wrapped INTEGER NOT NULL,
    traces  INTEGER NOT NULL,
    listed  INTEGER NOT NULL
) WITHOUT ROWID;
"""


def connect(home: Path, *, create: bool = False, cache_kb: int = READER_KB) -> sqlite3.Connection:
    """Open the core in ``home``; every statement is its own transaction until BEGIN.

    Raises NotFound where there is no core, Damaged where the file is not one.
    """
    path = home / DATABASE
    if not create and not path.exists():
        raise NotFound(
            f"there is no core in {home}",
            safe="nothing was changed",
            hint="make one with: stillhere init, or bring one back with: stillhere recover",
        )
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        if create:
            connection.execute("PRAGMA page_size = 16384")
        for pragma in (*PRAGMAS, f"PRAGMA cache_size = -{cache_kb}"):
            connection.execute(pragma)
        _check_version(connection, path, create=create)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise Damaged(
            f"the core {path} can't be read: {error}",
            safe="every acknowledged change is in the vault, or still in this home's spool",
            hint="stillhere recover --vault DIR --kit FILE --home NEW",
        ) from error
    return connection


def _check_version(connection: sqlite3.Connection, path: Path, *, create: bool) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0 and create:
        connection.executescript(f"BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
    elif version != VERSION:
        raise Damaged(
            f"the core {path} has schema {version}; this program reads schema {VERSION}",
            safe="nothing was changed",
            hint="use the version of stillhere that wrote it, or recover from the vault",
        )


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Everything that is read meanwhile is of one moment."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")


def clear_rows(connection: sqlite3.Connection) -> None:
    """Take everybody's shelves out of the core, in the transaction at hand; it stays who it is."""
    for table in ("accounts", "shelves", "records", "pages", "pieces", "positions", "notes"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 (the names above)


def get_meta(connection: sqlite3.Connection, name: str) -> bytes | None:
    """One value of the core's own settings, or None."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else bytes(row[0])


def set_meta(connection: sqlite3.Connection, name: str, value: bytes) -> None:
    """Keep one value of the core's own settings, in the transaction at hand."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
