"""A vault opened for work: its backend, format and trusted epochs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import product
from typing import Annotated, NamedTuple, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta

from stillhere.errors import (
    Damaged,
    FutureVault,
    NotAVault,
    RefusedVault,
    Unavailable,
    WrongKit,
)
from stillhere.vault.backends import (
    Backend,
    BackendError,
    Exists,
    Missing,
    Readable,
    each,
    first_of,
)
from stillhere.vault.backends.probe import PROBES, probe
from stillhere.vault.kit import Kit
from stillhere.vault.layout import FORMAT, twin
from stillhere.vault.signing import Verifier

VERSION = 1
CIPHER = "AES-256-GCM"
DEFAULT_BUCKET_BITS = 6
MAX_BUCKET_BITS = 16
VAULT_ID_BYTES = 16
KIT_PUBLIC_BYTES = 1216

T = TypeVar("T")


class Format(msgspec.Struct, frozen=True):
    """What ``format.json`` says, and its twin. ``root`` and ``kit`` are public keys in
    hexadecimal, and so is ``signature``, by the root over the lines of ``statement``."""

    stillhere: int
    vault: str
    created: str
    cipher: str
    bucket_bits: Annotated[int, Meta(ge=0, le=MAX_BUCKET_BITS)]
    root: str
    kit: str
    signature: str = ""

    def statement(self) -> bytes:
        """What the root signs: every other field, a line each, in this order."""
        fields = (self.stillhere, self.vault, self.created, self.cipher, self.bucket_bits)
        return "\n".join(map(str, (*fields, self.root, self.kit))).encode()


@dataclass(frozen=True)
class Vault:
    """A vault whose format was read; ``verifier`` trusts the root until epochs are read."""

    backend: Backend
    format: Format
    verifier: Verifier

    @property
    def id(self) -> bytes:
        """The vault's id, 16 bytes."""
        return self.verifier.vault

    @property
    def bucket_bits(self) -> int:
        """How many leading bits of an account's id name its bucket."""
        return self.format.bucket_bits

    @property
    def kit_public(self) -> bytes:
        """The key that wraps for the kit."""
        return bytes.fromhex(self.format.kit)


def create_vault(backend: Backend, kit: Kit, *, bucket_bits: int = DEFAULT_BUCKET_BITS) -> Vault:
    """Begin a vault in an empty place. Raises NotAVault where something lies already."""
    if set(backend.names("")) - {PROBES}:  # that much is left where a disk was full
        raise NotAVault(
            f"{backend.place} is not empty",
            safe="nothing was changed",
            hint="name an empty folder; to bring a vault's data back use stillhere recover",
        )
    probe(backend)
    backend.prove()
    unsigned = Format(
        VERSION,
        kit.vault.hex(),
        datetime.now(UTC).isoformat(timespec="seconds"),
        CIPHER,
        bucket_bits,
        kit.root_public.hex(),
        kit.public.hex(),
    )
    signature = kit.root.sign(unsigned.statement()).hex()
    content = msgspec.structs.replace(unsigned, signature=signature)
    for name in (FORMAT, twin(FORMAT)):
        backend.create(name, _encode_format(content))
    return Vault(backend, content, Verifier(kit.vault, kit.root_public))


def open_vault(backend: Backend, root_public: bytes | None = None) -> Vault:
    """Read a vault's format, from whichever copy proves itself. With ``root_public``, only the
    vault of that root is accepted.

    Raises NotAVault, FutureVault, WrongKit, or Unavailable when the place can't be read."""
    failure: RefusedVault | None = None
    for name, copy in product((FORMAT, twin(FORMAT)), each(backend)):
        try:
            content = _read_format(copy.read(name), name, backend.place)
            _check_root(content, backend.place, root_public)
        except (Missing, Damaged):
            continue
        except RefusedVault as error:
            failure = failure or error
            continue
        except BackendError as error:
            raise Unavailable(error.what, safe=error.safe, hint=error.hint) from error
        root = bytes.fromhex(content.root)
        return Vault(backend, content, Verifier(bytes.fromhex(content.vault), root))
    raise failure or NotAVault(
        f"there is no vault in {backend.place}: it has no {FORMAT}",
        safe="nothing was changed",
        hint="name the folder that init was given with --vault",
    )


def check_format(vault: Vault, name: str, data: bytes) -> None:
    """See that a copy of the format says what this vault's does. Raises Damaged, FutureVault."""
    try:
        content = _read_format(data, name, vault.backend.place)
    except NotAVault as error:
        raise Damaged(error.what) from error
    if content != vault.format:
        raise Damaged(f"{name} is another vault's")


def mend_format(vault: Vault) -> bool:
    """Make a copy of the format that is gone again; whether one was. Raises BackendError."""
    mended = False
    for name in (FORMAT, twin(FORMAT)):
        try:
            vault.backend.size(name)
        except Missing:
            vault.backend.create(name, _encode_format(vault.format))
            mended = True
    return mended


def exists(vault: Vault, name: str) -> bool:
    """Whether there is an object of this name. Raises BackendError."""
    try:
        vault.backend.size(name)
    except Missing:
        return False
    return True


def find_proven(vault: Vault, names: Iterable[str], prove: Callable[[str, bytes], T]) -> T | None:
    """What ``prove`` (name, bytes) → content makes of the first object that proves itself: each
    name in each copy of the vault. None where nothing has any of these names.

    Raises BackendError when none did and one was silent, else Damaged."""
    return first_of(
        partial(_prove, copy, name, prove) for name in names for copy in each(vault.backend)
    )


def _prove(copy: Readable, name: str, prove: Callable[[str, bytes], T]) -> T:
    return prove(name, copy.read(name))


def first_proven(vault: Vault, names: tuple[str, ...], prove: Callable[[str, bytes], T]) -> T:
    """The same where there must be one. Raises BackendError, Damaged."""
    found = find_proven(vault, names, prove)
    if found is None:
        raise Damaged(f"{names[0]} is missing")
    return found


class Look(NamedTuple):
    """What lies under one name: the bytes that copies of the vault have there, whether one of
    them has none, and why one could not say."""

    found: list[bytes]
    lacking: bool
    silent: BackendError | None


def look(vault: Vault, name: str) -> Look:
    """Read a name in every copy. Raises Damaged."""
    found, lacking, silent = [], False, None
    for copy in each(vault.backend):
        try:
            found.append(copy.read(name))
        except Missing:
            lacking = True
        except BackendError as error:
            silent = silent or error
    return Look(found, lacking, silent)


def keep_anew(vault: Vault, name: str, data: bytes) -> None:
    """Keep an object whose name may be taken by a broken one. Raises BackendError.

    Between the two steps there is none: only for what is proven to be kept somewhere else."""
    vault.backend.delete(name)
    with suppress(Exists):  # somebody else was quicker
        vault.backend.create(name, data)


def _encode_format(content: Format) -> bytes:
    return json.dumps(msgspec.to_builtins(content), indent=1).encode() + b"\n"


def _read_format(raw: bytes, name: str, place: str) -> Format:
    try:
        version = json.loads(raw)["stillhere"]
        if not isinstance(version, int):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _broken_format(name, place) from None
    if version > VERSION:
        raise FutureVault(
            f"the vault in {place} has format {version}; this program reads up to {VERSION}",
            safe="nothing was changed",
            hint="use the version of stillhere that wrote it, or a newer one",
        )
    try:
        content = msgspec.json.decode(raw, type=Format)
        root = Ed25519PublicKey.from_public_bytes(bytes.fromhex(content.root))
        root.verify(bytes.fromhex(content.signature), content.statement())
        sizes = len(bytes.fromhex(content.vault)), len(bytes.fromhex(content.kit))
        if sizes != (VAULT_ID_BYTES, KIT_PUBLIC_BYTES) or content.cipher != CIPHER:
            raise ValueError
    except (msgspec.DecodeError, ValueError, InvalidSignature):
        raise _broken_format(name, place) from None
    return content


def _check_root(content: Format, place: str, root_public: bytes | None) -> None:
    if root_public is not None and bytes.fromhex(content.root) != root_public:
        raise WrongKit(
            f"this kit belongs to another vault than {place}",
            safe="nothing was changed in the vault",
            hint="look for the kit whose vault: line says " + content.vault,
        )


def _broken_format(name: str, place: str) -> NotAVault:
    return NotAVault(
        f"{place}/{name} is damaged, or not a Stillhere vault's",
        safe="nothing was changed",
        hint="its content is in docs/format.md; every other object proves itself",
    )
