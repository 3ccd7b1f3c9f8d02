"""Content lines, of which vCards and iCalendar objects are made (RFC 6350, 3; RFC 5545, 3.1).

Line endings that occur: CRLF, as the RFCs say, LF, CR, and the CR CR LF of some telephones.
"""

from __future__ import annotations

import quopri
import re
from codecs import lookup
from collections.abc import Iterator
from typing import NamedTuple

from stillhere.kinds.item import BadItem

BOM = b"\xef\xbb\xbf"
UTF16 = (b"\xff\xfe", b"\xfe\xff")

HEAD = re.compile(
    rb"(?:(?P<group>[A-Z0-9_-]+)\.)?(?P<name>[A-Z0-9_-]+)[ \t]*"
    rb"(?P<parameters>(?:;(?:\"[^\"]*\"|[^\":])*)?):",
    re.IGNORECASE,
)
"""What stands before a property's value."""

QUOTED = re.compile(rb"[;=][ \t]*QUOTED-PRINTABLE[ \t]*(?:;|\Z)", re.IGNORECASE)
"""Where a property's parameters say that its value is quoted-printable."""

_FOLD = re.compile(rb"\r{0,2}\n[ \t]|\r[ \t]")
_CONTENT = re.compile(rb"[^\r\n]*(?:(?:\r{0,2}\n|\r)[ \t][^\r\n]*)*(?:\r{0,2}\n|\r|\Z)")
_ENDING = re.compile(rb"\r{0,2}\n|\r")
_PARAMETER = re.compile(r";((?:\"[^\"]*\"|[^\";])*)")
_PARAMETER_VALUE = re.compile(r"(?:^|,)((?:\"[^\"]*\"|[^\",])*)")
_CARET = re.compile(r"\^([n'^])")
_CHARSET = re.compile(rb";[ \t]*CHARSET[ \t]*=[ \t]*\"?([A-Z0-9_.:-]+)", re.IGNORECASE)
_KNOWN_CHARSETS = re.compile(
    r"ascii|iso8859-\d+|cp(?:125\d|437|737|775|85\d|86\d|874|932|949|950)|koi8-\w|mac-\w+"
    r"|euc_\w+|gb\w+|big5\w*|shift_jis\w*|tis-620"
)
_NONCHARACTERS = re.compile("[\ud800-\udfff\ufffe\uffff]")
_CONTROLS = bytes(set(range(32)) - {0x09, 0x0A, 0x0D})
_CONTROL_BYTE = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")
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
        head = HEAD.match(self.text)
        return head["name"].decode().upper() if head else ""

    @property
    def value(self) -> bytes:
        """What stands after the colon, as it is; empty for what is no property."""
        head = HEAD.match(self.text)
        return self.text[head.end() :] if head else b""

    def words(self) -> str:
        """The value for a person to read, as ``Property.words`` gives it."""
        head = HEAD.match(self.text)
        return read_words(self.value, head["parameters"] if head else b"")


class Property(NamedTuple):
    """One property: group ("" for none) and name in capitals, the rest as it came, unfolded.

    ``parameters`` are empty or begin with a semicolon.
    """

    group: str
    name: str
    parameters: bytes
    value: bytes

    def words(self) -> str:
        """The value for a person to read: decoded, without escapes and outer blanks.

        Control characters, which quoted-printable can carry, come out as U+FFFD: nothing here
        talks to the terminal that shows it.
        """
        return read_words(self.value, self.parameters)

    def parameter(self, name: str) -> str:
        """The first value of the parameter ``name`` (in capitals); empty when it has none."""
        if not self.parameters:
            return ""
        return next(iter(self.read_parameters().get(name, ())), "")

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


def content_lines(data: bytes) -> Iterator[Line]:
    """Every logical line of a file, blank ones included; a byte order mark is left out."""
    number = 1
    for found in _CONTENT.finditer(data, len(BOM) if data.startswith(BOM) else 0):
        start, end = found.span()
        if start == end:
            return
        whole = found[0]
        text = whole.rstrip(b"\r\n")
        folded = b"\n" in text or b"\r" in text
        yield Line(number, start, end, _FOLD.sub(b"", text) if folded else text)
        number += count_lines(whole) if folded else 1


def count_lines(data: bytes) -> int:
    """How many line endings there are."""
    return len(_ENDING.findall(data))


def unfold(data: bytes) -> bytes:
    """The same text with each logical line in one piece."""
    # Nearly all folds there are, at once; after CR CR LF it would leave a CR.
    text = data if b"\r\r\n" in data else data.replace(b"\r\n ", b"")
    if b"\n " in text or b"\n\t" in text or b"\r " in text or b"\r\t" in text:
        return _FOLD.sub(b"", data)
    return text


def read_words(value: bytes, parameters: bytes) -> str:
    """A value for a person to read (``Property.words``)."""
    if parameters and QUOTED.search(parameters):
        value = quopri.decodestring(value)
    text = decode_text(value, parameters)
    if not text.isprintable():
        text = _CONTROL.sub("\ufffd", text)
    return (_ESCAPE.sub(_unescape, text) if "\\" in text else text).strip()


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


def refuse_controls(data: bytes) -> None:
    """Raises BadItem where the bytes hold what no XML can carry."""
    suspect = len(data.translate(None, _CONTROLS)) != len(data) or b"\xef\xbf" in data
    if suspect and not data.startswith(UTF16) and (bad := _CONTROL_BYTE.search(data)):
        number = data.count(b"\n", 0, bad.start()) + 1
        raise BadItem(f"line {number} holds a control character", line=number)


def refuse_other_than_utf8(data: bytes, what: str) -> None:
    """Raises BadItem, with a word for ``what`` it is, where the bytes are not UTF-8."""
    if data.startswith(UTF16):
        raise BadItem("this file is UTF-16", hint="save it as UTF-8")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise BadItem(
            f"line {number} is not UTF-8", line=number, hint=f"save the {what} as UTF-8"
        ) from error


def _unquote(value: str) -> str:
    """A parameter's value without its quotes and the escapes of RFC 6868."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    return _CARET.sub(lambda escape: {"n": "\n", "'": '"'}.get(escape[1], "^"), value)


def _unescape(escape: re.Match[str]) -> str:
    return "\n" if escape[1] in "nN" else escape[1]
