"""An account that is erased beside a running server: its phone hears 401, and nobody else does."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live.client import LISTING, Client, Login, sync_body
from tests.server.processes import Process, command, running

CARD = b"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:u1\r\nFN:Friend\r\nEND:VCARD\r\n"


@pytest.fixture
def logins(tmp_path: Path) -> list[Login]:
    home = tmp_path / "core"
    command("init", "--home", home, "--vault", tmp_path / "vault", "--kit", tmp_path / "kit.txt")
    made = command("account", "add", "ana", "bo", "--device", "--home", home, "--json")
    told = [json.loads(line) for line in made.splitlines()]
    return [Login(one["name"], one["password"]) for one in told]


@pytest.fixture
def server(tmp_path: Path, logins: list[Login]) -> Iterator[Process]:
    with running("serve", "--home", tmp_path / "core", "--listen", "127.0.0.1:0") as process:
        yield process


def ask_everything(client: Client) -> set[int]:
    book = client.login.book
    answers = [
        client.ask("PROPFIND", book, LISTING, Depth="1"),
        client.ask("REPORT", book, sync_body("")),
        client.ask("GET", f"{book}1.vcf"),
        client.ask("PUT", f"{book}2.vcf", CARD.replace(b"u1", b"u2"), Content_Type="text/vcard"),
        client.ask("OPTIONS", "/dav/"),
        client.ask("DELETE", f"{book}2.vcf"),
    ]
    return {answer.status for answer in answers}


def test_its_phone_hears_401_and_its_name_is_free(
    tmp_path: Path, server: Process, logins: list[Login]
) -> None:
    url = server.wait_for("serving")["url"]
    ana, bo = (Client(url, login) for login in logins)
    for client in (ana, bo):
        put = client.ask("PUT", f"{client.login.book}1.vcf", CARD, Content_Type="text/vcard")
        assert put.status == 201
        assert ask_everything(client) <= {200, 201, 204, 207}
    told = json.loads(
        command("account", "erase", "ana", "--yes", "--json", "--home", home(tmp_path))
    )
    assert (told["records"], told["devices"]) == (1, 1)
    assert ask_everything(ana) == {401}
    assert ask_everything(bo) <= {200, 201, 204, 207}
    again = command("account", "add", "ana", "--device", "--json", "--home", home(tmp_path))
    new = Client(url, Login("ana", json.loads(again)["password"]))
    listed = new.ask("PROPFIND", new.login.book, LISTING, Depth="1")
    assert listed.status == 207
    assert b"1.vcf" not in listed.body
    assert ana.ask("OPTIONS", "/dav/").status == 401
    for client in (ana, bo, new):
        client.close()
    assert server.stop() == 0
    assert server.said == []


def test_somebody_at_a_terminal_types_the_name(tmp_path: Path, logins: list[Login]) -> None:
    code, said = type_in("bo\n", "account", "erase", "ana", "--home", home(tmp_path))
    assert code == 2
    assert "0 records, 1 device" in said
    assert "nothing was changed" in said
    assert "ana" in command("account", "list", "--home", home(tmp_path))
    code, said = type_in("ana\n", "account", "erase", "ana", "--home", home(tmp_path))
    assert code == 0
    assert "account ana is erased" in said
    assert "ana" not in command("account", "list", "--home", home(tmp_path))


def home(place: Path) -> Path:
    return place / "core"


def type_in(text: str, *arguments: object) -> tuple[int, str]:
    """A command on a terminal at which somebody types; its exit code, and what it said."""
    ours, theirs = pty.openpty()
    line = [sys.executable, "-m", "stillhere", *map(str, arguments)]
    try:
        os.write(ours, text.encode())
        done = subprocess.run(line, stdin=theirs, capture_output=True, text=True, check=False)
    finally:
        os.close(ours)
        os.close(theirs)
    return done.returncode, done.stdout + done.stderr
