"""A small second act through real processes: every record is accounted for, or it is seen."""

import json
import random

import pytest

from stillhere import cli
from stillhere.demo import damage, worse
from stillhere.demo.dav import Client
from stillhere.demo.edition import Due, OfKind, find_faults
from stillhere.demo.kinds import KINDS
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
    whole = said["surveys"][-len(KINDS) :]
    assert [one["kind"] for one in whole] == [*KINDS]
    assert {one["looked"] for one in whole} == {PEOPLE}
    assert sum(one["said"]["missing"][0] for one in whole) == toll.missed_by_vault
    assert sum(one["said"]["missing"][1] for one in whole) == toll.missed_by_vault
    assert sum(one["held"] for one in said["kinds"].values()) == toll.held
    assert f"{toll.held:,} are held, each named" in toll.verdict()
    must_be_seen_on_the_page(service.page, toll)


def must_be_seen_on_the_page(page, toll):
    """Any figure of the page that is another than was counted is a fault."""
    back = read_figures(page)["people_with_contacts_back"]
    kinds = {one.kind: OfKind(one.given, one.held) for one in toll.kinds}
    due = Due(TITLE, kinds, PEOPLE, back)
    assert find_faults(page, due) == []
    for kind, (proven, held) in kinds.items():
        more = due._replace(kinds=kinds | {kind: OfKind(proven, held + 1)})
        assert find_faults(page, more) == [
            f"{kind} held is {held}, not {held + 1}",
            f"index.html has other figures of {kind}",
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
        contacts = {p.login.name: p.phone.collections["contacts"].items for p in self._people}
        others = [p for p in self._people if p not in self._people[::10]]
        person = next(p for p in others if contacts[p.login.name])
        kept = person.read(self._service, "contacts")
        href = next(href for href in contacts[person.login.name] if href in kept.items)
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
