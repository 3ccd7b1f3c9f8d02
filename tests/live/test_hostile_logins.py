"""Wrong log-ins, a thousand a second: throttled, told nothing, and nobody else waits."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from tests.live.client import Login
from tests.live.conftest import CHOSEN, Besieged, card
from tests.live.wire import request, wire

from stillhere.store.logins import CLIENT_FAILURES, CLIENT_HASHES

THIEF, NEIGHBOUR = "127.0.0.2", "127.0.0.3"
CONNECTIONS = 67


def guesses(number: int) -> list[Login]:
    """Wrong log-ins of every kind, of names that exist and that do not."""
    names = ("ana", "cleo", f"nobody {number}", f"name {number}", "cleo")
    passwords = (f"guess {number}", "sh-aaaaaaaa-bbbbbbbb", "")
    return [Login(name, password) for name in names for password in passwords]


def test_a_flood_of_guesses_is_throttled_and_the_right_ones_are_served(
    unharmed: Besieged,
) -> None:
    tried = [guesses(number) for number in range(CONNECTIONS)]
    with ExitStack() as held:
        flood = [held.enter_context(wire(unharmed.url, source=THIEF)) for _ in tried]
        for connection, batch in zip(flood, tried, strict=True):
            # without waiting for the answers: as fast as they are taken
            connection.send(b"".join(request("PROPFIND", "/dav/", one) for one in batch))
        # meanwhile: a device from the same address, a chosen password from next door
        for _ in range(3):
            with wire(unharmed.url, source=THIEF) as connection:
                path = f"{unharmed.ana.book}0.vcf"
                assert connection.ask(request("GET", path, unharmed.ana)).status == 200
            with wire(unharmed.url, source=NEIGHBOUR) as connection:
                assert connection.ask(request("OPTIONS", "/dav/", CHOSEN)).status == 200
        replies = [
            (guess, connection.reply())
            for connection, batch in zip(flood, tried, strict=True)
            for guess in batch
        ]
    assert len(replies) == 1_005
    for _, reply in replies:
        assert reply.status in (401, 429)
        assert ("retry-after" in reply.headers) == (reply.status == 429)
        assert "log" in reply.words
    hashed = [
        guess
        for guess, reply in replies
        if reply.status == 401 and not guess.password.startswith("sh-")
    ]
    assert len(hashed) <= CLIENT_FAILURES + CLIENT_HASHES, "of the others none is even looked at"


@pytest.mark.parametrize("password", ["a guess", "sh-aaaaaaaa-bbbbbbbb", ""])
def test_a_name_that_is_nobodys_is_answered_like_one_that_is(
    unharmed: Besieged, password: str
) -> None:
    answers = set()
    for number, name in enumerate(("ana", "cleo", "nobody", "ANA", "a/b", "x" * 1_000)):
        with wire(unharmed.url, source=f"127.0.1.{number + 1}") as connection:
            reply = connection.ask(request("PROPFIND", "/dav/", Login(name, password)))
        headers = {name: value for name, value in reply.headers.items() if name != "date"}
        answers.add((reply.status, str(headers), reply.body))
    assert len(answers) == 1
    assert answers.pop()[0] == 401


@pytest.mark.parametrize(
    "header",
    [
        "authorization: Basic",
        "authorization: Basic ====",
        "authorization: Basic " + "A" * 10_000,
        "authorization: Basic AAAA",
        "authorization: Bearer abc",
        "authorization: Digest username=ana",
        "authorization: \xff\xfe",
    ],
)
def test_what_is_no_log_in_is_401_and_asks_for_one(unharmed: Besieged, header: str) -> None:
    with wire(unharmed.url) as connection:
        path = f"{unharmed.ana.book}x.vcf"
        reply = connection.ask(request("PUT", path, None, card("x"), header))
        assert reply.status == 401
        assert reply.headers["www-authenticate"].startswith("Basic realm=")
        assert "log in with the name" in reply.words
