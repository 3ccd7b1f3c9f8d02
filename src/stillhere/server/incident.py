"""The incidents of a service, kept beside core and vault: they can be told before either is back.

They lie in the operator's state folder, or where they say, with what else is told of the service:
its name, where its page is, what its core was, what a survey found, how far a recovery is, and
the key that signs.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from stillhere.config import state_folder
from stillhere.durable import make_folder, sync_folder
from stillhere.errors import BadInput
from stillhere.status.bulletin import Bulletin, Known, counted
from stillhere.status.incident import Facts, Incident, Update, close, promise, tell
from stillhere.status.outlook import Outlook
from stillhere.status.progress import Progress

FOLDER = "told"
INCIDENTS, PROGRESS, KNOWN, SURVEY, PAGE, KEY, LOCK = (
    "incidents.json",
    "progress.json",
    "core.json",
    "survey.json",
    "page.json",
    "key.pem",
    "lock",
)
MOST_INCIDENTS = 50
Kept = TypeVar("Kept")


class Page(msgspec.Struct, frozen=True):
    """What the page is called, and where people find it ("": not said)."""

    name: str = "Stillhere"
    url: str = ""


class Desk:
    """The folder of everything that is told. Each file is replaced whole, and is durable then."""

    def __init__(self, state: Path | None = None) -> None:
        self.folder = (state if state is not None else state_folder()) / FOLDER

    def bulletin(self, now: int, next_at: int | None = None) -> Bulletin:
        """Everything that is known, as it is told at `now`. Raises BadInput."""
        page = self.page()
        return Bulletin(
            name=page.name,
            url=page.url,
            key=self.key().public_key().public_bytes_raw().hex(),
            told_at=now,
            next_at=next_at,
            known=self._read(KNOWN, Known),
            incidents=tuple(self.incidents()),
            progress=self._read(PROGRESS, Progress),
            survey=self._read(SURVEY, Outlook),
        )

    def incidents(self) -> list[Incident]:
        """Every incident, the newest last. Raises BadInput for a file that is none of ours."""
        return self._read(INCIDENTS, list[Incident]) or []

    def page(self) -> Page:
        """What the page is called. Raises BadInput."""
        return self._read(PAGE, Page) or Page()

    def rename(self, name: str | None, url: str | None) -> None:
        """Keep what the page is called, and where it is (None: as before). Raises BadInput."""
        kept = self.page()
        if url is not None:
            url = url.rstrip("/") + "/"
            if not url.startswith(("https://", "http://")) or not url.isprintable():
                raise BadInput(
                    f"{url!r} is no address of a page",
                    safe="nothing was changed",
                    hint="for example https://status.example.org/",
                )
        wanted = Page(kept.name if name is None else name, kept.url if url is None else url)
        if wanted != kept:
            self._write(PAGE, wanted)

    def progress(self) -> Progress | None:
        """How far the newest recovery is, or was. Raises BadInput."""
        return self._read(PROGRESS, Progress)

    def keep_progress(self, progress: Progress) -> None:
        """Keep how far a recovery is. Raises BadInput."""
        self._write(PROGRESS, progress)

    def known(self) -> Known | None:
        """What a core said of itself when it was asked last. Raises BadInput."""
        return self._read(KNOWN, Known)

    def keep_known(self, known: Known) -> None:
        """Keep what a core said of itself. Raises BadInput."""
        self._write(KNOWN, known)

    def keep_survey(self, survey: Outlook) -> None:
        """Keep what a survey found. Raises BadInput."""
        self._write(SURVEY, survey)

    def key(self) -> Ed25519PrivateKey:
        """The key that signs what is told, made when it is first needed. Raises BadInput."""
        with self._locked():
            path = self.folder / KEY
            try:
                key = load_pem_private_key(path.read_bytes(), None)
            except FileNotFoundError:
                made = Ed25519PrivateKey.generate()
                pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
                self._replace(KEY, pem)
                return made
            except (OSError, ValueError) as error:
                raise _unfit(path, f"cannot be read: {error}") from error
            if not isinstance(key, Ed25519PrivateKey):
                raise _unfit(path, "is no Ed25519 key")
            return key

    def open(self, incident: Incident, text: str, due_at: int | None) -> Incident:
        """Begin to tell of an incident. Raises BadInput while another one is open."""
        with self._locked():
            kept = self.incidents()
            if kept and kept[-1].closed_at is None:
                raise BadInput(
                    f'the incident "{kept[-1].title}" is open',
                    safe="nothing was changed",
                    hint="stillhere incident update tells more of it, incident close ends it",
                )
            update = Update(incident.opened_at, text or incident.title)
            opened = tell(incident, update, due_at=due_at)
            self._keep([*kept, opened][-MOST_INCIDENTS:])
            return opened

    def update(self, at: int, text: str, facts: Facts, due_at: int | None) -> Incident:
        """Tell more of the open incident, with the figures that are known now. Raises BadInput."""
        with self._changing() as kept:
            figures = counted(self._bulletin_of(kept, at))
            kept[-1] = tell(kept[-1], Update(at, text, figures), facts, due_at)
        return kept[-1]

    def promise(self, at: int, due_at: int) -> Incident:
        """Promise an update of the open incident. Raises BadInput."""
        with self._changing() as kept:
            kept[-1] = promise(kept[-1], at, due_at)
        return kept[-1]

    def close(self, at: int, text: str) -> Incident:
        """End the open incident. Raises BadInput."""
        with self._changing() as kept:
            figures = counted(self._bulletin_of(kept, at))
            kept[-1] = close(kept[-1], Update(at, text, figures))
        return kept[-1]

    def _bulletin_of(self, kept: list[Incident], at: int) -> Bulletin:
        known, progress = self.known(), self.progress()
        return Bulletin("", "", "", at, None, known, tuple(kept), progress)

    @contextmanager
    def _changing(self) -> Iterator[list[Incident]]:
        """The incidents, the last of them open, kept as they are afterwards."""
        with self._locked():
            kept = self.incidents()
            if not kept or kept[-1].closed_at is not None:
                raise BadInput(
                    "no incident is open",
                    safe="nothing was changed",
                    hint="stillhere incident open TITLE begins one",
                )
            yield kept
            self._keep(kept)

    def _keep(self, incidents: list[Incident]) -> None:
        self._write(INCIDENTS, incidents)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Be the only process that changes what lies here. Raises BadInput."""
        try:
            make_folder(self.folder, 0o700)
            lock = open(self.folder / LOCK, "ab")  # noqa: SIM115 (closed below)
        except OSError as error:
            raise _unfit(self.folder, f"cannot be written: {error.strerror or error}") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _read(self, name: str, form: type[Kept]) -> Kept | None:
        path = self.folder / name
        try:
            return msgspec.json.decode(path.read_bytes(), type=form)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise _unfit(path, f"cannot be read: {error}") from error

    def _write(self, name: str, value: object) -> None:
        try:
            make_folder(self.folder, 0o700)
            self._replace(name, msgspec.json.encode(value))
        except OSError as error:
            path = self.folder / name
            raise _unfit(path, f"cannot be written: {error.strerror or error}") from error

    def _replace(self, name: str, data: bytes) -> None:
        draft = self.folder / f".{name}.{os.getpid()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.folder / name)
        sync_folder(self.folder)


def new_incident(title: str, at: int, began_at: int | None, facts: Facts) -> Incident:
    """An incident that nobody was told of yet."""
    return Incident(
        id=secrets.token_hex(8),
        title=title,
        began_at=at if began_at is None else began_at,
        opened_at=at,
        cause=facts.cause or "",
        affected=facts.affected or (),
        unaffected=facts.unaffected or (),
    )


def _unfit(path: Path, why: str) -> BadInput:
    return BadInput(
        f"{path} {why}",
        safe="nothing was changed",
        hint="--state names another folder for what is told",
    )
