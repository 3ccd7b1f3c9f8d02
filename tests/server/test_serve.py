"""A core that serves, and one that may not: it listens all the same and answers 503."""

import time
from pathlib import Path

import pytest
from tests.server.processes import ask, command, make_core, running

from stillhere.recovery.recovery import Recovery
from stillhere.vault.kit import read_kit


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_core(tmp_path)


def take_over(place: Path) -> None:
    """Begins a recovery, which seals the core that it replaces."""
    kit = read_kit((place / "kit.txt").read_text())
    Recovery(place / "taker", place / "vault", kit, lambda *_, **__: None).begin().close()


def test_it_serves_until_it_is_told_to_stop(home: Path) -> None:
    with running("serve", "--home", home, "--listen", "127.0.0.1:0") as server:
        serving = server.wait_for("serving")
        assert serving["at_s"] > 0
        assert ask(serving["url"] + "/.well-known/carddav", "PROPFIND")[0] in (301, 401)
        assert ask(serving["url"] + "/dav/", "PROPFIND")[0] == 401
        command("account", "add", "bo", "--device", "--home", home)
        assert server.stop() == 0
        assert server.said == []


def test_two_servers_cannot_have_one_address(home: Path) -> None:
    with running("serve", "--home", home, "--listen", "127.0.0.1:0") as server:
        address = server.wait_for("serving")["url"].removeprefix("http://")
        with running("serve", "--home", home, "--listen", address) as second:
            assert second.popen.wait(30) == 2


def test_one_home_is_served_once_and_commands_work_beside_it(home: Path) -> None:
    listen = ("--listen", "127.0.0.1:0")
    with running("serve", "--home", home, *listen) as server:
        url = server.wait_for("serving")["url"]
        with running("serve", "--home", home, *listen) as second:
            assert second.popen.wait(30) == 2
        assert "another stillhere serve is at work" in second.said[0]
        command("account", "add", "bo", "--device", "--home", home)
        assert ask(url + "/dav/", "PROPFIND")[0] == 401
        assert server.stop() == 0
    with running("serve", "--home", home, *listen) as server:
        server.wait_for("serving")


def test_two_services_do_not_share_a_vault(home: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = make_core(tmp_path / "other")
    settings = other / "stillhere.toml"
    settings.write_text(
        settings.read_text().replace(str(tmp_path / "other" / "vault"), str(tmp_path / "vault"))
    )
    before = sorted((tmp_path / "vault").rglob("*"))
    with running("serve", "--home", other, "--listen", "127.0.0.1:0") as stranger:
        url = stranger.wait_for("refusing")["url"]
        assert ask(url + "/dav/", "PROPFIND")[0] == 503
        stranger.stop()
        assert "is another service's, and not this core's" in stranger.said[0]
    assert sorted((tmp_path / "vault").rglob("*")) == before


def test_a_core_that_was_taken_over_answers_503_to_everything(home: Path, tmp_path: Path) -> None:
    with running("serve", "--home", home, "--listen", "127.0.0.1:0") as server:
        url = server.wait_for("serving")["url"]
        take_over(tmp_path)
        until = time.monotonic() + 15
        while ask(url + "/dav/", "PROPFIND")[0] != 503:
            assert time.monotonic() < until
            time.sleep(0.1)
        for method in ("GET", "PROPFIND", "OPTIONS", "DELETE"):
            status, headers = ask(url + "/dav/addressbooks/ana/contacts/", method)
            assert (status, headers["retry-after"]) == (503, "3600")


def test_a_core_that_was_taken_over_before_never_opens(home: Path, tmp_path: Path) -> None:
    take_over(tmp_path)
    with running("serve", "--home", home, "--listen", "127.0.0.1:0") as server:
        url = server.wait_for("refusing")["url"]
        status, headers = ask(url + "/dav/", "PROPFIND")
        assert (status, headers["content-type"]) == (503, "application/problem+json")
        server.stop()
        assert "sealed" in server.said[0]


def test_a_vault_that_comes_back_opens_the_door(home: Path, tmp_path: Path) -> None:
    (tmp_path / "vault").rename(tmp_path / "unplugged")
    with running("serve", "--home", home, "--listen", "127.0.0.1:0") as server:
        url = server.wait_for("refusing")["url"]
        assert ask(url + "/dav/", "PROPFIND")[0] == 503
        (tmp_path / "unplugged").rename(tmp_path / "vault")
        server.wait_for("serving")
        assert ask(url + "/dav/", "PROPFIND")[0] == 401
