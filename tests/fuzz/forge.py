"""Objects with a content of one's choice, put where a vault's reader looks for them.

Raw content stands for what a thief with write access can do, who has no key. Sealed content is
under the right keys and signatures: what a broken or malicious core could write.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import msgspec
import zstandard
from tests.fuzz.vault import Keys, Memory

from stillhere.bodies import compress
from stillhere.vault.anchor import Anchor, read_anchor
from stillhere.vault.body_chunks import BodyChunk, read_bodies
from stillhere.vault.codec import LEDGER_LEVEL, seal
from stillhere.vault.epochs import JOURNAL_KEY, read_epochs, sealed_ends
from stillhere.vault.evidence import NOTE, pack_kept
from stillhere.vault.keys import (
    _SERVICE,
    ServiceKeys,
    _sealing_key,
    key_copies,
    list_keys,
    read_data_key,
    read_service_keys,
    seal_data_key,
)
from stillhere.vault.kit import wrap
from stillhere.vault.layout import (
    FORMAT,
    SERVICE_KEYS,
    key_name,
    login_name,
    manifest_name,
    pad_kind,
    root_name,
    twin,
    wrap_name,
)
from stillhere.vault.manifests import Level, Manifest, Pack, Root, ShelfEntry, Span
from stillhere.vault.opened import Format, Vault, open_vault
from stillhere.vault.packs import (
    ChunkHeader,
    Role,
    _label,
    _pack_header,
    open_chunk,
    read_chunk,
)
from stillhere.vault.segments import (
    MAGIC,
    Row,
    decode_entry,
    frame,
    pack_rows,
    part_label,
    unpack_rows,
)
from stillhere.vault.signing import ROOT
from stillhere.vault.tail import Source
from stillhere.vault.wraps import _PURPOSE, WRAP_BYTES, Unwrapper, WrappingKey

CONTACTS = "contacts"
PACK = "ledger/contacts/0000-fuzz.pack"

Objects = dict[str, bytes]
Forge = Callable[[bytes], Objects]
"""Content → the objects that carry it, to be laid over the vault's own."""


@dataclass(frozen=True)
class Forger:
    """Makes objects of one vault; ``account`` is the one whose shelf is aimed at."""

    objects: Objects
    keys: Keys

    @cached_property
    def vault(self) -> Vault:
        vault = open_vault(Memory(self.objects), self.keys.kit.root_public)
        read_epochs(vault)
        return vault

    @cached_property
    def service(self) -> ServiceKeys:
        return read_service_keys(self.vault, self.keys.kit)

    @cached_property
    def journal_keys(self) -> dict[int, bytes]:
        epochs = read_epochs(self.vault)
        return {e.number: self.keys.kit.unwrap(e.journal_key, JOURNAL_KEY) for e in epochs}

    @cached_property
    def accounts(self) -> list[bytes]:
        return list_keys(self.vault)

    @cached_property
    def account(self) -> bytes:
        """Whose shelf the vault's last segment is."""
        return self.row.account

    @cached_property
    def last(self) -> Source:
        """The vault's last segment, which has one part."""
        return self.anchor.tail.sources[-1]

    @cached_property
    def row(self) -> Row:
        [row] = unpack_rows(self.last.header.rows)
        return row

    @cached_property
    def data_keys(self) -> dict[bytes, bytes]:
        unwrapper = Unwrapper(self.vault, self.keys.kit)
        return {a: read_data_key(self.vault, unwrapper, a) for a in self.accounts}

    @cached_property
    def wrap(self) -> bytes:
        """The id of the wrapping key of the account's data key."""
        return self.objects[key_name(self.account)][:WRAP_BYTES]

    @cached_property
    def anchor(self) -> Anchor:
        epochs = read_epochs(self.vault)
        return read_anchor(self.vault, self.journal_keys, 2, ends=sealed_ends(epochs))

    @cached_property
    def manifest(self) -> Manifest:
        manifest = self.anchor.manifest(CONTACTS, 0)
        assert manifest is not None
        return manifest

    @property
    def root(self) -> Root:
        return self.anchor.root

    def raw(self, *names: str) -> Forge:
        """The content itself, as every one of these objects."""
        return lambda content: dict.fromkeys(names, content)

    def signed(self, epoch: int, name: str, *, twice: bool = True) -> Forge:
        """The content as the body of a signed object."""

        def forge(content: bytes) -> Objects:
            data = self.keys.signers[epoch].sign(name, content)
            return {name: data, twin(name): data} if twice else {name: data}

        return forge

    def format(self, content: bytes) -> Objects:
        """The format with the root's signature over whatever fields the content has."""
        try:
            fields = msgspec.json.decode(content, type=Format)
            signature = self.keys.kit.root.sign(fields.statement()).hex()
        except (msgspec.DecodeError, UnicodeError):
            return {}
        data = json.dumps(msgspec.to_builtins(msgspec.structs.replace(fields, signature=signature)))
        return {FORMAT: data.encode(), twin(FORMAT): data.encode()}

    def wrapping_key(self, content: bytes) -> Objects:
        wrapped = wrap(self.keys.kit.public, content, _PURPOSE + self.wrap)
        return self.signed(1, wrap_name(self.wrap))(wrapped)

    def data_key(self, content: bytes) -> Objects:
        cipher = Unwrapper(self.vault, self.keys.kit).open(self.wrap)
        key = WrappingKey(self.wrap, cipher)
        sealed = seal_data_key(self.vault, key, self.account, content)
        return dict.fromkeys(key_copies(self.account), sealed)

    def service_keys(self, content: bytes) -> Objects:
        wrapped = wrap(self.keys.kit.public, content, _SERVICE)
        signer = self.keys.signers[ROOT]
        return {name: signer.sign(name, wrapped) for name in SERVICE_KEYS}

    def name(self, content: bytes) -> Objects:
        digest = hmac.digest(self.service.names, b"ana", "sha256")
        key = _sealing_key(self.service.names)
        return {login_name(digest): seal(key, content, digest, 1)}

    def bucket(self, content: bytes) -> Objects:
        """A bucket's manifest, and the root that names it."""
        name = manifest_name(CONTACTS, 0, self.manifest.number)
        packed = zstandard.ZstdCompressor(level=LEDGER_LEVEL).compress(content)
        objects = self.signed(1, name)(packed)
        digest = hashlib.sha256(objects[name]).digest()
        buckets = self.root.buckets | {CONTACTS: {0: (self.manifest.number, digest)}}
        root = msgspec.structs.replace(self.root, buckets=buckets)
        return objects | self.signed(1, root_name(root.number))(msgspec.msgpack.encode(root))

    def chunk(self, role: Role, digest: bytes = bytes(32)) -> Forge:
        """A chunk of the account's base, in a pack of its own that the manifest names."""

        def forge(content: bytes) -> Objects:
            manifest, kind = self.manifest, pad_kind(CONTACTS)
            header = ChunkHeader(role, 1, self.account, kind, 0, 0, 0, 0)
            label = _label(_pack_header(header))
            sealed = seal(self.data_keys[self.account], content, label, LEDGER_LEVEL)
            chunk = _pack_header(header._replace(length=len(sealed))) + sealed
            span = Span(len(manifest.packs), 0, len(chunk))
            shelves = [
                self._aim(entry, role, span, digest) if entry.account == self.account else entry
                for entry in manifest.shelves
            ]
            pack = Pack(PACK, len(chunk), hashlib.sha256(chunk).digest())
            aimed = msgspec.structs.replace(
                manifest, packs=[*manifest.packs, pack], shelves=shelves
            )
            return self.bucket(msgspec.msgpack.encode(aimed)) | {PACK: chunk}

        return forge

    def names(self, content: bytes) -> Objects:
        """A roster whose names say this."""
        entry = self.manifest.find(self.account)
        assert entry is not None
        digests = bytes(32 * entry.top.count)
        return self.chunk(Role.ROSTER, hashlib.sha256(content + digests).digest())(
            msgspec.msgpack.encode((compress(content), digests))
        )

    def piece(self, content: bytes) -> Objects:
        """A chunk of bodies with such a piece."""
        chunk = msgspec.structs.replace(self.body_chunk, piece=compress(content))
        return self.chunk(Role.BODIES)(msgspec.msgpack.encode(chunk))

    def note(self, content: bytes) -> Objects:
        """A piece of evidence with this body, up to the head of the account's shelf."""
        _, entries = self.last.entries(self.data_keys[self.account], self.row)
        entry = msgspec.structs.replace(decode_entry(entries[0]), op=NOTE, seq=1)
        return self.chunk(Role.HISTORY)(pack_kept([(entry, content)], {}))

    @cached_property
    def body_chunk(self) -> BodyChunk:
        entry = self.manifest.find(self.account)
        assert entry is not None
        place = self.manifest.place(entry.top.bodies[0])
        key, chunk = self.data_keys[self.account], read_chunk(self.vault, place, bytes)
        return read_bodies(open_chunk(key, chunk, Role.BODIES, self.account, CONTACTS))

    def _aim(self, entry: ShelfEntry, role: Role, span: Span, digest: bytes) -> ShelfEntry:
        level: Level = entry.top
        if role is Role.HISTORY:
            return msgspec.structs.replace(entry, evidence=span)
        if role is Role.ROSTER:
            level = msgspec.structs.replace(level, digest=digest, roster=span)
        else:
            level = msgspec.structs.replace(level, bodies=[span])
        if entry.delta is not None:
            return msgspec.structs.replace(entry, delta=level)
        return msgspec.structs.replace(entry, base=level)

    def header(self, content: bytes) -> Objects:
        """The last segment with another header, under the right MAC."""
        assert self.last.whole is not None
        mac = hmac.digest(self.journal_keys[2], MAGIC + content, "sha256")
        length = len(content).to_bytes(4, "big")
        parts = self.last.whole[self.last.start :]
        return {self.last.name: MAGIC + length + content + mac + parts}

    def part(self, suffix: bytes) -> Forge:
        """The last segment with other entries (``E``) or bodies (``B``)."""

        def forge(content: bytes) -> Objects:
            row, header, key = self.row, self.last.header, self.data_keys[self.account]
            label = part_label(2, 0, row.segment, row.account, row.kind, row.first, row.last)
            sealed = seal(key, content, label + suffix, 1)
            whole = self.last.sealed(row)
            entries, bodies = whole[: row.entries_length], whole[row.entries_length :]
            entries, bodies = (sealed, bodies) if suffix == b"E" else (entries, sealed)
            moved = row._replace(entries_length=len(entries), bodies_length=len(bodies))
            changed = msgspec.structs.replace(header, rows=pack_rows([moved]))
            return {self.last.name: frame(self.journal_keys[2], changed, [entries, bodies])}

        return forge
