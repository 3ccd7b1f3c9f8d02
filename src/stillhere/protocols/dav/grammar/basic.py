"""HTTP Basic (RFC 7617): reading a name and a password, and asking for them."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import NamedTuple

CHALLENGE = b'Basic realm="Stillhere", charset="UTF-8"'


class NoCredentials(Exception):
    """The request has no log-in, or one that is not HTTP Basic."""


class Credentials(NamedTuple):
    """What a device logs in with."""

    name: str
    password: str


def read_credentials(header: bytes | None) -> Credentials:
    """The log-in of an Authorization header. Raises NoCredentials.

    UTF-8 is what is asked for (2.1); some clients send Latin-1 all the same.
    """
    if header is None or header[:6].lower() != b"basic ":
        raise NoCredentials
    try:
        both = b64decode(header[6:].strip(), validate=True)
    except (binascii.Error, ValueError):
        raise NoCredentials from None
    try:
        text = both.decode()
    except UnicodeDecodeError:
        text = both.decode("latin-1")
    name, colon, password = text.partition(":")
    if not colon:
        raise NoCredentials
    return Credentials(name, password)
