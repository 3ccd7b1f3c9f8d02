"""Who is asking (RFC 5397) and who owns what (RFC 3744, the parts that address books need)."""

from __future__ import annotations

from stillhere.protocols.dav.grammar.xml import D

CURRENT_USER_PRINCIPAL = f"{D}current-user-principal"
PRINCIPAL_URL = f"{D}principal-URL"
PRINCIPAL_COLLECTION_SET = f"{D}principal-collection-set"
OWNER = f"{D}owner"
PRIVILEGES = f"{D}current-user-privilege-set"

_READ = ("read", "read-current-user-privilege-set")
_WRITE = ("write", "write-content", "write-properties", "bind", "unbind")


def href_content(href: str) -> str:
    """The content of a property whose value is one href."""
    return f"<D:href>{href}</D:href>"


def privilege_content(*, writable: bool) -> str:
    """The content of DAV:current-user-privilege-set: nobody else has a share in one's own."""
    names = (("all", *_READ, *_WRITE)) if writable else _READ
    return "".join(f"<D:privilege><D:{name}/></D:privilege>" for name in names)
