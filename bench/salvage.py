"""Salvage: what is left of a damaged core, beside SQLite's own `.recover`.

The core is one whose vault was built by the product's own write path. All of it is moved into its
file, and one card in 16 is given a photograph of 20 kB, which lies on pages of its own. Of copies
of that, pages chosen at random are overwritten with noise, or the end is cut off. A record
counts as found where its body is the one that it had; a body given under the name of another is
wrong. Of `.recover` both its table of records and what it calls lost and found count.

Reading by ranges, shelf after shelf through SQLite, would be a second way: what that loses is
counted, and what it finds that the pages did not give.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any

from options import Options, median_round
from stillhere.recovery.salvage.scan import Salvage
from stillhere.store.schema import DATABASE
from vaults import build

Name = tuple[int, str, str]
Bodies = dict[Name, bytes]
"""The digest of the body that a record has, or is said to have."""

PAGE = 16384
DAMAGE = {"10 bad pages": 10, "100 bad pages": 100, "1,000 bad pages": 1_000, "cut to 60 %": 0}
CUT = 0.6
EVERY, PHOTO = 16, 20_000
_RECORDS = "SELECT shelf, collection, href, body FROM records WHERE state = 0"


def run(options: Options) -> dict[str, Any]:
    """Every kind of damage, `rounds` times, each time other pages."""
    vault = build(20 if options.quick else 1_450, options)
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in DAMAGE}
    with tempfile.TemporaryDirectory(prefix="bench-salvage-", dir=options.scratch) as scratch:
        folder = Path(scratch)
        whole = _file_of(vault.folder / "home", folder / "whole")
        truth = _digests(_read(whole, _RECORDS))
        pages = whole.stat().st_size // PAGE
        shell = _find_shell(options.tools, folder)
        for number in range(options.rounds):
            for name, bad in DAMAGE.items():
                damaged = _damage(whole, folder / "damaged.sqlite", bad, number)
                found = {"records": float(len(truth))} | _measure(damaged, truth, shell)
                options.say(f"round {number + 1}: {name}: {_in_words(found)}")
                rounds[name].append(found)
    medians = {name: median_round(found) for name, found in rounds.items()}
    notes = [f"A core of {len(truth):,} records in {pages:,} pages of 16 kB."]
    if shell is None:
        notes.append(
            "No sqlite3 here can .recover (Debian's is built without its sqlite_dbpage):"
            " name the folder of one that can with --tools."
        )
    return {"rounds": rounds, "medians": medians, "notes": notes}


def table(result: dict[str, Any]) -> list[list[str]]:
    """A line for each kind of damage, medians."""
    rows = [["", "lost", "wrong", "s", ".recover lost", "wrong", "s", "ranges lost", "new"]]
    for name, found in result["medians"].items():
        theirs = ["recover_lost", "recover_wrong", "recover_s"]
        ours = [f"{found['lost']:,.0f}", f"{found['wrong']:,.0f}", f"{found['seconds']:.1f}"]
        theirs += ["ranges_lost", "ranges_more"]
        rows.append([name, *ours, *(f"{found[n]:,.0f}" if n in found else "-" for n in theirs)])
    return rows


def _measure(damaged: Path, truth: Bodies, shell: Path | None) -> dict[str, float]:
    """Raises RuntimeError where less is found than `.recover` finds, or a body is wrong."""
    began = time.perf_counter()
    with Salvage(damaged) as salvage:
        rows = sorted(
            (row.record.seq, row.shelf, row.record.collection, row.record.href, row.body)
            for row in salvage.records()
            if row.body is not None
        )
    ours = _digests(row[1:] for row in rows)
    found = {"seconds": time.perf_counter() - began, **_compare(ours, truth)}
    found |= _compare_ranges(damaged, ours, truth)
    if found["wrong"]:
        raise RuntimeError(f"{found['wrong']:.0f} bodies are wrong")
    if shell is not None:
        began = time.perf_counter()
        theirs = _recover(shell, damaged)
        seconds = time.perf_counter() - began
        found |= {f"recover_{name}": n for name, n in _compare(theirs, truth).items()}
        found["recover_s"] = seconds
        if found["lost"] > found["recover_lost"]:
            raise RuntimeError(f".recover lost {found['recover_lost']:.0f} records only")
    return found


def _compare(found: Bodies, truth: Bodies) -> dict[str, float]:
    right = sum(truth.get(name) == digest for name, digest in found.items())
    return {"lost": float(len(truth) - right), "wrong": float(len(found) - right)}


def _compare_ranges(damaged: Path, ours: Bodies, truth: Bodies) -> dict[str, float]:
    """What shelf after shelf gives, and how much of that is right and new."""
    began = time.perf_counter()
    ranges = _digests(_read_ranges(damaged, max(shelf for shelf, _, _ in truth)))
    seconds = time.perf_counter() - began
    more = sum(truth.get(name) == digest != ours.get(name) for name, digest in ranges.items())
    found = _compare(ranges, truth)
    return {"ranges_lost": found["lost"], "ranges_more": float(more), "ranges_s": seconds}


def _read_ranges(damaged: Path, shelves: int) -> Iterator[tuple[Any, ...]]:
    """The rows of each shelf, from its first on and from its last back, as far as SQLite reads:
    an error ends the one or the other, and no other shelf."""
    connection = sqlite3.connect(f"file:{damaged}?immutable=1", uri=True)
    connection.text_factory = lambda text: text.decode(errors="replace")
    connection.execute("PRAGMA writable_schema = ON")  # else it reads nothing of a cut file
    try:
        for shelf in range(1, shelves + 1):
            for order in ("ASC", "DESC"):
                with suppress(sqlite3.DatabaseError):
                    yield from connection.execute(
                        "SELECT shelf, collection, href, body FROM records"
                        f" WHERE state = 0 AND shelf = ? ORDER BY collection {order}, href {order}",
                        (shelf,),
                    )
    finally:
        connection.close()


def _recover(shell: Path, damaged: Path) -> Bodies:
    """What `.recover` finds, put into a database as its output says."""
    target = damaged.with_name("recovered.sqlite")
    target.unlink(missing_ok=True)
    with subprocess.Popen([shell, damaged, ".recover"], stdout=PIPE, stderr=DEVNULL) as reading:
        # neither ends with success where the file is damaged
        subprocess.run(
            [shell, target], check=False, stdin=reading.stdout, stdout=DEVNULL, stderr=DEVNULL
        )
    found = _digests(_read(target, _RECORDS))
    orphans = _digests(
        _read(target, "SELECT c0, c1, c2, c14 FROM lost_and_found WHERE nfield = 15 AND c4 = 0")
    )
    return orphans | found


def _read(path: Path, query: str) -> Iterator[tuple[Any, ...]]:
    """The rows of a query; none where there is no such table."""
    connection = sqlite3.connect(path)
    connection.text_factory = lambda text: text.decode(errors="replace")
    try:
        yield from connection.execute(query)
    except sqlite3.OperationalError:
        return
    finally:
        connection.close()


def _digests(rows: Iterator[tuple[Any, ...]]) -> Bodies:
    found = {}
    for shelf, collection, href, body in rows:
        data = body if isinstance(body, bytes) else str(body).encode()
        found[shelf, collection, href] = sha256(data).digest()
    return found


def _file_of(home: Path, target: Path) -> Path:
    """A copy of a core that is all in its file, with photographs."""
    target.mkdir()
    for path in home.glob(f"{DATABASE}*"):
        shutil.copy(path, target / path.name)
    connection = sqlite3.connect(target / DATABASE)
    chance = random.Random(0)
    cards = connection.execute("SELECT shelf, collection, href, body FROM records WHERE state = 0")
    for shelf, collection, href, body in cards.fetchall()[::EVERY]:
        larger = body + chance.randbytes(PHOTO)
        connection.execute(
            "UPDATE records SET body = ?, size = ?, digest = ?"
            " WHERE shelf = ? AND collection = ? AND href = ?",
            (larger, len(larger), sha256(larger).digest(), shelf, collection, href),
        )
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    return target / DATABASE


def _damage(whole: Path, target: Path, pages: int, seed: int) -> Path:
    """A copy with so many bad pages; with none, it is cut off."""
    shutil.copy(whole, target)
    size = target.stat().st_size
    with target.open("r+b") as file:
        if not pages:
            file.truncate(int(size * CUT))
        chance = random.Random(seed)
        for page in chance.sample(range(size // PAGE), min(pages, size // PAGE // 2)):
            file.seek(page * PAGE)
            file.write(chance.randbytes(PAGE))
    return target


def _find_shell(tools: Path, folder: Path) -> Path | None:
    """A sqlite3 that can .recover: some are built without what that needs."""
    sample = folder / "sample.sqlite"
    connection = sqlite3.connect(sample)
    connection.executescript("CREATE TABLE records (a); INSERT INTO records VALUES (1);")
    connection.close()
    for found in filter(None, (shutil.which("sqlite3", path=str(tools)), shutil.which("sqlite3"))):
        told = subprocess.run([found, sample, ".recover"], check=False, capture_output=True)
        if b"INSERT" in told.stdout:
            return Path(found)
    return None


def _in_words(found: dict[str, float]) -> str:
    told = f"{found['lost']:,.0f} lost, {found['wrong']:,.0f} wrong"
    if "recover_lost" in found:
        told += f" (.recover: {found['recover_lost']:,.0f} and {found['recover_wrong']:,.0f})"
    return told
