"""A vault without a core: its kit and first epoch, and writers that fill its journal by hand."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stillhere.vault.backends.directory import Directory
from stillhere.vault.epochs import begin_epoch, make_epoch, read_epochs
from stillhere.vault.kit import Kit
from stillhere.vault.layout import segment_name
from stillhere.vault.opened import Vault, create_vault
from stillhere.vault.segments import (
    Entry,
    Part,
    build_segment,
    chain_key,
    digest_of,
    encode_entry,
    extend_chain,
)
from stillhere.vault.signing import Signer
from stillhere.vault.wraps import Unwrapper, Wrapper

KIND = "contacts"
PUT, DELETE, CONFLICT, NOTE = range(4)


@dataclass
class Made:
    """A vault with one epoch, and what only its owner has."""

    vault: Vault
    kit: Kit
    journal_key: bytes
    signers: dict[int, Signer] = field(default_factory=dict)
    core: bytes = b"the core of all!"

    @property
    def signer(self) -> Signer:
        return self.signers[1]

    @property
    def wrapper(self) -> Wrapper:
        """A process's that has wrapped nothing yet."""
        return Wrapper(self.vault, self.signer)

    @property
    def unwrapper(self) -> Unwrapper:
        """A reader's that has opened nothing yet."""
        return Unwrapper(self.vault, self.kit)

    @property
    def root(self) -> Path:
        return Path(self.vault.backend.place)

    def flip(self, name: str, offset: int) -> None:
        """Turn one bit of an object over."""
        data = bytearray((self.root / name).read_bytes())
        data[offset] ^= 0x10
        (self.root / name).write_bytes(data)

    def remove(self, name: str) -> None:
        (self.root / name).unlink()

    def begin(self, number: int, ends: dict[int, int] | None = None, roots: int = 0) -> None:
        """Begin an epoch of the same core."""
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes_raw()
        epoch = make_epoch(
            self.kit, number, self.core, public, self.journal_key, ends=ends or {}, roots=roots
        )
        begin_epoch(self.vault, self.kit, epoch)
        self.signers[number] = Signer(self.kit.vault, number, key)


def make_vault(root: Path, *, bucket_bits: int = 0) -> Made:
    """A vault in its first epoch, which it trusts."""
    kit = Kit.make()
    vault = create_vault(
        Directory(root, create=True),
        kit,
        bucket_bits=bucket_bits,
    )
    made = Made(vault, kit, os.urandom(32))
    made.begin(1)
    read_epochs(vault)
    return made


@dataclass
class Line:
    """The changes of one shelf, one after the other: its chain and its next position."""

    name: str
    kind: str = KIND
    chain: bytes = bytes(32)
    seq: int = 1 << 40

    @property
    def account(self) -> bytes:
        return hashlib.sha256(self.name.encode()).digest()[:16]

    @property
    def key(self) -> bytes:
        return hashlib.sha256(b"data key " + self.name.encode()).digest()

    def put(self, **bodies: str) -> Part:
        """A part that stores these contacts (href → body)."""
        return self.part([(PUT, href, body.encode()) for href, body in bodies.items()])

    def part(self, changes: list[tuple[int, str, bytes | None]]) -> Part:
        """A part with these changes: operation, href, body."""
        before, first = self.chain, self.seq + 1
        entries, bodies = [], []
        for op, href, body in changes:
            self.seq += 1
            digest = hashlib.sha256(body or b"").digest()
            size = len(body or b"")
            entry = Entry(self.seq, 5, "", op, KIND, href, "", "", "", size, digest)
            entries.append(encode_entry(entry))
            bodies.append(body)
        self.chain = extend_chain(chain_key(self.key, self.kind), before, entries)
        return Part(self.account, self.kind, first, self.seq, before, entries, bodies)

    def fork(self) -> Line:
        """The same shelf as another writer sees it."""
        return Line(self.name, self.kind, self.chain, self.seq)


@dataclass
class Writer:
    """One writer of a vault's journal. ``lines`` are those whose parts it may be given."""

    made: Made
    lines: list[Line]
    number: int = 0
    epoch: int = 1
    last: int = 0
    digest: bytes = bytes(32)
    touched: bytes = b""

    def build(self, *parts: Part) -> tuple[str, bytes]:
        """The next segment: its name and bytes."""
        keys = {line.account: line.key for line in self.lines}
        self.last += 1
        data, self.touched = build_segment(
            self.made.journal_key,
            self.epoch,
            self.number,
            self.last,
            self.digest,
            self.touched,
            5,
            parts,
            [keys[part.account] for part in parts],
        )
        self.digest = digest_of(data)
        return segment_name(self.epoch, self.number, self.last), data

    def write(self, *parts: Part) -> str:
        """Write the next segment; its name."""
        name, data = self.build(*parts)
        self.made.vault.backend.create(name, data)
        return name
