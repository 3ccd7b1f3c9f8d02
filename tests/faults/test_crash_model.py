"""The crash harness finds what it looks for: a model that never objects proves nothing."""

import pytest
from tests.crashing.model import Model

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
