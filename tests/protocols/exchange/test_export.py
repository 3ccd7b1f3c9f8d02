"""File names of an export are safe everywhere and never collide."""

import pytest

from stillhere.protocols.exchange.export import unique


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("contacts", "contacts"),
        ("Família", "Família"),
        ("../../etc/passwd", "__.._etc_passwd"),
        ("..", "_"),
        ("a:b*c?", "a_b_c_"),
        ("trailing. ", "trailing_"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("", "_"),
    ],
)
def test_a_name_is_made_safe(name: str, safe: str) -> None:
    assert unique(name, set()) == safe


def test_names_that_differ_in_case_only_are_kept_apart() -> None:
    taken: set[str] = set()
    names = [unique(name, taken, ".vcf") for name in ("Ana", "ana", "ANA")]
    assert names == ["Ana.vcf", "ana-2.vcf", "ANA-3.vcf"]


def test_a_name_that_is_too_long_for_a_file_system_becomes_a_digest() -> None:
    assert len(unique("ü" * 100, set())) == 32
