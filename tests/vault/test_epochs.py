"""Epochs, writers' slots and seals: whoever races, nobody writes after a seal."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from tests.rooms import Unsteady
from tests.vault.vaults import Line, Made, Writer, make_vault

from stillhere.errors import Damaged, NotAVault
from stillhere.vault.backends import Exists
from stillhere.vault.backends.directory import Directory
from stillhere.vault.epochs import (
    JOURNAL_KEY,
    is_seal,
    read_epochs,
    read_writers,
    register_writer,
    seal_journal,
    seal_writers,
    sealed_ends,
)
from stillhere.vault.kit import Kit
from stillhere.vault.layout import epoch_name, segment_name, twin, writer_name
from stillhere.vault.opened import Vault, create_vault
from stillhere.vault.tail import list_journal


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make_vault(tmp_path)


def in_threads(*work: Callable[[], None]) -> None:
    start = threading.Barrier(len(work), timeout=60)

    def run(one: Callable[[], None]) -> None:
        start.wait()
        one()

    threads = [threading.Thread(target=run, args=(one,), daemon=True) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def test_epochs_are_read_in_order_with_their_journal_keys(made: Made) -> None:
    made.begin(2, {0: 17})
    made.begin(3, {0: 4, 1: 0})
    epochs = read_epochs(made.vault)
    assert [epoch.number for epoch in epochs] == [1, 2, 3]
    assert sealed_ends(epochs) == {1: {0: 17}, 2: {0: 4, 1: 0}}
    assert made.kit.unwrap(epochs[2].journal_key, JOURNAL_KEY) == made.journal_key


def test_an_epoch_is_begun_once(made: Made) -> None:
    made.begin(2)
    with pytest.raises(Exists):
        made.begin(2)


def test_the_twin_of_an_epoch_stands_in_for_it(made: Made) -> None:
    made.flip(epoch_name(1), 100)
    assert len(read_epochs(made.vault)) == 1
    made.remove(epoch_name(1))
    assert len(read_epochs(made.vault)) == 1
    made.flip(twin(epoch_name(1)), 100)
    with pytest.raises(Damaged):
        read_epochs(made.vault)


def test_a_missing_epoch_is_damage_and_a_begun_one_is_none_yet(made: Made) -> None:
    made.begin(2)
    made.begin(3)
    (made.root / "epochs" / "000004" / "writers").mkdir(parents=True)
    assert len(read_epochs(made.vault)) == 3
    made.remove(epoch_name(2))
    made.remove(twin(epoch_name(2)))
    with pytest.raises(Damaged, match="epoch 2"):
        read_epochs(made.vault)


def test_a_vault_without_an_epoch_is_half_a_vault(tmp_path: Path) -> None:
    kit = Kit.make()
    backend = Directory(tmp_path, create=True)
    vault = create_vault(backend, kit)
    with pytest.raises(NotAVault, match="half a vault"):
        read_epochs(vault)


def test_writers_take_slots_one_after_the_other(made: Made) -> None:
    taken = [register_writer(made.vault, made.signer, b"core %d" % n) for n in range(3)]
    assert taken == [0, 1, 2]
    assert [slot.core for slot in read_writers(made.vault, 1)] == [b"core 0", b"core 1", b"core 2"]


def test_after_a_seal_nobody_registers(made: Made) -> None:
    register_writer(made.vault, made.signer, b"core")
    assert seal_writers(made.vault, made.kit, 1) == 1
    assert seal_writers(made.vault, made.kit, 1) == 1
    assert register_writer(made.vault, made.signer, b"core") is None
    assert [slot.seal for slot in read_writers(made.vault, 1)] == [False, True]


def test_an_epoch_in_which_nobody_wrote_is_sealed_too(made: Made) -> None:
    assert seal_writers(made.vault, made.kit, 1) == 0
    assert register_writer(made.vault, made.signer, b"core") is None


def test_of_racing_writers_each_has_its_own_slot_or_meets_the_seal(made: Made) -> None:
    slots: list[int | None] = []
    counts: list[int] = []

    def register() -> None:
        slots.extend(register_writer(made.vault, made.signer, b"core") for _ in range(4))

    in_threads(register, lambda: counts.append(seal_writers(made.vault, made.kit, 1)), register)
    taken = sorted(slot for slot in slots if slot is not None)
    assert len(slots) == 8
    assert taken == list(range(counts[0]))
    assert register_writer(made.vault, made.signer, b"core") is None


def test_of_a_racing_segment_and_a_seal_one_takes_the_slot(made: Made) -> None:
    """What was acknowledged before the seal is counted in; nothing is after it."""
    line = Line("anna")
    writer = Writer(made, [line])
    written: list[int] = []
    ends: list[int] = []
    several = threading.Event()

    def write() -> None:
        for _ in range(500):
            try:
                writer.write(line.put(a="1"))
            except Exists:
                return
            written.append(writer.last)
            if len(written) == 5:
                several.set()

    def seal() -> None:
        several.wait(60)
        last = list_journal(made.vault, 1, 0).last
        ends.append(seal_journal(made.vault, made.kit, 1, 0, last))

    in_threads(write, seal)
    assert written == list(range(1, ends[0] + 1))
    name = segment_name(1, 0, ends[0] + 1)
    assert is_seal(made.vault, name, made.vault.backend.read(name))
    spans = list_journal(made.vault, 1, 0).spans  # a chase leaves a seal ahead besides
    seals = [is_seal(made.vault, one.name, made.vault.backend.read(one.name)) for one in spans]
    assert [one.last for one, seal in zip(spans, seals, strict=True) if not seal] == written


def test_a_writer_that_is_always_faster_is_stopped_all_the_same(made: Made) -> None:
    line = Line("anna")
    writer = Writer(made, [line])
    writer.write(line.put(a="1"))
    storage = Unsteady(made.root)

    def be_first(name: str) -> bool:
        """Take every slot just before the seal does, until there is none to take."""
        if name == segment_name(1, 0, writer.last + 1):
            with suppress(Exists):
                writer.write(line.put(a="1"))
        return False

    storage.refuse = be_first
    vault = Vault(storage, made.vault.format, made.vault.verifier)
    end = seal_journal(vault, made.kit, 1, 0, 1)
    slots = {span.first: span.name for span in list_journal(made.vault, 1, 0).spans}
    sealed = {
        n: is_seal(made.vault, name, made.vault.backend.read(name)) for n, name in slots.items()
    }
    assert sealed[end + 1]
    assert not any(sealed[number] for number in range(1, end + 1))
    assert writer.last == end + 1, "it met the seal"


def test_two_recoveries_that_seal_agree_on_the_end(made: Made) -> None:
    line = Line("anna")
    writer = Writer(made, [line])
    for _ in range(3):
        writer.write(line.put(a="1"))
    ends: list[int] = []

    def seal() -> None:
        ends.append(seal_journal(made.vault, made.kit, 1, 0, 3))

    in_threads(seal, seal, seal)
    assert ends == [3, 3, 3]


@pytest.mark.parametrize("loss", ["broken", "gone"])
@pytest.mark.parametrize("slot", [0, 1])
def test_a_lost_slot_counts_as_a_writer_that_must_be_sealed(
    made: Made, slot: int, loss: str
) -> None:
    """Its segments are there, and nobody may write more of them."""
    for _ in range(3):
        register_writer(made.vault, made.signer, b"core")
    if loss == "broken":
        made.flip(writer_name(1, slot), 40)
    else:
        made.remove(writer_name(1, slot))
    assert seal_writers(made.vault, made.kit, 1) == 3
    assert register_writer(made.vault, made.signer, b"core") is None
    assert [slot.seal for slot in read_writers(made.vault, 1)] == [False, False, False, True]


def test_only_the_root_seals(made: Made) -> None:
    """An epoch's own key, which every old core has, can not stop its successor."""
    body = msgspec.msgpack.encode({"core": b"", "seal": True})
    name = writer_name(1, 0)
    assert not is_seal(made.vault, name, made.signer.sign(name, body))
    made.vault.backend.create(name, made.signer.sign(name, body))
    assert not any(slot.seal for slot in read_writers(made.vault, 1))
