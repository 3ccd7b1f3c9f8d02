"""What a simulated phone has of one collection: a local copy that behaves as real ones do.

What real phones do with a server's answers was found by running them. This one follows DAVx5,
the strictest of them in both directions:

* it deletes locally whatever a full listing lacks or a delta reports as deleted, and everything
  when the collection itself is not there any more;
* it overwrites its copy with whatever has a new ETag;
* on 412 it throws its own edit away and takes the server's item;
* on a refused sync token it lists everything anew;
* on 503, a refused log-in or no answer at all it keeps what it has, and asks again later.
"""

from dataclasses import dataclass, field
from enum import Enum

from stillhere.demo.dav import (
    Client,
    ClosedError,
    ConflictError,
    Delta,
    GoneError,
    OddAnswerError,
    TokenRefusedError,
)
from stillhere.demo.ledger import Ledger
from stillhere.demo.wire import UnreachableError


class Outcome(Enum):
    """How an attempt to sync ended."""

    DONE = "done"
    CLOSED = "closed"
    """503: the server said when to ask again."""
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    """Any other error; a real phone would tell its owner."""


@dataclass(slots=True)
class Local:
    """An item on the phone; `etag` is empty until the server has it."""

    body: bytes
    etag: str = ""
    dirty: bool = False
    """Changed here, not yet acknowledged."""


@dataclass
class Harm:
    """What a phone noticed of a collection: all zero when the server did right by it."""

    deletions: int = 0
    """Items it deleted although its owner did not ask for that."""
    overwrites: int = 0
    """Items it replaced by others, although only this phone edits them."""
    discarded: int = 0
    """Edits it threw away after a 412."""
    resyncs: int = 0
    """Times it had to list everything anew."""
    downloads: int = 0
    """Items it fetched after it had the collection once."""
    refusals: int = 0
    """Answers that were neither success nor 'ask again later'."""


@dataclass
class Collection:
    """One collection on a phone. Not for several threads at a time."""

    client: Client
    ledger: Ledger
    items: dict[str, Local] = field(default_factory=dict)
    harm: Harm = field(default_factory=Harm)
    path: str = ""
    token: str = ""
    retry_after: float = 0.0
    """What the last 503 asked for, in seconds."""
    trouble: str = ""
    """What the last refusal was."""
    _deleted: dict[str, str] = field(default_factory=dict)  # by the owner, not yet sent: ETags

    def edit(self, href: str, body: bytes) -> None:
        """Add or change an item, as its owner does by hand; works without a server."""
        local = self.items.get(href)
        etag = local.etag if local else self._deleted.pop(href, "")
        self.items[href] = Local(body, etag, dirty=True)

    def remove(self, href: str) -> None:
        """Delete an item, as its owner does by hand; works without a server."""
        local = self.items.pop(href, None)
        if local and (local.etag or href in self.ledger.open):
            self._deleted[href] = local.etag

    def sync(self) -> Outcome:
        """Send local changes, then take the server's; keep everything when that fails."""
        try:
            if not self.path:
                self.path = self.client.discover()
            self._upload()
            self._download()
        except UnreachableError:
            return Outcome.UNREACHABLE
        except ClosedError as closed:
            self.retry_after = closed.retry_after
            return Outcome.CLOSED
        except GoneError:
            return self._lose_all()
        except (OddAnswerError, TokenRefusedError, ConflictError) as error:
            return self._refused(error)
        return Outcome.DONE

    def pending(self) -> int:
        """Return how many local changes no server has acknowledged."""
        return len(self._deleted) + sum(local.dirty for local in self.items.values())

    def _upload(self) -> None:
        for href, etag in list(self._deleted.items()):
            self._send_deletion(href, etag)
        for href, local in list(self.items.items()):
            if local.dirty:
                self._send_item(href, local)

    def _send_deletion(self, href: str, etag: str) -> None:
        self.ledger.send(href, None)
        try:
            self.client.delete(self.path, href, etag)
        except ConflictError:
            self.ledger.refuse(href)
            self.harm.discarded += 1
        except GoneError:  # nothing there: an earlier try got through
            self.ledger.acknowledge(href, None)
        else:
            self.ledger.acknowledge(href, None)
        self._deleted.pop(href, None)

    def _send_item(self, href: str, local: Local) -> None:
        self.ledger.send(href, local.body)
        try:
            etag = self.client.put(self.path, href, local.body, local.etag)
        except ConflictError:
            self.ledger.refuse(href)
            self.harm.discarded += 1
            local.etag = ""  # so that the server's item is fetched over it
        else:
            self.ledger.acknowledge(href, local.body)
            local.etag = etag
        local.dirty = False

    def _download(self) -> None:
        first = anew = not self.token
        try:
            delta = self.client.changes(self.path, self.token)
        except TokenRefusedError:
            if anew:
                raise
            delta, anew = self.client.changes(self.path, ""), True
            self.harm.resyncs += 1
        wanted = [href for href, etag in delta.etags.items() if self._differs(href, etag)]
        for href, etag, body in self.client.fetch(self.path, wanted):
            self._take(href, etag, body, counted=not first)
        self._drop(delta, anew)
        self.token = delta.token

    def _differs(self, href: str, etag: str) -> bool:
        local = self.items.get(href)
        return href not in self._deleted and (local is None or local.etag != etag)

    def _take(self, href: str, etag: str, body: bytes, *, counted: bool) -> None:
        """Put the server's item over the local one."""
        body = body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")  # XML may have changed them
        local = self.items.get(href)
        if counted:
            self.harm.downloads += 1
            self.harm.overwrites += local is not None and local.body != body
        self.items[href] = Local(body, etag)

    def _drop(self, delta: Delta, anew: bool) -> None:
        """Delete what the server says, or by its listing implies, is gone."""
        gone = [href for href in self.items if href not in delta.etags] if anew else delta.deleted
        for href in gone:
            if self.items.pop(href, None) is not None:
                self.harm.deletions += 1

    def _lose_all(self) -> Outcome:
        """Do as phones do when the collection itself is not there: delete their copy of it."""
        self.harm.deletions += len(self.items)
        self.items.clear()
        self._deleted.clear()
        self.path = self.token = ""
        self.trouble = "the collection is not there"
        self.harm.refusals += 1
        return Outcome.REFUSED

    def _refused(self, error: Exception) -> Outcome:
        self.trouble = str(error) or type(error).__name__
        self.harm.refusals += 1
        return Outcome.REFUSED
