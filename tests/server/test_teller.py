"""A recovery tells everybody how far it is, and goes on when nobody can be told."""

import json
import re
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from tests.server.processes import command, make_core, running
from tests.server.test_publish import figures_of
from tests.server.test_recover import CARD, CARDS, arguments, epochs, fails, fetch

from stillhere.errors import BadInput, StillhereError
from stillhere.kinds import RECOVERY_ORDER
from stillhere.server import recover
from stillhere.server.incident import Desk
from stillhere.server.teller import Teller, Told

STAGES = [*(f"{kind} proven" for kind in RECOVERY_ORDER), *RECOVERY_ORDER]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault, part of it compacted, a kit, and a page that was made before the core was lost."""
    place = tmp_path_factory.mktemp("prepared")
    home = make_core(place)
    (place / "cards.vcf").write_bytes(b"".join(CARD % number for number in range(CARDS)))
    command("import", "ana", place / "cards.vcf", "--home", home)
    command("compact", "--home", home)
    command("verify", "--home", home)
    command("account", "add", "bo", "--device", "--home", home)
    told(place, "status", "publish", "--to", place / "page", "--home", home)
    shutil.rmtree(home)
    return place


@pytest.fixture(autouse=True)
def _witness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies of one vault do not remember each other."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "witness"))


@pytest.fixture
def lost(prepared: Path, tmp_path: Path) -> Path:
    """A place of its own with all of that."""
    return shutil.copytree(prepared, tmp_path / "lost")


def told(place: Path, *words: object) -> str:
    return command(*words, "--state", place / "state")


def publishing(place: Path) -> tuple[object, ...]:
    return ("--publish", place / "page", "--state", place / "state")


class Heard:
    """An operator who keeps what is announced."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.refused: list[str] = []

    def __call__(self, event: str, **facts: object) -> None:
        self.events.append(event)

    def refuse(self, error: StillhereError) -> None:
        self.refused.append(error.what)


def progress_of(place: Path) -> dict[str, Any]:
    figures: Any = figures_of(place / "page")
    progress: dict[str, Any] = figures["progress"]
    return progress


def test_the_page_follows_the_recovery_to_its_end(lost: Path) -> None:
    told(lost, "incident", "open", "Down", "--affected", "contacts")
    figures_of(lost / "page")
    command(*arguments(lost, *publishing(lost)))
    figures: Any = figures_of(lost / "page")
    assert figures["headline"] == "Everybody's contacts are back: 2 people."
    assert (figures["people"], figures["people_with_contacts_back"]) == (2, 2)
    assert [(k["kind"], k["proven"], k["held"], k["lost"]) for k in figures["kinds"]][1] == (
        *("contacts", CARDS, 0, 0),
    )
    progress = progress_of(lost)
    assert [reached["stage"] for reached in progress["reached"]] == STAGES
    assert progress["whole_at"] is not None
    assert figures["next_at"] is None, "nobody makes another one"
    summary = json.loads((lost / "page" / "summary.json").read_bytes())
    assert summary["status"]["indicator"] == "none"
    assert summary["incidents"][0]["status"] == "monitoring"
    last = told(lost, "incident", "update", "Back.", "--to", lost / "page")
    assert "people with contacts back: not known → 2" in last
    told(lost, "incident", "close", "Over.", "--to", lost / "page")
    assert "No incident." in (lost / "page" / "index.html").read_text()


def test_what_was_measured_before_is_forecast_from_the_first_edition_on(lost: Path) -> None:
    command(*arguments(lost, *publishing(lost)))
    progress = progress_of(lost)
    assert {pace["stage"] for pace in progress["paces"]} == {"first contact", *STAGES}
    for forecast in progress["forecasts"]:
        assert forecast["made_at"] <= forecast["p50_at"] <= forecast["p90_at"]
        assert "never drilled" in forecast["basis"]


def test_what_is_held_is_told_and_so_is_its_return(lost: Path) -> None:
    for pack in (lost / "vault" / "ledger" / "contacts").glob("*-??????b-*.pack"):
        data = bytearray(pack.read_bytes())
        data[150:158] = b"XXXXXXXX"
        pack.write_bytes(data)
    told(lost, "incident", "open", "Down")
    command(*arguments(lost, *publishing(lost)))
    figures: Any = figures_of(lost / "page")
    held = {kind["kind"]: kind["held"] for kind in figures["kinds"]}["contacts"]
    assert held == CARDS
    assert figures["headline"] == (
        f"Contacts of 1 of 2 people are back, 1 has theirs in part; {CARDS} records are held."
    )
    summary = json.loads((lost / "page" / "summary.json").read_bytes())
    assert summary["status"]["indicator"] == "minor"
    command("import", "ana", lost / "cards.vcf", "--home", lost / "new")
    told(lost, "status", "publish", "--to", lost / "page", "--home", lost / "new")
    figures = figures_of(lost / "page")
    assert {kind["kind"]: kind["held"] for kind in figures["kinds"]}["contacts"] == 0
    last = told(lost, "incident", "update", "All healed.", "--to", lost / "page")
    assert f"contacts: records proven: not known → {CARDS}" in last


def test_serving_it_tells_and_goes_on_telling(lost: Path) -> None:
    serve = ("--serve", "--listen", "127.0.0.1:0")
    with running(*arguments(lost, *serve, *publishing(lost))) as recovery:
        url = recovery.wait_for("serving")["url"]
        assert fetch(url, "/dav/addressbooks/ana/contacts/u7.vcf") == CARD % 7
        recovery.wait_for("whole")
        assert recovery.stop() == 0
    figures: Any = figures_of(lost / "page")
    assert figures["people_with_contacts_back"] == 2
    assert progress_of(lost)["whole_at"] is not None


def test_killed_and_begun_again_it_is_the_same_recovery(lost: Path) -> None:
    serve = ("--serve", "--listen", "127.0.0.1:0")
    with running(*arguments(lost, *serve, *publishing(lost))) as recovery:
        recovery.wait_for("whole")
        recovery.popen.kill()
        recovery.popen.wait(30)
    desk = Desk(lost / "state")
    first = desk.progress()
    with running(*arguments(lost, *serve, *publishing(lost))) as recovery:
        recovery.wait_for("serving")
        recovery.wait_for("whole")
        assert recovery.stop() == 0
    again = desk.progress()
    assert again is not None
    assert again.whole_at is not None
    if first is not None:  # it may have been killed before its first edition
        assert again.recovery == first.recovery
        assert again.began_at == first.began_at


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_sealed(lost: Path) -> None:
    (lost / "file").write_text("x")
    code, error = fails(*arguments(lost, "--publish", lost / "file", "--state", lost / "state"))
    assert code == 2
    assert "can't be written" in error
    assert epochs(lost) == 1
    assert not (lost / "new").exists()


def test_a_folder_that_goes_away_does_not_stop_a_recovery(lost: Path) -> None:
    heard = Heard()
    told_where = Told(lost / "page", lost / "state")
    teller = Teller(told_where, heard)
    recovery = recover.Lost(lost / "new", [lost / "vault"], lost / "kit.txt").recovery(teller)
    working = recovery.begin()
    shutil.rmtree(lost / "page")
    (lost / "page").write_text("somebody's file")
    try:
        with teller.beside(recovery):
            recovery.run()
    finally:
        working.close()
    assert heard.events[-1] == "whole"
    assert len(heard.refused) == 1
    assert "can't be written" in heard.refused[0]
    assert (lost / "page").read_text() == "somebody's file"


def test_whatever_stands_in_the_way_of_one_edition_the_next_is_told(lost: Path) -> None:
    """A file in the state folder says something that no calendar has, for a while."""
    known = lost / "state" / "told" / "core.json"
    kept = known.read_bytes()

    class Mending(Heard):
        def refuse(self, error: StillhereError) -> None:
            super().refuse(error)
            known.write_bytes(kept)

    heard = Mending()
    teller = Teller(Told(lost / "page", lost / "state"), heard)
    recovery = recover.Lost(lost / "new", [lost / "vault"], lost / "kit.txt").recovery(teller)
    working = recovery.begin()
    known.write_bytes(re.sub(rb'"known_at":\d+', b'"known_at":%d' % 10**18, kept))
    try:
        with teller.beside(recovery):
            until = time.monotonic() + 30
            while not heard.refused and time.monotonic() < until:
                time.sleep(0.02)
            recovery.run()
    finally:
        working.close()
    (refused,) = heard.refused
    assert "the page can't be made" in refused
    assert progress_of(lost)["whole_at"] is not None


def test_without_a_place_to_tell_it_nothing_is_kept(lost: Path) -> None:
    heard = Heard()
    teller = Teller(None, heard)
    recovery = recover.Lost(lost / "new", [lost / "vault"], lost / "kit.txt").recovery(teller)
    working = recovery.begin()
    with teller.beside(recovery):
        recovery.run()
    working.close()
    assert heard.events[-1] == "whole"
    assert Desk(lost / "state").progress() is None
    with pytest.raises(BadInput):
        Desk(lost / "state").promise(0, 1)
