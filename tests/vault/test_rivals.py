"""Two writers that claim one position: the one that the chain continues wins."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.vault.vaults import CONFLICT, DELETE, KIND, NOTE, PUT, Line, Made, Writer, make_vault

from stillhere.vault.image import Image, load_image
from stillhere.vault.levels import ShelfSource
from stillhere.vault.tail import read_tail


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make_vault(tmp_path)


def image_of(made: Made, line: Line, writers: int = 2, epoch: int = 1) -> Image:
    keys = dict.fromkeys(range(1, epoch + 1), made.journal_key)
    present = {number: range(writers) for number in keys}
    tail = read_tail(made.vault, keys, present, {})
    source = ShelfSource(made.vault, None, None, tail, line.account, KIND, epoch)
    return load_image(source, line.key)


def names(image: Image) -> dict[str, bytes | None]:
    return {item.href: body for item, body in zip(image.items, image.bodies, strict=True) if body}


@pytest.mark.parametrize("winner", [0, 1])
def test_the_rival_that_the_chain_continues_wins(made: Made, winner: int) -> None:
    anna = Line("anna")
    first = Writer(made, [anna])
    first.write(anna.put(both="before"))
    rivals = [anna.fork(), anna.fork()]
    writers = [first, Writer(made, [anna], number=1)]
    for number, (line, writer) in enumerate(zip(rivals, writers, strict=True)):
        writer.write(line.put(**{f"rival{number}": "claims the same position"}))
    line = rivals[winner]
    writers[1].write(line.put(after="continues it"))
    image = image_of(made, anna)
    assert image.proven
    assert set(names(image)) == {"both", f"rival{winner}", "after"}
    assert (image.last, image.chain) == (line.seq, line.chain)


def test_a_longer_losing_branch_does_not_win_by_length(made: Made) -> None:
    """A rival of several positions was never acknowledged if another continues from before."""
    anna = Line("anna")
    loser, winner = anna.fork(), anna.fork()
    one, two = Writer(made, [anna]), Writer(made, [anna], number=1)
    one.write(loser.part([(PUT, f"{n}", b"never acknowledged") for n in range(5)]))
    two.write(winner.put(a="1"))
    two.write(winner.put(b="2"))
    image = image_of(made, anna)
    assert set(names(image)) == {"a", "b"}
    assert image.chain == winner.chain


def test_writers_that_take_turns_are_one_chain(made: Made) -> None:
    anna = Line("anna")
    writers = [Writer(made, [anna], number=number) for number in range(3)]
    for turn in range(9):
        writers[turn % 3].write(anna.put(**{f"c{turn}": f"{turn}"}))
    image = image_of(made, anna, writers=3)
    assert image.proven
    assert set(names(image)) == {f"c{turn}" for turn in range(9)}
    assert (image.last, image.chain) == (anna.seq, anna.chain)


def test_the_last_change_of_a_record_wins_and_tombstones_stay(made: Made) -> None:
    anna = Line("anna")
    writer = Writer(made, [anna])
    writer.write(anna.part([(PUT, "a", b"1"), (PUT, "b", b"1"), (PUT, "a", b"2")]))
    writer.write(anna.part([(DELETE, "b", None), (PUT, "c", b"1")]))
    writer.write(anna.part([(DELETE, "c", None), (PUT, "c", b"2")]))
    image = image_of(made, anna)
    assert names(image) == {"a": b"2", "c": b"2"}
    assert {item.href for item in image.items} == {"a", "b", "c"}
    replaced = sorted((entry.href, body) for entry, body in image.replaced)
    assert replaced == [("a", b"1"), ("b", b"1"), ("c", b"1")]


def test_conflicts_and_notes_leave_the_record_and_are_kept(made: Made) -> None:
    anna = Line("anna")
    writer = Writer(made, [anna])
    writer.write(anna.part([(PUT, "a", b"mine"), (CONFLICT, "a", b"theirs"), (NOTE, "", b"why")]))
    image = image_of(made, anna)
    assert names(image) == {"a": b"mine"}
    assert [(entry.op, body) for entry, body in image.notes] == [
        (CONFLICT, b"theirs"),
        (NOTE, b"why"),
    ]
    assert image.last == anna.seq


def test_a_chain_goes_on_through_the_epochs_and_remembers_their_ends(made: Made) -> None:
    anna = Line("anna")
    first = Writer(made, [anna])
    first.write(
        anna.put(a="1"),
    )
    first.write(anna.put(b="1"))
    ends = {1: anna.seq}
    for epoch in (2, 3):
        made.begin(epoch)
        anna.seq = epoch << 40
        Writer(made, [anna], epoch=epoch).write(anna.put(**{f"e{epoch}": "1"}))
        ends[epoch] = anna.seq
    made.begin(4)
    image = image_of(made, anna, writers=1, epoch=4)
    assert image.proven
    assert image.ends == ends
    assert set(names(image)) == {"a", "b", "e2", "e3"}


def test_an_epoch_in_which_nothing_happened_ends_where_the_one_before_did(made: Made) -> None:
    anna = Line("anna")
    Writer(made, [anna]).write(anna.put(a="1"))
    made.begin(2)
    made.begin(3)
    image = image_of(made, anna, writers=1, epoch=3)
    assert image.ends == {1: anna.seq, 2: anna.seq}
