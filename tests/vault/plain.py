"""A plain shelf's quick proof beside the full one: what it calls whole is whole."""

from __future__ import annotations

from dataclasses import replace

from stillhere.bodies import runs_of
from stillhere.errors import Damaged
from stillhere.vault.image import load_image
from stillhere.vault.levels import ShelfSource
from stillhere.vault.packs import read_chunk
from stillhere.vault.plain import prove_plain
from stillhere.vault.tail import Tail


def agree(source: ShelfSource, data_key: bytes) -> tuple[bool, bool]:
    """Whether a shelf is proven quickly, and whether in full, without what the journal says."""
    assert source.entry is not None
    assert source.manifest is not None
    bare = replace(source, tail=Tail(), broken="", later=0)
    image = load_image(bare, data_key, packed=True)
    whole = image.proven and not image.missing
    manifest = source.manifest
    try:
        plain = prove_plain(
            source.entry,
            source.kind,
            data_key,
            lambda span: read_chunk(source.vault, manifest.place(span), bytes),
        )
    except Damaged:
        return False, whole
    assert whole, (image.problems, image.missing)
    assert len(plain.names) == len(image.columns)
    assert plain.names.figures() == image.columns.figures()
    assert (plain.sheet, plain.entry.base.digest) == image.sheet
    assert (plain.pieces, plain.runs) == (image.pieces, runs_of(image.places))
    for number, item in enumerate(image.items):
        assert plain.names.find(item.collection, item.href) == number
        assert plain.body(number) == image.body(number)
    return True, whole
