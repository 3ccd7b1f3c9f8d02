"""Whom an erasure is about, and what would go."""

from dataclasses import dataclass

from stillhere.errors import NotFound, StillhereError, Unavailable
from stillhere.replication.start import Working
from stillhere.server.people import find, find_erased
from stillhere.store.accounts import fold_name
from stillhere.store.erased import Erased, Extent, measure_account, read_erased
from stillhere.vault.keys import find_name


@dataclass(frozen=True)
class Candidate:
    """An account by the name or id that was given.

    `extent` is None where its shelves are not in the core; `erased` says since when it is erased.
    """

    account: bytes
    folded: str
    extent: Extent | None
    erased: Erased | None = None


def find_candidate(working: Working, name: str) -> Candidate:
    """The account of a name, or of an id in hex; of one that is erased already only when nobody
    has that name now.

    Raises BadInput, NotFound, Unavailable.
    """
    sql = working.core.reader()
    folded = fold_name(name)
    try:
        account = find(working.core, name)
    except NotFound:
        return _find_elsewhere(working, name, folded)
    row = sql.execute("SELECT folded FROM accounts WHERE account = ?", (account,)).fetchone()
    return Candidate(account, row[0] if row else folded, measure_account(sql, account))


def _find_elsewhere(working: Working, name: str, folded: str) -> Candidate:
    """An account that is not in the core: one that a recovery has not reached yet, or erased."""
    gone = find_erased(working.core, name)
    if gone is not None:
        erased = read_erased(working.core.reader())[gone]
        return Candidate(gone, folded, None, erased)
    try:
        account = find_name(working.vault, working.identity.names_key, folded)
    except StillhereError as error:
        raise Unavailable(error.what, safe="nothing was changed", hint=error.hint) from error
    if account is None or not working.identity.recovering:
        raise NotFound(
            f"there is no account {name!r}",
            safe="nothing was changed",
            hint="stillhere account list shows them",
        )
    return Candidate(account, folded, None)
