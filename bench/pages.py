"""What a recovery puts off: the first write to a recovered shelf, and reads until then.

A core that a recovery left whole is served once more (`stillhere serve`), and asked through its
door over one connection, one request at a time, so every figure includes HTTP and the log-in.

Writes: a contact is edited (PUT) on each of many shelves of 150 contacts, which settles the shelf
into rows, and edited again, which finds rows. Both are in the vault before they are answered.
Reads: the book of the account with 200 contacts, while it is a page and when it is rows. Each is
repeated, so its pages of the core are in SQLite's cache; a page is opened anew each time.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

import dav
from cards import make_cards, revise
from load import Connection, UnexpectedAnswer
from processes import STILLHERE, Watched
from stillhere.store.schema import connect
from vaults import Person

SHELVES = 400
READS = 100
EDITS = 1_000_000  # numbers of edits that nobody has made yet

Read = tuple[bytes, Callable[[bytes], int], int]


def measure(home: Path, people: Sequence[Person], log: Path) -> dict[str, float]:
    """Figures by name. Raises RuntimeError where a shelf is not what it must be."""
    large, *others = people
    sample = others[:: max(1, len(others) // SHELVES)][:SHELVES]
    _expect_settled(home, people, 0)
    command = [*STILLHERE, "serve", "--home", str(home), "--listen", "127.0.0.1:0", "--json"]
    watched = Watched(command, log)
    try:
        connection = Connection(watched.address())
        as_page = _read(connection, large)
        _edit(connection, large, EDITS)
        as_rows = _read(connection, large)
        writes = _write(connection, sample)
        connection.close()
    finally:
        watched.end()
    _expect_settled(home, [large, *sample], 1 + len(sample))
    found = dict(writes)
    for name, page in as_page.items():
        found |= {
            f"{name}_page_ms": page,
            f"{name}_rows_ms": as_rows[name],
            f"{name}_page_to_rows": page / as_rows[name],
        }
    return found


def _expect_settled(home: Path, people: Sequence[Person], count: int) -> None:
    """Raises RuntimeError unless so many of these people's shelves of contacts are in rows."""
    sql = connect(home)
    try:
        rows = sql.execute("SELECT account FROM shelves WHERE kind = 'contacts' AND settled")
        settled = {account.hex() for (account,) in rows}
    finally:
        sql.close()
    found = sum(person.account in settled for person in people)
    if found != count:
        raise RuntimeError(f"{found} shelves are in rows, not {count}")


def _write(connection: Connection, people: Sequence[Person]) -> dict[str, float]:
    first, again = [], []
    for person in people:
        connection.ask(person.log_in())
        first.append(_edit(connection, person, EDITS))
        again.append(_edit(connection, person, EDITS + 1))
    settling = statistics.median(one - other for one, other in zip(first, again, strict=True))
    found = {"shelves_settled": float(len(people))}
    for name, seconds in (("first_write", first), ("next_write", again)):
        seconds.sort()
        found[f"{name}_p50_ms"] = statistics.median(seconds) * 1e3
        found[f"{name}_p99_ms"] = seconds[int(len(seconds) * 0.99)] * 1e3
    found["first_to_next_write_p50"] = found["first_write_p50_ms"] / found["next_write_p50_ms"]
    found["first_to_next_write_p99"] = found["first_write_p99_ms"] / found["next_write_p99_ms"]
    return found | {"settle_us_per_record": settling / people[0].book * 1e6}


def _edit(connection: Connection, person: Person, edit: int) -> float:
    """Seconds until an edited contact is acknowledged."""
    (href, card), *_ = make_cards(person.number, 1)
    request = dav.request(
        "PUT", _book(person) + href, person.login, revise(card, edit), content_type="text/vcard"
    )
    return connection.ask(request, expect=204).seconds


def _read(connection: Connection, person: Person) -> dict[str, float]:
    """Median milliseconds by read, of requests after the first."""
    book = _book(person)
    first = connection.ask(dav.sync(book, person.login), expect=207)
    token = dav.read_token(first.body)
    reads: dict[str, Read] = {
        f"multiget_{person.book}": (person.ask_for_all(), dav.count_bodies, person.book),
        "initial_sync": (dav.sync(book, person.login), dav.count_cards, person.book),
        "no_change_sync": (dav.sync(book, person.login, token), dav.count_cards, 0),
    }
    return {name: _time_read(connection, *read) for name, read in reads.items()}


def _time_read(
    connection: Connection, request: bytes, count: Callable[[bytes], int], expected: int
) -> float:
    times = []
    for _ in range(READS + 1):
        answer = connection.ask(request, expect=207)
        if count(answer.body) != expected:
            raise UnexpectedAnswer(f"{count(answer.body)} cards instead of {expected}")
        times.append(answer.seconds * 1e3)
    return statistics.median(times[1:])


def _book(person: Person) -> str:
    return f"/dav/addressbooks/{person.login.name}/contacts/"
