"""What a core can prove of its vault's objects with its own keys."""

from __future__ import annotations

from stillhere.store.core import Core, Identity
from stillhere.vault.backends.copies import Copies
from stillhere.vault.opened import Vault
from stillhere.vault.proof import Proof


def proof_of(core: Core, identity: Identity, vault: Vault) -> Proof:
    """The proof of a vault's objects by a core's keys."""
    return Proof(vault, identity.names_key, identity.journal_keys, core.data_keys.get)


def prove_by_core(core: Core, identity: Identity, vault: Vault) -> None:
    """From now on what one copy of the vault hands on to another is proven by the core's keys."""
    if isinstance(vault.backend, Copies):
        vault.backend.proof = proof_of(core, identity, vault)
