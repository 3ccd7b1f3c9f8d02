"""Filters against cards, and the shorter ways to their answers."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhere.demo.people import cards
from stillhere.kinds.collation import ASCII, COLLATIONS, OCTET
from stillhere.kinds.search import (
    Filter,
    How,
    Lines,
    ParamFilter,
    PropFilter,
    TextMatch,
    judge_bytes,
    passes,
)


def card(*lines: str, version: str = "3.0") -> bytes:
    framed = ("BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD")
    return ("\r\n".join(framed) + "\r\n").encode()


def prop(
    name: str, *tests: TextMatch | ParamFilter, group: str = "", all_of: bool = False
) -> PropFilter:
    return PropFilter(name, group, all_of=all_of, tests=tests)


def without(name: str, group: str = "") -> PropFilter:
    return PropFilter(name, group, defined=False)


def unlike(text: str) -> TextMatch:
    return TextMatch(text, negate=True)


ADA = card(
    "UID:u1",
    "FN:Ada Lovelace",
    "N:Lovelace;Ada;;;",
    "item1.EMAIL;TYPE=WORK,pref:ada@engine.example",
    "item1.X-ABLabel:Analytical",
    "EMAIL;TYPE=HOME:countess@home.example",
    "TEL:555",
    "NOTE:One\\, two\\; three\\nfour \\\\ five",
    "CATEGORIES:Friends,Mathematics\\, applied",
    "X-EMPTY:",
)
OLD = (
    b"BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=ISO-8859-1:M\xfcller;J\xf6rg\r\n"
    b"TEL;HOME;VOICE:123\r\nNOTE;ENCODING=QUOTED-PRINTABLE:gr=C3=BC=\r\n=C3=9Fe\r\n"
    b"AGENT:\r\nBEGIN:VCARD\r\nVERSION:2.1\r\nFN:Helper\r\nEND:VCARD\r\nEND:VCARD\r\n"
)
FOLDED = card("FN:Zo\r\n ë", "NOTE:ab\r\n\tcd\r\n  ef")
QUOTED = card(
    'TEL;TYPE="voice,home";X-P="a, b":1', "EMAIL;X-P=^'n^n^^:x@example.com", version="4.0"
)

TABLE = [
    # properties that are there and that are not
    (ADA, prop("EMAIL"), True),
    (ADA, prop("BDAY"), False),
    (ADA, without("EMAIL"), False),
    (ADA, without("BDAY"), True),
    (ADA, prop("X-EMPTY"), True),
    (ADA, prop("X-EMPTY", TextMatch("")), True),
    (ADA, prop("BEGIN"), False),
    (ADA, prop("END"), False),
    # groups (RFC 6352, 10.5.1)
    (ADA, prop("EMAIL", group="ITEM1"), True),
    (ADA, prop("EMAIL", group="ITEM2"), False),
    (ADA, prop("TEL", group="ITEM1"), False),
    (ADA, without("TEL", group="ITEM1"), True),
    (ADA, prop("X-ABLABEL", TextMatch("analyt")), True),
    # the four ways to match
    (ADA, prop("FN", TextMatch("love")), True),
    (ADA, prop("FN", TextMatch("ada", How.STARTS_WITH)), True),
    (ADA, prop("FN", TextMatch("love", How.STARTS_WITH)), False),
    (ADA, prop("FN", TextMatch("LACE", How.ENDS_WITH)), True),
    (ADA, prop("FN", TextMatch("love", How.ENDS_WITH)), False),
    (ADA, prop("FN", TextMatch("ada lovelace", How.EQUALS)), True),
    (ADA, prop("FN", TextMatch("ada", How.EQUALS)), False),
    # collations
    (ADA, prop("FN", TextMatch("ADA", collation=OCTET)), False),
    (ADA, prop("FN", TextMatch("Ada", collation=OCTET)), True),
    (FOLDED, prop("FN", TextMatch("ZOË")), True),
    (FOLDED, prop("FN", TextMatch("zoe")), True),
    (FOLDED, prop("FN", TextMatch("ZOË", collation=ASCII)), False),
    (FOLDED, prop("FN", TextMatch("ZOë", collation=ASCII)), True),
    # folds, escapes, encodings
    (FOLDED, prop("NOTE", TextMatch("abcd ef", How.EQUALS)), True),
    (ADA, prop("NOTE", TextMatch("one, two; three\nfour \\ five", How.EQUALS)), True),
    (ADA, prop("NOTE", TextMatch("\\,")), False),
    (ADA, prop("NOTE", TextMatch("three\nfour")), True),
    (OLD, prop("N", TextMatch("müller;jörg", How.EQUALS)), True),
    (OLD, prop("NOTE", TextMatch("grüße", How.EQUALS)), True),
    (OLD, prop("FN"), False),
    (OLD, without("FN"), True),
    # a value of a list
    (ADA, prop("CATEGORIES", TextMatch("friends", How.EQUALS)), True),
    (ADA, prop("CATEGORIES", TextMatch("mathematics, applied", How.EQUALS)), True),
    (ADA, prop("CATEGORIES", TextMatch("friends,mathematics, applied", How.EQUALS)), True),
    (ADA, prop("CATEGORIES", TextMatch("friends", How.EQUALS, negate=True)), False),
    # one property passes by itself
    (ADA, prop("EMAIL", unlike("engine")), True),
    (ADA, prop("EMAIL", unlike("example")), False),
    (ADA, prop("BDAY", unlike("x")), False),
    (ADA, prop("EMAIL", TextMatch("ada@"), TextMatch("home"), all_of=True), False),
    (ADA, prop("EMAIL", TextMatch("ada@"), TextMatch("engine"), all_of=True), True),
    (ADA, prop("EMAIL", TextMatch("nobody"), TextMatch("home")), True),
    # parameters
    (ADA, prop("EMAIL", ParamFilter("TYPE")), True),
    (ADA, prop("TEL", ParamFilter("TYPE")), False),
    (ADA, prop("TEL", ParamFilter("TYPE", defined=False)), True),
    (ADA, prop("EMAIL", ParamFilter("TYPE", defined=False)), False),
    (ADA, prop("EMAIL", ParamFilter("TYPE", match=TextMatch("PREF", How.EQUALS))), True),
    (ADA, prop("EMAIL", ParamFilter("TYPE", match=TextMatch("other"))), False),
    (ADA, prop("TEL", ParamFilter("TYPE", match=unlike("other"))), False),
    (ADA, prop("EMAIL", ParamFilter("TYPE", match=unlike("work"))), True),
    (
        ADA,
        prop("EMAIL", TextMatch("ada@"), ParamFilter("TYPE", match=unlike("work")), all_of=True),
        False,
    ),
    (OLD, prop("TEL", ParamFilter("TYPE", match=TextMatch("home", How.EQUALS))), True),
    (OLD, prop("NOTE", ParamFilter("ENCODING", match=TextMatch("quoted"))), True),
    (QUOTED, prop("TEL", ParamFilter("TYPE", match=TextMatch("home", How.EQUALS))), True),
    (QUOTED, prop("TEL", ParamFilter("X-P", match=TextMatch("a, b", How.EQUALS))), True),
    (QUOTED, prop("EMAIL", ParamFilter("X-P", match=TextMatch('"n\n^', How.EQUALS))), True),
]


@pytest.mark.parametrize(("body", "wanted", "expected"), TABLE)
def test_a_card_passes_or_not(body: bytes, wanted: PropFilter, expected: bool) -> None:
    assert passes(Filter(properties=(wanted,)), "", body) is expected


def test_any_or_all_properties() -> None:
    yes, no = prop("FN"), prop("BDAY")
    for all_of, wanted, expected in [
        (False, (), True),
        (True, (), True),
        (False, (no, yes), True),
        (False, (no, no), False),
        (True, (yes, yes), True),
        (True, (yes, no), False),
    ]:
        assert passes(Filter(all_of, wanted), "", ADA) is expected


U1 = TextMatch("u1", How.EQUALS)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(), True),
        (Filter(properties=(prop("FN", TextMatch("nobody")),)), True),
        (Filter(properties=(prop("FN", unlike("nobody")),)), True),
        (Filter(properties=(without("FN"),)), True),
        (Filter(properties=(prop("UID"),)), True),
        (Filter(properties=(without("UID"),)), False),
        (Filter(properties=(prop("UID", U1),)), True),
        (Filter(properties=(prop("UID", TextMatch("u2")),)), False),
        (Filter(properties=(prop("UID", unlike("u1")),)), False),
        (Filter(properties=(prop("UID", TextMatch("u2"), group="ITEM1"),)), True),
        (Filter(properties=(prop("UID", ParamFilter("X"), TextMatch("u2")),)), True),
        (
            Filter(properties=(prop("UID", ParamFilter("X"), TextMatch("u2"), all_of=True),)),
            False,
        ),
        (Filter(False, (prop("UID", TextMatch("u2")), prop("FN", TextMatch("x")))), True),
        (Filter(True, (prop("UID", TextMatch("u2")), prop("FN", TextMatch("x")))), False),
        (Filter(True, (prop("UID", U1), prop("FN", TextMatch("x")))), True),
    ],
)
def test_a_held_card_passes_what_its_uid_does_not_decide(wanted: Filter, expected: bool) -> None:
    assert passes(wanted, "u1", None) is expected


def test_a_held_card_without_a_uid_passes() -> None:
    assert passes(Filter(properties=(prop("UID", U1),)), "", None)


def test_most_cards_of_a_search_are_not_taken_apart() -> None:
    """Ten thousand cards of people everywhere, and what somebody types to find one."""
    book = [body for _, body in cards(seed=3, count=10_000)]
    fields = ("FN", "NICKNAME", "EMAIL", "TEL", "ORG")
    for text in ("zoe", "иван"):
        wanted = Filter(properties=tuple(prop(name, TextMatch(text)) for name in fields))
        answers = [judge_bytes(wanted, body) for body in book]
        taken_apart = [body for body, answer in zip(book, answers, strict=True) if answer is None]
        assert True not in answers
        assert len(taken_apart) < 700
        # What was not taken apart holds the text nowhere.
        assert sum(passes(wanted, "", body) for body in book) == sum(
            passes(wanted, "", body) for body in taken_apart
        )
    present = Filter(properties=(prop("FN"),))
    assert [judge_bytes(present, body) for body in book] == [True] * len(book)


LINES = [
    "FN:Ada",
    "fn:Zoë ﬁ K",
    "item1.FN:a\\,b\\nc\\\\d",
    "N:a;b;;;",
    "NICKNAME:ada,Zoe\\, b",
    "TEL;TYPE=home,WORK:1",
    'TEL;TYPE="voice,home":2',
    "TEL;HOME:3",
    "TEL ;X-P=^n^'a:4",
    "TEL",
    "\\FN:x",
    "NOTE;ENCODING=QUOTED-PRINTABLE:=41=44=41",
    "NOTE;QUOTED-PRINTABLE:a=\r\nFN:b",
    "AGENT:\r\nBEGIN:VCARD\r\nFN:Ada\r\nTEL:1\r\nEND:VCARD",
    " FN:x",
    "",
]
# Folded inside a name, and what only looks folded: a blank line has no continuation.
HARDER = ["F\r\n N:Ada", "FN:A\r\n\tda", "FN:x\r\n\r\n NICKNAME:ada"]
ENDS = ["\r\n", "\n", "\r", "\r\r\n"]
TEXTS = ["a", "ada", "A", "ë", "ë", "zoe", "k", "fi", "ﬁ", ",", "\\", "\n", "home", "", "bc", '"']


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Cards with what makes cards hard to read, folded anywhere, with any line end."""
    lines = draw(st.lists(st.sampled_from(LINES), max_size=5))
    eol = draw(st.sampled_from(ENDS))
    body = eol.join(["BEGIN:VCARD", "VERSION:3.0", *lines, "END:VCARD", ""]).encode()
    for place in sorted(draw(st.lists(st.integers(12, len(body)), max_size=3)), reverse=True):
        fold = eol.encode() + draw(st.sampled_from([b" ", b"\t"]))
        body = body[:place] + fold + body[place:]
    return body


matches = st.builds(
    TextMatch,
    st.sampled_from(TEXTS),
    st.sampled_from(How),
    st.sampled_from(list(COLLATIONS)),
    st.booleans(),
)
params = st.builds(
    ParamFilter, st.sampled_from(["TYPE", "X-P"]), st.booleans(), st.none() | matches
)
filters = st.builds(
    PropFilter,
    st.sampled_from(["FN", "N", "NICKNAME", "TEL", "NOTE", "BDAY", "END"]),
    st.sampled_from(["", "", "ITEM1"]),
    st.booleans(),
    st.booleans(),
    st.lists(matches | params, max_size=3).map(tuple),
)


def test_the_bytes_of_every_hard_line_say_what_it_says() -> None:
    """Each line by itself and after another, with each line end, asked everything."""
    asked = [
        TextMatch(text, collation=c, negate=n)
        for text in TEXTS
        for c in COLLATIONS
        for n in (False, True)
    ]
    tests = [
        *asked,
        *(ParamFilter(name, match=match) for name in ("TYPE", "X-P") for match in asked),
        *(ParamFilter("TYPE", defined=False, match=match) for match in (None, *asked)),
    ]
    for line, eol in itertools.product([*LINES, *HARDER], ENDS):
        body = eol.join(["BEGIN:VCARD", "VERSION:3.0", line.replace("\r\n", eol), "END:VCARD", ""])
        lines = Lines(body.encode())
        for name in ("FN", "N", "NICKNAME", "TEL", "NOTE", "END"):
            for wanted in (prop(name), without(name), *(prop(name, test) for test in tests)):
                said = judge_bytes(Filter(properties=(wanted,)), body.encode())
                assert said in (None, lines.judge(wanted)), (body, wanted)


@given(bodies(), st.booleans(), st.lists(filters, min_size=1, max_size=3).map(tuple))
def test_the_bytes_never_say_other_than_the_lines(
    body: bytes, all_of: bool, wanted: tuple[PropFilter, ...]
) -> None:
    lines = Lines(body)
    expected = (all if all_of else any)(lines.judge(one) for one in wanted)
    assert judge_bytes(Filter(all_of, wanted), body) in (None, expected)
