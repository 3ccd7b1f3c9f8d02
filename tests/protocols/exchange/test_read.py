"""Files of cards, as programs really write them, become cards with a UID each."""

from pathlib import Path

import pytest

from stillhere.errors import NotFound
from stillhere.kinds import contacts
from stillhere.protocols.exchange.plan import Piece, Refused, sort_out
from stillhere.protocols.exchange.read import find_files, read, read_items

ANA = b"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:ana\r\nFN:Ana\r\nN:;Ana;;;\r\nEND:VCARD\r\n"
BO = b"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:bo\r\nFN:Bo\r\nEND:VCARD\r\n"
NAMELESS = b"BEGIN:VCARD\r\nVERSION:2.1\r\nTEL;CELL:1\r\nEND:VCARD\r\n"


@pytest.mark.parametrize("eol", [b"\r\n", b"\n", b"\r"], ids=["crlf", "lf", "cr"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
def test_every_line_ending_with_and_without_a_byte_order_mark(eol: bytes, bom: bytes) -> None:
    data = (ANA + BO).replace(b"\r\n", eol)
    found = list(read_items("f.vcf", bom + data))
    assert [card.uid for card in found if isinstance(card, Piece)] == ["ana", "bo"]
    assert b"".join(card.body for card in found if isinstance(card, Piece)) == data
    assert [card.line for card in found] == [1, 7]


def test_a_card_without_uid_gets_the_same_one_every_time() -> None:
    [first] = read_items("a.vcf", NAMELESS)
    [again] = read_items("b.vcf", NAMELESS)
    assert isinstance(first, Piece)
    assert isinstance(again, Piece)
    assert first.given
    assert first.uid == again.uid
    assert contacts.parse(first.body).uid == first.uid
    assert first.body.replace(b"UID:" + first.uid.encode() + b"\r\n", b"") == NAMELESS


def test_what_is_refused_names_its_line_and_the_rest_goes_in() -> None:
    bad = BO.replace(b"FN:Bo", b"FN:B\x00o")
    found = list(read_items("f.vcf", ANA + bad + b"stray words\r\n" + BO + b"BEGIN:VCARD\r\n"))
    assert [card.uid for card in found if isinstance(card, Piece)] == ["ana", "bo"]
    refused = [card for card in found if isinstance(card, Refused)]
    assert [card.line for card in refused][:2] == [10, 12]
    assert "the line holds a control character" in refused[0].reason
    assert len(refused) == 3


def test_two_cards_with_one_uid_never_replace_each_other_unseen() -> None:
    changed = ANA.replace(b"FN:Ana", b"FN:Anna")
    cards, refused, repeated = sort_out(read_items("f.vcf", ANA + ANA + changed), 10_000)
    assert [card.body for card in cards] == [ANA]
    assert repeated == 1
    assert [(r.line, "f.vcf, line 1" in r.reason) for r in refused] == [(13, True)]


def test_a_card_that_is_too_large_is_refused() -> None:
    cards, refused, _ = sort_out(read_items("f.vcf", ANA + BO), len(BO))
    assert [card.uid for card in cards] == ["bo"]
    assert "bytes" in refused[0].reason


def test_folders_give_their_vcf_files_and_missing_names_are_told(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "a.VCF").write_bytes(ANA)
    (tmp_path / "in" / "note.txt").write_bytes(b"no")
    (tmp_path / "b.card").write_bytes(BO)
    (tmp_path / "empty.vcf").write_bytes(b"\r\n")
    files = find_files([tmp_path / "in", tmp_path / "b.card", tmp_path / "empty.vcf"])
    assert [path.name for path in files] == ["a.VCF", "b.card", "empty.vcf"]
    found = list(read(files))
    assert [card.uid for card in found if isinstance(card, Piece)] == ["ana", "bo"]
    assert (
        "nothing in this file" in next(card for card in found if isinstance(card, Refused)).reason
    )
    with pytest.raises(NotFound, match=r"nowhere\.vcf"):
        find_files([tmp_path / "nowhere.vcf"])


@pytest.mark.real
def test_cards_of_real_programs_come_out_byte_for_byte(shared_data: Path) -> None:
    for path in find_files([shared_data / "contacts"]):
        data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
        for found in read_items(path.name, data):
            if isinstance(found, Refused):
                assert found.reason
            elif found.given:
                line = b"UID:" + found.uid.encode()
                ends = (b"\r\r\n", b"\r\n", b"\n", b"\r")
                assert any(found.body.replace(line + end, b"", 1) in data for end in ends)
            else:
                assert found.body in data
