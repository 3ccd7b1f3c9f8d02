"""A vault in a bucket: an object per object, created with ``If-None-Match: *``.

Reads are tried again; a create is sent once, since one that is sent again may meet itself. What
became of a create that nobody answered is for its caller to find out, by reading.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from stillhere.errors import NotAVault
from stillhere.vault.backends import BackendError, Exists, Missing
from stillhere.vault.backends.access import Access, read_access, read_address
from stillhere.vault.backends.probe import PROBES, probe
from stillhere.vault.backends.versions import Refused, locks_objects, remove_versions
from stillhere.vault.layout import FORMAT, twin

CONNECT = "5s"
SILENT = "20s"  # how long a store may say nothing
LARGE_BYTES = 4 << 20
LONG = "600s"  # how long a large object may take
IDLE = "10s"  # connections are closed before the store does it
READS = 3  # further tries of what changes nothing
BUSY = 3  # further tries of a create that the store put off
BUSY_S = 0.1
RACERS = 4
UNLOCKED = ("keys", "names", PROBES)  # what an erasure removes, and what is nothing
DAY_S = 86_400
MOST_STORES = 4

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,64})</Code>")
_KIND = re.compile(r"kind: (Connect|Timeout)\b")
_KINDS = {"Connect": "nobody answers there", "Timeout": "no answer in time"}
_PUT_OFF = ("SlowDown", "ConditionalRequestConflict")  # says that it did not do it

_Answer = TypeVar("_Answer")


class S3:
    """Objects below a prefix of a bucket, in a store that honours create-only writes.

    Before the first create of a process the store has to show that it does.
    With ``lock-days`` in its address, what is created can't be deleted for so many days, but for
    keys and names: what an erasure removes is gone, in every version that the bucket keeps.
    """

    def __init__(self, place: str, *, create: bool = False) -> None:
        """``create`` lets a vault begin here; else nothing is ever made where there is none.

        Raises BadInput."""
        self._access = access = read_access(place)
        self._create = create
        self.place = str(read_address(place))
        self._reads = client(access, LONG, tries=READS)
        self._deletes = client(access, SILENT)
        self._writes: dict[tuple[int, bool], S3Store] = {}
        self._ready = self._proven = False
        self._proving = threading.Lock()

    def prove(self) -> None:
        """Prove once that of two creates of a name only one succeeds (of several at the same
        time too, where a vault is to begin), and that what is to be locked can be.

        Raises NotAVault, BackendError."""
        with self._proving:
            if self._proven:
                return
            if self._access.lock_days and not self._ask(lambda: locks_objects(self._access)):
                raise NotAVault(
                    f"the bucket of {self.place} has no object lock",
                    safe="nothing was kept there",
                    hint="make a bucket with object lock, or leave ?lock-days out",
                )
            probe(self, RACERS if self._create else 0)  # the race may take a store seconds
            self._proven = True

    def create(self, name: str, data: bytes) -> None:
        """Keep an object durably. Raises Exists, BackendError."""
        if not self._ready and not name.startswith(f"{PROBES}/"):
            self._make_ready()
        store = self._store_for(name, len(data))
        failure = _put(store, name, data)
        for attempt in range(BUSY):
            if failure is None:
                return
            if _said(failure) not in _PUT_OFF:
                break
            time.sleep(BUSY_S * 2**attempt)
            failure = _put(store, name, data)
        if failure is None:
            return
        if isinstance(failure, AlreadyExistsError) and self._is_there(name):
            raise Exists(f"{self.place}/{name}") from None
        raise self._failure("write", name, failure) from None

    def read(self, name: str) -> bytes:
        """A whole object. Raises Missing, BackendError."""
        with self._reading(name):
            return obstore.get(self._reads, name).bytes().to_bytes()

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """``length`` bytes of an object from ``offset``, fewer at its end."""
        if not length:
            self.size(name)  # a range of nothing can't be asked for
            return b""
        with self._reading(name):
            try:
                found = obstore.get_range(self._reads, name, start=offset, length=length)
            except BaseError as error:
                if _said(error) == "InvalidRange" or _status(error) == "416":
                    return b""
                raise
            return found.to_bytes()

    def size(self, name: str) -> int:
        """How many bytes an object has. Raises Missing, BackendError."""
        with self._reading(name):
            return obstore.head(self._reads, name)["size"]

    def names(self, folder: str) -> list[str]:
        """The names right below a folder, objects and folders, sorted; [] where it is none."""
        try:
            listed = obstore.list_with_delimiter(self._reads, folder or None)
        except (BaseError, OSError) as error:
            raise self._failure("list", folder, error) from None
        paths = [*listed["common_prefixes"], *(entry["path"] for entry in listed["objects"])]
        below = len(folder) + 1 if folder else 0
        found = {path[below:] for path in paths}
        if not found:
            self._check_there()
        return sorted(name for name in found if name and not name.startswith("."))

    def delete(self, name: str, *, durable: bool = False) -> None:
        """Remove an object; one that is not there is no error. A ``durable`` removal takes
        every version of it that the bucket keeps."""
        if not (durable and self._ask(lambda: remove_versions(self._access, name))):
            try:
                with suppress(FileNotFoundError):
                    obstore.delete(self._deletes, name)
            except (BaseError, OSError) as error:
                raise self._failure("delete", name, error) from None
        if durable and self._is_there(name):
            raise BackendError(
                f"{self.place}/{name} was deleted, and is there still",
                safe="what was acknowledged before is in the vault",
                hint="does the bucket keep what is deleted, or lock it?",
            )

    def _make_ready(self) -> None:
        """What has to be true before this process makes its first object here."""
        self._check_there()
        try:
            self.prove()
        except NotAVault as error:
            raise BackendError(error.what, safe=error.safe, hint=error.hint) from None
        self._ready = True

    def _check_there(self) -> None:
        """Nothing is known of what is missing while the vault itself is not there."""
        if not self._create and not any(self._is_there(name) for name in (FORMAT, twin(FORMAT))):
            raise BackendError(
                f"the vault is not in {self.place}",
                safe="what was acknowledged before is in the vault",
                hint=f"are bucket and folder right, and is {self._access.endpoint} their store?",
            )

    def _is_there(self, name: str) -> bool:
        try:
            obstore.head(self._reads, name)
        except FileNotFoundError:
            return False
        except (BaseError, OSError) as error:
            raise self._failure("read", name, error) from None
        return True

    def _store_for(self, name: str, size: int) -> S3Store:
        """What an object is created with: how long it may take, and until when it is locked."""
        locked = self._access.lock_days and name.partition("/")[0] not in UNLOCKED
        until = int(time.time()) // DAY_S + 1 + self._access.lock_days if locked else 0
        wanted = until, size > LARGE_BYTES
        if wanted not in self._writes:
            if len(self._writes) > MOST_STORES:  # those of past days
                self._writes.clear()
            wait = LONG if size > LARGE_BYTES else SILENT
            self._writes[wanted] = client(self._access, wait, until=until)
        return self._writes[wanted]

    @contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            if not name.startswith(FORMAT):
                self._check_there()
            raise Missing(f"{self.place}/{name}") from None
        except (BaseError, OSError) as error:
            raise self._failure("read", name, error) from None

    def _ask(self, ask: Callable[[], _Answer]) -> _Answer:
        try:
            return ask()
        except Refused as error:
            raise BackendError(
                f"the store of {self.place} does not tell or remove versions: {error}",
                safe="what was acknowledged before is in the vault",
                hint="may these keys list and delete versions in the bucket"
                " (s3:ListBucketVersions, s3:DeleteObjectVersion)?",
            ) from None

    def _failure(self, verb: str, name: str, error: Exception) -> BackendError:
        """What a store did not do, in words that hold no key, and nothing else that it said."""
        refused = _status(error) in ("401", "403")
        hint = (
            f"are {self._access.keys} right, and may they do this there?"
            if refused
            else f"look at the store at {self._access.endpoint}: does it answer, and has it room?"
        )
        return BackendError(
            f"the vault can't {verb} {self.place}/{name}: {why(error)}",
            safe="what was acknowledged before is in the vault",
            hint=hint,
        )


def _put(store: S3Store, name: str, data: bytes) -> Exception | None:
    """Create an object, and return why not."""
    try:
        obstore.put(store, name, data, mode="create", use_multipart=False)
    except (BaseError, OSError) as error:
        return error
    return None


def client(access: Access, wait: str, *, tries: int = 0, until: int = 0) -> S3Store:
    """A client of the bucket; with ``until``, a day since 1970, what it creates is locked."""
    headers = {}
    if until:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until * DAY_S))
        headers["x-amz-object-lock-mode"] = "COMPLIANCE"
        headers["x-amz-object-lock-retain-until-date"] = moment
    return S3Store(
        access.bucket,
        prefix=access.prefix or None,
        config={
            "endpoint": access.endpoint,
            "region": access.region,
            "access_key_id": access.key_id,
            "secret_access_key": access.secret,
            **({"session_token": access.token} if access.token else {}),
            "conditional_put": "etag",
            "disable_bulk_delete": True,
            "skip_signature": False,
            "virtual_hosted_style_request": False,
        },
        client_options={
            "allow_http": access.endpoint.startswith("http:"),
            "connect_timeout": CONNECT,
            "read_timeout": wait if not tries else SILENT,
            "timeout": wait,
            "pool_idle_timeout": IDLE,
            "default_headers": headers,
        },
        retry_config={
            "max_retries": tries,
            "retry_timeout": timedelta(seconds=10),
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=1),
            },
        },
    )


def why(error: Exception) -> str:
    """Why a store did not do something, in words that hold no key, and nothing else it said."""
    kind = _KIND.search(str(error))
    told = f"{_status(error)} {_said(error)}".strip()
    return told or (_KINDS[kind[1]] if kind else "it broke off")


def _status(error: Exception) -> str:
    found = _STATUS.search(str(error))
    return found[1] if found else ""


def _said(error: Exception) -> str:
    found = _CODE.search(str(error))
    return found[1] if found else ""
