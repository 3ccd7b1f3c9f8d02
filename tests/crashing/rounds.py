"""One round: write, kill, come back, settle. Rounds of one chain share a vault and its past."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from tests.crashing.copies import Copies
from tests.crashing.forms import FORMS, in_month, is_in_month
from tests.crashing.homes import Homemaker
from tests.crashing.model import Finding, Model
from tests.crashing.phones import Phone, Refused, list_book
from tests.crashing.writers import Counts, Writer
from tests.live.client import Client, Lost, read_multistatus
from tests.live.core import SETTINGS, Core, Ended, Process, Silent

ACCOUNTS = ["anna", "björn-Ölund", "chandra 3"]
WRITERS_EACH = {"contacts": 3, "calendar": 2, "tasks": 1, "notes": 1}
KILLS_AT_MOST = 3
REFUSED = 2  # exit code of a recovery whose home holds a whole core already

Devices = tuple[threading.Event, list[threading.Thread]]


@dataclass
class Tally:
    """What a round did."""

    seed: str
    way: str = ""
    kills: int = 0
    compactions: int = 0
    copies: int = 0  # added, healed and removed, or begun to be
    lost: int = 0  # copies
    records: int = 0  # in the largest collection
    tokens: int = 0
    calendars: int = 0  # made and deleted
    took_s: float = 0.0
    counts: Counts = field(default_factory=Counts)
    findings: list[Finding] = field(default_factory=list)


class Chain:
    """A core that is killed again and again, and the devices that live through it."""

    def __init__(self, folder: Path, seed: str, ack: str = "vault") -> None:
        self.seed = seed
        self.core = Core(folder, ACCOUNTS, settings=SETTINGS | {"ack": ack})
        # With ack = "core" a lost home may cost acknowledged changes, so that none is lost here.
        self._ways = ("restart", "recover", "recover") if ack == "vault" else ("restart",)
        self.copies = Copies(self.core, random.Random(seed).choice((1, 2, 2)))
        self.homemakers = [Homemaker(login, seed) for login in self.core.logins]
        self.phones = [
            Phone(form, login, Model(f"{login.name}, {form.kind}"), seed)
            for login, form in product(self.core.logins, FORMS.values())
        ]
        self.models = [device.model for device in (*self.homemakers, *self.phones)]
        each = [phone for phone in self.phones for _ in range(WRITERS_EACH[phone.form.kind])]
        self.writers = [
            Writer(number, phone.form, phone.login, phone.model, seed)
            for number, phone in enumerate(each)
        ]
        self.server: Process = self.core.serve()
        self.rng = random.Random()
        self.tally = Tally("")

    def play(self, number: int) -> Tally:
        """One round. A broken promise is a finding in the tally, never an exception."""
        self.tally = Tally(f"{self.seed}:{number}")
        self.rng.seed(self.tally.seed)
        began = time.monotonic()
        try:
            self.server.wait_for("serving")
            self._write_until_killed(self.server, self.rng.uniform(0.2, 2.5), whole=True)
            self.tally.way = self.rng.choice(self._ways)
            lost = self._lose_a_copy()
            if self.tally.way == "restart":
                self.server = self.core.serve()
                if lost is not None:
                    self.copies.go_on_without(lost, self.server)
                self.server.wait_for("serving")
            else:
                self._recover(self.copies.to_recover_from(self.rng, lost))
            self._settle()
        except (Ended, Refused, Lost, OSError) as error:
            self._find(
                f"{type(error).__name__} in {self.tally.way or 'the first life'}", str(error)
            )
        for model in self.models:
            self.tally.findings += model.findings
            model.findings.clear()
        for writer in self.writers:
            self.tally.counts.add(writer.counts)
            writer.counts = Counts()
        for homemaker in self.homemakers:
            self.tally.calendars += homemaker.changes
            homemaker.changes = 0
        self.tally.took_s = time.monotonic() - began
        return self.tally

    def end(self) -> None:
        """Ends the last server."""
        self.server.kill()

    def _lose_a_copy(self) -> Path | None:
        if not self.copies.can_be_lost or self.rng.random() < 0.5:
            return None
        self.tally.lost += 1
        return self.copies.lose(self.rng)

    def _recover(self, vaults: list[Path]) -> None:
        """The home is gone: a recovery, killed a few times, until everything is back."""
        self.core.lose()
        for _ in range(self.rng.randrange(KILLS_AT_MOST + 1)):
            self.server = self.core.recover(vaults=vaults)
            try:
                # Half of the kills fall into its first steps: home, seal, epoch, anchor.
                after_s = self.rng.choice((self.rng.uniform(0.1, 0.5), self.rng.uniform(0.3, 2.0)))
                self._write_until_killed(self.server, after_s, whole=False)
            except Ended as ended:
                if ended.code != REFUSED:
                    raise
            if self.rng.random() < 0.3:
                self.core.lose()
        self.server = self.core.recover(vaults=vaults)
        try:
            self.server.wait_for("serving")
        except Ended as ended:
            # It was whole when it was killed: then it is a core like any other.
            if ended.code != REFUSED:
                raise
            self.server = self.core.serve()
            return
        devices = self._start_devices(self.server)
        time.sleep(self.rng.uniform(0.0, 0.5))
        _stop_devices(*devices)
        if self.rng.random() < 0.5:
            self._settle()  # while shelves are still brought back by whoever asks for them
        verdicts = self.server.wait_for("whole").get("verdicts", {})
        if verdicts.get("incomplete") or not verdicts.get("complete"):
            self._find("a recovery without damage is not complete", str(verdicts))

    def _write_until_killed(self, server: Process, after_s: float, *, whole: bool) -> None:
        """Devices write from when it serves; it is killed `after_s` from now in any case."""
        deadline = time.monotonic() + after_s
        devices: Devices | None = None
        compaction: Process | None = None
        change: Process | None = None
        try:
            with contextlib.suppress(Silent):
                server.wait_for("serving", after_s)
                devices = self._start_devices(server)
            if whole and self.rng.random() < 0.5:
                time.sleep(self.rng.uniform(0.0, after_s / 2))
                compaction = self.core.compact()
                self.tally.compactions += 1
            if whole and self.rng.random() < 0.6:
                time.sleep(self.rng.uniform(0.0, after_s / 4))
                change = self.copies.change(self.rng)
                self.tally.copies += 1
            time.sleep(max(0.0, deadline - time.monotonic()))
            server.kill(group=self.rng.random() < 0.7)
            self.tally.kills += 1
        finally:
            if devices is not None:
                _stop_devices(*devices)
            if compaction is not None:
                self._end_compaction(compaction)
            if change is not None:
                self.copies.end(change, kill=self.rng.random() < 0.5)

    def _end_compaction(self, compaction: Process) -> None:
        """Half of the time it is killed as well, else it may finish without the server.

        That the server compacts already is the one reason for which it may give up.
        """
        if self.rng.random() < 0.5:
            compaction.kill()
            return
        try:
            code = compaction.process.wait(60)
        finally:
            compaction.kill()
        words = compaction.log.read_text("utf-8")
        if code and not ('"Unavailable"' in words and "compaction" in words):
            self._find(f"compact ended with {code}", words)

    def _start_devices(self, server: Process) -> Devices:
        url = str(server.wait_for("serving")["url"]).rstrip("/")
        stop = threading.Event()
        lives = [writer.write_on for writer in self.writers]
        lives += [phone.sync_on for phone in self.phones]
        lives += [homemaker.keep_on for homemaker in self.homemakers]
        threads = [threading.Thread(target=live, args=(url, stop)) for live in lives]
        for thread in threads:
            thread.start()
        return stop, threads

    def _settle(self) -> None:
        """At rest: every home and collection against its model, every old token, and now and
        then the vault."""
        url = str(self.server.wait_for("serving")["url"]).rstrip("/")
        for homemaker in self.homemakers:
            client = Client(url, homemaker.login)
            homemaker.settle(client)
            client.close()
        for phone in self.phones:
            client = Client(url, phone.login)
            self._settle_book(client, phone)
            client.close()
        if self.rng.random() < 0.25:
            code, words = self.core.verify()
            if code:
                self._find(f"verify ended with {code}", words)

    def _settle_book(self, client: Client, phone: Phone) -> None:
        etags = list_book(client, phone.path)
        found: dict[str, bytes] = {}
        for href in etags:
            answer = client.ask("GET", phone.path + href)
            if answer.status == 200:
                found[href] = answer.body
            else:
                phone.model.report(f"listed, but GET answers {answer.status}", href)
        phone.model.settle(found, etags)
        self.tally.records = max(self.tally.records, len(found))
        self.tally.tokens += phone.check(client, etags)
        if phone.form.kind == "calendar":
            month = self.rng.randint(1, 12)
            query = client.ask("REPORT", phone.path, in_month(month), Depth="1")
            listed = {one.href for one in read_multistatus(query.body, phone.path).entries}
            wanted = {href for href, body in found.items() if is_in_month(body, month)}
            if query.status != 207 or listed != wanted:
                differs = sorted(listed ^ wanted)
                phone.model.report("a month lists other events", detail=f"{month}: {differs}")

    def _find(self, what: str, detail: str) -> None:
        self.tally.findings.append(Finding(what, "", "", detail))


def _stop_devices(stop: threading.Event, threads: list[threading.Thread]) -> None:
    stop.set()
    for thread in threads:
        thread.join(60)
