"""Builds one vault: `python bench/build_vault.py FOLDER ACCOUNTS [LEAST MOST | all]`.

Everything passes the product's own write path: accounts with a device each, a change for every
contact (with `all` for events, to-dos and notes as well) in the journal, one compaction, then as
many single edits as may wait outside roll-ups on an ordinary day: a first answer must read past
them. Each account has as many contacts as every bench assumes, or, with LEAST and MOST, a number
between them by lot. FOLDER then holds the vault, its kit, the core that is to be lost (home) and
people.json, which is written last: [account id, log-in name, device password] each.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from cards import books_of, make_cards, revise
from events import make_events, make_plain
from processes import run_cli
from stillhere.kinds import KINDS
from stillhere.replication.compact import compact
from stillhere.replication.start import open_core
from stillhere.store import NewAccount, Store
from stillhere.store.accounts import begin
from stillhere.store.draft import ShelfWrite

AT_ONCE = 500  # accounts
EVENTS, TODOS, NOTES = 20, 10, 5  # of each account, with `all`
EDITS = 400  # each a segment of its own in the journal


def main() -> None:
    """Builds, and says how long each part took."""
    folder, accounts, how = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    between = (int(how[0]), int(how[1])) if len(how) == 2 else None
    books = books_of(accounts, between)
    home = folder / "home"
    kit = str(folder / "kit.txt")
    run_cli("init", "--home", str(home), "--vault", str(folder / "vault"), "--kit", kit)
    working = open_core(home)
    began = time.perf_counter()
    try:
        people: list[tuple[str, str, str]] = []
        for first in range(0, accounts, AT_ONCE):
            some = books[first : first + AT_ONCE]
            people += _fill(working.store, first, some, everything=how == ["all"])
        written = time.perf_counter()
        compact(working)
        compacted = time.perf_counter()
        for edit in range(EDITS):
            number = edit * len(people) // EDITS
            _edit(working.store, people[number], number, edit % books[number], edit)
        print(
            f"  written in {written - began:.1f} s, compacted in {compacted - written:.1f} s, "
            f"{EDITS} edits in {time.perf_counter() - compacted:.1f} s",
            flush=True,
        )
    finally:
        working.close()
    (folder / "people.json").write_text(json.dumps(people))


def _fill(
    store: Store, first: int, books: list[int], *, everything: bool
) -> list[tuple[str, str, str]]:
    numbers = range(first, first + len(books))
    wanted = [NewAccount(f"person-{number:05}", None, "phone") for number in numbers]
    made = store.accounts.create_many(wanted)
    waiting = [
        store.write(
            one.account,
            "contacts",
            _write_cards(make_cards(number, book)),
            device="phone",
        )
        for number, book, one in zip(numbers, books, made, strict=True)
    ]
    for number, one in zip(numbers, made, strict=True):
        for kind, items in _calendars(number) if everything else ():
            if len(waiting) > AT_ONCE:
                waiting.pop(0).result()
            write = partial(_write_items, kind, items)
            waiting.append(store.write(one.account, kind, write, device="phone"))
    for future in waiting:
        future.result()
    passwords = [one.device.password for one in made if one.device is not None]
    return [
        (one.account.hex(), one.name, password)
        for one, password in zip(made, passwords, strict=True)
    ]


def _edit(store: Store, person: tuple[str, str, str], number: int, card: int, edit: int) -> None:
    href, body = make_cards(number, card + 1)[card]
    account = bytes.fromhex(person[0])
    store.write(account, "contacts", _write_cards([(href, revise(body, edit))])).result()


def _calendars(number: int) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """What the account of this number has besides contacts, by kind."""
    yield "calendar", [event[:2] for event in make_events(number, EVENTS, EVENTS // 10)]
    yield "tasks", make_plain(number, "VTODO", TODOS)
    yield "notes", make_plain(number, "VJOURNAL", NOTES)


def _write_items(kind: str, items: list[tuple[str, bytes]], shelf: ShelfWrite) -> None:
    begin(KINDS[kind], shelf)
    for href, body in items:
        shelf.put_item(KINDS[kind].first[0], href, body, KINDS[kind].parse(body))


def _write_cards(cards: list[tuple[str, bytes]]) -> Callable[[ShelfWrite], None]:
    def write(shelf: ShelfWrite) -> None:
        for href, card in cards:
            shelf.put(
                "contacts",
                href,
                card,
                uid=href.removesuffix(".vcf"),
                component="VCARD",
                media_type="text/vcard",
            )

    return write


if __name__ == "__main__":
    main()
