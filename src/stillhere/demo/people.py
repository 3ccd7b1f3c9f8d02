"""Realistic people: address books of several scripts and sizes, the same for the same seed.

`cards` is also what the benches fill their address books with, so it is cheap (about 10 µs a
card): every choice of a card is cut out of one random number instead of drawn for itself.
"""

import math
import random
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from stillhere.demo.names import SCRIPTS, Script

MEAN_BOOK = 25
"""Contacts in an average address book of the demo: 300 of them are filled in some ten seconds."""

_DECK: tuple[Script, ...] = tuple(script for script in SCRIPTS for _ in range(script.share))
_SPREAD = 0.9
"""Sigma of the log-normal sizes: most people keep few contacts, some keep ten times the mean."""
_FIRST_OF_OCTOBER = datetime(2009, 10, 1, 8, tzinfo=UTC)
_FOLD = 75  # octets of a line, without its end (RFC 6350, 3.2)


def cards(seed: int | str, count: int) -> list[tuple[str, bytes]]:
    """Return `count` different contacts as (href, vCard), about 400 bytes each.

    Seven in ten are vCard 3.0 (RFC 2426), the others 4.0 (RFC 6350); lines end in CRLF and are
    folded at 75 octets between characters. The href is the UID with `.vcf`.
    """
    draw = random.Random(f"cards {seed}").getrandbits
    return [_card(draw(128), draw(192)) for _ in range(count)]


def revise(card: bytes, edit: int) -> bytes:
    """Return the card as its owner leaves it after their `edit`-th change: number, note, REV.

    `edit` makes the revision unlike every other one of the card. Line ends become CRLF.
    """
    text = card.decode().replace("\r\n", "\n")
    kept = re.sub(r"^(?:NOTE:Changed|REV:).*\n", "", text, flags=re.MULTILINE)
    number = f"{edit * 7919 % 10_000:04d}"
    called = re.sub(r"^(TEL\b.*)\d{4}$", rf"\g<1>{number}", kept, count=1, flags=re.MULTILINE)
    moment = _FIRST_OF_OCTOBER + timedelta(seconds=edit)
    end = f"NOTE:Changed {edit} times\nREV:{moment:%Y%m%dT%H%M%SZ}\nEND:VCARD\n"
    return called.replace("END:VCARD\n", end).replace("\n", "\r\n").encode()


def book_sizes(seed: int | str, people: int, mean: int = MEAN_BOOK) -> list[int]:
    """Return how many contacts each of `people` has: log-normal, at least 1, about `mean`."""
    rng = random.Random(f"sizes {seed}")
    middle = math.log(mean) - _SPREAD**2 / 2
    return [
        max(1, min(12 * mean, round(rng.lognormvariate(middle, _SPREAD)))) for _ in range(people)
    ]


def account_names(seed: int | str, people: int) -> Iterator[str]:
    """Yield a different account name for each of `people`: most plain, one in eight not ASCII."""
    rng = random.Random(f"names {seed}")
    for number in range(1, people + 1):
        script = SCRIPTS[number // 8 % len(SCRIPTS)] if number % 8 == 0 else SCRIPTS[0]
        given = rng.choice(script.given).replace(" ", ".").lower()
        if number % 8:
            given = _plain(given)
        yield unicodedata.normalize("NFC", f"{given}-{number}")


def _plain(name: str) -> str:
    """Strip a Latin name to ASCII, as people do when a service asks them for a log-in name."""
    name = name.translate(str.maketrans("łøđ", "lod"))
    return unicodedata.normalize("NFD", name).encode("ascii", "ignore").decode()


def _card(uid: int, luck: int) -> tuple[str, bytes]:
    """Make one card; `luck` is 192 random bits, of which each choice takes its own few."""
    script = _DECK[(luck & 0xFFFF) % 100]
    given = script.given[(luck >> 16 & 0xFF) % len(script.given)]
    family = script.family[(luck >> 24 & 0xFF) % len(script.family)]
    parts = (family, given) if script.family_first else (given, family)
    name = script.joint.join(parts)
    number = f"{script.prefix} {luck >> 32 & 0xFF} {luck >> 40 & 0xFFFFFF:08d}"
    place, country = script.places[(luck >> 64 & 0xFF) % len(script.places)]
    street = script.streets[(luck >> 72 & 0xFF) % len(script.streets)]
    house = (luck >> 80 & 0xFF) + 1
    identity = str(UUID(int=uid, version=4))
    modern = (luck >> 88 & 0xFF) % 10 >= 7
    lines = [
        "BEGIN:VCARD",
        "VERSION:4.0" if modern else "VERSION:3.0",
        "PRODID:-//Stillhere//Demo phone//EN",
        f"UID:{identity}",
        f"N:{family};{given};;;",
        f"FN:{name}",
        f"TEL;TYPE=cell:{number}" if modern else f"TEL;TYPE=CELL:{number}",
        f"EMAIL;TYPE=home:p{uid & 0xFFFFFF}@example.org"
        if modern
        else f"EMAIL;TYPE=INTERNET:p{uid & 0xFFFFFF}@example.com",
        f"ADR;TYPE={'home' if modern else 'HOME'}:;;{street} {house};{place};;;{country}",
    ]
    lines += _extras(script, luck >> 96, modern)
    lines.append(f"REV:200909{(luck >> 176 & 0xFF) % 28 + 1:02d}T101500Z")
    lines.append("END:VCARD\r\n")
    return f"{identity}.vcf", fold("\r\n".join(lines))


def _extras(script: Script, luck: int, modern: bool) -> list[str]:
    """Return what only some cards have: a second number, a birthday, work, a note."""
    lines = []
    if luck & 0xFF < 120:
        kind = "work" if modern else "WORK,VOICE"
        lines.append(f"TEL;TYPE={kind}:{script.prefix} {luck >> 8 & 0xFFFFFF:09d}")
    if luck & 0xFF00 < 0x6000:
        day = (luck >> 40 & 0xFF) % 28 + 1
        lines.append(
            f"BDAY:{1930 + (luck >> 32 & 0xFF) % 75}{'' if modern else '-'}"
            f"{luck % 12 + 1:02d}{'' if modern else '-'}{day:02d}"
        )
    if luck & 0xFF0000 < 0x500000:
        lines.append(f"ORG:{script.family[luck % len(script.family)]} & Co.;{script.places[0][0]}")
    if luck & 0xFF000000 < 0xB0000000:
        lines.append(f"NOTE:{script.notes[(luck >> 48 & 0xFF) % len(script.notes)]}")
    return lines


def fold(text: str) -> bytes:
    """Encode a card, folding what is longer than 75 octets, never inside a character."""
    body = text.encode()
    if max(map(len, body.split(b"\r\n"))) <= _FOLD:
        return body
    folded: list[bytes] = []
    for line in body.split(b"\r\n"):
        rest = line
        while len(rest) > _FOLD:
            cut = _FOLD
            while rest[cut] & 0xC0 == 0x80:  # the middle of a character in UTF-8
                cut -= 1
            folded.append(rest[:cut])
            rest = b" " + rest[cut:]
        folded.append(rest)
    return b"\r\n".join(folded)
