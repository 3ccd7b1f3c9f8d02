"""The contacts stage in records a second, beside a bare `executemany` of the same records' rows.

A recovery leaves no rows: a shelf comes into the core as one proven page, and its first write
makes it into rows. So the ratio compares records a second that are brought back (read, decrypted,
decompressed, proven, committed with heads and verdicts, and served from then on) with records a
second that bare SQL would insert as rows; address books come along on both sides and are not
counted. It is given twice: for the stage alone, and for everything from `serving` to its end,
the mirror and the account stage included.

The bare side makes the rows that these shelves will have when they are settled: all of them,
read from the recovered home's pages, in key order, inserted into an empty core by one process
with nothing else to do: today's table with its indexes, its page size and pragmas, and the batch
of shelves that a recovery loads one by one. Only the inserts are timed.

Then the same for a vault that has everybody's events, to-dos and notes as well: what they add to
the contacts stage, which comes before theirs, and to the time until everybody has contacts, which
comes after the proof of all that there is.

What the pages put off is measured too (pages.py): the first write to a shelf and the next one,
and reads of a shelf that is a page and of the same in rows.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pages
from options import Options, median_round
from stillhere.recovery.unpack import BATCH_ROWS
from stillhere.store.pages import open_shelf
from stillhere.store.schema import connect
from stillhere.store.shelf import find_shelf
from vaults import Vault, build

INSERT = f"INSERT INTO records VALUES ({', '.join('?' * 15)})"  # as a shelf settles

Row = tuple[Any, ...]


def run(options: Options) -> dict[str, Any]:
    """A recovery, the bare inserts of its records, and what its pages put off, `rounds` times."""
    accounts = 200 if options.quick else 10_000
    vault = build(accounts, options)
    fuller = build(accounts, options, everything=True)
    rounds = []
    for number in range(options.rounds):
        found = _measure(vault, options)
        found |= _measure_beside(fuller, options, found)
        rounds.append(found)
        options.say(
            f"round {number + 1}: {found['stage_records_per_s']:,.0f} records/s, "
            f"bare {found['bare_records_per_s']:,.0f}"
        )
    return {
        "accounts": len(vault.people),
        "batch": BATCH_ROWS,
        "rounds": rounds,
        "medians": median_round(rounds),
        "notes": [
            "The recovery has every core of the machine, the bare inserts one process.",
            "The recovery leaves proven pages; a shelf's first write makes its rows.",
            "The bare inserts prove nothing and leave rows.",
        ],
    }


def _measure(vault: Vault, options: Options) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="bench-stage-", dir=options.scratch) as scratch:
        folder = Path(scratch)
        watched = vault.recover(folder)
        try:
            watched.wait_for("whole", timeout=600)
        finally:
            watched.end()
        events = {one.get("kind", one["event"]): one for one in watched.seen}
        contacts = events["contacts"]
        rows, bare_s = _insert_bare(folder)
        if rows != contacts["records"] + len(vault.people):  # an address book has a row as well
            raise RuntimeError(f"{rows} rows, but {contacts['records']} records were brought back")
        put_off = pages.measure(folder / "home", vault.people, folder / "serve.log")
    stage = contacts["records"] / contacts["seconds"]
    since_serving = contacts["records"] / (contacts["at_s"] - events["serving"]["at_s"])
    bare = contacts["records"] / bare_s
    return {
        "records": float(contacts["records"]),
        **{f"{one}_s": float(events[one]["at_s"]) for one in ("serving", "mirrored", "contacts")},
        "whole_s": float(events["whole"]["at_s"]),
        "stage_records_per_s": stage,
        "since_serving_records_per_s": since_serving,
        "bare_records_per_s": bare,
        "stage_to_bare": stage / bare,
        "since_serving_to_bare": since_serving / bare,
        **put_off,
    }


def _measure_beside(fuller: Vault, options: Options, alone: dict[str, float]) -> dict[str, float]:
    """The contacts stage of a vault with every kind, beside that of contacts alone."""
    with tempfile.TemporaryDirectory(prefix="bench-stage-", dir=options.scratch) as scratch:
        watched = fuller.recover(Path(scratch))
        try:
            watched.wait_for("whole", timeout=600)
        finally:
            watched.end()
        events = {one.get("kind", one["event"]): one for one in watched.seen}
    contacts, seconds = events["contacts"], alone["records"] / alone["stage_records_per_s"]
    return {
        "with_all_kinds_contacts_stage_s": contacts["seconds"],
        "with_all_kinds_to_alone": contacts["seconds"] / seconds,
        "with_all_kinds_contacts_s": float(contacts["at_s"]),
        "with_all_kinds_contacts_s_to_alone": contacts["at_s"] / alone["contacts_s"],
        "with_all_kinds_whole_s": float(events["whole"]["at_s"]),
        "with_all_kinds_records": float(events["whole"]["records"]),
    }


def _insert_bare(scratch: Path) -> tuple[int, float]:
    """(rows, seconds) of inserting every contact of the recovered home into an empty core."""
    source = _read_rows(scratch / "home")
    (scratch / "bare").mkdir()
    target = connect(scratch / "bare", create=True)
    rows, seconds = 0, 0.0
    while batch := list(islice(source, BATCH_ROWS)):
        began = time.perf_counter()
        target.execute("BEGIN")
        target.executemany(INSERT, batch)
        target.execute("COMMIT")
        seconds += time.perf_counter() - began
        rows += len(batch)
    target.close()
    return rows, seconds


def _read_rows(home: Path) -> Iterator[Row]:
    """The rows that the shelves of contacts will be settled into, in key order."""
    sql = connect(home)
    accounts = sql.execute("SELECT account FROM shelves WHERE kind = 'contacts' ORDER BY id")
    for (account,) in accounts.fetchall():
        row = find_shelf(sql, account, "contacts")
        assert row is not None
        for record, body in open_shelf(sql, row).everything():
            state = int(record.state)  # as rows are settled: an enum takes longer to bind
            yield (row.id, *record[:3], state, *record[4:], body)
    sql.close()


def table(result: dict[str, Any]) -> list[list[str]]:
    """Figures a line."""
    rows = [["contacts stage", ""]]
    return rows + [[name, f"{value:,.2f}"] for name, value in result["medians"].items()]
