"""The door for address books: CardDAV (RFC 6352) on WebDAV (RFC 4918).

``grammar`` reads and writes what goes over the wire; ``handlers`` does what a method asks;
``door`` stands before them: log-in, gate, and an answer to whatever goes wrong.
"""

from stillhere.protocols.dav.door import Door, app

__all__ = ["Door", "app"]
