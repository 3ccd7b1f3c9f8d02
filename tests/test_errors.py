import pickle

import pytest

from stillhere import errors
from stillhere.errors import (
    BadInput,
    Closed,
    Damaged,
    Fenced,
    FutureVault,
    NotAVault,
    NotFound,
    StillhereError,
    Surplus,
    Unavailable,
    WrongKit,
    render,
)

PLAIN = (
    BadInput,
    NotFound,
    Unavailable,
    Fenced,
    Surplus,
    Damaged,
    WrongKit,
    NotAVault,
    FutureVault,
)


def test_render_gives_a_person_the_three_lines() -> None:
    error = Damaged(
        "segment 000412 does not match its digest",
        safe="every change up to 88213 is verified and untouched",
        hint="stillhere recover --until 88213",
    )
    assert render(error) == (
        "error: segment 000412 does not match its digest\n"
        "safe:  every change up to 88213 is verified and untouched\n"
        "hint:  stillhere recover --until 88213"
    )


def test_render_leaves_out_what_there_is_nothing_to_say_about() -> None:
    assert render(NotFound("no account is called zoë")) == "error: no account is called zoë"


def test_render_indents_further_lines() -> None:
    assert render(BadInput("refused:\nline 3", hint="mend\nor drop it")) == (
        "error: refused:\n       line 3\nhint:  mend\n       or drop it"
    )


def test_str_holds_all_three_for_a_log() -> None:
    assert str(BadInput("no", safe="all", hint="try")) == "no; safe: all; hint: try"


def test_closed_says_why_and_for_how_long() -> None:
    error = Closed(retry_after=5, reason="its roster is not proven yet")
    assert error.what == "this shelf is closed: its roster is not proven yet"
    assert (error.retry_after, error.reason) == (5, "its roster is not proven yet")


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (StillhereError, 1),
        (Unavailable, 1),
        (BadInput, 2),
        (NotFound, 3),
        (Damaged, 4),
        (WrongKit, 5),
        (NotAVault, 5),
        (FutureVault, 5),
        (Fenced, 6),
        (Surplus, 6),
    ],
)
def test_exit_codes_are_what_scripts_rely_on(kind: type[StillhereError], code: int) -> None:
    assert kind("failed").exit_code == code


@pytest.mark.parametrize("kind", PLAIN)
def test_errors_come_back_whole_from_a_worker_process(kind: type[StillhereError]) -> None:
    sent = kind("what", safe="safe", hint="hint")
    back = pickle.loads(pickle.dumps(sent))
    assert type(back) is kind
    assert vars(back) == vars(sent)


def test_a_closed_shelf_comes_back_whole_too() -> None:
    back = pickle.loads(pickle.dumps(Closed("what", retry_after=7, reason="why", hint="hint")))
    assert (back.what, back.retry_after, back.reason, back.hint) == ("what", 7, "why", "hint")


def test_every_error_can_be_caught_as_one() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert all(issubclass(kind, StillhereError) for kind in kinds)
