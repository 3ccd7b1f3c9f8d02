"""A plain shelf's quick proof beside the full one: what it calls whole is whole."""

from __future__ import annotations

from dataclasses import replace

from stillhere.errors import Damaged
from stillhere.vault.backends import Missing
from stillhere.vault.image import load_image
from stillhere.vault.levels import ShelfSource
from stillhere.vault.plain import prove_plain
from stillhere.vault.tail import Tail


def agree(source: ShelfSource, data_key: bytes) -> tuple[bool, bool]:
    """Whether a shelf is proven quickly, and whether in full, without what the journal says."""
    assert source.entry is not None
    assert source.manifest is not None
    bare = replace(source, tail=Tail(), broken="", later=0)
    image = load_image(bare, data_key, packed=True)
    whole = image.proven and not image.missing
    packs = [memoryview(_read(source, pack.name)) for pack in source.manifest.packs]
    try:
        rows = prove_plain(source.entry, source.kind, data_key, packs)
    except Damaged:
        return False, whole
    assert whole, (image.problems, image.missing)
    assert rows == len(image.columns)
    return True, whole


def _read(source: ShelfSource, name: str) -> bytes:
    try:
        return source.vault.backend.read(name)
    except Missing:
        return b""
