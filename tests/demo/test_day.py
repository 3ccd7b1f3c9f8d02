"""A small day through real processes: nothing is lost, and with Radicale the losses are seen."""

import json

import pytest

from stillhere.demo import day, run
from stillhere.demo.day import Day
from stillhere.demo.kinds import KINDS
from stillhere.demo.ours import Ours
from stillhere.demo.radicale import find
from stillhere.errors import BadInput

HARM = (
    "missing",
    "wrong",
    "phantom",
    "discarded",
    "phone_deletions",
    "phone_overwrites",
    "resyncs",
)
KEYS = {
    "accounts",
    "records",
    "acknowledged",
    "recovered",
    "missing",
    "wrong",
    "phantom",
    "phone_deletions",
    "resyncs",
    "first_contact_s",
    "knock_p50_ms",
    "knock_p99_ms",
    "contacts_s",
    "mirrored_s",
    "whole_s",
    "kinds",
    "verdicts",
}


def test_a_day_of_twelve_people_loses_nothing():
    figures = run(12)
    said = json.loads(json.dumps(figures.to_json()))
    assert said.keys() >= KEYS
    assert figures.ok, said
    assert said["accounts"] == said["phones_back"] == 12
    assert said["records"] == said["recovered"] > 100
    assert said["verdicts"] == {"complete": 12 * (len(KINDS) + 1), "incomplete": 0}
    assert said["kinds"].keys() == KINDS.keys()
    for kind in said["kinds"].values():
        assert kind["acknowledged"] >= kind["records"] == kind["recovered"] >= 12
        assert not any(kind[harm] for harm in HARM)
    assert said["resyncs"] == said["phone_downloads"] == said["discarded"] == 0
    assert 0 < said["first_contact_s"] < said["seconds"]
    assert said["contacts_s"] <= said["whole_s"]
    assert not said["phone_refusals"]


class Torn(Ours):
    """Loses the end of its vault together with the core."""

    def lose(self):
        super().lose()
        for segment in sorted(self._vault.glob("journal/**/*.seg"))[-8:]:
            segment.unlink()


def test_a_day_that_loses_the_end_of_the_vault_too_is_seen_and_costs_no_phone_its_copy(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(day, "EDITS", 16)  # so that edits are lost, and not what people began with
    figures = Day(Torn(tmp_path), 6, seed=1, say=lambda _: None).play()
    assert not figures.ok
    assert figures.missing + figures.wrong >= 3
    assert figures.phantom == 0
    assert figures.phone_deletions == figures.phone_overwrites == 0
    assert figures.phones_back == 6


def test_the_same_day_with_radicale_shows_what_people_lose():
    try:
        find(None)
    except BadInput as error:
        pytest.skip(str(error))
    figures = run(4, against="radicale", backup="none")
    assert not figures.ok
    assert figures.phone_deletions > 0
    assert figures.missing > 0
    assert figures.phantom == 0
    assert all(kind.missing and kind.phone_deletions for kind in figures.kinds)


def test_a_day_needs_people_and_a_service_that_is_known():
    with pytest.raises(BadInput):
        run(0)
    with pytest.raises(BadInput):
        run(3, against="a miracle")
    with pytest.raises(BadInput, match="not a program"):
        run(3, against="radicale", radicale="/no/such/program")
