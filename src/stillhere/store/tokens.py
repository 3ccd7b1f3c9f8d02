"""Sync tokens: positions in a shelf's sequence, signed so that only this service makes them.

RFC 6578 wants a URI. The signature's key is in the vault, so tokens outlive the core.
"""

from __future__ import annotations

import hmac

from stillhere.errors import BadInput

_PREFIX = "urn:stillhere:sync:"
_MAC_BYTES = 12


class BadToken(BadInput):
    """A token that this service did not give out for this collection."""


class Tokens:
    """Makes and reads the tokens of one service."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, account: bytes, kind: str, collection: str, seq: int) -> str:
        """The token that stands for position ``seq`` of a collection."""
        return f"{_PREFIX}{seq:x}-{self._mac(account, kind, collection, seq)}"

    def read(self, account: bytes, kind: str, collection: str, token: str) -> int:
        """The position that a token stands for. Raises BadToken when it is not of this place."""
        position, _, mac = token.removeprefix(_PREFIX).partition("-")
        if token.startswith(_PREFIX) and len(position) <= 16:
            try:
                seq = int(position, 16)
            except ValueError:
                pass
            else:
                expected = self._mac(account, kind, collection, seq)
                if hmac.compare_digest(expected.encode(), mac.encode()):
                    return seq
        raise BadToken(
            "this sync token was not given out for this collection",
            safe="nothing was changed",
            hint="list the collection anew",
        )

    def _mac(self, account: bytes, kind: str, collection: str, seq: int) -> str:
        message = b"\0".join(
            (account.hex().encode(), kind.encode(), collection.encode(), b"%x" % seq)
        )
        return hmac.digest(self._key, message, "sha256")[:_MAC_BYTES].hex()
