"""The core: accounts, shelves and records in SQL, behind one door (``Store``)."""

from stillhere.store.accounts import (
    ACCOUNT,
    AccountRow,
    Accounts,
    Created,
    DevicePassword,
    NewAccount,
)
from stillhere.store.core import Core, Identity, lock_home
from stillhere.store.draft import ShelfWrite
from stillhere.store.gate import Gate, Opener
from stillhere.store.journal import Journal, Receipt
from stillhere.store.logins import BadLogin, Login, Logins, Throttled
from stillhere.store.records import (
    ACCEPTED,
    ADOPTED,
    EXPORTED,
    GIVEN_UP,
    HEALED,
    LOST_TAIL,
    PROVEN,
    SALVAGED,
    TAKEN_BACK,
    Change,
    Collection,
    Delta,
    Op,
    Record,
    ShelfChanges,
    State,
    epoch_of,
    seq_of,
)
from stillhere.store.shelf import Shelf
from stillhere.store.store import Store
from stillhere.store.tokens import BadToken, Tokens

__all__ = [
    "ACCEPTED",
    "ACCOUNT",
    "ADOPTED",
    "EXPORTED",
    "GIVEN_UP",
    "HEALED",
    "LOST_TAIL",
    "PROVEN",
    "SALVAGED",
    "TAKEN_BACK",
    "AccountRow",
    "Accounts",
    "BadLogin",
    "BadToken",
    "Change",
    "Collection",
    "Core",
    "Created",
    "Delta",
    "DevicePassword",
    "Gate",
    "Identity",
    "Journal",
    "Login",
    "Logins",
    "NewAccount",
    "Op",
    "Opener",
    "Receipt",
    "Record",
    "Shelf",
    "ShelfChanges",
    "ShelfWrite",
    "State",
    "Store",
    "Throttled",
    "Tokens",
    "epoch_of",
    "lock_home",
    "seq_of",
]
