"""The vault that is fuzzed: small, two epochs old, kept in ``vault.zip`` with all of its keys.

``python -m tests.fuzz.vault`` makes it anew; the corpus of ``objects`` is made for one vault.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.rooms import Service, delete, make_service, put, quick_folder

from stillhere.replication.compact import compact
from stillhere.replication.rollup import roll_up
from stillhere.replication.start import Working
from stillhere.store import NewAccount
from stillhere.vault.backends import Exists, Missing
from stillhere.vault.kit import Kit, read_kit
from stillhere.vault.signing import ROOT, Signer

FILE = Path(__file__).parent / "vault.zip"
PEOPLE = ("ana", "ben")


@dataclass
class Memory:
    """A backend that keeps objects in memory."""

    objects: dict[str, bytes]
    place: str = "memory"

    def create(self, name: str, data: bytes) -> None:
        if name in self.objects:
            raise Exists(name)
        self.objects[name] = data

    def read(self, name: str) -> bytes:
        try:
            return self.objects[name]
        except KeyError:
            raise Missing(name) from None

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        if offset < 0 or length < 0:
            raise ValueError("a place that no file has")
        return self.read(name)[offset : offset + length]

    def size(self, name: str) -> int:
        return len(self.read(name))

    def names(self, folder: str) -> list[str]:
        start = f"{folder}/" if folder else ""
        inside = (name[len(start) :] for name in self.objects if name.startswith(start))
        return sorted({name.partition("/")[0] for name in inside})

    def delete(self, name: str) -> None:
        self.objects.pop(name, None)


@dataclass(frozen=True)
class Keys:
    """Everything that signs and opens in the vault."""

    kit: Kit
    signers: dict[int, Signer] = field(repr=False)


def load_vault() -> tuple[dict[str, bytes], Keys]:
    """The vault's objects, and its keys."""
    with zipfile.ZipFile(FILE) as file:
        kept = {name: file.read(name) for name in file.namelist()}
    kit = read_kit(kept.pop("kit.txt").decode())
    signers = {ROOT: Signer(kit.vault, ROOT, kit.root)}
    for epoch in (1, 2):
        key = Ed25519PrivateKey.from_private_bytes(kept.pop(f"signing-{epoch}"))
        signers[epoch] = Signer(kit.vault, epoch, key)
    return kept, Keys(kit, signers)


def make(folder: Path) -> None:
    """Lives through two epochs: bases, a delta, history, roll-ups, segments, seals."""
    service = make_service(folder)
    kept = {"kit.txt": service.kit.text().encode()}
    with service.at_work() as working:
        people = [NewAccount(name, None, "phone") for name in PEOPLE]
        accounts = [made.account for made in working.store.accounts.create_many(people)]
        _write(working, accounts, "a")
        compact(working)
        _write(working, accounts, "b")
        compact(working)
        _write(working, accounts, "c")
        kept["signing-1"] = working.identity.signing_key
    with service.recovered() as working:
        _write(working, accounts, "d")
        _roll_up(working)
        put(working, accounts[0], "last.vcf", uid="last")
        kept["signing-2"] = working.identity.signing_key
    _pack(service, kept)


def _write(working: Working, accounts: list[bytes], label: str) -> None:
    for account in accounts:
        put(working, account, f"{label}.vcf", f"the body of {label}", uid=label)
        put(working, account, "again.vcf", f"revised in {label}", uid="again")
        put(working, account, "gone.vcf", uid="gone")
        delete(working, account, "gone.vcf")


def _roll_up(working: Working) -> None:
    journal = working.journal
    assert journal.writer is not None
    key, epoch = working.identity.journal_key, working.identity.epoch
    roll_up(working.vault, key, epoch, journal.writer, after=0, upto=journal.written, least=2)


def _pack(service: Service, kept: dict[str, bytes]) -> None:
    kept |= {name: (service.place / name).read_bytes() for name in service.objects()}
    with zipfile.ZipFile(FILE, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in sorted(kept.items()):
            file.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    with quick_folder() as folder:
        make(folder)
