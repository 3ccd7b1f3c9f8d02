"""A small second act through real processes: every record is accounted for, or it is seen."""

import json
import random

import pytest

from stillhere import cli
from stillhere.demo import damage, worse
from stillhere.demo.carddav import Client
from stillhere.demo.edition import Due, find_faults
from stillhere.demo.twice import Twice
from stillhere.demo.wire import Wire
from stillhere.demo.worse import TITLE, Worse

PEOPLE = 12


def read_figures(page):
    return json.loads((page / "figures.json").read_bytes())


def test_core_and_vaults_fail_together_and_every_record_is_accounted_for(tmp_path, monkeypatch):
    monkeypatch.setattr(damage, "BAD_PAGES", 0.9)  # something is held then, however few people
    service = Twice(tmp_path, random.Random(1))
    toll = Worse(service, PEOPLE, seed=1, say=lambda _: None).play()
    said = json.loads(json.dumps(toll.to_json()))
    assert toll.ok, toll.verdict()
    assert said["ok"]
    assert toll.records == toll.present + toll.held > 100
    assert toll.held > 0
    assert toll.letters > 0
    assert toll.phone_healed
    assert toll.missed_by_vault == toll.held + toll.salvaged + toll.settled_by_phones
    assert toll.phones_back == PEOPLE
    assert 0 < toll.bad_pages < toll.pages
    assert 0 < toll.bad_packs < toll.packs
    whole = said["surveys"][-1]
    assert whole["looked"] == PEOPLE
    assert whole["said"]["missing"] == [toll.missed_by_vault] * 2
    assert f"{toll.held:,} are held, each named" in toll.verdict()
    must_be_seen_on_the_page(service.page, toll)


def must_be_seen_on_the_page(page, toll):
    """Any figure of the page that is another than was counted is a fault."""
    kinds = {each["kind"]: each for each in read_figures(page)["kinds"]}
    back = read_figures(page)["people_with_contacts_back"]
    due = Due(TITLE, kinds["contacts"]["proven"], toll.held, PEOPLE, back)
    assert find_faults(page, due) == []
    assert find_faults(page, due._replace(held=toll.held + 1)) == [
        f"held is {toll.held}, not {toll.held + 1}",
        "index.html has other figures",
    ]
    assert "back" in " ".join(find_faults(page, due._replace(back=back + 1)))
    html = page / "index.html"
    html.write_bytes(html.read_bytes() + b" ")
    assert find_faults(page, due) == ["index.html is not of the edition that was signed"]
    figures = page / "figures.json"
    figures.write_bytes(figures.read_bytes() + b" ")
    assert find_faults(page, due) == ["figures.json is not what was signed"]


class Meddled(Worse):
    """After everything is back somebody deletes a card behind the owner's back."""

    def _account(self, pool):
        person = next(p for p in self._people if p.phone.cards and p not in self._people[::10])
        book = person.read_book(self._service)
        href = next(href for href in person.phone.cards if href in book.cards)
        client = Client(Wire(self._service.port, *person.login))
        client.delete(client.discover(), href, "")
        client.wire.close()
        super()._account(pool)


def test_a_record_that_is_gone_and_not_named_is_seen(monkeypatch, capsys):
    monkeypatch.setattr(worse, "Worse", Meddled)
    assert cli.main(["demo", "--worse", "--accounts", "6", "--seed", "3", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert not said["ok"]
    assert said["unaccounted"] == 1
    assert said["wrong"] == said["phantom"] == said["misnamed"] == said["unlisted"] == 0
    assert said["faults"] == []


def test_the_second_act_is_ours_alone(capsys):
    assert cli.main(["demo", "--worse", "--against", "radicale"]) == 2
    assert "not played with radicale" in capsys.readouterr().err


def test_a_second_act_needs_people(capsys):
    assert cli.main(["demo", "--worse", "--accounts", "0"]) == 2
    assert "0" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--worse", "--seed"])
def test_its_options_are_in_the_help(option, capsys):
    assert cli.main(["demo", "--help"]) == 0
    assert option in capsys.readouterr().out
