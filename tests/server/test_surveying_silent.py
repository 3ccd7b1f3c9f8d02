"""A source that hangs, or fails for good, is named and left out of a survey; the others count."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.rooms import CONTACTS, quick_folder
from tests.server.test_surveying import Left, left

from stillhere.cli import main
from stillhere.errors import Unavailable
from stillhere.server import sources
from stillhere.server.surveying import survey
from stillhere.vault.backends import BackendError
from stillhere.vault.backends.directory import Directory

__all__ = ["left"]  # a fixture
GIVEN_UP_S = 0.4
SLACK_S = 5.0


class Disks:
    """The disks of some folders, as they behave now."""

    def __init__(self) -> None:
        self.places: set[str] = set()
        self.after = 0  # reads that still succeed
        self.failing = False
        self.slow_s = 0.0
        self.thawed = threading.Event()

    def ask(self, place: str) -> None:
        if not any(place.startswith(one) for one in self.places):
            return
        if self.slow_s:
            time.sleep(self.slow_s)
        elif self.after > 0:
            self.after -= 1
        elif self.failing:
            raise BackendError(f"{place} can't be read")
        else:
            self.thawed.wait(30)


@pytest.fixture
def disks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disks]:
    found = Disks()
    for name in ("read", "read_range", "size", "names"):
        monkeypatch.setattr(Directory, name, _asking(found, getattr(Directory, name)))
    monkeypatch.setattr(sources, "OPEN_S", 5 * GIVEN_UP_S)
    monkeypatch.setattr(sources, "ANSWER_S", GIVEN_UP_S)
    yield found
    found.thawed.set()


def _asking(disks: Disks, method: Callable[..., object]) -> Callable[..., object]:
    def asked(self: Directory, *given: object) -> object:
        disks.ask(str(self.place))
        return method(self, *given)

    return asked


def reads_to_open(disks: Disks, left: Left, *others: Left) -> int:
    """How often the last of these is asked until all are open."""
    disks.places, disks.after = {str((left, *others)[-1].place)}, 1 << 30
    left.survey(*(other.place for other in others), seconds=0, anew=True)
    return (1 << 30) - disks.after


def test_a_copy_that_is_slow_and_goes_on_is_waited_for(
    left: Left, disks: Disks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening it takes longer than it may say nothing."""
    whole = left.survey(seconds=0, anew=True).kinds
    monkeypatch.setattr(sources, "ANSWER_S", 60)
    disks.places, disks.slow_s = {str(left.place)}, 0.05
    began = time.monotonic()
    assert left.survey(seconds=0, anew=True).kinds == whole
    assert time.monotonic() - began > sources.OPEN_S


def test_a_copy_that_hangs_when_it_is_opened(
    left: Left, disks: Disks, capsys: pytest.CaptureFixture[str]
) -> None:
    other = left.copy("other")
    alone = left.survey().kinds
    disks.places = {str(other.place)}
    asked = [*("survey", "--vault", str(left.place), "--vault", str(other.place))]
    began = time.monotonic()
    assert main([*asked, "--kit", str(left.kit), "--all", "--anew"]) == 0
    assert time.monotonic() - began < SLACK_S
    told = capsys.readouterr()
    assert f"{other.place} is left out: it did not answer for" in told.err
    assert left.survey(other.place, anew=True).kinds == alone


@pytest.mark.parametrize("failing", [False, True])
@pytest.mark.parametrize("until", ["opened", "joined"])
def test_a_copy_that_hangs_or_fails_from_some_moment_on(
    left: Left, disks: Disks, until: str, failing: bool
) -> None:
    other = left.copy("other")
    alone = left.survey().kinds
    reads = {"opened": reads_to_open(disks, other), "joined": reads_to_open(disks, left, other)}
    disks.after, disks.failing = reads[until] + 3, failing
    began = time.monotonic()
    seen = left.survey(other.place, anew=True)
    assert time.monotonic() - began < SLACK_S
    assert seen.unopened.keys() == {str(other.place)}
    assert seen.complete
    assert seen.kinds == alone


def test_the_only_copy_hangs_and_what_was_seen_before_counts(
    left: Left, disks: Disks, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = left.survey().kinds
    disks.after = reads_to_open(disks, left) + 12
    seen = left.survey(anew=True)
    assert seen.silent == (1, f"{left.place} did not answer")
    assert 0 < seen.kinds[""].looked < seen.kinds[""].shelves
    for kind, figures in seen.kinds.items():
        assert figures.known.low <= truth[kind].known.low <= figures.known.high
    disks.after = reads_to_open(disks, left)
    assert main(["survey", "--vault", str(left.place), "--kit", str(left.kit), "--anew"]) == 1
    assert f"{left.place} did not answer" in capsys.readouterr().err
    disks.after = 0
    with pytest.raises(Unavailable, match="is left out: it did not answer"):
        left.survey(anew=True)


def test_a_damaged_core_on_a_disk_that_hangs(left: Left, disks: Disks) -> None:
    """It is a pipe that nobody writes to: whoever opens it waits."""
    truth = left.survey().kinds
    with quick_folder() as folder:
        pipe = folder / "core.sqlite"
        os.mkfifo(pipe)
        cores: list[Path] = [pipe]
        tick: Callable[..., None] = lambda *_: None  # noqa: E731
        began = time.monotonic()
        seen = survey([left.place], left.kit, tick, seconds=None, cores=cores, anew=True)
        assert time.monotonic() - began < SLACK_S
        assert f"{pipe} is left out: it did not answer" in seen.unopened[str(pipe)].what
        assert seen.kinds[CONTACTS] == truth[CONTACTS]
        with pytest.raises(Unavailable, match="is left out"):
            survey([], None, tick, seconds=None, cores=cores)
        os.close(os.open(pipe, os.O_WRONLY))  # who was left waiting goes


def test_a_copy_that_hangs_leaves_a_damaged_core_to_be_counted(left: Left, disks: Disks) -> None:
    with left.service.at_work():
        pass
    core = left.service.home / "core.sqlite"
    disks.after = reads_to_open(disks, left) + 3
    tick: Callable[..., None] = lambda *_: None  # noqa: E731
    seen = survey([left.place], left.kit, tick, seconds=None, cores=[core], anew=True)
    assert seen.unopened.keys() == {str(left.place)}
    assert seen.copies == []
    assert seen.kinds[CONTACTS].recoverable.low > 0
    assert seen.kinds[CONTACTS].proven.high == 0
