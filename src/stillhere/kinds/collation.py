"""Collations (RFC 4790): which texts count as the same when somebody searches.

Each is a function that folds a text, character by character: two texts are the same where their
folded forms are, and a part of a text is a part of its folded form.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

ASCII = "i;ascii-casemap"
OCTET = "i;octet"
UNICODE = "i;unicode-casemap"

_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_REMEMBERED = 32_768
"""Characters whose folding is kept, so that strange texts do not fill the memory."""


def fold_ascii(text: str) -> str:
    """i;ascii-casemap (RFC 4790, 9.2): the letters a to z are as A to Z."""
    if text.isascii():
        return text.upper()
    # Bytes know no letters but those, and are many times as fast as looking at each character.
    return text.encode("utf-8", "surrogatepass").upper().decode("utf-8", "surrogatepass")


def fold_unicode(text: str) -> str:
    """i;unicode-casemap (RFC 5051): titlecase, then taken apart: é is E and an accent."""
    if text.isascii():
        return text.upper()
    return _FOREIGN.sub(lambda run: run[0].translate(_titles), fold_ascii(text))


def sketch_unicode(text: str) -> str:
    """A quick likeness of ``fold_unicode``, in ASCII capitals and more.

    An ASCII text that the folded text has, in whatever case, is in its likeness as capitals:
    the one puts into capitals first, the other last, and no accent comes between two letters.
    """
    return text.upper() if text.isascii() else unicodedata.normalize("NFKD", text).upper()


def fold_octet(text: str) -> str:
    """i;octet (RFC 4790, 9.3): only the same bytes are the same."""
    return text


COLLATIONS: dict[str, Callable[[str], str]] = {
    ASCII: fold_ascii,
    OCTET: fold_octet,
    UNICODE: fold_unicode,
}


class _Titles(dict[int, str]):
    """What each character becomes, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        title = character.title()
        # Where titlecase is several characters, UnicodeData.txt, which the RFC names, has none.
        folded = _take_apart(title if len(title) == 1 else character)
        if len(self) < _REMEMBERED:
            self[code] = folded
        return folded


def _take_apart(character: str) -> str:
    """The decomposition in UnicodeData.txt, as far as it goes; its tag says what it is for."""
    parts = unicodedata.decomposition(character).split()
    if not parts:
        return character
    codes = parts[1:] if parts[0].startswith("<") else parts
    return "".join(_take_apart(chr(int(code, 16))) for code in codes)


_titles = _Titles()
