"""What only a lost core had, which acknowledged without its vault, or whose vault was put back
from an older copy: found in its file."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.faults.cut_off import SETTINGS, CutOff, eventually, is_behind
from tests.faults.witness import at_work
from tests.live.client import LISTING, Client, Login, read_multistatus, sync_body
from tests.live.core import Core, Process

WINDOW_S = 30  # all that is done here while the vault is away is done within it
CARD = "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:{0}\r\nFN:{1}\r\nEND:VCARD\r\n"


@pytest.fixture
def core(tmp_path: Path) -> CutOff:
    return CutOff(tmp_path, {**SETTINGS, "ack_window_s": WINDOW_S})


class Phone:
    """Somebody's phone: what it is answered is what it believes."""

    def __init__(self, server: Process, login: Login) -> None:
        self._client = Client(server.wait_for("serving")["url"], login)
        self.close = self._client.close
        self._book = login.book

    def put(self, name: str, words: str) -> None:
        body = CARD.format(name, words).encode()
        assert self._client.ask("PUT", f"{self._book}{name}", body).status in (201, 204)

    def delete(self, name: str) -> None:
        assert self._client.ask("DELETE", f"{self._book}{name}").status == 204

    def card(self, name: str) -> str:
        """The words on a card, "" where there is none."""
        answer = self._client.ask("GET", f"{self._book}{name}")
        return answer.body.decode().split("FN:")[1].split("\r")[0] if answer.body else ""

    def sync(self, token: str = "") -> tuple[str, dict[str, int]]:
        """The new token, and the status of what changed."""
        answer = self._client.ask("REPORT", self._book, sync_body(token), Depth="1")
        assert answer.status == 207
        told = read_multistatus(answer.body, self._book)
        return told.token, {entry.href: entry.status for entry in told.entries}


def damage(home: Path) -> Path:
    """Wreck the beginnings of a core's files, so that SQLite can't open it; returns its file."""
    for path in (home / "core.sqlite", home / "core.sqlite-wal"):
        if path.exists():
            with path.open("r+b") as file:
                file.write(bytes(32))
    return home / "core.sqlite"


def test_what_was_deleted_in_the_window_stays_deleted(core: CutOff) -> None:
    server = core.serve()
    with at_work(server, []), closing(Phone(server, *core.logins)) as phone:
        for name in ("kept", "old", "edited"):
            phone.put(name, "before")
        eventually(lambda: not is_behind(core))
        core.cut()
        phone.put("edited", "after")
        phone.put("old", "after")
        phone.put("brief", "never shipped")
        token, seen = phone.sync()
        assert seen.keys() == {"kept", "old", "edited", "brief"}
        phone.delete("old")
        phone.delete("brief")
        phone.put("new", "after")
    core.heal()
    file = damage(core.home)
    core.move()
    recovery = core.recover("--salvage", file)
    with at_work(recovery, []), closing(Phone(recovery, *core.logins)) as phone:
        told = recovery.wait_for("salvaged")
        assert (told["written"], told["deleted"], told["history"]) == (2, 2, 0)
        words = {name: phone.card(name) for name in ("kept", "edited", "new")}
        assert words == {"kept": "before", "edited": "after", "new": "after"}
        _, changed = phone.sync(token)
        assert changed["old"] == changed["brief"] == 404, "the phone is told of both deletions"
        assert sorted(phone.sync()[1]) == ["edited", "kept", "new"]
    assert "2 deletions among them" in core.report("ana")
    assert core.verify()[0] == 0


def tell(core: Core, *command: str) -> dict[str, Any]:
    code, words = core.ask(*command, "--json")
    assert code == 0, words
    told: dict[str, Any] = json.loads(words)
    return told


def put_back(core: Core, copy: Path) -> Path:
    """The vault is an older copy from now on, and the core is wrecked; returns its file."""
    shutil.rmtree(core.vault)
    copy.rename(core.vault)
    file = damage(core.home)
    core.move()
    return file


def answered(server: Process, login: Login) -> int:
    """What a log-in is answered."""
    with closing(Client(server.wait_for("serving")["url"], login)) as client:
        return client.ask("PROPFIND", login.book, LISTING, Depth="1").status


def test_log_ins_count_as_they_did_last(tmp_path: Path) -> None:
    core = Core(tmp_path, ["ana"])
    (phone,) = core.logins
    copy = shutil.copytree(core.vault, tmp_path / "copy")
    (old,) = tell(core, "account", "device", "list", "ana")["devices"]
    laptop = Login("ana", tell(core, "account", "device", "add", "ana")["password"])
    code, words = core.ask("account", "device", "revoke", "ana", old["device"])
    assert code == 0, words
    recovery = core.recover("--salvage", put_back(core, copy))
    with at_work(recovery, []):
        told = recovery.wait_for("salvaged")
        assert (told["written"], told["deleted"]) == (1, 1)
        assert answered(recovery, laptop) == 207
        assert answered(recovery, phone) == 401
    assert core.verify()[0] == 0


def test_who_came_after_the_copy_is_there_with_everything(tmp_path: Path) -> None:
    core = Core(tmp_path, ["ana"])
    copy = shutil.copytree(core.vault, tmp_path / "copy")
    zoe = Login("zoe", tell(core, "account", "add", "zoe", "--device")["password"])
    server = core.serve()
    with at_work(server, []), closing(Phone(server, zoe)) as phone:
        phone.put("first", "hello")
        token, _ = phone.sync()
    recovery = core.recover("--salvage", put_back(core, copy))
    with at_work(recovery, []):
        told = recovery.wait_for("salvaged")
        assert (told["accounts"], told["history"]) == (1, 0)
        with closing(Phone(recovery, zoe)) as phone:
            assert phone.card("first") == "hello"
            assert phone.sync(token)[1] == {"first": 200}
            phone.put("second", "hello again")
    assert "the account was made again from the damaged core" in core.report("zoe")
    assert core.verify()[0] == 0
    core.lose()
    recovery = core.recover()
    with at_work(recovery, []), closing(Phone(recovery, zoe)) as phone:
        recovery.wait_for("whole")
        assert phone.sync()[1] == {"first": 200, "second": 200}, "the vault is enough from now on"


def test_what_was_closed_opens_with_what_the_file_has_beside_the_server(tmp_path: Path) -> None:
    core = Core(tmp_path, ["ana"])
    server = core.serve()
    with at_work(server, []), closing(Phone(server, *core.logins)) as phone:
        for name in ("one", "two", "gone"):
            phone.put(name, "hello")
        phone.delete("gone")
    assert core.ask("compact")[0] == 0
    for pack in (core.vault / "ledger" / "contacts").iterdir():
        pack.unlink()
    file = damage(core.home)
    core.move()
    recovery = core.recover("--salvage", file)
    with at_work(recovery, []):
        assert recovery.wait_for("salvaged")["on_closed"] == 4
        assert answered(recovery, *core.logins) == 503
        code, words = core.ask("accept", "ana", "--salvage", str(file))
        assert (code, words) == (0, "contacts of ana is open with 2 contacts\n")
        with closing(Phone(recovery, *core.logins)) as phone:
            assert sorted(phone.sync()[1]) == ["one", "two"]
            assert phone.card("one") == "hello"
    assert core.verify()[0] == 0
