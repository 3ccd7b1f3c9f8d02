"""The listening process: known ports, early callers, limits on heads and bodies, a clean end."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from stillhere.errors import BadInput, Closed, Fenced
from stillhere.protocols import connection, host, incoming
from stillhere.protocols.doorway import Doorway

Talk = Callable[[int], Awaitable[None]]


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def talk_to(app: ASGIApp, talk: Talk) -> None:
    """Serves `app` while `talk` talks to its port, then stops it as an operator would."""
    listener = host.bind("127.0.0.1", 0)
    port = listener.getsockname()[1]

    async def beside() -> None:
        try:
            async with asyncio.timeout(20):
                await talk(port)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    host.run(app, listener, trusted_proxies=[], beside=beside)


async def ask(port: int, request: bytes) -> bytes:
    """Everything that comes back until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return await reader.read()
    finally:
        writer.close()


def opened(app: ASGIApp) -> Doorway:
    door = Doorway(Closed(retry_after=1, reason="starting"))
    door.open(app)
    return door


def test_a_request_is_answered_and_the_process_stops_when_told() -> None:
    async def talk(port: int) -> None:
        request = (
            b"PUT / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello"
        )
        answer = await ask(port, request)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"hello" in answer

    talk_to(opened(echo), talk)


@pytest.mark.parametrize(
    ("reason", "after"),
    [(Closed(retry_after=7, reason="starting"), b"7"), (Fenced("superseded"), b"3600")],
)
def test_a_closed_door_answers_503_to_everything(reason: Closed | Fenced, after: bytes) -> None:
    async def talk(port: int) -> None:
        for method in (b"GET", b"PROPFIND", b"OPTIONS", b"PUT"):
            answer = await ask(port, method + b" /any/where HTTP/1.1\r\nhost: x\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"retry-after: " + after + b"\r\n" in answer
            assert b"application/problem+json" in answer

    talk_to(Doorway(reason), talk)


def test_a_door_that_closes_later_is_closed_at_once() -> None:
    door = opened(echo)
    request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"

    async def talk(port: int) -> None:
        assert (await ask(port, request)).startswith(b"HTTP/1.1 200 ")
        door.close(Fenced("another core took over"))
        assert (await ask(port, request)).startswith(b"HTTP/1.1 503 ")

    talk_to(door, talk)


def test_what_was_found_out_before_an_answer_is_sent_still_closes_the_door() -> None:
    halted: list[Fenced] = []

    async def look() -> None:
        await asyncio.sleep(0.01)
        halted.append(Fenced("another core took over"))

    door = Doorway(Closed(retry_after=1, reason="starting"))
    door.open(echo, lambda: halted[0] if halted else None, look)

    async def talk(port: int) -> None:
        answer = await ask(port, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert answer.count(b"HTTP/1.1") == 1

    talk_to(door, talk)


def test_a_head_without_end_is_refused() -> None:
    async def talk(port: int) -> None:
        huge = b"GET / HTTP/1.1\r\nx-pad: " + b"x" * (connection.HEAD_BYTES + 1000)
        assert (await ask(port, huge)).startswith(b"HTTP/1.1 431 ")

    talk_to(opened(echo), talk)


def test_a_head_that_never_comes_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_WITHIN_S", 0.1)

    async def talk(port: int) -> None:
        assert (await ask(port, b"GET / HT")).startswith(b"HTTP/1.1 408 ")
        assert await ask(port, b"") == b""

    talk_to(opened(echo), talk)


def test_a_body_that_stalls_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "PIECE_WITHIN_S", 0.1)

    async def talk(port: int) -> None:
        head = b"PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\nonly this"
        assert (await ask(port, head)).startswith(b"HTTP/1.1 408 ")

    talk_to(opened(echo), talk)


def test_a_body_that_drips_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "BODY_WITHIN_S", 0.2)

    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n")
        answer = asyncio.ensure_future(reader.read())
        while not answer.done():
            writer.write(b"x")
            await asyncio.sleep(0.01)
        if answer.exception() is None:  # what drips on may overtake the answer with a reset
            assert answer.result().startswith(b"HTTP/1.1 408 ")
            assert b"did not come in time" in answer.result()
        writer.close()

    talk_to(opened(echo), talk)


@pytest.mark.parametrize("app", [None, "an app that reads nothing"])
def test_a_body_that_nobody_reads_is_out_of_the_way(app: str | None) -> None:
    async def deaf(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 401, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def talk(port: int) -> None:
        body = b"GET / HTTP/1.1\r\n\r\n" * 200_000
        head = b"PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + body + b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        status = b"503" if app is None else b"401"
        assert (await reader.readline()).startswith(b"HTTP/1.1 " + status)
        rest = await reader.read()
        assert rest.count(b"HTTP/1.1 ") == (0 if app is None else 1), "the body is no request"
        writer.close()

    talk_to(opened(deaf) if app else Doorway(Closed(retry_after=7, reason="starting")), talk)


def test_who_asks_before_sending_is_not_asked_to_send_in_vain() -> None:
    door = Doorway(Closed(retry_after=7, reason="starting"))

    async def talk(port: int) -> None:
        head = b"PUT / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n"
        answer = await ask(port, head)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"connection: close" in answer

    talk_to(door, talk)


def test_an_answer_that_nobody_reads_is_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "KEEP_ALIVE_S", 0.1)
    large = 16 << 20

    async def generous(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": bytes(large)})

    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await reader.readexactly(1)
        while connection.Connection._idle:  # the time limit of talk_to ends what does not end
            await asyncio.sleep(0.02)
        try:
            read = len(await reader.read())
        except ConnectionError:
            read = 0
        assert read < large
        writer.close()

    talk_to(opened(generous), talk)


def test_an_address_that_is_taken_is_told() -> None:
    listener = host.bind("127.0.0.1", 0)
    try:
        with pytest.raises(BadInput, match="cannot listen"):
            host.bind("127.0.0.1", listener.getsockname()[1])
    finally:
        listener.close()


def test_what_fails_beside_the_serving_ends_it_and_comes_out() -> None:
    async def beside() -> None:
        raise Fenced("superseded")

    with pytest.raises(Fenced):
        host.run(echo, host.bind("127.0.0.1", 0), trusted_proxies=[], beside=beside)
