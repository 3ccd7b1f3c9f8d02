"""The lines of a vCard, whatever program wrote them.

vCard 2.1 also continues a quoted-printable line after ``=``, and nests whole cards in AGENT.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stillhere.kinds.lines import BOM, HEAD, QUOTED, Line, Property

BEGIN = re.compile(rb"BEGIN[ \t]*:[ \t]*VCARD[ \t]*\Z", re.IGNORECASE)
END = re.compile(rb"END[ \t]*:[ \t]*VCARD[ \t]*\Z", re.IGNORECASE)

_LINE = re.compile(rb"([^\r\n]*)(?:\r{0,2}\n|\r|\Z)")
_NEXT_CARD = re.compile(rb"\s*(?:\Z|BEGIN[ \t]*:[ \t]*VCARD)", re.IGNORECASE)


def logical_lines(data: bytes) -> Iterator[Line]:
    """Every logical line of a file, blank ones included; a byte order mark is left out."""
    number = start = end = 0
    parts: list[bytes] = []
    soft = whole = False  # the line goes on after "=" ; the line takes no continuation
    for physical in _LINE.finditer(data, len(BOM) if data.startswith(BOM) else 0):
        text = physical[1]
        if physical.end() == physical.start():
            break
        goes_on = soft and not (END.match(text) and _NEXT_CARD.match(data, physical.end()))
        folded = not whole and text[:1] in (b" ", b"\t") and bool(parts and parts[0])
        number += 1
        if goes_on or folded:
            parts.append(text if goes_on else text[1:])
            soft = goes_on and text.endswith(b"=")
        else:
            if parts:
                yield Line(number - len(parts), start, end, _join(parts))
            parts, start = [text], physical.start()
            soft = text.endswith(b"=") and _is_quoted(text)
            whole = bool(BEGIN.match(text) or END.match(text))
        end = physical.end()
    if parts:
        yield Line(number - len(parts) + 1, start, end, _join(parts))


def properties(card: bytes) -> Iterator[Property]:
    """Every property of one card, in its order; those of a card inside it are not its own."""
    depth = 0
    for line in logical_lines(card):
        if BEGIN.match(line.text):
            depth += 1
        elif END.match(line.text):
            depth -= 1
        elif depth == 1 and (head := HEAD.match(line.text)):
            group, name, parameters = head.groups(b"")
            value = line.text[head.end() :]
            yield Property(group.decode().upper(), name.decode().upper(), parameters, value)


def opens_agent(text: bytes) -> bool:
    """Whether a card that begins on the next line is the value of this one (vCard 2.1)."""
    return text[-1:] == b":" and text[:5].upper() == b"AGENT"


def _is_quoted(text: bytes) -> bool:
    head = HEAD.match(text)
    return bool(head and QUOTED.search(head["parameters"]))


def _join(parts: list[bytes]) -> bytes:
    if len(parts) > 1 and _is_quoted(parts[0]):
        *broken, last = parts
        parts = [part.removesuffix(b"=") for part in broken] + [last]
    return b"".join(parts)
