"""The vault gets a second place while phones write to a real server, whatever is killed."""

import shutil
import threading
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.server.processes import Process, command, fails_with, make_core, running

from stillhere import config
from stillhere.errors import Fenced
from stillhere.recovery.check import check
from stillhere.replication import copies
from stillhere.server.copies import remove
from stillhere.server.core import opened
from stillhere.server.recover import open_kit
from stillhere.store import NewAccount
from stillhere.vault.epochs import seal_writers

PEOPLE = 150
KILLS = 8


class Phone(threading.Thread):
    """Puts one card after the other; `acknowledged` has those that were answered 201."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._over = threading.Event()
        self.acknowledged: list[str] = []
        self.answers: list[int] = []

    def __enter__(self) -> "Phone":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join(60)

    def run(self) -> None:
        number = 0
        while not self._over.is_set():
            number += 1
            status = put(self._url, f"c{number}")
            self.answers.append(status)
            if status == 201:
                self.acknowledged.append(f"c{number}")
            time.sleep(0.01)


def put(url: str, uid: str) -> int:
    card = f"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:{uid}\r\nFN:Friend\r\nEND:VCARD\r\n".encode()
    login = b64encode(b"ana:a-password").decode()
    request = urllib.request.Request(
        f"{url}/dav/addressbooks/ana/contacts/{uid}.vcf",
        data=card,
        method="PUT",
        headers={"authorization": f"Basic {login}", "content-type": "text/vcard"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A core with enough people that seeding takes a while."""
    home = make_core(tmp_path)
    with opened(home) as core:
        people = [NewAccount(f"person {n}", None, None) for n in range(PEOPLE)]
        core.store.accounts.create_many(people)
    return home


def add_and_kill(home: Path, second: Path, after_s: float) -> None:
    process = Process("vault", "add", second, "--home", home)
    time.sleep(after_s)
    process.popen.kill()
    process.popen.wait(30)
    process.close()


def test_killed_while_seeding_it_goes_on_and_no_phone_notices(home: Path, tmp_path: Path) -> None:
    second = tmp_path / "second"
    with running("serve", "--home", home, "--listen", "127.0.0.1:0") as server:
        url = server.wait_for("serving")["url"]
        with Phone(url) as phone:
            for n in range(KILLS):  # while it starts, while it seeds, or when it is done
                add_and_kill(home, second, 0.1 + 0.15 * n)
            command("vault", "add", second, "--home", home)
            seeded = len(phone.acknowledged)
            while len(phone.acknowledged) < seeded + 20:
                time.sleep(0.05)
        assert set(phone.answers) == {201}
        server.popen.kill()
    settings = config.load(home)
    assert config.places_of(settings) == [str(tmp_path / "vault"), str(second)]
    shutil.rmtree(home)
    shutil.rmtree(tmp_path / "vault")
    new = tmp_path / "new"
    kit = tmp_path / "kit.txt"
    command(
        "recover", "--vault", tmp_path / "vault", "--vault", second, "--kit", kit, "--home", new
    )
    command("export", "ana", tmp_path / "back", "--home", new)
    back = b"".join(path.read_bytes() for path in (tmp_path / "back").rglob("*.vcf"))
    missing = [uid for uid in phone.acknowledged if f"UID:{uid}\r\n".encode() not in back]
    assert not missing
    assert config.places_of(config.load(new)) == [str(second)]


def test_a_copy_that_fails_stops_writes_with_its_name_until_it_is_removed(
    home: Path, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    command("vault", "add", second, "--home", home)
    with running("serve", "--home", home, "--listen", "127.0.0.1:0") as server:
        url = server.wait_for("serving")["url"]
        assert put(url, "before") == 201
        second.rename(tmp_path / "unmounted")
        assert put(url, "meanwhile") == 503
        listed = command("vault", "list", "--home", home)
        assert "has every change" in listed.splitlines()[0]
        assert "can't be read" in listed.splitlines()[1]
        wait_until(lambda: any(str(second) in line for line in server.said))
        command("vault", "remove", second, "--home", home)
        assert put(url, "after") == 201
        assert str(second) not in command("vault", "list", "--home", home)
    assert config.places_of(config.load(home)) == [str(tmp_path / "vault")]
    code, said = fails_with("vault", "remove", tmp_path / "vault", "--home", home)
    assert code == 2
    assert "only copy" in said


def test_a_server_that_waits_for_a_copy_serves_when_it_is_removed(tmp_path: Path) -> None:
    home, second = make_core(tmp_path), tmp_path / "second"
    command("vault", "add", second, "--home", home)
    shutil.rmtree(second)
    with running("serve", "--home", home, "--listen", "127.0.0.1:0") as server:
        server.wait_for("refusing")
        command("vault", "remove", second, "--home", home)
        assert put(server.wait_for("serving")["url"], "after") == 201


@pytest.mark.parametrize("last", ["keep_members", "lock_home"])
def test_a_removal_that_was_cut_short_keeps_nothing_from_starting_and_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    """Killed before the members say so, or right after: what the settings say fits both."""
    home, second = make_core(tmp_path), tmp_path / "second"
    command("vault", "add", second, "--home", home)
    whole = getattr(copies, last)

    @contextmanager
    def released(*given: object) -> Iterator[None]:
        with whole(*given):
            yield
        raise KeyboardInterrupt

    def kept(*given: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(copies, last, kept if last == "keep_members" else released)
        with pytest.raises(KeyboardInterrupt):
            remove(home, second)
    with opened(home) as core:
        core.store.accounts.create("ben")
    if last == "keep_members":
        remove(home, second)
    with opened(home) as core:
        assert core.working.vault.backend.place == str(tmp_path / "vault")


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_place_in_which_a_recovery_has_begun_is_not_left(tmp_path: Path) -> None:
    """Without it this core would go on beside the new one."""
    home, second = make_core(tmp_path), tmp_path / "second"
    command("vault", "add", second, "--home", home)
    kit = open_kit(tmp_path / "kit.txt")
    seal_writers(check(second, kit).vault, kit, 1)
    with pytest.raises(Fenced):
        remove(home, second)
    assert config.places_of(config.load(home)) == [str(tmp_path / "vault"), str(second)]
    shutil.rmtree(second)
    assert remove(home, second).members.places == [str(tmp_path / "vault")]
