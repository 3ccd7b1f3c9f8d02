"""What the state folder has of earlier surveys of a vault: the next one goes on from there.

Nothing in it names an account: it is still there when one is erased.
"""

import hmac
import os
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from stillhere import config
from stillhere.recovery.found import Found
from stillhere.recovery.source import Shelf
from stillhere.vault.kit import Kit

DIGEST_BYTES = 16


class _Kept(msgspec.Struct, frozen=True):
    """The state of each source, and what was found, by digests of the shelves that the kit alone
    can make."""

    states: list[bytes]
    found: dict[bytes, Found]


class Memory:
    """Of surveys of sources in just these ``states``, which have these ``shelves``."""

    def __init__(self, kit: Kit, states: Sequence[bytes], shelves: Iterable[Shelf]) -> None:
        key = kit.key_for("surveys")
        self._file = config.state_folder() / f"{kit.vault.hex()}.survey"
        self._states = list(states)
        self._names = {
            (kind, account): hmac.digest(key, account + kind.encode(), "sha256")[:DIGEST_BYTES]
            for kind, account in shelves
        }

    def read(self) -> dict[Shelf, Found]:
        """What an earlier survey found in the same sources, as they are now; else nothing."""
        try:
            kept = msgspec.msgpack.decode(self._file.read_bytes(), type=_Kept)
        except (OSError, msgspec.DecodeError):
            return {}
        if kept.states != self._states:
            return {}
        return {
            shelf: kept.found[name] for shelf, name in self._names.items() if name in kept.found
        }

    def keep(self, found: Mapping[Shelf, Found]) -> bool:
        """Keep what was found, whole or not at all; whether it could be."""
        by_digest = {self._names[shelf]: one for shelf, one in found.items()}
        draft = self._file.with_name(f"{self._file.name}.new")
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.write_bytes(msgspec.msgpack.encode(_Kept(self._states, by_digest)))
            os.replace(draft, self._file)
        except OSError:
            return False
        return True
