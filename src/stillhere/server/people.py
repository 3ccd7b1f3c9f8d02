"""What a recovery says to each person, with what has happened since."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec

from stillhere.config import find_home, load
from stillhere.errors import NotFound
from stillhere.recovery.end import read_end
from stillhere.recovery.report import ShelfVerdict, read_report
from stillhere.status.person import (
    CLOSED,
    COMPLETE,
    INCOMPLETE,
    Missing,
    PersonReport,
    ShelfAccount,
    VaultEnd,
)
from stillhere.status.words import count
from stillhere.store import LOST_TAIL, Core, Op, State, Store, epoch_of, seq_of
from stillhere.store.accounts import find_folded, fold_name
from stillhere.store.erased import read_erased
from stillhere.store.pages import open_shelf
from stillhere.store.shelf import find_shelf
from stillhere.vault.keys import digest_name

_NOTES = (
    "SELECT n.device, n.body FROM notes n JOIN shelves s ON s.id = n.shelf"
    " WHERE s.account = ? AND s.kind = ? AND n.op = ? AND n.seq > ? ORDER BY n.seq"
)

Note = dict[str, str | int]


def read_people(option: Path | None, name: str | None) -> list[PersonReport]:
    """The report of one account, or of everybody, by name, then of those that were erased, by
    id; the vault is not read.

    Raises BadInput, NotFound, Damaged.
    """
    home = find_home(option)
    load(home)
    core = Core(home)
    try:
        gone = _erased(core)
        if name is not None and (erased := find_erased(core, name)) is not None:
            return [replace(gone[erased], account=name)]
        only = None if name is None else find(core, name)
        people: dict[bytes, list[ShelfVerdict]] = {}
        for verdict in read_report(core, only):
            people.setdefault(verdict.account, []).append(verdict)
        if name is not None and not people:
            return [PersonReport(name, None, [])]
        kept = [_person(core, verdicts) for verdicts in people.values()]
        return kept if name is not None else kept + list(gone.values())
    finally:
        core.close()


def read_vault_end(option: Path | None) -> VaultEnd | None:
    """Where the vault ended that the core came out of; None for a core that was never lost."""
    core = Core(find_home(option))
    try:
        end = read_end(core)
    finally:
        core.close()
    return None if end is None else VaultEnd(end.as_of_at, end.seen_at, end.missing)


def _erased(core: Core) -> dict[bytes, PersonReport]:
    erased = read_erased(core.reader())
    return {
        account: PersonReport(account.hex(), None, [], one.at)
        for account, one in sorted(erased.items())
    }


def find_erased(core: Core, name: str) -> bytes | None:
    """An erased account by the name that it had, unless it is somebody's again, or by its id."""
    folded = fold_name(name)
    if find_folded(core.reader(), folded) is not None:
        return None
    digest = digest_name(core.identity().names_key, folded)
    erased = read_erased(core.reader()).values()
    had_it = [one for one in erased if digest in one.names or one.account.hex() == name]
    return max(had_it, key=lambda one: one.at).account if had_it else None


def find(core: Core, name: str) -> bytes:
    """The account of a name, or of an id in hex where a recovery lost the name."""
    account = find_folded(core.reader(), fold_name(name))
    if account is None and len(name) == 32:
        with suppress(ValueError):
            account = bytes.fromhex(name)
            if account in core.shelves_of("account"):
                return account
    if account is None:
        raise NotFound(f"there is no account {name!r}", hint="stillhere account list shows them")
    return account


def _person(core: Core, verdicts: list[ShelfVerdict]) -> PersonReport:
    first = verdicts[0]
    recovered = max(found.verdict.recovered for found in verdicts)
    shelves = [_shelf(core, found) for found in verdicts]
    return PersonReport(first.name or first.account.hex(), recovered, shelves)


def _shelf(core: Core, found: ShelfVerdict) -> ShelfAccount:
    said = found.verdict
    sql = core.reader()
    row = find_shelf(sql, found.account, found.kind) if found.held_now else None
    held = {record[:2] for record in open_shelf(sql, row).held()} if row is not None else set()
    missing = [
        Missing(lost.collection, lost.href, lost.uid, lost.cause, lost.modified)
        for lost in said.held
        if (lost.collection, lost.href) in held
    ]
    notes = sql.execute(_NOTES, (found.account, found.kind, int(Op.NOTE), said.last)).fetchall()
    if found.closed:
        verdict = CLOSED
    else:
        verdict = INCOMPLETE if said.problems or missing else COMPLETE
    return ShelfAccount(
        kind=found.kind,
        verdict=verdict,
        records=said.records,
        as_of_at=said.as_of or None,
        problems=said.problems,
        missing=missing,
        healed=len(said.held) - len(missing),
        since=_learned([(device, msgspec.msgpack.decode(body)) for device, body in notes]),
    )


def _learned(notes: list[tuple[str, Note]]) -> list[str]:
    """What the notes of a shelf say, each thing once; tokens beyond the end are counted."""
    lost = [(device, note) for device, note in notes if note.get("what") == LOST_TAIL]
    told = {str(note.get("what", "?")) for _, note in notes} - {LOST_TAIL}
    for book in {str(note["collection"]) for _, note in lost}:
        found = [(device, note) for device, note in lost if note["collection"] == book]
        devices = count(len({device for device, _ in found}), "device knows", "devices know")
        changes = max(_beyond(int(note["token"]), int(note["end"])) for _, note in found)
        were = "was" if changes == 1 else "were"
        told.add(
            f"{devices} of {count(changes, 'change')} to {book} that {were} not in the vault:"
            " what only a device has comes back with its next edits"
        )
    return sorted(told)


def _beyond(token: int, end: int) -> int:
    """How many changes of its epoch a token has seen after the recovered end."""
    return token - max(end, seq_of(epoch_of(token), 0))


def count_records(store: Store, account: bytes, kind: str) -> int:
    """The records of an open shelf, address books themselves not counted."""
    with store.read(account, kind) as shelf:
        rows = shelf.everything()
    return sum(bool(r.collection) and r.state != State.DELETED for r, _ in rows)


def closed_kinds(core: Core, account: bytes) -> list[str]:
    """The kinds of an account whose gate is closed."""
    rows = core.reader().execute(
        "SELECT kind FROM shelves WHERE account = ? AND closed <> '' ORDER BY kind", (account,)
    )
    return [kind for (kind,) in rows]
