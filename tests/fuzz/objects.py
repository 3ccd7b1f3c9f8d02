"""The vault's objects, one of them with a content of the stranger's choice.

The first byte chooses which, and whether the content is raw or under the right keys; the rest
is the content. Then everything in the vault is read as a recovery reads it. Raw content may
cost records their bodies, or a shelf its proof; it never changes what a proven shelf holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec
from tests.fuzz import Check
from tests.fuzz.forge import CONTACTS, Forge, Forger, Objects
from tests.fuzz.vault import Memory, load_vault
from tests.vault.plain import agree

from stillhere.bodies import decompress
from stillhere.errors import StillhereError
from stillhere.recovery.accept import heed_words
from stillhere.rosters import HELD
from stillhere.store.records import ACCEPTED
from stillhere.vault.anchor import read_anchor
from stillhere.vault.epochs import JOURNAL_KEY, read_epochs, sealed_ends
from stillhere.vault.erasures import Erasure, read_erasures
from stillhere.vault.evidence import pack_kept, read_kept
from stillhere.vault.image import Image, load_image
from stillhere.vault.keys import find_name, list_keys, read_data_key, read_service_keys
from stillhere.vault.kit import Kit, read_kit
from stillhere.vault.layout import (
    FORMAT,
    SERVICE_KEYS,
    epoch_name,
    erasure_name,
    key_name,
    manifest_name,
    root_name,
    set_name,
    twin,
    wrap_name,
    writer_name,
)
from stillhere.vault.levels import ShelfSource
from stillhere.vault.opened import open_vault
from stillhere.vault.packs import Role, open_chunk, scan_pack
from stillhere.vault.sets import CopySet, read_set
from stillhere.vault.signing import ROOT
from stillhere.vault.wraps import Unwrapper

KINDS = ("account", CONTACTS)
FOLDERS = (
    *("", "epochs", "epochs/000002", "epochs/000002/writers", "journal", "journal/000002"),
    *(
        "journal/000002/000000",
        "keys",
        "keys/00",
        "erasures/00",
        "wraps",
        "names/00",
        "manifest/root",
        "manifest/contacts/0000",
    ),
)

Row = tuple[object, ...]
Rows = dict[tuple[bytes, str], list[Row]]


class Case(NamedTuple):
    """One object: how content gets into it, what it has, and whether a thief could do that."""

    what: str
    forge: Forge
    seed: bytes
    raw: bool


class QuickKit(Kit):
    """A kit that remembers what it has unwrapped."""

    def unwrap(self, wrapped: bytes, purpose: bytes) -> bytes:
        return _unwrap(self, wrapped, purpose)


@lru_cache(1000)
def _unwrap(kit: QuickKit, wrapped: bytes, purpose: bytes) -> bytes:
    return Kit.unwrap(kit, wrapped, purpose)


class Reader:
    """The vault as it was, and what a reader makes of it with one object changed."""

    def __init__(self) -> None:
        objects, keys = load_vault()
        self.forger = Forger(objects, keys)
        self.kit = QuickKit(keys.kit.vault, keys.kit.seed)
        self.truth: Rows = {
            shelf: _rows_of(image) for shelf, image in self._read({}).items() if image.proven
        }
        assert len(self.truth) == len(KINDS) * len(self.forger.accounts)

    @cached_property
    def cases(self) -> list[Case]:
        return [*_thefts(self.forger), *_treasons(self.forger), *_beside(self.forger)]

    def check(self, data: bytes) -> None:
        if not data:
            return
        case, content = self.cases[data[0] % len(self.cases)], data[1:]
        try:
            images = self._read(case.forge(content))
        except StillhereError:
            return
        for shelf, image in images.items():
            _check_image(image)
            if case.raw and image.proven:
                known = self.truth[shelf]
                assert _rows_of(image) == known, f"{case.what}: proven, and not what was written"

    def _read(self, forged: Objects) -> dict[tuple[bytes, str], Image]:
        """Everything, as a recovery reads it. Raises what a recovery ends with."""
        backend = Memory(self.forger.objects | forged)
        vault = open_vault(backend, self.kit.root_public)
        epochs = read_epochs(vault)
        service = read_service_keys(vault, self.kit)
        keys = {e.number: self.kit.unwrap(e.journal_key, JOURNAL_KEY) for e in epochs}
        anchor = read_anchor(vault, keys, epochs[-1].number, ends=sealed_ends(epochs))
        unwrapper, images = Unwrapper(vault, self.kit), {}
        read_erasures(vault, epochs[-1].number, epochs[-1].erased)
        read_set(vault, [epoch.number for epoch in epochs])
        for account in list_keys(vault):
            with suppress(StillhereError):
                data_key = read_data_key(vault, unwrapper, account)
                for kind in KINDS:
                    source = anchor.source(account, kind)
                    image = images[account, kind] = load_image(source, data_key)
                    if source.entry is not None:
                        agree(source, data_key)
                    heed_words(image)
                    _read_history(source, data_key)
        for kind in KINDS:
            anchor.accounts(kind)
        with suppress(StillhereError):
            find_name(vault, service.names, "ana")
        return images


def _read_history(source: ShelfSource, data_key: bytes) -> None:
    """As healing reads it."""
    if source.entry is not None and source.manifest is not None:
        for span in source.entry.history:
            with suppress(StillhereError):
                read_kept(source, source.manifest.place(span), data_key)


def _check_image(image: Image) -> None:
    """No body is another one's, and no record without a body passes for one that has it."""
    items = list(image.columns.items())
    assert len(items) == len(image.bodies)
    for item, body in zip(items, image.bodies, strict=True):
        assert body is None or sha256(body).digest() == item.digest
        if item.state == HELD:
            assert (item.collection, item.href) in image.missing


def _rows_of(image: Image) -> list[Row]:
    """The records and tombstones without their state, which a lost body changes."""
    return [item._replace(state=item.state % 2) for item in image.columns.items()]


def _thefts(forger: Forger) -> Iterator[Case]:
    """Objects that somebody without a key has overwritten, with their twins."""
    manifest, account = forger.manifest, forger.account
    number, digest = manifest.number, next(n for n in forger.objects if n.startswith("names/"))
    names = {
        "format": (FORMAT, twin(FORMAT)),
        "first epoch": (epoch_name(1), twin(epoch_name(1))),
        "epoch": (epoch_name(2), twin(epoch_name(2))),
        "writer": (writer_name(2, 0),),
        "seal of the writers": (writer_name(1, 1),),
        "service keys": SERVICE_KEYS,
        "data key": (key_name(account), twin(key_name(account))),
        "name": (digest,),
        "wrap": (wrap_name(forger.wrap), twin(wrap_name(forger.wrap))),
        "erasure": (erasure_name(bytes(16)), twin(erasure_name(bytes(16)))),
        "root": (root_name(2), twin(root_name(2))),
        "bucket": tuple(t(manifest_name(CONTACTS, 0, number)) for t in (str, twin)),
        **{f"pack {n}": (pack.name,) for n, pack in enumerate(manifest.packs)},
        "segment": (forger.last.name,),
        "roll-up": tuple(name for name in forger.objects if name.endswith(".roll")),
        "seal of the journal": (max(n for n in forger.objects if "journal/000001" in n),),
    }
    for what, copies in names.items():
        yield Case(what, forger.raw(*copies), forger.objects.get(copies[0], b""), raw=True)
    yield Case("listing", _list_names, b"\n".join(b"%ca/0" % n for n in range(12)), raw=True)
    yield Case("kit", _read_kit, forger.keys.kit.text().encode(), raw=True)
    pack = forger.objects[manifest.packs[0].name]
    yield Case("chunks", _scan(forger), pack, raw=True)


def _treasons(forger: Forger) -> Iterator[Case]:
    """Objects that somebody with every key has written."""
    verify, objects = forger.vault.verifier.verify, forger.objects
    for epoch, name in (
        *((ROOT, epoch_name(1)), (ROOT, epoch_name(2)), (2, writer_name(2, 0))),
        *((1, root_name(2)), (ROOT, writer_name(1, 1))),
    ):
        forge = forger.signed(epoch, name, twice=not name[7:].count("writers"))
        yield Case(name, forge, verify(name, objects[name]), raw=False)
    yield Case("format", forger.format, objects[FORMAT], raw=False)
    yield Case("data key", forger.data_key, forger.data_keys[forger.account], raw=False)
    erasure = Erasure(bytes(16), 1, [bytes(32)])
    erase = forger.signed(2, erasure_name(bytes(16)))
    yield Case("erasure", erase, _encode(erasure), raw=False)
    yield Case("wrapping key", forger.wrapping_key, bytes(32), raw=False)
    yield Case("service keys", forger.service_keys, _encode(forger.service), raw=False)
    yield Case("name", forger.name, forger.account, raw=False)
    yield Case("bucket", forger.bucket, _encode(forger.manifest), raw=False)
    entry = forger.manifest.find(forger.account)
    assert entry is not None
    names = decompress(forger.body_chunk.names)
    yield Case("roster", forger.chunk(Role.ROSTER), _encode((b"", b"")), raw=False)
    yield Case("roster's names", forger.names, names, raw=False)
    yield Case("bodies", forger.chunk(Role.BODIES), _encode(forger.body_chunk), raw=False)
    yield Case("piece", forger.piece, decompress(forger.body_chunk.piece), raw=False)
    yield Case("header", forger.header, _encode(forger.last.header), raw=False)
    before, entries = forger.last.entries(forger.data_keys[forger.account], forger.row)
    part = _encode((before, [msgspec.Raw(entry) for entry in entries]))
    yield Case("entries", forger.part(b"E"), part, raw=False)
    bodies = forger.last.bodies(forger.data_keys[forger.account], forger.row)
    yield Case("part's bodies", forger.part(b"B"), _encode(bodies), raw=False)


def _beside(forger: Forger) -> Iterator[Case]:
    """What lies beside the shelves: which places hold the vault, and evidence. Other cases keep
    their numbers, by which the corpus names them."""
    name = set_name(2, 1)
    places = _encode(CopySet(["/mnt/one", "s3://two/vault"], 1))
    yield Case("set", forger.raw(name), b"", raw=True)
    yield Case("set", forger.signed(2, name, twice=False), places, raw=False)
    word = _encode({"what": ACCEPTED, "known": 7})
    yield Case("evidence", forger.chunk(Role.HISTORY), pack_kept([], {("a", "b"): "c"}), raw=False)
    yield Case("note", forger.note, word, raw=False)


def _list_names(content: bytes) -> Objects:
    """Names that nobody here gives, in folders that are listed: a line each, folder then name."""
    named = {}
    for line in content.split(b"\n"):
        if line:
            name = line[1:].replace(b"\0", b"").decode("utf-8", "surrogateescape")
            named[f"{FOLDERS[line[0] % len(FOLDERS)]}/{name}".lstrip("/")] = b"nothing"
    return named


def _read_kit(content: bytes) -> Objects:
    read_kit(content.decode("utf-8", "replace"))
    return {}


def _scan(forger: Forger) -> Forge:
    def forge(content: bytes) -> Objects:
        for at, header in scan_pack(content):
            assert 0 <= at < len(content)
            with suppress(StillhereError):
                chunk = content[at : at + 100 + header.length]
                open_chunk(bytes(32), chunk, Role.BODIES, header.account, CONTACTS)
        return {}

    return forge


@contextmanager
def opened(folder: Path) -> Iterator[Check]:
    yield Reader().check


def seeds() -> Iterator[bytes]:
    for number, case in enumerate(Reader().cases):
        yield bytes([number]) + case.seed


_encode = msgspec.msgpack.Encoder().encode
