"""Connections that say nothing, or next to nothing: whoever comes to ask is served."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from tests.live.client import Client
from tests.live.conftest import Besieged, card
from tests.live.core import Core
from tests.live.wire import Wire, request, wire
from tests.rooms import quick_folder

IDLE = 2_000
SLOW = 300


@pytest.fixture(scope="module")
def _many_files() -> Iterator[None]:
    """This process has as many connections as the server."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < IDLE + 200:
        pytest.skip(f"needs {IDLE + 200} open files, and may have {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, IDLE + 200), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("_many_files")
def test_2_000_idle_connections_keep_nobody_out(unharmed: Besieged) -> None:
    with ExitStack() as held:
        idle = [held.enter_context(wire(unharmed.url)) for _ in range(IDLE)]
        for _ in range(5):
            path = f"{unharmed.ana.book}late.vcf"
            assert unharmed.ask("PUT", path, card("late")).status == 201
            assert unharmed.ask("DELETE", path).status == 204
        path = f"{unharmed.ana.book}0.vcf"
        assert idle[0].ask(request("GET", path, unharmed.ana)).status == 200, (
            "there is room for all"
        )


def test_where_files_are_few_the_longest_idle_makes_way() -> None:
    """A server that may open 128 files: half of them can be connections."""
    with quick_folder() as folder, ExitStack() as held:
        core = Core(folder, ["ana"], inside=("sh", "-c", 'ulimit -n 128 && exec "$@"', "sh"))
        server = core.serve()
        held.callback(server.kill)
        url, [ana] = server.wait_for("serving")["url"], core.logins
        early = Wire(url)
        held.callback(early.close)
        for _ in range(200):
            idle = held.enter_context(wire(url))
            idle.send(b"GET / HT")
        client = Client(url, ana)
        for number in range(3):
            assert client.ask("PUT", f"{ana.book}{number}.vcf", card(f"u{number}")).status == 201
        client.close()
        assert early.is_closed()
        assert "connections fit into the limit of open files" in core.log.read_text("utf-8")


def test_slow_heads_and_bodies_hold_up_nobody(unharmed: Besieged) -> None:
    book = unharmed.ana.book
    whole = request("PUT", f"{book}slow.vcf", unharmed.ana, card("slow"))
    with ExitStack() as held:
        slow = [held.enter_context(wire(unharmed.url)) for _ in range(SLOW)]
        for sent in range(0, len(whole) - 1, len(whole) // 5):
            for number, connection in enumerate(slow):
                # some get no further than the head, the others all but end their body
                until = len(whole) - 1 if number % 2 else 40
                with contextlib.suppress(ConnectionError):
                    connection.send(whole[sent : min(until, sent + len(whole) // 5)])
            assert unharmed.ask("GET", f"{book}0.vcf").status == 200
        assert unharmed.ask("GET", f"{book}slow.vcf").status == 404
        assert slow[1].ask(whole[-1:]).status == 201, "who was slow and went on is served too"
    assert unharmed.ask("DELETE", f"{book}slow.vcf").status == 204


def test_answers_that_nobody_reads_hold_up_nobody(unharmed: Besieged) -> None:
    listing = request("PROPFIND", unharmed.ana.book, unharmed.ana, b"", "depth: 1")
    with ExitStack() as held:
        for _ in range(20):
            connection = held.enter_context(wire(unharmed.url))
            connection.socket.settimeout(0.2)
            with contextlib.suppress(TimeoutError, ConnectionError):
                for _ in range(50):
                    connection.send(listing * 20)
        assert unharmed.ask("GET", f"{unharmed.ana.book}0.vcf").status == 200


def test_gone_in_the_middle_of_anything(unharmed: Besieged) -> None:
    whole = request("PROPFIND", unharmed.ana.book, unharmed.ana, b"", "depth: 1")
    for cut in range(0, len(whole), 7):
        with wire(unharmed.url) as connection:
            connection.send(whole[:cut])
    assert unharmed.ask("GET", f"{unharmed.ana.book}0.vcf").status == 200
