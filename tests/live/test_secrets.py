"""No secret gets out: not into what commands print, logs, answers, files, or process lists."""

from __future__ import annotations

import base64
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.live.client import Login
from tests.live.conftest import card
from tests.live.core import STILLHERE, Process
from tests.live.watch import Watch
from tests.live.wire import Reply, request, wire
from tests.rooms import quick_folder

from stillhere.recovery.workers import FEW_BYTES
from stillhere.store import Core
from stillhere.vault.backends.directory import Directory
from stillhere.vault.epochs import read_epochs
from stillhere.vault.keys import list_keys, read_data_key
from stillhere.vault.kit import read_kit
from stillhere.vault.opened import open_vault
from stillhere.vault.wraps import Unwrapper

CHOSEN = "a password that cleo chose, 7f3a"
CHANGED = "another one that cleo chose, 91bc"
WRONG = "what cleo mistyped, 55de"
CARD_BYTES = 990_000


@dataclass
class Life:
    """A service from its beginning to its recovery, and everything that it has let out.

    `told` are places by what they are; `shown` those where a secret was asked for.
    """

    folder: Path
    told: dict[str, bytes] = field(default_factory=dict)
    shown: dict[str, bytes] = field(default_factory=dict)
    seen: dict[int, bytes] = field(default_factory=dict)
    secrets: dict[str, bytes] = field(default_factory=dict)
    logins: list[Login] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def run(self, *arguments: object, stdin: str = "", shows: bool = False) -> str:
        """A command, which may fail; what it prints is told, or shown."""
        command = [*STILLHERE, *map(str, arguments)]
        done = subprocess.run(
            command, input=stdin.encode(), capture_output=True, env=self.environment, check=False
        )
        what = f"{len(self.told)}: {' '.join(map(str, arguments))[:80]}"
        (self.shown if shows else self.told)[f"{what}, printed"] = done.stdout
        self.told[f"{what}, complained"] = done.stderr
        return done.stdout.decode()

    def ask(self, url: str, data: bytes) -> Reply:
        with wire(url) as connection:
            reply = connection.ask(data)
        text = f"{reply.status} {reply.headers}".encode() + reply.body
        self.told[f"answer {len(self.told)}"] = text
        return reply

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"XDG_STATE_HOME": str(self.folder / "state")}

    def start(self, *arguments: object) -> tuple[Process, str]:
        log = self.folder / "logs" / f"{arguments[0]}.log"
        log.parent.mkdir(exist_ok=True)
        told = [*map(str, arguments), "--listen", "127.0.0.1:0", "--json"]
        process = Process(told, log)
        return process, process.wait_for("serving")["url"]


def begin(life: Life) -> None:
    """Accounts and devices, made and changed, each way that takes or gives a secret."""
    home = ("--home", life.home)
    life.run("init", *home, "--vault", life.folder / "vault", "--kit", life.folder / "kit.txt")
    for command in (("account", "add", "ana", "--device"), ("account", "device", "add", "ana")):
        said = life.run(*command, *home, shows=True)
        [password] = re.findall(r"sh-[a-z0-9]+-[a-z0-9]+", said)
        life.logins.append(Login("ana", password))
    life.run("account", "add", "cleo", "--password-stdin", *home, stdin=f"{CHOSEN}\n")
    life.run("account", "add", "cleo", "--password-stdin", *home, stdin=f"{CHOSEN}\n")
    life.run("account", "passwd", "cleo", "--password-stdin", *home, stdin=f"{CHANGED}\n")
    life.run("account", "passwd", "nobody", "--password-stdin", *home, stdin=f"{CHANGED}\n")
    life.logins += [Login("cleo", CHANGED), Login("cleo", CHOSEN), Login("cleo", WRONG)]
    life.logins.append(Login("ana", life.logins[0].password + "x"))


def serve(life: Life) -> None:
    """Log-ins right and wrong, errors, and enough cards for a recovery with processes."""
    server, url = life.start("serve", "--home", life.home)
    try:
        ana = life.logins[0]
        for login in life.logins:
            for method, path in (("PROPFIND", "/dav/"), ("PUT", f"{login.book}%00"), ("X", "/dav")):
                life.ask(url, request(method, path, login, b"<broken", "depth: 0"))
        for password in life.logins:
            life.ask(url, request("GET", f"/dav/?password={password.password}", ana)[:-2] + b"\0")
        for number in range(FEW_BYTES * 4 // 3 // CARD_BYTES + 2):
            noise = base64.b64encode(os.urandom(CARD_BYTES * 3 // 4)).decode()
            body = card(f"u{number}", f"NOTE:{noise}")
            put = life.ask(url, request("PUT", f"{ana.book}{number}.vcf", ana, body))
            assert put.status == 201
        home = ("--home", life.home)
        for command in ("status", "compact", "verify --json", "report", "account list --json"):
            life.run(*command.split(), *home)
        life.run("account", "device", "list", "ana", *home)
        life.run("serve", *home, "--listen", url.removeprefix("http://"))
    finally:
        server.kill()


def recover(life: Life) -> None:
    """With a kit that has a mistake in it, one of nowhere, and the right one."""
    kit = (life.folder / "kit.txt").read_text("utf-8")
    wrong = life.folder / "wrong-kit.txt"
    key = re.search(r"key:\s+(\S+)", kit)
    assert key is not None
    for mistake in (key[1][:-6] + "AAAAA\n", key[1][5:]):
        wrong.write_text(kit.replace(key[1], mistake), "utf-8")
        life.run(
            "recover",
            "--vault",
            life.folder / "vault",
            "--kit",
            wrong,
            "--home",
            life.folder / "no",
        )
    wrong.unlink()
    arguments = ("--vault", life.folder / "vault", "--kit", life.folder / "kit.txt")
    server, url = life.start("recover", *arguments, "--home", life.folder / "again", "--serve")
    try:
        for login in life.logins:
            life.ask(url, request("PROPFIND", "/dav/", login, b"", "depth: 0"))
        server.wait_for("whole")
        life.run("report", "--home", life.folder / "again")
    finally:
        server.kill()


def learn_secrets(life: Life) -> None:
    """Everything that may be known to nobody else."""
    kit = read_kit((life.folder / "kit.txt").read_text("utf-8"))
    vault = open_vault(Directory(life.folder / "vault"))
    read_epochs(vault)
    unwrapper = Unwrapper(vault, kit)
    found = {"kit": kit.seed, "root key": kit.root.private_bytes_raw()}
    for number, account in enumerate(list_keys(vault)):
        found[f"data key {number}"] = read_data_key(vault, unwrapper, account)
    for home in (life.home, life.folder / "again"):
        found[f"core.key of {home.name}"] = (home / "core.key").read_bytes()
        core = Core(home)
        identity = core.identity()
        core.close()
        names = ("signing_key", "names_key", "tokens_key", "journal_key")
        found |= {f"{name} of {home.name}": getattr(identity, name) for name in names}
    for name, secret in found.items():
        life.secrets[name] = secret
        life.secrets[f"{name}, hex"] = secret.hex().encode()
        life.secrets[f"{name}, base64"] = base64.b64encode(secret).rstrip(b"=")
        life.secrets[f"{name}, as Python writes it"] = repr(secret)[2:-1].encode()
    key = re.search(r"key:\s+(\S+)", kit.text())
    assert key is not None
    life.secrets["kit, as it is printed"] = key[1].encode()[:30]
    for number, login in enumerate(life.logins):
        secret = login.password.removesuffix("x").rpartition("-")[2] if number != 4 else WRONG
        life.secrets[f"password {number}"] = (
            secret if login.password.startswith("sh-") else login.password
        ).encode()
        pair = base64.b64encode(f"{login.name}:{login.password}".encode())
        life.secrets[f"password {number} in a header"] = pair.rstrip(b"=")


@pytest.fixture(scope="module")
def life() -> Iterator[Life]:
    with quick_folder() as folder:
        lived = Life(folder)
        with Watch() as watch:
            begin(lived)
            serve(lived)
            recover(lived)
        lived.seen = watch.seen
        learn_secrets(lived)
        yield lived


def find(secrets: dict[str, bytes], places: dict[str, bytes]) -> list[tuple[str, str]]:
    return [
        (name, place)
        for place, data in places.items()
        for name, secret in secrets.items()
        if secret in data
    ]


def files(life: Life, *except_for: str) -> dict[str, bytes]:
    paths = (path for path in life.folder.rglob("*") if path.is_file())
    named = {str(path.relative_to(life.folder)): path for path in paths}
    return {name: path.read_bytes() for name, path in named.items() if name not in except_for}


def test_the_search_finds_what_is_there(life: Life) -> None:
    """Else the other tests could not fail."""
    shown = find(life.secrets, life.shown)
    assert {name for name, _ in shown} == {"password 0", "password 1", "password 5"}
    kept = {name for name, place in find(life.secrets, files(life)) if place == "kit.txt"}
    assert "kit, as it is printed" in kept
    own = {place for name, place in find(life.secrets, files(life)) if "core.key" in name}
    assert own == {"home/core.key", "again/core.key"}
    assert any(b"--password-stdin" in told for told in life.seen.values())
    assert sum(b"spawn_main" in told for told in life.seen.values()) > 1, "mirror's processes"
    assert len(life.told) > 60


def test_no_secret_is_printed_logged_or_answered(life: Life) -> None:
    logs = {f"log {path.name}": path.read_bytes() for path in (life.folder / "logs").iterdir()}
    assert any(logs.values())
    assert find(life.secrets, life.told | logs) == []


def test_no_secret_is_in_a_process_list(life: Life) -> None:
    places = {f"process {number}": told for number, told in life.seen.items()}
    assert find(life.secrets, places) == []


def test_no_secret_lies_in_a_file_that_is_not_made_for_it(life: Life) -> None:
    made_for_it = ("kit.txt", "home/core.key", "again/core.key")
    assert find(life.secrets, files(life, *made_for_it)) == []


def test_nobody_else_on_the_machine_may_look(life: Life) -> None:
    made_for_it = [life.folder / "kit.txt", life.home / "core.key", life.folder / "again/core.key"]
    objects = [path for path in (life.folder / "vault").rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in [*made_for_it, *objects]} == {0o600}
    folders = [path for path in (life.folder / "vault").rglob("*") if path.is_dir()]
    folders += [life.folder / "vault", life.home, life.folder / "again"]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}
