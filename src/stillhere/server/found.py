"""Founding: a core, its vault, and the settings that tie them together."""

from dataclasses import dataclass
from pathlib import Path

from stillhere import config
from stillhere.replication.found import found as found_core
from stillhere.server.core import same_disk
from stillhere.vault.backends.place import absolute
from stillhere.vault.kit import Kit


@dataclass(frozen=True)
class Founded:
    """What was made. The kit is kept nowhere: whoever called writes it down."""

    vault: str
    kit: Kit
    same_disk: bool


def found(home: Path, vault: str, listen: str | None) -> Founded:
    """Makes a vault in `vault`, a folder or a bucket, and a core in `home`; both empty or absent.

    Raises BadInput, NotAVault, or Unavailable when the vault's place cannot be written.
    """
    settings = config.Settings(vault=absolute(vault))
    if listen is not None:
        config.split_listen(listen)
        settings = config.Settings(vault=settings.vault, listen=listen)
    kit = found_core(home, settings.vault)
    config.save(home, settings)
    return Founded(settings.vault, kit, same_disk(home, settings.vault))
