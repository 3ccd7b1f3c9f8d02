"""What the public reads: figures in every state, nothing that can be taken for markup, and the
same in page, feed and JSON."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from tests.status.bulletins import (
    KNOWN,
    MOMENTS,
    OUTLOOK,
    START,
    before,
    contacts_back,
    first_minutes,
    over,
    surveyed,
)

from stillhere.status import feed, page, summary
from stillhere.status.bulletin import Bulletin, figures, headline
from stillhere.status.incident import Incident, Update, tell

ATOM = "{http://www.w3.org/2005/Atom}"
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></style></svg><script>alert(1)</script>",
    "&lt;b&gt; & ]]> <!-- \u202egnp.exe",
    "nul \x00 bell \x07 half \ud800 end",
)
VOID = {"meta", "link", "br", "hr", "img", "input"}


class Reader(HTMLParser):
    """What a browser would see: elements, their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def text_of(bulletin: Bulletin) -> str:
    reader = Reader(page.render(bulletin))
    return " ".join("".join(reader.text).split())


@pytest.fixture(params=MOMENTS)
def bulletin(request: pytest.FixtureRequest) -> Bulletin:
    return MOMENTS[request.param]()


def test_the_page_needs_no_script_and_no_other_file(bulletin: Bulletin) -> None:
    reader = Reader(page.render(bulletin))
    assert not {"script", "img", "iframe", "object"} & set(reader.tags)
    assert not [name for name, _ in reader.attributes if name.startswith("on") or name == "src"]
    linked = {value for name, value in reader.attributes if name == "href"}
    assert linked <= {
        *("feed.atom", "summary.json", "figures.json", "figures.json.sig", "key.pem"),
        "data:,",
    }


def test_the_page_can_be_read_to_somebody(bulletin: Bulletin) -> None:
    text = page.render(bulletin)
    reader = Reader(text)
    assert ("lang", "en") in reader.attributes
    assert reader.tags.count("h1") == 1
    assert reader.tags.count("table") == reader.tags.count("caption")
    assert "<th>" not in text, "every head of a table says what it is the head of"
    levels = [int(tag[1]) for tag in reader.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after - level <= 1 for level, after in pairwise(levels))
    if "svg" in reader.tags:
        assert ("aria-labelledby", "picture-title picture-about") in reader.attributes
    if "meter" in reader.tags:
        assert ("for", "back") in reader.attributes


def test_the_page_says_how_old_it_is_and_asks_for_itself_anew_while_something_goes_on() -> None:
    assert "with figures that were 5 minutes old then" in text_of(before())
    assert "refresh" not in page.render(before())
    assert 'http-equiv="refresh"' in page.render(first_minutes())
    assert "The next one is due 5.0 s after it" in text_of(first_minutes())


def test_figures_not_adjectives() -> None:
    assert headline(before()) == "No incident. 10,000 people have 3,100,000 records here."
    assert headline(first_minutes()) == "Contacts of 0 of 10,000 people are back."
    assert headline(contacts_back()) == "Everybody's contacts are back: 10,000 people."
    assert headline(MOMENTS["incomplete"]()) == (
        "Contacts of 9,994 of 10,000 people are back, 4 have theirs in part;"
        " 12 records are held, 3 changes are lost."
    )
    assert headline(over()).startswith("No incident.")
    assert headline(Bulletin("x", "", "", 0)) == "No incident. No figures are known yet."


def test_an_incident_before_any_recovery_has_no_figures_of_before() -> None:
    opened = replace(before(), incidents=first_minutes().incidents, told_at=START + 5)
    assert not opened.current
    assert headline(opened) == "The contacts service is down. The recovery has not begun."
    assert "before the incident" in text_of(opened)
    assert "Cause not known yet" in text_of(opened).replace("Causenot", "Cause not")


def test_before_a_recovery_the_last_survey_says_what_is_left() -> None:
    bulletin = surveyed()
    assert headline(bulletin) == (
        "The contacts service is down. The recovery has not begun."
        " At least 3,097,200 records are proven, and at most 1,240 are not found."
    )
    told = text_of(bulletin)
    assert "As a survey found on 21 September 2026, 14:16:20 UTC" in told
    assert "contacts3,100,000 to 3,100,4003,067,200 to 3,092,900310 to 9,3000 to 1,240" in told
    assert "1,204 of 20,000 shelves were looked at, drawn by lot; each range holds with 95" in told
    assert "1 copy of the vault and 1 damaged core. 1 source more could not be looked at." in told
    assert figures(bulletin)["survey"]["everything"]["missing"] == [0, 1240]
    assert figures(bulletin)["survey"]["surveyed_at"] == "2026-09-21T14:16:20.000Z"
    assert "What can still be had" in [entry.title for entry in feed.entries(bulletin)]
    assert summary.summary(bulletin)["status"]["description"] == headline(bulletin)


def test_a_survey_that_looked_at_everything_says_figures_and_what_is_in_none() -> None:
    share = replace(OUTLOOK.everything, known=(10, 10), proven=(4, 4), recoverable=(5, 5))
    seen = replace(OUTLOOK, everything=replace(share, missing=(1, 1)), looked=20_000, uncounted=2)
    told = text_of(replace(surveyed(), survey=seen))
    assert "Of 10 records 4 are proven and 5 can be recovered; 1 are not found." in told
    assert "Of 2 shelves nothing says how many records there were" in told
    assert "drawn by lot" not in told.split("What can still be had")[1].split("Records")[0]


def test_a_survey_gives_way_to_newer_figures_of_a_core() -> None:
    """Of the recovery's, or of a core that was asked since."""
    assert first_minutes().survey is not None
    since = replace(KNOWN, known_at=OUTLOOK.surveyed_at + 1)
    for bulletin in (first_minutes(), replace(surveyed(), known=since)):
        assert bulletin.outlook is None
        assert "What can still be had" not in text_of(bulletin)
        assert "What can still be had" not in feed.render(bulletin)
        assert "At least" not in headline(bulletin)


def test_a_missed_promise_and_an_update_without_news_are_shown_as_such() -> None:
    told = text_of(MOMENTS["incomplete"]())
    assert "missed: promised by 21 September 2026" in told
    assert "No figure has changed since the update before." in told
    titles = [entry.title for entry in feed.entries(MOMENTS["incomplete"]())]
    assert "A promised update was missed: The contacts service is down" in titles


def test_forecasts_stay_beside_what_happened() -> None:
    told = text_of(contacts_back())
    assert "contacts: back, " in told
    assert "after p90" in told
    assert "by p90" in told


def test_nobodys_words_become_markup() -> None:
    incident = Incident(
        "7a",
        HOSTILE[0],
        *(START, START, HOSTILE[1], (HOSTILE[2],), (HOSTILE[3],)),
        updates=(Update(START, HOSTILE[4], {HOSTILE[0]: 1}), Update(START + 1, HOSTILE[2], {})),
    )
    bulletin = replace(first_minutes(), name=HOSTILE[2], incidents=(incident,))
    plain = Reader(page.render(contacts_back()))
    reader = Reader(page.render(bulletin))
    assert set(reader.tags) <= set(plain.tags) | {"meter"}
    assert {name for name, _ in reader.attributes} <= {name for name, _ in plain.attributes}
    assert HOSTILE[0] in "".join(reader.text)
    root = ElementTree.fromstring(feed.render(bulletin).encode())
    names = {element.tag.removeprefix(ATOM) for element in root.iter()}
    assert names <= {
        *("feed", "id", "title", "subtitle", "updated", "author", "name", "generator", "entry"),
        *("published", "content", "link"),
    }
    json.dumps(summary.summary(bulletin)).encode()


def test_the_feed_is_atom_and_its_ids_stay(bulletin: Bulletin) -> None:
    bulletin = replace(bulletin, url="https://status.example.org/")
    first = ElementTree.fromstring(feed.render(bulletin).encode())
    again = ElementTree.fromstring(
        feed.render(replace(bulletin, told_at=bulletin.told_at + 1)).encode()
    )
    for root in (first, again):
        ids = [element.text for element in root.iter(f"{ATOM}id")]
        assert len(ids) == len(set(ids))
        for entry in root.iter(f"{ATOM}entry"):
            assert {"id", "title", "updated", "content"} <= {
                child.tag.removeprefix(ATOM) for child in entry
            }
    assert [e.text for e in first.iter(f"{ATOM}id")] == [e.text for e in again.iter(f"{ATOM}id")]
    times = [entry.findtext(f"{ATOM}updated") for entry in first.iter(f"{ATOM}entry")]
    assert times == sorted(times, reverse=True)


def test_the_summary_has_statuspages_shape(bulletin: Bulletin) -> None:
    told = summary.summary(bulletin)
    assert {"page", "components", "incidents", "scheduled_maintenances", "status"} < set(told)
    assert told["status"]["indicator"] in {"none", "minor", "major", "critical"}
    for component in told["components"]:
        assert component["status"] in {
            *("operational", "degraded_performance", "partial_outage", "major_outage"),
        }
        assert component["page_id"] == told["page"]["id"]
    for incident in told["incidents"]:
        assert incident["status"] in {"investigating", "identified", "monitoring"}
        assert [u["created_at"] for u in incident["incident_updates"]] == sorted(
            (u["created_at"] for u in incident["incident_updates"]), reverse=True
        )
    assert told["stillhere"]["headline"] == headline(bulletin)
    assert json.loads(json.dumps(told)) == told


def test_the_summary_is_decided_by_figures() -> None:
    def status(bulletin: Bulletin) -> tuple[str, list[str], list[str]]:
        told = summary.summary(bulletin)
        return (
            told["status"]["indicator"],
            [component["status"] for component in told["components"]],
            [incident["status"] for incident in told["incidents"]],
        )

    opened = replace(before(), incidents=first_minutes().incidents)
    assert status(before()) == ("none", ["operational"] * 2, [])
    assert status(opened) == ("critical", ["operational", "major_outage"], ["investigating"])
    assert status(first_minutes())[0] == "critical"
    assert status(contacts_back()) == ("none", ["operational"] * 2, ["monitoring"])
    held = replace(contacts_back(held=12), told_at=START)
    assert status(held) == ("minor", ["operational", "degraded_performance"], ["monitoring"])
    assert status(MOMENTS["incomplete"]())[1] == ["operational", "partial_outage"]
    assert status(over()) == ("none", ["operational"] * 2, [])


def test_page_feed_and_json_tell_the_same(bulletin: Bulletin) -> None:
    said = headline(bulletin)
    assert said in text_of(bulletin)
    assert said in feed.render(bulletin)
    assert figures(bulletin)["headline"] == said
    assert figures(bulletin)["people_with_contacts_back"] == bulletin.back()


def test_nothing_of_the_machine_is_told(bulletin: Bulletin) -> None:
    for made in (page.render(bulletin), json.dumps(figures(bulletin))):
        assert "/home" not in made
        assert "vault_place" not in made


def test_a_core_that_was_never_measured_says_so() -> None:
    unmeasured = replace(KNOWN, expected=None, proven_at=None)
    told = text_of(replace(before(), known=unmeasured))
    assert "has not been measured" in told
    assert "Provennever" in told


def test_a_second_update_at_once_is_an_entry_of_its_own() -> None:
    incident = tell(first_minutes().incidents[0], Update(START + 120_000, "again"))
    bulletin = replace(first_minutes(), incidents=(incident,))
    assert len({entry.id for entry in feed.entries(bulletin)}) == len(list(feed.entries(bulletin)))


def test_what_a_loss_costs_is_told_as_p50_and_p90_of_each_stage() -> None:
    told = text_of(before())
    assert "Untilas likely as not (p50)9 of 10 (p90)" in told
    assert "contacts: everybody has contacts8 minutes10 minutes" in told
    assert "Of 11 drills that were forecast, p90 held in 10." in told


def test_the_last_drill_is_told_and_its_absence_too() -> None:
    assert "10,000 people, whole after 10 minutes, 0 shelves not as in the core" in text_of(
        before()
    )
    never = text_of(replace(before(), known=replace(KNOWN, rehearsal=None)))
    assert "never: nobody has tried a recovery" in never
    old = replace(KNOWN, known_at=START + 31 * 86_400_000)
    assert "more than 30 days before that look" in text_of(replace(before(), known=old))
