"""Founding: a core, its vault, and the settings that tie them together."""

from dataclasses import dataclass
from pathlib import Path

from stillhere import config
from stillhere.replication.found import found as found_core
from stillhere.server.core import same_disk
from stillhere.vault.kit import Kit


@dataclass(frozen=True)
class Founded:
    """What was made. The kit is kept nowhere: whoever called writes it down."""

    vault: str
    kit: Kit
    same_disk: bool


def found(home: Path, vault: Path, listen: str | None) -> Founded:
    """Makes a vault in `vault` and a core in `home`, both empty or absent before.

    Raises BadInput, NotAVault, or Unavailable when the vault's place cannot be written.
    """
    settings = config.Settings(vault=str(vault.absolute()))
    if listen is not None:
        config.split_listen(listen)
        settings = config.Settings(vault=settings.vault, listen=listen)
    kit = found_core(home, vault)
    config.save(home, settings)
    return Founded(settings.vault, kit, same_disk(home, vault))
