"""The crash harness finds what it looks for: a model that never objects proves nothing."""

from email.message import Message

import pytest
from tests.crashing.forms import COMPONENTS, FORMS, is_in_month
from tests.crashing.homes import Homemaker
from tests.crashing.model import Model
from tests.live.client import Answer, Login

HREF = "one.vcf"


@pytest.fixture
def model() -> Model:
    return Model("anna")


def put(model: Model, body: bytes, etag: str = "", if_match: str = "") -> None:
    model.acknowledge(HREF, model.begin(HREF, body), etag, if_match)


def delete(model: Model) -> None:
    model.acknowledge(HREF, model.begin(HREF, None))


def found(model: Model) -> list[str]:
    return [finding.what for finding in model.findings]


def test_what_was_acknowledged_last_is_all_that_may_be_there(model: Model) -> None:
    put(model, b"old", etag='"1"')
    put(model, b"new", etag='"2"')
    model.settle({HREF: b"new"}, {HREF: '"2"'})
    assert found(model) == []


def test_a_missing_write(model: Model) -> None:
    put(model, b"new")
    model.settle({}, {})
    assert found(model) == ["an acknowledged write is missing"]


def test_an_older_revision(model: Model) -> None:
    put(model, b"old")
    put(model, b"new")
    model.settle({HREF: b"old"}, {})
    assert found(model) == ["an older revision than the acknowledged one"]


def test_a_deletion_undone(model: Model) -> None:
    put(model, b"old")
    delete(model)
    model.settle({HREF: b"old"}, {})
    assert found(model) == ["an acknowledged deletion came back"]


def test_a_phantom(model: Model) -> None:
    model.settle({HREF: b"never sent"}, {})
    assert found(model) == ["present though never sent"]


def test_another_etag_for_the_same_bytes(model: Model) -> None:
    put(model, b"new", etag='"1"')
    model.settle({HREF: b"new"}, {HREF: '"2"'})
    assert found(model) == ["ETag changed"]


def test_two_updates_of_one_etag(model: Model) -> None:
    put(model, b"new", if_match='"1"')
    put(model, b"newer", if_match='"1"')
    assert found(model) == ["two updates of the same ETag were both acknowledged"]


@pytest.mark.parametrize("body", [b"old", b"new"])
def test_a_request_without_an_answer_may_be_done_or_not(model: Model, body: bytes) -> None:
    put(model, b"old")
    model.leave_open(model.begin(HREF, b"new"), over=True)
    model.settle({HREF: body}, {})
    assert found(model) == []


def test_an_unanswered_request_that_is_over_does_not_excuse_a_later_loss(model: Model) -> None:
    model.leave_open(model.begin(HREF, b"unanswered"), over=True)
    put(model, b"new")
    model.settle({HREF: b"unanswered"}, {})
    assert found(model) == ["an older revision than the acknowledged one"]


def test_of_two_requests_at_once_either_may_win(model: Model) -> None:
    first, second = model.begin(HREF, b"first"), model.begin(HREF, b"second")
    model.acknowledge(HREF, second)
    model.acknowledge(HREF, first)
    model.settle({HREF: b"second"}, {})
    assert found(model) == []


def test_a_round_goes_on_from_what_the_last_one_found(model: Model) -> None:
    put(model, b"old")
    model.leave_open(model.begin(HREF, b"new"), over=True)
    model.settle({HREF: b"new"}, {})
    model.settle({HREF: b"old"}, {})
    assert found(model) == ["an older revision than the acknowledged one"]


class Told:
    """A connection whose server says of a home what a test has it say."""

    def __init__(self, **calendars: bytes) -> None:
        self.calendars = calendars

    def ask(self, method: str, path: str, body: bytes = b"", **_: str) -> Answer:
        lines = "".join(
            f"<D:response><D:href>{path}{name}/</D:href><C:comp name='{component.decode()}'/>"
            "</D:response>"
            for name, component in self.calendars.items()
        )
        spaces = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"'
        text = f"<D:multistatus {spaces}>{lines}</D:multistatus>"
        return Answer(207, Message(), text.encode())


@pytest.fixture
def homemaker() -> Homemaker:
    return Homemaker(Login("anna", "x"), "seed")


def look(homemaker: Homemaker, **calendars: bytes) -> list[str]:
    assert homemaker.look(Told(**calendars))
    return found(homemaker.model)


def test_a_home_that_has_what_it_must_have(homemaker: Homemaker) -> None:
    assert look(homemaker, **COMPONENTS) == []
    assert look(homemaker, **COMPONENTS) == []


def test_a_home_that_is_listed_in_part(homemaker: Homemaker) -> None:
    part = {name: body for name, body in COMPONENTS.items() if name != "notes"}
    assert look(homemaker, **part) == ["an acknowledged write is missing"]


def test_a_calendar_that_nobody_made(homemaker: Homemaker) -> None:
    assert look(homemaker, **COMPONENTS, made=b"VEVENT") == ["present though never sent"]


def test_a_calendar_that_takes_something_else(homemaker: Homemaker) -> None:
    assert look(homemaker, **COMPONENTS | {"tasks": b"VEVENT"}) == ["present though never sent"]


def test_the_months_of_an_event_follow_from_its_version() -> None:
    form = FORMS["calendar"]
    assert [is_in_month(form.item("u", 28 * 4 + 336, ""), n) for n in (4, 5, 6)] == [0, 1, 0]
    assert [is_in_month(form.item("u", 28 * 4, ""), n) for n in (4, 5, 7, 8)] == [0, 1, 1, 0]
