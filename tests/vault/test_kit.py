"""The recovery kit: what an operator keeps on paper opens the vault, and a typo opens nothing."""

from __future__ import annotations

import string

import pytest

from stillhere.errors import Damaged, WrongKit, render
from stillhere.vault.kit import Kit, read_kit, wrap


@pytest.fixture(scope="module")
def kit() -> Kit:
    return Kit.make()


def lines_of(kit: Kit) -> dict[str, str]:
    return dict(line.split(":", 1) for line in kit.text().splitlines()[1:])


def test_text_and_qr_code_give_the_same_kit_back(kit: Kit) -> None:
    for text in (kit.text(), kit.uri(), f"  {kit.uri()}\n"):
        back = read_kit(text)
        assert (back.vault, back.seed) == (kit.vault, kit.seed)
        assert (back.public, back.root_public) == (kit.public, kit.root_public)


def test_the_qr_code_fits_one_that_a_phone_reads(kit: Kit) -> None:
    import segno

    assert segno.make(kit.uri()).version <= 10


@pytest.mark.parametrize(
    "change",
    [
        str.lower,
        str.upper,
        lambda text: text.replace("-", " "),
        lambda text: text.replace("-", ""),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeffMy notes\n\n" + text + "\nkept in the safe: second shelf\n",
        lambda text: "\n".join(f"    {line}" for line in text.splitlines()),
    ],
)
def test_text_may_be_typed_as_people_type(kit: Kit, change: object) -> None:
    assert callable(change)
    assert read_kit(change(kit.text())) == kit


def test_any_wrong_letter_is_refused(kit: Kit) -> None:
    """The last letter carries unused bits; whatever is read, it is never another kit."""
    key = lines_of(kit)["key"].strip()
    letters = string.ascii_uppercase + "234567"
    for place, right in enumerate(key):
        for wrong in letters if right != "-" else "":
            if wrong != right:
                typed = key[:place] + wrong + key[place + 1 :]
                try:
                    assert read_kit(kit.text().replace(key, typed)) == kit
                except WrongKit:
                    continue
                assert place == len(key) - 1


def test_letters_left_out_doubled_or_swapped_are_refused(kit: Kit) -> None:
    key = lines_of(kit)["key"].strip().replace("-", "")
    for place in range(len(key) - 1):
        swapped = key[:place] + key[place + 1] + key[place] + key[place + 2 :]
        for typed in (key[:place] + key[place + 1 :], key[:place] + key[place] + key[place:]):
            with pytest.raises(WrongKit):
                read_kit(f"vault: {kit.vault.hex()}\nkey: {typed}\n")
        if swapped != key:
            with pytest.raises(WrongKit):
                read_kit(f"vault: {kit.vault.hex()}\nkey: {swapped}\n")


def test_a_wrong_digit_of_the_vault_is_refused(kit: Kit) -> None:
    vault = kit.vault.hex()
    for place, right in enumerate(vault):
        wrong = "0" if right != "0" else "1"
        with pytest.raises(WrongKit):
            read_kit(kit.text().replace(vault, vault[:place] + wrong + vault[place + 1 :]))


def test_the_halves_of_two_kits_do_not_make_one(kit: Kit) -> None:
    other = Kit.make()
    with pytest.raises(WrongKit):
        read_kit(kit.text().replace(kit.vault.hex(), other.vault.hex()))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Stillhere recovery kit, format 1\n",
        "vault: abc\nkey: def\n",
        "vault: \nkey: \n",
        "stillhere-kit:1:",
        "stillhere-kit:1:00:",
        "vault: " + "0" * 32,
        "BEGIN:VCARD\r\nFN:Anna\r\nEND:VCARD\r\n",
        "\0\xff\u2028" * 40,
    ],
)
def test_what_is_no_kit_is_refused_and_said_so(text: str) -> None:
    with pytest.raises(WrongKit) as refused:
        read_kit(text)
    assert "safe:" in render(refused.value)
    assert "hint:" in render(refused.value)


def test_a_refusal_tells_nothing_of_the_secret(kit: Kit) -> None:
    key = lines_of(kit)["key"].strip()
    with pytest.raises(WrongKit) as refused:
        read_kit(kit.text().replace(key, "A" + key[:-1]))
    said = render(refused.value) + repr(refused.value)
    assert not any(group in said for group in key.split("-"))


def test_a_kit_in_a_traceback_shows_no_seed(kit: Kit) -> None:
    assert repr(kit.seed)[2:-1] not in repr(kit)
    assert kit.seed.hex() not in repr(kit)


def test_what_is_wrapped_opens_with_the_kit_for_its_purpose_alone(kit: Kit) -> None:
    wrapped = wrap(kit.public, b"a data key", b"anna")
    assert kit.unwrap(wrapped, b"anna") == b"a data key"
    assert wrap(kit.public, b"a data key", b"anna") != wrapped
    with pytest.raises(Damaged):
        kit.unwrap(wrapped, b"ben")
    with pytest.raises(Damaged):
        Kit.make().unwrap(wrapped, b"anna")


def test_a_wrapped_key_with_any_broken_byte_stays_shut(kit: Kit) -> None:
    wrapped = wrap(kit.public, b"a data key", b"anna")
    for place in range(0, len(wrapped), 37):
        broken = wrapped[:place] + bytes([wrapped[place] ^ 1]) + wrapped[place + 1 :]
        with pytest.raises(Damaged):
            kit.unwrap(broken, b"anna")
    for length in (0, 1, len(wrapped) - 1):
        with pytest.raises(Damaged):
            kit.unwrap(wrapped[:length], b"anna")
