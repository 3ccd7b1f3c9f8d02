"""Two cores at once, each a process of its own: one goes on, and phones believe no other."""

from __future__ import annotations

import http.client
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from tests.live.client import LISTING, Client, read_multistatus, sync_body
from tests.live.core import Core, Process

PHONES = 12
LONGER_THAN_A_LOOK_S = 3.0  # with the settings of `Core`, a look is recent for 2.5 s


@pytest.fixture
def core(tmp_path: Path) -> Core:
    return Core(tmp_path, ["anna"])


@contextmanager
def ending(process: Process) -> Iterator[Process]:
    """The process, awake or not, ended at the end."""
    try:
        yield process
    finally:
        process.kill()


def phone_of(core: Core, server: Process) -> closing[Client]:
    return closing(Client(server.wait_for("serving")["url"], core.logins[0]))


def put(client: Client, name: str) -> int:
    card = f"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:{name}\r\nFN:{name}\r\nEND:VCARD\r\n"
    return client.ask("PUT", client.login.book + name, card.encode()).status


def names(client: Client) -> set[str]:
    answer = client.ask("PROPFIND", client.login.book, LISTING, Depth="1")
    assert answer.status == 207
    return {entry.href for entry in read_multistatus(answer.body, client.login.book).entries}


def sync(client: Client, token: str = "") -> tuple[int, str, list[tuple[str, int]]]:
    """Status, the new token, and (name, status) of what changed."""
    answer = client.ask("REPORT", client.login.book, sync_body(token), Depth="1")
    if answer.status != 207:
        return answer.status, "", []
    told = read_multistatus(answer.body, client.login.book)
    return 207, told.token, [(entry.href, entry.status) for entry in told.entries]


class TestAnOldCoreThatWakes:
    """Stopped while a recovery happened elsewhere; the phones' connections are still open."""

    def test_it_says_nothing_and_its_phones_lose_nothing(self, core: Core) -> None:
        with ending(core.serve()) as old, ExitStack() as open_:
            phones = [open_.enter_context(phone_of(core, old)) for _ in range(PHONES)]
            for number, phone in enumerate(phones):
                assert put(phone, f"{number}.vcf") == 201
            _, token, _ = sync(phones[0])
            assert put(phones[0], "tail.vcf") == 201
            _, beyond, _ = sync(phones[0])
            old.process.send_signal(signal.SIGSTOP)
            stopped = time.monotonic()
            # What was acknowledged last is lost with the vault's last segment.
            max((core.vault / "journal").rglob("*.seg")).unlink()
            core.move()
            with ending(core.recover()) as new:
                new.wait_for("whole")
                there = open_.enter_context(phone_of(core, new))
                assert put(there, "new.vcf") == 201
                asked = [begin(phone, n, token) for n, phone in enumerate(phones)]
                time.sleep(max(0.0, LONGER_THAN_A_LOOK_S + stopped - time.monotonic()))
                old.process.send_signal(signal.SIGCONT)
                assert [answer(connection) for connection in asked] == [(503, "3600")] * PHONES

                assert names(there) == {f"{n}.vcf" for n in range(PHONES)} | {"new.vcf"}
                for known in (token, beyond, beyond):
                    status, _, changed = sync(there, known)
                    assert (status, changed) == (207, [("new.vcf", 200)])
                for phone in phones:  # for ever
                    assert phone.ask("GET", phone.login.book + "0.vcf").status == 503
                told = core.report("anna")
                assert "knows of 1 change to contacts that was not in the" in told


def begin(phone: Client, number: int, token: str) -> http.client.HTTPConnection:
    """A request that lies in the socket of a stopped process when it wakes."""
    book = phone.login.book
    card = b"BEGIN:VCARD\r\nUID:late\r\nFN:late\r\nEND:VCARD\r\n"
    method, path, body = (
        ("PROPFIND", book, LISTING),
        ("REPORT", book, sync_body(token)),
        ("GET", book + "0.vcf", b""),
        ("PUT", book + f"late-{number}.vcf", card),
    )[number % 4]
    return phone.begin(method, path, body, Depth="1")


def answer(connection: http.client.HTTPConnection) -> tuple[int, str | None]:
    response = connection.getresponse()
    response.read()
    return response.status, response.getheader("retry-after")


def snapshot(core: Core, server: Process) -> Path:
    """The home of a running core as it is in one moment, as a snapshot of its machine has it."""
    server.process.send_signal(signal.SIGSTOP)
    shutil.copytree(core.home, core.folder / "snapshot")
    server.process.send_signal(signal.SIGCONT)
    return core.folder / "snapshot"


class TestAMachineSnapshot:
    def test_started_after_the_loss_of_the_machine_it_catches_up(self, core: Core) -> None:
        with ending(core.serve()) as server, phone_of(core, server) as phone:
            assert put(phone, "before.vcf") == 201
            older = snapshot(core, server)
            assert put(phone, "after.vcf") == 201
            assert phone.ask("DELETE", phone.login.book + "before.vcf").status == 204
            _, token, _ = sync(phone)
        core.home = older
        with ending(core.serve()) as again, phone_of(core, again) as phone:
            assert sync(phone, token) == (207, token, [])
            assert names(phone) == {"after.vcf"}

    def test_beside_the_machine_it_was_taken_of_one_of_the_two_goes_on(self, core: Core) -> None:
        with ending(core.serve()) as first, phone_of(core, first) as one:
            assert put(one, "before.vcf") == 201
            core.home = snapshot(core, first)
            with ending(core.serve()) as second, phone_of(core, second) as two:
                acknowledged = {"before.vcf"}
                ended = set()
                for number in range(40):
                    phone = (one, two)[number % 2]
                    status = put(phone, f"{number}.vcf")
                    assert status in (201, 503)
                    if status == 201:
                        acknowledged.add(f"{number}.vcf")
                    else:
                        ended.add(phone)
                assert len(ended) == 1, "one goes on, and the other never again"
                assert len(acknowledged) > 20
                (over,) = ended
                assert names(two if over is one else one) == acknowledged
                assert over.ask("GET", over.login.book + "before.vcf").status == 503
        core.move()
        with ending(core.recover()) as new, phone_of(core, new) as phone:
            new.wait_for("whole")
            assert names(phone) == acknowledged
        assert core.verify()[0] == 0
