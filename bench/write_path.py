"""The write path: changes a second from 16 threads, each in the vault before it is answered.

Beside it: a bare SQLite that commits the same rows one by one from one thread, synced each
(`synchronous = FULL`), with the core's own tables, page size and pragmas.
"""

from __future__ import annotations

import sqlite3
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from cards import make_cards
from options import Options, median_round
from stillhere.replication.found import found
from stillhere.replication.start import open_core
from stillhere.replication.tend import Limits, Tender
from stillhere.store import NewAccount, Store
from stillhere.store.draft import ShelfWrite
from stillhere.store.schema import DATABASE, connect

THREADS = (1, 16)


def run(options: Options) -> dict[str, Any]:
    """Both ways, `rounds` times."""
    changes = 200 if options.quick else 4_000
    rounds = []
    for number in range(options.rounds):
        measured = _measure(changes, options)
        rounds.append(measured)
        options.say(
            f"round {number + 1}: " + ", ".join(f"{k} {v:,.2f}" for k, v in measured.items())
        )
    return {
        "changes": changes,
        "rounds": rounds,
        "medians": median_round(rounds),
        "notes": ["Vault and core lie on the same disk."],
    }


def _measure(changes: int, options: Options) -> dict[str, float]:
    measured = {}
    with tempfile.TemporaryDirectory(prefix="bench-write-", dir=options.scratch) as scratch:
        folder = Path(scratch)
        found(folder / "home", folder / "vault")
        working = open_core(folder / "home")
        tender = Tender(working, Limits())
        try:
            measured["bare_per_s"] = changes / _write_bare(folder, changes)
            for threads in THREADS:
                seconds = _write(working.store, threads, changes)
                measured[f"threads_{threads}_per_s"] = changes / seconds
        finally:
            tender.close()
            working.close()
    for threads in THREADS:
        measured[f"threads_{threads}_to_bare"] = (
            measured[f"threads_{threads}_per_s"] / measured["bare_per_s"]
        )
    return measured


def _write(store: Store, threads: int, changes: int) -> float:
    wanted = [NewAccount(f"writer-{threads}-{number}", None, None) for number in range(threads)]
    accounts = [made.account for made in store.accounts.create_many(wanted)]
    each = changes // threads

    def write(number: int) -> None:
        for href, card in make_cards(number, each):
            store.write(accounts[number], "contacts", _put(href, card)).result()

    running = [threading.Thread(target=write, args=(number,)) for number in range(threads)]
    began = time.perf_counter()
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return time.perf_counter() - began


def _put(href: str, card: bytes) -> Any:
    def put(shelf: ShelfWrite) -> None:
        uid = href.removesuffix(".vcf")
        shelf.put("contacts", href, card, uid=uid, component="VCARD", media_type="text/vcard")

    return put


def _write_bare(folder: Path, changes: int) -> float:
    (folder / "bare").mkdir()
    sql = connect(folder / "bare", create=True)
    sql.execute("PRAGMA synchronous = FULL")
    cards = make_cards(0, changes)
    began = time.perf_counter()
    for number, (href, card) in enumerate(cards):
        sql.execute("BEGIN IMMEDIATE")
        sql.execute(
            "INSERT OR REPLACE INTO records VALUES (1, 'contacts', ?, ?, 0, ?, 'VCARD',"
            " 'text/vcard', ?, ?, ?, 0, 0, 1, ?)",
            (href, number, href, len(card), card[:32], number, card),
        )
        sql.execute("COMMIT")
    seconds = time.perf_counter() - began
    sql.close()
    assert _count(folder / "bare" / DATABASE) == changes
    return seconds


def _count(database: Path) -> int:
    sql = sqlite3.connect(database)
    (count,) = sql.execute("SELECT count(*) FROM records").fetchone()
    sql.close()
    return int(count)


def table(result: dict[str, Any]) -> list[list[str]]:
    """Figures a line."""
    rows = [["write path", ""]]
    return rows + [[name, f"{value:,.2f}"] for name, value in result["medians"].items()]
