"""Every revision that a vault still has of a shelf, the superseded ones included."""

from __future__ import annotations

import msgspec

from stillhere.replication.start import Working, anchor_of
from stillhere.vault.image import load_image
from stillhere.vault.packs import Role, open_chunk, read_chunk


def kept_revisions(working: Working, account: bytes, kind: str = "contacts") -> set[bytes]:
    """The bodies of what is there, of what was replaced or deleted, and of what lost."""
    data_key = working.core.data_keys.get(account)
    source = anchor_of(working).source(account, kind)
    image = load_image(source, data_key)
    bodies = {*image.bodies, *(body for _, body in image.replaced + image.notes)}

    def prove(chunk: bytes) -> bytes:
        return open_chunk(data_key, chunk, Role.HISTORY, account, kind)

    if source.entry is not None and source.manifest is not None:
        for span in source.entry.history:
            plain = read_chunk(source.vault, source.manifest.place(span), prove)
            bodies |= set(msgspec.msgpack.decode(plain)[1])
    return {body for body in bodies if body is not None}
