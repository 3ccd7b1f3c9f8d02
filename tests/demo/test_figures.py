"""The page and the verdict of a day's figures."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from stillhere.demo.figures import Figures, OfKind
from stillhere.demo.tally import quantile

GOOD = Figures(
    service="Stillhere",
    accounts=3,
    records=120,
    acknowledged=150,
    acknowledged_before_loss=140,
    recovered=120,
    missing=0,
    wrong=0,
    phantom=0,
    resent=5,
    discarded=0,
    phone_deletions=0,
    phone_overwrites=0,
    phone_downloads=0,
    phone_refusals=0,
    resyncs=0,
    phones_back=3,
    first_contact_s=0.4,
    knocks=2,
    knock_p50_ms=5.0,
    knock_p99_ms=9.0,
    waits=1,
    serving_s=0.3,
    contacts_s=0.8,
    mirrored_s=0.9,
    whole_s=1.0,
    complete=3,
    incomplete=0,
    seconds=20.0,
    kinds=(OfKind("contacts", 150, 120, 120, 0, 0, 0, 0, 0, 0, 0),),
)


def printed(figures):
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(figures.page())
    return console.export_text()


def test_a_good_day_says_so():
    assert GOOD.ok
    assert "nothing that it had acknowledged is" in printed(GOOD)
    assert "blank machine to phone with contacts\n" in printed(GOOD)  # 80 columns are enough
    assert GOOD.to_json()["verdicts"] == {"complete": 3, "incomplete": 0}
    assert GOOD.to_json()["kinds"]["contacts"]["records"] == 120
    [row] = [line.split() for line in printed(GOOD).splitlines() if "120 of 120" in line]
    assert row == ["Contacts", "120", "of", "120", *("0" * 6)]


@pytest.mark.parametrize(
    "harm",
    [
        "missing",
        "wrong",
        "phantom",
        "phone_deletions",
        "phone_overwrites",
        "discarded",
        "resyncs",
    ],
)
def test_any_loss_is_a_bad_day_and_is_named(harm):
    figures = replace(GOOD, **{harm: 7})
    assert not figures.ok
    assert figures.verdict().endswith(": 7")


def test_a_phone_that_is_not_back_is_a_bad_day():
    figures = replace(GOOD, phones_back=2)
    assert not figures.ok
    assert "phones that are not back: 1" in figures.verdict()


def test_a_service_without_proof_has_a_page_too():
    figures = replace(
        GOOD,
        complete=None,
        incomplete=None,
        knocks=0,
        knock_p50_ms=None,
        knock_p99_ms=None,
        serving_s=None,
        contacts_s=None,
        mirrored_s=None,
        whole_s=None,
        first_contact_s=None,
    )
    assert "can't know what is lost" in printed(figures)


def test_quantiles_are_values_that_were_measured():
    assert quantile([], 0.5) is None
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.99) == 4.0
