"""Founding a service: a kit, a vault, its first epoch, and the core that lives in it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stillhere.store.core import Core, Identity, clear_unfinished
from stillhere.vault.backends.place import open_place
from stillhere.vault.epochs import begin_epoch, make_epoch
from stillhere.vault.keys import ServiceKeys, keep_service_keys
from stillhere.vault.kit import Kit
from stillhere.vault.opened import DEFAULT_BUCKET_BITS, create_vault


def found(home: Path, place: str | Path, *, bucket_bits: int = DEFAULT_BUCKET_BITS) -> Kit:
    """Make a vault in ``place`` (a folder or a bucket) and a core in ``home``; both must be
    empty or absent.

    Returns the recovery kit, which is kept nowhere. When it raises (BadInput, NotAVault,
    BackendError), the home is as empty as before."""
    kit = Kit.make()
    keys = ServiceKeys(os.urandom(32), os.urandom(32))
    backend = open_place(place, create=True)
    core = Core(home, create=True)
    try:
        vault = create_vault(backend, kit, bucket_bits=bucket_bits)
        keep_service_keys(vault, kit, keys)
        identity = new_identity(kit, backend.place, 1, keys)
        core.keep_identity(identity, core.reader())
        public = Ed25519PrivateKey.from_private_bytes(identity.signing_key).public_key()
        signing, key = public.public_bytes_raw(), identity.journal_key
        epoch = make_epoch(kit, 1, identity.core, signing, key, ends={}, roots=0)
        begin_epoch(vault, kit, epoch)
        core.checkpoint()
    except BaseException:
        core.close()
        clear_unfinished(home)
        raise
    core.close()
    return kit


def new_identity(
    kit: Kit,
    place: str,
    epoch: int,
    keys: ServiceKeys,
    *,
    journal_keys: dict[int, bytes] | None = None,
    recovering: bool = False,
) -> Identity:
    """Who a new core is, with keys of its own for its epoch."""
    return Identity(
        core=os.urandom(16),
        vault=kit.vault,
        vault_place=place,
        epoch=epoch,
        signing_key=Ed25519PrivateKey.generate().private_bytes_raw(),
        journal_keys=(journal_keys or {}) | {epoch: os.urandom(32)},
        names_key=keys.names,
        tokens_key=keys.tokens,
        kit_public=kit.public,
        root_public=kit.root_public,
        created=time.time_ns() // 1_000_000,
        recovering=recovering,
    )
