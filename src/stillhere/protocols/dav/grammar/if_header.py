"""The If header (RFC 4918, 10.4), as far as it speaks of ETags.

There are no locks here, so no state token is ever that of a resource: a list that needs one does
not hold, and ``Not`` one always does.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

_PART = re.compile(r"<([^<>]*)>|\(((?:\[[^\[\]]*\]|<[^<>]*>|[^()\[\]<>])*)\)")
_TEST = re.compile(r"(Not\s*)?(?:<[^>]*>|\[\s*(?:W/)?(\"[^\"]*\")\s*\])", re.IGNORECASE)


class Term(NamedTuple):
    """One condition: that the resource has this ETag (None: a token that nothing has), or not."""

    etag: str | None
    negated: bool

    def holds(self, etag: str | None) -> bool:
        """Whether it is so for a resource with this ETag; None is no resource."""
        return (self.etag is not None and self.etag == etag) != self.negated


Lists = tuple[tuple[Term, ...], ...]


def read_if(header: bytes | None, path: str) -> Lists | None:
    """The lists that speak of the resource at ``path``; None where there is no header.

    A header that can't be read has no list that holds, as one that is about other resources.
    """
    if header is None:
        return None
    lists: list[tuple[Term, ...]] = []
    about = True
    for part in _PART.finditer(header.decode("latin-1")):
        tag, terms = part.groups()
        if terms is None:
            about = _path(tag) == path
        elif about:
            found = [Term(etag or None, bool(negated)) for negated, etag in _TEST.findall(terms)]
            lists.append(tuple(found))
    return tuple(terms for terms in lists if terms)


def any_holds(lists: Lists | None, etag: str | None) -> bool:
    """Whether the header lets a request go ahead on a resource with this ETag."""
    return lists is None or any(all(term.holds(etag) for term in terms) for terms in lists)


def _path(tag: str) -> str:
    try:
        return urlsplit(tag).path
    except ValueError:
        return ""
