"""Tells everybody how far a recovery is while it runs: page, feed and JSON, in a thread beside it.

What is told may fail, by a full disk or a folder that is gone; the recovery goes on, the rest is
told all the same, and the operator hears of each failure once.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stillhere.errors import StillhereError
from stillhere.recovery.recovery import Recovery
from stillhere.server.announce import Announce
from stillhere.vault.backends.place import Place

if TYPE_CHECKING:
    from stillhere.status.progress import Progress, Sample

EVERY_S = 1.0
WATCHING_S = 60.0  # when everything is back, and records may still heal
SHARE = 10  # of the time goes to what is told, at most: one part in so many


@dataclass(frozen=True)
class Told:
    """Where everybody is told: the page's folder or bucket, and the state folder (None: the usual
    one)."""

    place: Place
    state: Path | None = None


class Teller:
    """Hears what happens in a recovery, passes it on, and tells it to everybody.

    Without a place to tell it, it only passes on. Raises BadInput for one that cannot be
    written, when it is made: before anything is sealed.
    """

    def __init__(self, told: Told | None, announce: Announce) -> None:
        self._told = told
        self._announce = announce
        self._heard: list[tuple[int, str, str]] = []
        self._wake = threading.Event()
        self._refused: set[str] = set()
        self._began_at = time.time_ns() // 1_000_000
        if told is not None:
            from stillhere.server.incident import Desk
            from stillhere.server.publish import publish_from

            self._desk = Desk(told.state)
            publish_from(self._desk, told.place)

    def __call__(self, event: str, **facts: object) -> None:
        """Something happened in the recovery."""
        self._announce(event, **facts)
        if event in ("mirrored", "stage", "whole"):
            at = time.time_ns() // 1_000_000
            self._heard.append((at, event, str(facts.get("kind", ""))))
            self._wake.set()

    def refuse(self, error: StillhereError) -> None:
        """Why something is not done."""
        self._announce.refuse(error)

    @contextmanager
    def beside(self, recovery: Recovery) -> Iterator[None]:
        """Tells how far a recovery that has begun is, for as long as this lasts."""
        if self._told is None:
            yield
            return
        over = threading.Event()
        thread = threading.Thread(
            target=self._tell_all, args=(self._told, recovery, over), name="teller", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            over.set()
            self._wake.set()
            thread.join()

    def _tell_all(self, told: Told, recovery: Recovery, over: threading.Event) -> None:
        from stillhere.server.publish import now, publish_from

        progress = self._begin(recovery)

        def look() -> None:
            nonlocal progress
            progress = self._observe(progress, recovery)
            self._desk.keep_progress(progress)

        def publish() -> None:
            publish_from(self._desk, told.place, due)

        wait = EVERY_S
        while True:
            began, last = time.monotonic(), over.is_set()
            due = None if last else now() + round(wait * 1000)
            self._try_each(look, publish)
            if last:
                return
            every = EVERY_S if progress.whole_at is None else WATCHING_S
            wait = max(every, SHARE * (time.monotonic() - began))
            self._wake.wait(wait)
            self._wake.clear()

    def _try_each(self, *steps: Callable[[], None]) -> None:
        """Take every step, whatever becomes of the others; each new failure is told once."""
        failed = [error for step in steps if (error := _failure_of(step)) is not None]
        for error in failed:
            if error.what not in self._refused:
                self._announce.refuse(error)
        self._refused = {error.what for error in failed}

    def _begin(self, recovery: Recovery) -> "Progress":
        """The progress of this recovery: it goes on where it was interrupted."""
        from stillhere.status.bulletin import paces_of
        from stillhere.status.progress import Progress

        identity = recovery.working.identity
        name = f"{identity.core.hex()}-{identity.epoch}"
        before, known = None, None

        def read() -> None:
            nonlocal before, known
            before, known = self._desk.progress(), self._desk.known()

        self._try_each(read)
        if before is not None and before.recovery == name:
            return before
        return Progress(name, self._began_at, paces_of(known))

    def _observe(self, progress: "Progress", recovery: Recovery) -> "Progress":
        from stillhere.status.progress import PROVEN, observe, reach

        heard = len(self._heard)
        sample = look(recovery)
        for proving in recovery.proving.values():
            if proving.over_at is not None:
                progress = reach(progress, proving.kind + PROVEN, proving.over_at)
        for at, event, kind in self._heard[:heard]:
            if event == "stage":
                progress = reach(progress, kind, at)
            for proven in recovery.proving if event == "mirrored" else ():
                progress = reach(progress, proven + PROVEN, at)
            if event == "whole" and progress.whole_at is None:
                progress = replace(progress, whole_at=at)
        del self._heard[:heard]
        return observe(progress, sample)


def _failure_of(step: Callable[[], None]) -> StillhereError | None:
    """Why a step could not be taken, whatever the cause: the next one is tried all the same."""
    try:
        step()
    except StillhereError as error:
        return error
    except Exception as error:  # noqa: BLE001 (a thread that ends tells nobody anything)
        return StillhereError(f"the page can't be made: {str(error) or type(error).__name__}")
    return None


def look(recovery: Recovery) -> "Sample":
    """How far a recovery is now. Raises Damaged, sqlite3.Error."""
    from stillhere.server.counts import count
    from stillhere.status.progress import PROVEN, Sample, StageCount
    from stillhere.store.schema import connect

    at = time.time_ns() // 1_000_000
    proving = [
        StageCount(each.kind + PROVEN, each.buckets, each.total, each.records)
        for each in list(recovery.proving.values())
    ]
    stages = [StageCount(s.kind, s.shelves, s.total, s.records) for s in recovery.stages]
    sql = connect(recovery.working.core.home)
    try:
        return Sample(at, (*proving, *stages), count(sql))
    finally:
        sql.close()
