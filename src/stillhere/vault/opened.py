"""A vault opened for work: its backend, format and trusted epochs."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from stillhere.errors import FutureVault, NotAVault, Unavailable, WrongKit
from stillhere.vault.backends import Backend, BackendError, Exists, Missing
from stillhere.vault.layout import FORMAT
from stillhere.vault.signing import Verifier

VERSION = 1
CIPHER = "AES-256-GCM"
DEFAULT_BUCKET_BITS = 6
MAX_BUCKET_BITS = 16


class Format(msgspec.Struct, frozen=True):
    """What ``format.json`` says. ``root`` and ``kit`` are public keys in hexadecimal."""

    stillhere: int
    vault: str
    created: str
    cipher: str
    bucket_bits: int
    root: str
    kit: str


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


def create_vault(
    backend: Backend,
    vault: bytes,
    root_public: bytes,
    kit_public: bytes,
    *,
    bucket_bits: int = DEFAULT_BUCKET_BITS,
) -> Vault:
    """Begin a vault in an empty place. Raises NotAVault where something lies already."""
    if backend.names(""):
        raise NotAVault(
            f"{backend.place} is not empty",
            safe="nothing was changed",
            hint="name an empty folder; to bring a vault's data back use stillhere recover",
        )
    content = Format(
        VERSION,
        vault.hex(),
        datetime.now(UTC).isoformat(timespec="seconds"),
        CIPHER,
        bucket_bits,
        root_public.hex(),
        kit_public.hex(),
    )
    probe_backend(backend)
    backend.create(FORMAT, json.dumps(msgspec.to_builtins(content), indent=1).encode() + b"\n")
    return Vault(backend, content, Verifier(vault, root_public))


def open_vault(backend: Backend, root_public: bytes | None = None) -> Vault:
    """Read a vault's format. With ``root_public``, only the vault of that root is accepted.

    Raises NotAVault, FutureVault, WrongKit, or Unavailable when the place can't be read."""
    try:
        raw = backend.read(FORMAT)
    except Missing:
        raise NotAVault(
            f"there is no vault in {backend.place}: it has no {FORMAT}",
            safe="nothing was changed",
            hint="name the folder that init was given with --vault",
        ) from None
    except BackendError as error:
        raise Unavailable(error.what, safe=error.safe, hint=error.hint) from error
    content = _read_format(raw, backend.place)
    if root_public is not None and bytes.fromhex(content.root) != root_public:
        raise WrongKit(
            f"this kit belongs to another vault than {backend.place}",
            safe="nothing was changed in the vault",
            hint="look for the kit whose vault: line says " + content.vault,
        )
    return Vault(
        backend, content, Verifier(bytes.fromhex(content.vault), bytes.fromhex(content.root))
    )


def probe_backend(backend: Backend) -> None:
    """Prove that a second create of one name fails, without which nothing here is safe."""
    name = f"probe/{os.urandom(8).hex()}"
    backend.create(name, b"first")
    try:
        backend.create(name, b"second")
    except Exists:
        return
    finally:
        backend.delete(name)
    raise NotAVault(
        f"{backend.place} let an object be written twice",
        safe="nothing was kept there",
        hint="use a place that honours create-only writes (If-None-Match on S3)",
    )


def _read_format(raw: bytes, place: str) -> Format:
    try:
        version = json.loads(raw)["stillhere"]
        if not isinstance(version, int):
            raise TypeError
    except (ValueError, KeyError, TypeError):
        raise _broken_format(place) from None
    if version > VERSION:
        raise FutureVault(
            f"the vault in {place} has format {version}; this program reads up to {VERSION}",
            safe="nothing was changed",
            hint="use the version of stillhere that wrote it, or a newer one",
        )
    try:
        content = msgspec.json.decode(raw, type=Format)
        lengths = [len(bytes.fromhex(text)) for text in (content.vault, content.root)]
        if lengths != [16, 32] or content.cipher != CIPHER:
            raise ValueError
        if not 0 <= content.bucket_bits <= MAX_BUCKET_BITS:
            raise ValueError
    except (msgspec.DecodeError, ValueError):
        raise _broken_format(place) from None
    return content


def _broken_format(place: str) -> NotAVault:
    return NotAVault(
        f"{place}/{FORMAT} is damaged, or not a Stillhere vault's",
        safe="nothing was changed",
        hint="its content is in docs/format.md; every other object proves itself",
    )
