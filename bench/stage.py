"""The contacts stage in rows a second, beside a bare `executemany` of the same rows.

The rows that the recovery brought are read back from its home and inserted once more by one
process with nothing else to do: same schema, page size, pragmas and batch, in key order. What
the recovery does besides (read, decrypt, decompress, prove, commit heads and verdicts) is what
the ratio shows. Twice: for the stage alone, and for everything from `serving` to its end, the
mirror and the account stage included.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

from options import Options, median_round
from stillhere.recovery.unpack import BATCH_ROWS
from stillhere.store.schema import DATABASE, connect
from vaults import Vault, build


def run(options: Options) -> dict[str, Any]:
    """A recovery and the bare inserts of its rows, `rounds` times."""
    vault = build(200 if options.quick else 10_000, options)
    rounds = []
    for number in range(options.rounds):
        found = _measure(vault, options)
        rounds.append(found)
        options.say(
            f"round {number + 1}: {found['stage_rows_per_s']:,.0f} rows/s, "
            f"bare {found['bare_rows_per_s']:,.0f}"
        )
    return {
        "accounts": len(vault.people),
        "batch": BATCH_ROWS,
        "rounds": rounds,
        "medians": median_round(rounds),
        "notes": ["The recovery has every core of the machine, the bare inserts one process."],
    }


def _measure(vault: Vault, options: Options) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="bench-stage-", dir=options.scratch) as scratch:
        watched = vault.recover(Path(scratch))
        try:
            whole = watched.wait_for("whole", timeout=600)
        finally:
            watched.end()
        serving = watched.wait_for("serving")
        mirrored = watched.wait_for("mirrored")
        stages = [one for one in watched.seen if one["event"] == "stage"]
        (contacts,) = (one for one in stages if one["kind"] == "contacts")
        rows, bare_s = _insert_bare(Path(scratch))
    stage = contacts["records"] / contacts["seconds"]
    since_serving = contacts["records"] / (contacts["at_s"] - serving["at_s"])
    bare = rows / bare_s
    return {
        "rows": float(rows),
        "serving_s": float(serving["at_s"]),
        "mirrored_s": float(mirrored["at_s"]),
        "contacts_s": float(contacts["at_s"]),
        "whole_s": float(whole["at_s"]),
        "stage_rows_per_s": stage,
        "since_serving_rows_per_s": since_serving,
        "bare_rows_per_s": bare,
        "stage_to_bare": stage / bare,
        "since_serving_to_bare": since_serving / bare,
    }


def _insert_bare(scratch: Path) -> tuple[int, float]:
    """(rows, seconds) of inserting every record of the recovered home into an empty core."""
    source = sqlite3.connect(f"file:{scratch / 'home' / DATABASE}?mode=ro", uri=True)
    columns = len(source.execute("SELECT * FROM records LIMIT 1").fetchone())
    cursor = source.execute("SELECT * FROM records ORDER BY shelf, collection, href")
    (scratch / "bare").mkdir()
    target = connect(scratch / "bare", create=True)
    insert = f"INSERT INTO records VALUES ({', '.join('?' * columns)})"
    rows, seconds = 0, 0.0
    while batch := cursor.fetchmany(BATCH_ROWS):
        began = time.perf_counter()
        target.execute("BEGIN")
        target.executemany(insert, batch)
        target.execute("COMMIT")
        seconds += time.perf_counter() - began
        rows += len(batch)
    target.close()
    source.close()
    return rows, seconds


def table(result: dict[str, Any]) -> list[list[str]]:
    """Figures a line."""
    medians = result["medians"]
    rows = [["contacts stage", ""]]
    return rows + [[name, f"{value:,.2f}"] for name, value in medians.items()]
