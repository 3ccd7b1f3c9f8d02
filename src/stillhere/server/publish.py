"""A bulletin as files in a folder that any web server can hand out, or in a bucket: it shares no
fate with a core.

Each file is replaced whole. Those that belong together name the same time, and `figures.json`
names the SHA-256 of every other; its signature is written last, so a reader who meets an edition
half way sees that it is not proven, and asks again.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from stillhere.durable import make_folder, sync_folder
from stillhere.errors import BadInput
from stillhere.server.incident import Desk
from stillhere.status import feed, page
from stillhere.status.bulletin import Bulletin, figures
from stillhere.status.summary import summary
from stillhere.vault.backends.place import Place, is_remote

FIGURES, SIGNATURE, SUMMARY = "figures.json", "figures.json.sig", "summary.json"
MARK = b'"stillhere":'


def now() -> int:
    """The time, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def publish_from(desk: Desk, place: Place | None, next_at: int | None = None) -> None:
    """Publish what a desk knows now, if a place was named; the next edition is due at `next_at`
    (None: when somebody asks for one). Raises BadInput."""
    if place is not None:
        publish(desk.bulletin(now(), next_at), desk.key(), place)


def publish(bulletin: Bulletin, key: Ed25519PrivateKey, place: Place) -> None:
    """Replace what is in a folder, or below a bucket's prefix, by this edition.

    Raises BadInput for a place that cannot be written, or has a page of somebody else."""
    files = render(bulletin, key)
    if is_remote(place):
        from stillhere.server.bucket import put_page  # what it needs is not for a folder

        put_page(str(place), files, (SUMMARY, MARK))
    else:
        _write(Path(place), files)


def render(bulletin: Bulletin, key: Ed25519PrivateKey) -> dict[str, bytes]:
    """Every file of an edition, in the order to write them: the signature comes last."""
    files = {
        "key.pem": key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "feed.atom": feed.render(bulletin).encode(),
        SUMMARY: canonical(summary(bulletin)),
        "index.html": page.render(bulletin).encode(),
    }
    digests = {name: sha256(data).hexdigest() for name, data in files.items()}
    files[FIGURES] = canonical(figures(bulletin) | {"files": digests})
    files[SIGNATURE] = key.sign(files[FIGURES])
    return files


def canonical(data: dict[str, Any]) -> bytes:
    """JSON that is written in one way only: keys in order, nothing between them, ASCII."""
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode("ascii")


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    try:
        make_folder(folder)
        with _alone_in(folder):
            _check_ours(folder)
            for name, data in files.items():
                _replace(folder, name, data)
        sync_folder(folder)
    except OSError as error:
        raise BadInput(
            f"the page can't be written to {folder}: {error.strerror or error}",
            safe="the page that was there before may be there still",
            hint="name another folder",
        ) from error


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """One edition after the other: a recovery and a command may publish into one folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _check_ours(folder: Path) -> None:
    """Raises BadInput where a page of somebody else would be overwritten."""
    if not (folder / "index.html").exists():
        return
    with suppress(OSError):
        if MARK in (folder / SUMMARY).read_bytes():
            return
    raise BadInput(
        f"{folder} has an index.html that is none of ours",
        safe="nothing was changed",
        hint="name a folder of its own for the page",
    )


def _replace(folder: Path, name: str, data: bytes) -> None:
    draft = folder / f".{name}.{os.getpid()}.new"
    try:
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(0o644)
        draft.replace(folder / name)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
