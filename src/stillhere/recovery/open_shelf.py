"""Step 4 and 6 for one shelf: load it and prove it. Knock, bulk and drill come here."""

from __future__ import annotations

import time
from typing import NamedTuple

from stillhere.errors import Damaged
from stillhere.kinds import AT_ONCE
from stillhere.recovery.accept import heed_words
from stillhere.recovery.install import make_shelf, make_verdict
from stillhere.recovery.keys import KitKeys
from stillhere.store.accounts import ACCOUNT
from stillhere.store.recovered import Recovered
from stillhere.store.store import Store
from stillhere.vault.anchor import Anchor
from stillhere.vault.image import Image, load_image


class Proven(NamedTuple):
    """A shelf that is ready for the core; ``exists`` is false where nothing was found of one that
    must exist."""

    shelf: Recovered
    exists: bool


def prove_shelf(
    anchor: Anchor, keys: KitKeys, store: Store, account: bytes, kind: str, *, trusted: bool = False
) -> Proven:
    """Load one shelf from the vault and prove it; what is missing is in its verdict.

    Raises BackendError."""
    wrapped = None
    try:
        data_key = keys.get(account)
    except Damaged as error:
        image = Image(account, kind, problems=[f"its key can't be opened: {error.what}"])
    else:
        image = load_image(anchor.source(account, kind), data_key, trusted=trusted, packed=True)
        if anchor.far is not None and (image.problems or image.missing):
            image = load_image(anchor.source(account, kind, far=True), data_key, packed=True)
        if not image.exists and kind in AT_ONCE:
            image.problems.append("nothing of this shelf was found in the vault")
        heed_words(image)
        if kind == ACCOUNT:
            wrapped = store.core.keyring.wrap(data_key, account)
    verdict = make_verdict(image, time.time_ns() // 1_000_000)
    return Proven(make_shelf(image, verdict, wrapped), image.exists or image.proven)
