"""Packs: a chunk says what it is and whose, and opens as nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.vault.vaults import KIND, Line, Made, make_vault

from stillhere.errors import Damaged
from stillhere.vault.layout import pad_kind
from stillhere.vault.packs import (
    HEADER_BYTES,
    MAGIC,
    MAX_PACK,
    ChunkHeader,
    PackWriter,
    Place,
    Role,
    open_chunk,
    read_chunk,
    read_chunk_header,
    scan_pack,
)

ANNA, BEN = Line("anna"), Line("ben")


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make_vault(tmp_path)


def add(pack: PackWriter, line: Line, plain: bytes, number: int = 0) -> Place:
    return pack.add(line.key, Role.BODIES, 1, line.account, (1, 9), number, plain)


def opened(made: Made, line: Line, place: Place, role: Role = Role.BODIES) -> bytes:
    return open_chunk(line.key, read_chunk(made.vault, place, bytes), role, line.account, KIND)


def flip(made: Made, place: Place, at: int) -> None:
    made.flip(place.pack, place.offset + at)


def test_chunks_come_back_from_where_the_writer_said(made: Made) -> None:
    pack = PackWriter(made.vault, KIND, 3, "000001b")
    places = [add(pack, line, line.name.encode() * 50) for line in (ANNA, BEN)]
    kept = pack.close()
    assert {place.pack for place in places} == set(kept)
    for line, place in zip((ANNA, BEN), places, strict=True):
        assert opened(made, line, place) == line.name.encode() * 50
    (name,) = kept
    assert made.vault.backend.size(name) == kept[name][0]
    assert name.startswith(f"ledger/{KIND}/0003-000001b-")


def test_a_pack_without_chunks_is_not_kept(made: Made) -> None:
    assert PackWriter(made.vault, KIND, 0, "x").close() == {}
    assert made.vault.backend.names("ledger") == []


def test_a_chunk_header_tells_an_operator_what_it_is(made: Made) -> None:
    pack = PackWriter(made.vault, KIND, 0, "x")
    place = add(pack, ANNA, b"bodies", 4)
    pack.close()
    header = read_chunk_header(read_chunk(made.vault, place, bytes))
    length = place.length - HEADER_BYTES
    kind = pad_kind(KIND)
    assert header == ChunkHeader(Role.BODIES, 1, ANNA.account, kind, 1, 9, 4, length)
    assert b"bodies" not in made.vault.backend.read(place.pack)


def test_another_s_chunk_another_role_and_another_kind_are_refused(made: Made) -> None:
    pack = PackWriter(made.vault, KIND, 0, "x")
    anna, ben = add(pack, ANNA, b"anna's"), add(pack, BEN, b"ben's")
    pack.close()
    with pytest.raises(Damaged, match="another one"):
        opened(made, ANNA, ben)
    with pytest.raises(Damaged, match="another one"):
        opened(made, ANNA, anna, Role.ROSTER)
    chunk = read_chunk(made.vault, anna, bytes)
    with pytest.raises(Damaged, match="another one"):
        open_chunk(ANNA.key, chunk, Role.BODIES, ANNA.account, "account")


def test_a_chunk_under_another_s_header_does_not_open(made: Made) -> None:
    pack = PackWriter(made.vault, KIND, 0, "x")
    chunks = [add(pack, ANNA, b"first", 0), add(pack, ANNA, b"other", 1)]
    pack.close()
    one, two = (read_chunk(made.vault, place, bytes) for place in chunks)
    swapped = one[:HEADER_BYTES] + two[HEADER_BYTES:]
    with pytest.raises(Damaged):
        open_chunk(ANNA.key, swapped, Role.BODIES, ANNA.account, KIND)
    assert open_chunk(ANNA.key, one, Role.BODIES, ANNA.account, KIND) == b"first"


def test_any_broken_byte_of_a_chunk_is_seen(made: Made) -> None:
    pack = PackWriter(made.vault, KIND, 0, "x")
    place = add(pack, ANNA, b"body " * 20)
    pack.close()
    for at in range(place.length):
        flip(made, place, at)
        with pytest.raises(Damaged):
            opened(made, ANNA, place)
        flip(made, place, at)
    assert opened(made, ANNA, place) == b"body " * 20


def test_a_missing_or_shortened_pack_is_damage_with_its_name(made: Made) -> None:
    pack = PackWriter(made.vault, KIND, 0, "x")
    place = add(pack, ANNA, b"body")
    pack.close()
    path = made.root / place.pack
    path.write_bytes(path.read_bytes()[: place.offset + place.length - 1])
    with pytest.raises(Damaged, match=f"{place.pack} is cut short"):
        read_chunk(made.vault, place, bytes)
    path.unlink()
    with pytest.raises(Damaged, match=f"{place.pack} is missing"):
        read_chunk(made.vault, place, bytes)


@pytest.mark.parametrize("loss", ["nothing", "index", "footer", "magic", "a header", "a body"])
def test_chunks_are_found_by_their_headers_whatever_became_of_the_index(
    made: Made, loss: str
) -> None:
    pack = PackWriter(made.vault, KIND, 0, "x")
    places = [add(pack, ANNA, bytes([n]) * 100, n) for n in range(5)]
    (name,) = pack.close()
    data = bytearray(made.vault.backend.read(name))
    end = places[-1].offset + places[-1].length
    if loss == "index":
        data[end : end + 20] = b"?" * 20
    elif loss == "footer":
        del data[end:]
    elif loss == "magic":
        data[: len(MAGIC)] = b"????????"
    elif loss == "a header":
        data[places[2].offset + 8] ^= 1
    elif loss == "a body":
        data[places[2].offset + HEADER_BYTES + 3] ^= 1
    found = dict(scan_pack(bytes(data)))
    expected = [p.offset for n, p in enumerate(places) if not (loss == "a header" and n == 2)]
    assert sorted(found) == expected
    assert [found[offset].number for offset in expected] == [
        n for n in range(5) if not (loss == "a header" and n == 2)
    ]


def test_a_body_that_looks_like_a_header_misleads_nobody(made: Made) -> None:
    pack = PackWriter(made.vault, KIND, 0, "x")
    place = add(pack, ANNA, b"x")
    fake = read_chunk(made.vault, place, bytes) if pack.close() else b""
    again = PackWriter(made.vault, KIND, 0, "y")
    outer = again.copy(b"CHNK" + fake[4 : HEADER_BYTES - 1] + b"!" + b"CHNK" * 40)
    (name,) = again.close()
    assert list(scan_pack(made.vault.backend.read(name))) == []
    assert read_chunk_header(read_chunk(made.vault, outer, bytes)) is None


def test_a_full_pack_is_followed_by_another(made: Made) -> None:
    pack = PackWriter(made.vault, KIND, 0, "x")
    third = os.urandom(MAX_PACK // 3)
    places = [add(pack, ANNA, third, n) for n in range(4)]
    kept = pack.close()
    assert len(kept) == 2
    assert max(size for size, _ in kept.values()) < MAX_PACK + (1 << 16)
    assert [opened(made, ANNA, place) == third for place in places] == [True] * 4


def test_a_copied_chunk_is_the_same_chunk_in_another_pack(made: Made) -> None:
    pack = PackWriter(made.vault, KIND, 0, "x")
    place = add(pack, ANNA, b"moved")
    pack.close()
    dense = PackWriter(made.vault, KIND, 0, "y")
    moved = dense.copy(read_chunk(made.vault, place, bytes))
    dense.close()
    made.remove(place.pack)
    assert opened(made, ANNA, moved) == b"moved"
