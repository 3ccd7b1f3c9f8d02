"""Shelves that are proven without being loaded: never one that is not whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from tests.rooms import CONTACTS, delete, make_service, put, put_many
from tests.vault.plain import agree
from tests.vault.vaults import KIND, Line, Made, make_vault

from stillhere.bodies import compress, decompress, pack_bodies
from stillhere.replication.compact import compact
from stillhere.replication.start import anchor_of
from stillhere.rosters import DELETED, HELD, PRESENT, Item, build_roster, roster_of
from stillhere.vault.body_chunks import BodyChunk, build_bodies, read_bodies
from stillhere.vault.levels import ShelfSource
from stillhere.vault.manifests import Level, Manifest, Pack, ShelfEntry, Span
from stillhere.vault.packs import HEADER_BYTES, PackWriter, Role
from stillhere.vault.tail import Tail

PROVEN, ONLY_IN_FULL, NOT_WHOLE = (True, True), (False, True), (False, False)
ANNA = Line("anna")
BODIES = [b"UID:uid-%02d\r\n" % n + b"NOTE%d:" % n * 20000 for n in range(4)]  # two a chunk


def test_shelves_are_plain_until_they_have_a_delta(tmp_path: Path) -> None:
    with make_service(tmp_path).at_work() as working:
        anna = working.store.accounts.create("anna")
        put_many(working, anna, {f"{n}.vcf": b"BEGIN:VCARD %d" % n for n in range(20)})
        delete(working, anna, "3.vcf")  # its tombstone is in the base
        compact(working)

        def verdict(kind: str) -> tuple[bool, bool]:
            source = anchor_of(working).source(anna, kind)
            return agree(source, working.core.data_keys.get(anna))

        assert verdict(CONTACTS) == verdict("account") == PROVEN
        put(working, anna, "5.vcf", "in the delta")
        compact(working)
        assert (verdict(CONTACTS), verdict("account")) == (ONLY_IN_FULL, PROVEN)


@dataclass
class Shelf:
    """Anna's shelf with a base made by hand; what is not as usual, a test says."""

    made: Made
    states: Sequence[int] = (PRESENT,) * len(BODIES)
    chunks: Callable[[list[BodyChunk]], list[BodyChunk]] = list
    names: Callable[[list[Any]], list[Any]] = list
    digest: bytes = b""
    roles: tuple[Role, Role] = (Role.ROSTER, Role.BODIES)
    owner: str = "anna"
    span: Callable[[Span], Span] = copy
    entry: Callable[[ShelfEntry], ShelfEntry] = copy

    def source(self) -> ShelfSource:
        """Where it lies."""
        roster = roster_of(
            [
                Item("c", f"{n}", 1, state, f"uid-{n:02d}", "", "", 1, sha256(body).digest(), 1)
                for n, (state, body) in enumerate(zip(self.states, BODIES, strict=True))
            ]
        )
        bodies = [b if s == PRESENT else None for s, b in zip(self.states, BODIES, strict=True)]
        chunks = self.chunks([read_bodies(plain) for plain in build_bodies(roster, bodies)])
        names, digests = msgspec.msgpack.decode(build_roster(roster)[0])
        plain = msgspec.msgpack.encode(self.names(msgspec.msgpack.decode(decompress(names))))
        writer = PackWriter(self.made.vault, KIND, 0, "1b")

        def add(role: Role, number: int, content: object) -> Span:
            owner, sheet = Line(self.owner), msgspec.msgpack.encode(content)
            place = writer.add(owner.key, role, 1, owner.account, (1, 9), number, sheet)
            return self.span(Span(0, place.offset, place.length))

        roster_at = add(self.roles[0], 0, (compress(plain), digests))
        bodies_at = [add(self.roles[1], n, chunk) for n, chunk in enumerate(chunks)]
        packs = [Pack(name, *rest) for name, rest in writer.close().items()]
        digest = self.digest or sha256(plain + digests).digest()
        base = Level(9, bytes(32), len(roster), digest, roster_at, bodies_at)
        entry = self.entry(ShelfEntry(ANNA.account, base, None, {}, [], []))
        manifest = Manifest(KIND, 0, 1, packs, [entry], [])
        return ShelfSource(self.made.vault, manifest, entry, Tail(), ANNA.account, KIND, 1)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make_vault(tmp_path)


@pytest.mark.parametrize(
    "states", [[PRESENT] * 4, [PRESENT, DELETED, PRESENT, PRESENT], [DELETED] * 4]
)
def test_a_whole_base_is_proven(made: Made, states: list[int]) -> None:
    source = Shelf(made, states).source()
    assert source.entry is not None
    assert agree(source, ANNA.key) == PROVEN


def test_wherever_a_pack_is_changed_or_ends_the_shelf_is_not_proven(made: Made) -> None:
    source = Shelf(made).source()
    assert source.entry is not None
    assert source.manifest is not None
    name, base = source.manifest.packs[0].name, source.entry.base
    path = made.root / name
    data = path.read_bytes()
    verdicts = set()
    for span in (base.roster, *base.bodies):
        step = max(1, span.length // 100)
        header = range(span.offset, span.offset + HEADER_BYTES + 20)
        for at in {*header, *range(span.offset, span.offset + span.length, step)}:
            made.flip(name, at)
            verdicts.add(agree(source, ANNA.key))
            path.write_bytes(data[:at])
            verdicts.add(agree(source, ANNA.key))
            path.write_bytes(data)
    assert agree(source, ANNA.key) == PROVEN
    path.unlink()
    assert agree(source, ANNA.key) == NOT_WHOLE
    assert verdicts == {ONLY_IN_FULL, NOT_WHOLE}, "a roster is made anew from the other half"


def first_is(**values: object) -> Callable[[list[BodyChunk]], list[BodyChunk]]:
    """The first chunk says something else."""
    return lambda chunks: [replace(chunks[0], **values), *chunks[1:]]


def column(number: int, value: object) -> Callable[[list[Any]], list[Any]]:
    """A column of the roster's names is another one."""
    return lambda names: [*names[:number], value, *names[number + 1 :]]


UNUSUAL: dict[str, dict[str, Any]] = {
    "a body was lost before": {"states": [PRESENT, HELD, PRESENT, PRESENT]},
    "a chunk is not there": {"chunks": lambda chunks: chunks[:-1]},
    "no chunk is there": {"chunks": lambda _: []},
    "a chunk is there twice": {"chunks": lambda chunks: [*chunks, chunks[-1]]},
    "the chunks are in another order": {"chunks": lambda chunks: chunks[::-1]},
    "a chunk has another's bodies": {
        "chunks": lambda chunks: [replace(chunks[0], piece=chunks[1].piece), chunks[1]]
    },
    "bodies have changed places": {
        "chunks": first_is(piece=pack_bodies(BODIES[1::-1], ["uid-01", "uid-00"]))
    },
    "a body is missing": {"chunks": first_is(piece=pack_bodies(BODIES[:1], ["uid-00"]))},
    "a chunk begins elsewhere": {"chunks": first_is(first=1)},
    "a chunk has fewer rows": {"chunks": first_is(count=1)},
    "a chunk has no rows": {"chunks": first_is(count=0)},
    "a chunk has more rows": {"chunks": first_is(count=1 << 40)},
    "a piece is none": {"chunks": first_is(piece=compress(b"\xc1"))},
    "a piece is not compressed": {"chunks": first_is(piece=b"piece")},
    "the head has another digest": {"digest": bytes(32)},
    "a column is longer": {"names": column(3, [1] * 5)},
    "a column has something else": {"names": column(8, ["1"] * 4)},
    "a run has no rows": {"names": column(0, [["c", 4], ["d", 0]])},
    "a run is longer": {"names": column(6, [["", 5]])},
    "a state is none": {"names": column(4, b"\0\0\0\3")},
    "a UID is another": {"names": column(5, ["uid-00", "uid-01", "uid-02", "x"])},
    "a UID is two lines": {"names": column(5, ["uid-00", "uid-01", "uid-02", "uid\n03"])},
    "a pack is not in the list": {"span": lambda span: replace(span, pack=1)},
    "a chunk lies elsewhere": {"span": lambda span: replace(span, offset=span.offset + 1)},
    "a chunk is cut short": {"span": lambda span: replace(span, length=span.length - 1)},
    "a chunk is longer": {"span": lambda span: replace(span, length=span.length + 1)},
    "the chunks are another's": {"owner": "ben"},
    "a roster is history": {"roles": (Role.HISTORY, Role.BODIES)},
    "a roster is in the place of bodies": {"roles": (Role.ROSTER, Role.ROSTER)},
    "there was a loss before": {"entry": lambda entry: replace(entry, problems=["a loss"])},
    "there is a delta": {"entry": lambda entry: replace(entry, delta=entry.base)},
}


@pytest.mark.parametrize("what", UNUSUAL)
def test_what_is_not_plain_is_left_to_the_full_proof(made: Made, what: str) -> None:
    quickly, _ = agree(Shelf(made, **UNUSUAL[what]).source(), ANNA.key)
    assert not quickly
