"""A core is lost for real, and a blank home with the vault and the kit takes its place."""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from base64 import b64encode
from pathlib import Path

import pytest
from tests.server.processes import ask, command, make_core, running

from stillhere.vault.kit import Kit

CARD = b"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:u%d\r\nFN:Zo\xc3\xab\r\nEND:VCARD\r\n"
CARDS = 300


@pytest.fixture
def lost(tmp_path: Path) -> Path:
    """A place with a vault, a kit and the account `ana`, whose core is gone."""
    home = make_core(tmp_path)
    (tmp_path / "cards.vcf").write_bytes(b"".join(CARD % number for number in range(CARDS)))
    command("import", "ana", tmp_path / "cards.vcf", "--home", home)
    shutil.rmtree(home)
    return tmp_path


def arguments(place: Path, *more: object) -> tuple[object, ...]:
    vault, kit, home = place / "vault", place / "kit.txt", place / "new"
    return ("recover", "--vault", vault, "--kit", kit, "--home", home, *more)


def fails(*words: object) -> tuple[int, str]:
    line = [sys.executable, "-m", "stillhere", *map(str, words)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def fetch(url: str, path: str) -> bytes:
    login = b64encode(b"ana:a-password").decode()
    request = urllib.request.Request(url + path, headers={"authorization": f"Basic {login}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        body: bytes = answer.read()
    return body


def epochs(place: Path) -> int:
    return len(list((place / "vault" / "epochs").iterdir()))


def test_damaged_cores_are_searched_behind_those_who_ask(tmp_path: Path) -> None:
    home = make_core(tmp_path)
    (tmp_path / "cards.vcf").write_bytes(b"".join(CARD % number for number in range(CARDS)))
    command("import", "ana", tmp_path / "cards.vcf", "--home", home)
    command("compact", "--home", home)
    (pack,) = (tmp_path / "vault" / "ledger" / "contacts").glob("*-??????b-*")
    pack.unlink()
    old = home.rename(tmp_path / "old") / "core.sqlite"
    with old.open("r+b") as file:
        file.write(bytes(16384))  # SQLite can't open it any more
    more = ("--serve", "--listen", "127.0.0.1:0", "--salvage", old)
    with running(*arguments(tmp_path, *more)) as recovery:
        url = recovery.wait_for("serving")["url"]
        salvaged = recovery.wait_for("salvaged")
        assert salvaged["healed"] == salvaged["looked_for"] == CARDS + 1
        assert salvaged["held"] == salvaged["found_beyond"] == 0
        assert fetch(url, "/dav/addressbooks/ana/contacts/u7.vcf") == CARD % 7
        assert recovery.stop() == 0
    command("verify", "--home", tmp_path / "new")


def test_it_answers_at_once_and_goes_on_when_it_is_whole(lost: Path) -> None:
    with running(*arguments(lost, "--serve", "--listen", "127.0.0.1:0")) as recovery:
        url = recovery.wait_for("serving")["url"]
        assert fetch(url, "/dav/addressbooks/ana/contacts/u7.vcf") == CARD % 7
        whole = recovery.wait_for("whole")
        assert whole["verdicts"]["incomplete"] == 0
        assert [event["event"] for event in recovery.seen if event["event"] != "stage"] == [
            "sealed",
            "serving",
            "mirrored",
            "whole",
        ]
        times = [event["at_s"] for event in recovery.seen]
        assert times == sorted(times)
        assert fetch(url, "/dav/addressbooks/ana/contacts/u8.vcf") == CARD % 8
        serve = ("serve", "--home", lost / "new", "--listen", "127.0.0.1:0")
        assert "another stillhere serve is at work" in fails(*serve)[1]
        assert recovery.stop() == 0
    command("verify", "--home", lost / "new")
    with running("serve", "--home", lost / "new", "--listen", "127.0.0.1:0") as server:
        url = server.wait_for("serving")["url"]
        assert fetch(url, "/dav/addressbooks/ana/contacts/u9.vcf") == CARD % 9
        again = fails(*arguments(lost, "--serve", "--listen", "127.0.0.1:0"))
        assert again[0] == 2
        assert "another stillhere serve is at work" in again[1]


def test_stopped_or_killed_it_goes_on_with_the_same_home(lost: Path) -> None:
    for end in ("terminate", "kill"):
        with running(*arguments(lost, "--serve", "--listen", "127.0.0.1:0")) as recovery:
            recovery.wait_for("sealed")
            getattr(recovery.popen, end)()
            recovery.popen.wait(30)
    home = lost / "new"
    code, error = fails(*arguments(lost))
    # It may have become whole before it was stopped.
    assert code == 0 or "holds a core already" in error
    assert f"{CARDS} contacts" in command("export", "ana", lost / "out", "--home", home)
    assert epochs(lost) == 2


def test_without_serving_it_ends_when_it_is_whole(lost: Path) -> None:
    told = command(*arguments(lost))
    assert "whole" in told.splitlines()[-1]
    assert "1 account: 1 complete, 0 not" in command("report", "--home", lost / "new")


def test_what_cannot_be_recovered_is_refused_before_anything_is_sealed(lost: Path) -> None:
    good, wrong, empty = lost / "kit.txt", lost / "wrong.txt", lost / "empty"
    wrong.write_text(Kit.make().text())
    empty.mkdir()
    for vault, kit, said in (
        (lost / "vault", wrong, "kit belongs to another vault"),
        (lost / "vault", lost / "nowhere.txt", "cannot be read"),
        (lost / "vault", lost / "cards.vcf", "not the text of a recovery kit"),
        (empty, good, "there is no vault"),
        (lost / "nowhere", good, "there is no vault"),
    ):
        code, error = fails("recover", "--vault", vault, "--kit", kit, "--home", lost / "new")
        assert code == 5
        assert said in error
        assert error.count("safe:") == 1
    assert not (lost / "new").exists()
    assert epochs(lost) == 1


def test_an_address_that_is_taken_is_refused_before_anything_is_sealed(lost: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        code, error = fails(*arguments(lost, "--serve", "--listen", listen))
    assert code == 2
    assert "cannot listen" in error
    assert epochs(lost) == 1


def test_the_old_core_is_told_that_it_is_over(tmp_path: Path) -> None:
    home = make_core(tmp_path)
    with running("serve", "--home", home, "--listen", "127.0.0.1:0") as old:
        url = old.wait_for("serving")["url"]
        command(*arguments(tmp_path))
        until = time.monotonic() + 15
        while ask(url + "/dav/", "PROPFIND")[0] != 503:
            assert time.monotonic() < until
            time.sleep(0.1)
        assert fails("account", "add", "bo", "--device", "--home", home)[0] == 6
    with running("serve", "--home", home, "--listen", "127.0.0.1:0") as again:
        refusing = again.wait_for("refusing")["url"]
        assert ask(refusing + "/dav/", "PROPFIND")[0] == 503
