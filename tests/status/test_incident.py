"""An incident tells when more is told, and what became of what was promised."""

from stillhere.status.incident import (
    Facts,
    Incident,
    Update,
    close,
    judge,
    next_due,
    promise,
    tell,
    what_changed,
)

OPEN = Incident("7a", "Down", began_at=1000, opened_at=2000)


def states(incident: Incident, now: int) -> list[tuple[str, int | None]]:
    return [(kept.state, kept.came_at) for kept in judge(incident, now)]


def test_a_promise_is_kept_by_an_update_that_comes_in_time() -> None:
    told = tell(promise(OPEN, 2000, 5000), Update(5000, "in time"))
    assert states(told, 9000) == [("kept", 5000)]
    assert next_due(told, 9000) is None


def test_a_promise_is_missed_as_soon_as_it_is_over_and_stays_so() -> None:
    told = promise(OPEN, 2000, 5000)
    assert states(told, 5000) == [("due", None)]
    assert states(told, 5001) == [("missed", None)]
    late = tell(told, Update(6000, "late"))
    assert states(late, 9000) == [("missed", 6000)]
    assert next_due(late, 9000) is None


def test_a_later_promise_takes_none_back() -> None:
    moved = promise(promise(OPEN, 2000, 5000), 4000, 8000)
    assert states(moved, 6000) == [("missed", None), ("due", None)]
    due = next_due(moved, 6000)
    assert due is not None
    assert due.promise.due_at == 8000


def test_the_update_that_promises_does_not_keep_its_own_promise() -> None:
    told = tell(OPEN, Update(3000, "more at 5"), due_at=5000)
    assert states(told, 5001) == [("missed", None)]


def test_closing_is_the_last_update_and_owes_nothing_more() -> None:
    over = close(promise(OPEN, 2000, 5000), Update(4000, "over"))
    assert over.closed_at == 4000
    assert states(over, 9000) == [("kept", 4000)]
    assert next_due(over, 9000) is None


def test_what_becomes_known_replaces_what_was_said_before() -> None:
    told = tell(OPEN, Update(3000, "a"), Facts(cause="a disk", affected=("contacts",)))
    told = tell(told, Update(4000, "b"), Facts(unaffected=("phones",)))
    assert (told.cause, told.affected, told.unaffected) == ("a disk", ("contacts",), ("phones",))


def test_an_update_says_which_figures_changed_or_that_none_has() -> None:
    told = OPEN
    for at, figures in ((1, {}), (2, {"back": 5, "held": 0}), (3, {"back": 5, "held": 0})):
        told = tell(told, Update(at, "x", figures))
    told = tell(told, Update(4, "x", {"back": 1200}))
    assert [changed for _, changed in what_changed(told)] == [
        None,
        ["back: not known → 5", "held: not known → 0"],
        [],
        ["back: 5 → 1,200", "held: 0 → not known"],
    ]


def test_where_no_figure_is_known_none_is_said_to_be_the_same() -> None:
    told = tell(tell(OPEN, Update(1, "x")), Update(2, "y"))
    assert [changed for _, changed in what_changed(told)] == [None, None]
