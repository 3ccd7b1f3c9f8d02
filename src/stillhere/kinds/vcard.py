"""The lines of a vCard: unfolded, with their parameters, whatever program wrote them.

Line endings that occur: CRLF (RFC 6350, 3.2), LF, CR, and the CR CR LF of some telephones.
vCard 2.1 also continues a quoted-printable line after ``=``, and nests whole cards in AGENT.
"""

from __future__ import annotations

import quopri
import re
from codecs import lookup
from collections.abc import Iterator
from typing import NamedTuple

BOM = b"\xef\xbb\xbf"
BEGIN = re.compile(rb"BEGIN[ \t]*:[ \t]*VCARD[ \t]*\Z", re.IGNORECASE)
END = re.compile(rb"END[ \t]*:[ \t]*VCARD[ \t]*\Z", re.IGNORECASE)

_LINE = re.compile(rb"([^\r\n]*)(?:\r{0,2}\n|\r|\Z)")
_HEAD = re.compile(
    rb"(?:(?P<group>[A-Z0-9_-]+)\.)?(?P<name>[A-Z0-9_-]+)[ \t]*"
    rb"(?P<parameters>(?:;(?:\"[^\"]*\"|[^\":])*)?):",
    re.IGNORECASE,
)
_PARAMETER = re.compile(r";((?:\"[^\"]*\"|[^\";])*)")
_PARAMETER_VALUE = re.compile(r"(?:^|,)((?:\"[^\"]*\"|[^\",])*)")
_CARET = re.compile(r"\^([n'^])")
_QUOTED = re.compile(rb"[;=][ \t]*QUOTED-PRINTABLE[ \t]*(?:;|\Z)", re.IGNORECASE)
_CHARSET = re.compile(rb";[ \t]*CHARSET[ \t]*=[ \t]*\"?([A-Z0-9_.:-]+)", re.IGNORECASE)
_KNOWN_CHARSETS = re.compile(
    r"ascii|iso8859-\d+|cp(?:125\d|437|737|775|85\d|86\d|874|932|949|950)|koi8-\w|mac-\w+"
    r"|euc_\w+|gb\w+|big5\w*|shift_jis\w*|tis-620"
)
_NONCHARACTERS = re.compile("[\ud800-\udfff\ufffe\uffff]")
_NEXT_CARD = re.compile(rb"\s*(?:\Z|BEGIN[ \t]*:[ \t]*VCARD)", re.IGNORECASE)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ENCODINGS = ("QUOTED-PRINTABLE", "BASE64", "B", "7BIT", "8BIT")


class Line(NamedTuple):
    """One logical line of a file: ``data[start:end]``, of which ``text`` is unfolded.

    ``number`` counts physical lines from 1; ``end`` includes the line's ending.
    """

    number: int
    start: int
    end: int
    text: bytes

    @property
    def name(self) -> str:
        """The property's name without its group, in capitals; empty for what is no property."""
        head = _HEAD.match(self.text)
        return head["name"].decode().upper() if head else ""

    @property
    def value(self) -> bytes:
        """What stands after the colon, as it is; empty for what is no property."""
        head = _HEAD.match(self.text)
        return self.text[head.end() :] if head else b""

    def words(self) -> str:
        """The value for a person to read: decoded, without escapes and outer blanks.

        Control characters, which quoted-printable can carry, come out as U+FFFD: nothing here
        talks to the terminal that shows it.
        """
        head = _HEAD.match(self.text)
        return _words(self.value, head["parameters"] if head else b"")


class Property(NamedTuple):
    """One property of a card: group ("" for none) and name in capitals, the rest as it came."""

    group: str
    name: str
    parameters: bytes
    value: bytes

    def words(self) -> str:
        """The value for a person to read: decoded, without escapes and outer blanks."""
        return _words(self.value, self.parameters)

    def read_parameters(self) -> dict[str, list[str]]:
        """Every parameter's values by its name in capitals (RFC 6350, 5; RFC 6868).

        Values without a name are what vCard 2.1 leaves out the TYPE or ENCODING of. A TYPE in
        quotes is a list all the same (RFC 6350, 6.4.1).
        """
        found: dict[str, list[str]] = {}
        for parameter in _PARAMETER.findall(decode_text(self.parameters, self.parameters)):
            name, named, text = parameter.partition("=")
            name = name.strip().upper()
            if not (name or named):
                continue
            if not named:
                name, text = "ENCODING" if name in _ENCODINGS else "TYPE", parameter
            values = [_unquote(value.strip()) for value in _PARAMETER_VALUE.findall(text)]
            if name == "TYPE":
                values = [one.strip() for value in values for one in value.split(",")]
            found.setdefault(name, []).extend(values)
        return found


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
        elif depth == 1 and (head := _HEAD.match(line.text)):
            group, name, parameters = head.groups(b"")
            value = line.text[head.end() :]
            yield Property(group.decode().upper(), name.decode().upper(), parameters, value)


def opens_agent(text: bytes) -> bool:
    """Whether a card that begins on the next line is the value of this one (vCard 2.1)."""
    return text[-1:] == b":" and text[:5].upper() == b"AGENT"


def decode_text(data: bytes, parameters: bytes) -> str:
    """Bytes in UTF-8, in the character set that ``parameters`` names, or as Windows writes.

    Where the bytes hold no control characters, nor does the text: XML can carry it.
    """
    try:
        return data.decode()
    except UnicodeDecodeError:
        named = _CHARSET.search(parameters)
    for charset in (named[1].decode() if named else "cp1252", "cp1252"):
        try:
            # Python also calls by such names what is no character set, and what makes letters
            # of ASCII into something else.
            if not _KNOWN_CHARSETS.fullmatch(lookup(charset).name):
                continue
            text = data.decode(charset)
        except (UnicodeDecodeError, LookupError):
            continue
        if not _NONCHARACTERS.search(text):
            return text
    return data.decode("latin-1")


def _is_quoted(text: bytes) -> bool:
    head = _HEAD.match(text)
    return bool(head and _QUOTED.search(head["parameters"]))


def _join(parts: list[bytes]) -> bytes:
    if len(parts) > 1 and _is_quoted(parts[0]):
        *broken, last = parts
        parts = [part.removesuffix(b"=") for part in broken] + [last]
    return b"".join(parts)


def _words(value: bytes, parameters: bytes) -> str:
    if _QUOTED.search(parameters):
        value = quopri.decodestring(value)
    text = _CONTROL.sub("\ufffd", decode_text(value, parameters))
    return _ESCAPE.sub(_unescape, text).strip()


def _unquote(value: str) -> str:
    """A parameter's value without its quotes and the escapes of RFC 6868."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    return _CARET.sub(lambda escape: {"n": "\n", "'": '"'}.get(escape[1], "^"), value)


def _unescape(escape: re.Match[str]) -> str:
    return "\n" if escape[1] in "nN" else escape[1]
