"""What a recovery says to each person, with what has happened since."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from stillhere.config import find_home, load
from stillhere.errors import NotFound
from stillhere.kinds import KINDS, in_order
from stillhere.recovery.end import read_end
from stillhere.recovery.install import Loss, Verdict
from stillhere.recovery.report import ShelfVerdict, read_report
from stillhere.server.learned import (
    list_devices,
    list_ended,
    list_opened,
    list_others,
    read_labels,
    read_notes,
    stands_accepted,
)
from stillhere.status.person import (
    CLOSED,
    COMPLETE,
    INCOMPLETE,
    Ended,
    Missing,
    PersonReport,
    ShelfAccount,
    VaultEnd,
)
from stillhere.store import ACCOUNT, Core, State, Store
from stillhere.store.accounts import CREDENTIALS, find_folded, fold_name
from stillhere.store.erased import read_erased
from stillhere.store.pages import open_shelf
from stillhere.store.schema import snapshot
from stillhere.store.shelf import find_shelf
from stillhere.vault.keys import digest_name

_OF_ACCOUNTS = {
    (CREDENTIALS, "profile"): "name of the account",
    (CREDENTIALS, "password"): "the chosen password",
}


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
    shelves = [_shelf(core, one) for one in sorted(verdicts, key=lambda v: in_order(v.kind))]
    return PersonReport(first.name or first.account.hex(), recovered, shelves)


def _shelf(core: Core, found: ShelfVerdict) -> ShelfAccount:
    said = found.verdict
    sql = core.reader()
    with snapshot(sql):
        row = find_shelf(sql, found.account, found.kind) if found.held_now else None
        held = {record[:2] for record in open_shelf(sql, row).held()} if row is not None else set()
    missing = [
        _missing(found.kind, lost) for lost in said.held if (lost.collection, lost.href) in held
    ]
    notes = read_notes(sql, found.account, found.kind)
    labels = read_labels(core, found.account) if notes else {}
    if found.closed:
        verdict = CLOSED
    else:
        accepted = stands_accepted(notes)
        verdict = INCOMPLETE if said.problems or missing or accepted else COMPLETE
    ended = [
        one
        for one in _ended(said, list_ended(notes, labels))
        if (one.collection, one.href) not in held
    ]
    gone = held | {(one.collection, one.href) for one in ended if one.deleted}
    since = [lost for lost in said.held if (lost.collection, lost.href) not in gone]
    return ShelfAccount(
        kind=found.kind,
        verdict=verdict,
        records=said.records + sum(bool(lost.collection) for lost in since),
        as_of_at=said.as_of or None,
        problems=said.problems,
        missing=missing,
        ended=ended,
        devices=list_devices(notes, labels),
        since=list_others(notes),
        opened=list_opened(notes),
        accepted=not found.closed and stands_accepted(notes),
    )


def _missing(kind: str, lost: Loss) -> Missing:
    """A held record with what its roster says of it, and what only its body said."""
    known = {
        "name": lost.href,
        "UID": lost.uid,
        "size": lost.size,
        "time of its last change": lost.modified,
    }
    return Missing(
        lost.collection,
        lost.href,
        lost.uid,
        lost.cause,
        lost.modified or None,
        lost.size,
        lost.component,
        [name for name, value in known.items() if value],
        _unknown(kind, lost),
    )


def _unknown(kind: str, lost: Loss) -> list[str]:
    if not lost.collection:
        return ["display name", "settings"]
    if kind == ACCOUNT:
        return [_OF_ACCOUNTS.get((lost.collection, lost.href), "label and password of the device")]
    return list(KINDS[kind].in_body)


def _ended(said: Verdict, noted: list[Ended]) -> list[Ended]:
    """What is noted, and those of the verdict's held records of which nobody noted anything."""
    known = {(one.collection, one.href) for one in noted}
    return noted + [
        Ended(lost.collection, lost.href, lost.uid, False, False, "", None)
        for lost in said.held
        if (lost.collection, lost.href) not in known
    ]


def count_records(store: Store, account: bytes, kind: str) -> int:
    """The records of an open shelf, collections themselves not counted."""
    with store.read(account, kind) as shelf:
        rows = shelf.everything()
    return sum(bool(r.collection) and r.state != State.DELETED for r, _ in rows)


def closed_kinds(core: Core, account: bytes) -> list[str]:
    """The kinds of an account whose gate is closed."""
    rows = core.reader().execute(
        "SELECT kind FROM shelves WHERE account = ? AND closed <> ''", (account,)
    )
    return sorted((kind for (kind,) in rows), key=in_order)
