"""vdirsyncer keeps events, to-dos and notes in step with a real server, and through its loss;
todoman completes a to-do in the files that vdirsyncer then brings to the server."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.clients.vdirsyncer import CALENDARS, COMPONENTS, PATIENCE_S, Device, Service, run_service

from stillhere.replication.start import open_core

pytestmark = pytest.mark.slow

TODOMAN = """
path = "{place}"
cache_path = "{folder}/cache.sqlite3"
default_list = "tasks"
date_format = "%Y-%m-%d"
time_format = ""
"""


@pytest.fixture
def service(tmp_path: Path, requires_tool: Callable[[str], Path]) -> Iterator[Service]:
    with run_service(tmp_path, requires_tool("vdirsyncer"), CALENDARS) as running:
        yield running


def fill(device: Device) -> dict[str, dict[str, bytes]]:
    """Three items in each of the collections."""
    return {
        name: {uid: device.write(f"{name}-{uid}", uid, name) for uid in ("one", "two", "three")}
        for name in COMPONENTS
    }


def by_uid(kept: dict[str, dict[str, bytes]]) -> dict[str, dict[str, bytes]]:
    return {
        name: {f"{name}-{uid}": item for uid, item in items.items()} for name, items in kept.items()
    }


def test_creates_edits_and_deletes_travel_both_ways(service: Service) -> None:
    phone, laptop = service.phone, service.laptop
    kept = fill(phone)
    phone.sync()
    laptop.sync()
    assert laptop.holds_all() == by_uid(kept)

    for name, items in kept.items():
        items["one"] = laptop.write(f"{name}-one", "Tee trinken – 喫茶", name)
        laptop.delete(f"{name}-two", name)
        del items["two"]
        items["four"] = laptop.write(f"{name}-four", "New", name)
    laptop.sync()
    phone.sync()
    assert phone.holds_all() == laptop.holds_all() == by_uid(kept)


def test_an_outage_loses_nothing_and_nothing_is_downloaded_anew(service: Service) -> None:
    phone, laptop = service.phone, service.laptop
    kept = fill(phone)
    phone.sync()
    laptop.sync()
    before = laptop.holds_all()

    service.lose()
    for name, items in kept.items():
        items["one"] = phone.write(f"{name}-one", "Edited while the server was away", name)
        items["four"] = phone.write(f"{name}-four", "Made while the server was away", name)
        phone.delete(f"{name}-three", name)
        del items["three"]
    phone.sync(fails=True)
    laptop.sync(fails=True)
    assert phone.holds_all() == by_uid(kept)
    assert laptop.holds_all() == before

    service.recover()
    assert says_nothing_new(laptop.sync())
    assert laptop.holds_all() == before
    assert says_nothing_new(phone.sync())
    assert phone.holds_all() == by_uid(kept)
    laptop.sync()
    assert laptop.holds_all() == by_uid(kept)


def test_a_list_that_can_not_be_proven_keeps_its_items_and_the_others_go_on(
    service: Service, tmp_path: Path
) -> None:
    phone, laptop = service.phone, service.laptop
    kept = fill(phone)
    phone.sync()
    laptop.sync()

    service.stop()
    close(service.core.home, "tasks")
    service.start()
    for name, items in kept.items():
        items["one"] = phone.write(f"{name}-one", "Edited while it was closed", name)
    phone.sync(fails=True)
    laptop.sync(fails=True)
    assert phone.holds_all() == by_uid(kept)
    now = laptop.holds_all()
    assert {name: now[name] == by_uid(kept)[name] for name in now} == {
        "calendar": True,
        "tasks": False,
        "notes": True,
    }
    assert set(now["tasks"]) == set(by_uid(kept)["tasks"])
    newcomer = Device(phone.program, tmp_path / "new", phone.login, phone.port, CALENDARS)
    newcomer.set_up()
    newcomer.discover(fails=True)

    service.stop()
    close(service.core.home, "tasks", reason="")
    service.start()
    phone.sync()
    laptop.sync()
    newcomer.discover()
    newcomer.sync()
    for device in (phone, laptop, newcomer):
        assert device.holds_all() == by_uid(kept)


def test_what_is_held_is_given_back_by_whoever_edits_it(service: Service, tmp_path: Path) -> None:
    phone, laptop = service.phone, service.laptop
    kept = fill(phone)
    phone.sync()
    laptop.sync()

    service.stop()
    hold(service.core.home, "one")
    service.start()
    assert says_nothing_new(laptop.sync())
    assert laptop.holds_all() == by_uid(kept)
    newcomer = Device(phone.program, tmp_path / "new", phone.login, phone.port, CALENDARS)
    newcomer.set_up()
    newcomer.discover()
    newcomer.sync(fails=True)
    for name, items in newcomer.holds_all().items():
        assert items.items() <= by_uid(kept)[name].items()

    for name, items in kept.items():
        items["one"] = phone.write(f"{name}-one", "Edited while it was held", name)
    assert says_nothing_new(phone.sync())
    for device in (laptop, newcomer):
        device.sync()
        assert device.holds_all() == by_uid(kept)


def test_a_to_do_that_todoman_completes_while_the_server_is_away_is_completed_everywhere(
    service: Service, requires_tool: Callable[[str], Path]
) -> None:
    phone, laptop = service.phone, service.laptop
    for uid in ("water", "post"):
        phone.write(uid, f"The {uid}", "tasks")
    phone.sync()
    laptop.sync()
    todo = Todoman(requires_tool("todo"), laptop)

    service.lose()
    todo.run("done", todo.number_of("The water"))
    todo.run("new", "The bread")
    laptop.sync(fails=True)
    service.recover()
    laptop.sync()
    phone.sync()

    held = phone.holds("tasks")
    assert {b"STATUS:COMPLETED", b"PERCENT-COMPLETE:100"} <= set(held["water"].splitlines())
    assert b"STATUS:COMPLETED" not in held["post"]
    assert sum(b"SUMMARY:The bread" in item for item in held.values()) == 1
    assert len(held) == 3
    assert held == laptop.holds("tasks")


class Todoman:
    """The program `todo` on a device's to-do lists."""

    def __init__(self, program: Path, device: Device) -> None:
        self._program = program
        self._folder = device.folder
        place = device.place("tasks")
        (self._folder / "todoman.py").write_text(
            TODOMAN.format(place=place, folder=self._folder), "utf-8"
        )

    def run(self, *arguments: str) -> str:
        """One command; returns what it says."""
        done = subprocess.run(
            [str(self._program), "--config", str(self._folder / "todoman.py"), *arguments],
            env=os.environ | {"HOME": str(self._folder), "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def number_of(self, summary: str) -> str:
        """The number that it has given to a to-do."""
        [line] = [line for line in self.run("list").splitlines() if summary in line]
        found = re.search(r"\d+", line)
        assert found, line
        return found[0]


def says_nothing_new(said: str) -> bool:
    """Whether nothing was fetched, deleted on the device, or in conflict."""
    return not re.search(r"calendar-multiget|conflict|Deleting item \S+ from device/", said, re.I)


def close(home: Path, kind: str, reason: str = "unproven") -> None:
    """Gives the shelf what a recovery leaves that can't prove it; "" opens it."""
    change(home, "UPDATE shelves SET closed = ? WHERE kind = ?", reason, kind)


def hold(home: Path, uid: str) -> None:
    """One item of each collection is as after a recovery that did not find its body."""
    change(home, "UPDATE records SET state = 2, body = NULL WHERE uid LIKE ?", f"%-{uid}")
    change(home, "UPDATE shelves SET held = 1 WHERE kind IN ('calendar', 'tasks', 'notes')")


def change(home: Path, words: str, *values: str) -> None:
    """Changes the core of a server that is not running."""
    working = open_core(home)
    working.store.install(lambda sql: sql.execute(words, values)).result()
    working.close()
