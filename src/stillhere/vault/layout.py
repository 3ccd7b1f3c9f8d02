"""The names of a vault's objects. docs/format.md describes what is in each."""

from __future__ import annotations

import re
from collections.abc import Iterable

FORMAT = "format.json"
SERVICE_KEYS = ("keys/service", "keys/service.twin")
JOURNAL = "journal"  # the folder of all journals
ROOT_FOLDER = "manifest/root"
ERASURES = "erasures"
KIND_BYTES = 12  # a kind's name in binary headers, padded with NULs

_NUMBER = re.compile("[0-9]{1,12}")


def numbers_of(names: Iterable[str]) -> list[int]:
    """The numbers among these names; a name that is none was not given here."""
    return [int(name) for name in names if _NUMBER.fullmatch(name)]


def bucket_of(account: bytes, bits: int) -> int:
    """The bucket of an account: the leading bits of its id."""
    return int.from_bytes(account[:4], "big") >> (32 - bits) if bits else 0


def pad_kind(kind: str) -> bytes:
    """A kind's name for a binary header."""
    return kind.encode("ascii").ljust(KIND_BYTES, b"\0")


def unpad_kind(padded: bytes) -> str:
    """The kind's name in a binary header."""
    return padded.rstrip(b"\0").decode("ascii", "replace")


def epoch_name(epoch: int) -> str:
    """The object that begins an epoch."""
    return f"epochs/{epoch:06d}/epoch"


def writers_folder(epoch: int) -> str:
    """Where the writers of an epoch register."""
    return f"epochs/{epoch:06d}/writers"


def writer_name(epoch: int, writer: int) -> str:
    """A writer's slot."""
    return f"epochs/{epoch:06d}/writers/{writer:06d}"


def sets_folder(epoch: int) -> str:
    """Where an epoch records which places hold the vault."""
    return f"epochs/{epoch:06d}/sets"


def set_name(epoch: int, number: int) -> str:
    """One such record; the one with the greatest number holds."""
    return f"{sets_folder(epoch)}/{number:06d}"


def journal_epoch(epoch: int) -> str:
    """Where the writers of an epoch have their journals."""
    return f"{JOURNAL}/{epoch:06d}"


def journal_folder(epoch: int, writer: int) -> str:
    """Where a writer's segments and roll-ups lie."""
    return f"{journal_epoch(epoch)}/{writer:06d}"


def segment_name(epoch: int, writer: int, number: int) -> str:
    """A segment's slot."""
    return f"{journal_folder(epoch, writer)}/{number:012d}.seg"


def roll_name(epoch: int, writer: int, first: int, last: int) -> str:
    """A roll-up of the segments ``first`` to ``last``."""
    return f"{journal_folder(epoch, writer)}/{first:012d}-{last:012d}.roll"


def pack_name(kind: str, bucket: int, seqs: str, identity: str) -> str:
    """A pack of a bucket's chunks."""
    return f"ledger/{kind}/{bucket:04x}-{seqs}-{identity}.pack"


def manifest_folder(kind: str, bucket: int | None = None) -> str:
    """Where the manifests of a kind are, in a folder for each bucket, or where one bucket's are."""
    return f"manifest/{kind}" if bucket is None else f"manifest/{kind}/{bucket:04x}"


def manifest_name(kind: str, bucket: int, number: int) -> str:
    """A bucket's manifest; its twin has the suffix of ``twin``."""
    return f"{manifest_folder(kind, bucket)}/{number:08d}"


def root_name(number: int) -> str:
    """The manifest of manifests, whose creation commits a compaction."""
    return f"{ROOT_FOLDER}/{number:08d}"


def twin(name: str) -> str:
    """The second copy of an object that is kept twice."""
    return f"{name}.twin"


def login_name(digest: bytes) -> str:
    """Where a log-in name's account is found, by the name's keyed digest."""
    return f"names/{digest[0]:02x}/{digest.hex()}"


def wrap_name(identity: bytes) -> str:
    """A wrapping key, sealed for the kit; its twin has the suffix of ``twin``."""
    return f"wraps/{identity.hex()}"


def erasure_name(account: bytes) -> str:
    """The statement that an account is erased; its twin has the suffix of ``twin``."""
    return f"{ERASURES}/{account[0]:02x}/{account.hex()}"


def key_name(account: bytes) -> str:
    """An account's data key, under a wrapping key; its twin has the suffix of ``twin``."""
    return f"keys/{account[0]:02x}/{account.hex()}"
