"""expand-property (RFC 3253, 3.8): properties of the resources that properties refer to."""

from __future__ import annotations

from stillhere.protocols.dav.grammar import principal, webdav
from stillhere.protocols.dav.grammar.paths import Home, Level
from stillhere.protocols.dav.grammar.versioning import Expand
from stillhere.protocols.dav.grammar.webdav import Ask, Wanted
from stillhere.protocols.dav.grammar.xml import element
from stillhere.protocols.dav.handlers.answer import Answer, missing, multistatus
from stillhere.protocols.dav.handlers.live import Subject, live_of
from stillhere.protocols.dav.handlers.properties import describe
from stillhere.protocols.dav.handlers.request import DIALECTS, Request

_LEADS_TO: dict[str, tuple[Level, Home | None]] = {
    principal.CURRENT_USER_PRINCIPAL: (Level.PRINCIPAL, None),
    principal.PRINCIPAL_URL: (Level.PRINCIPAL, None),
    principal.OWNER: (Level.PRINCIPAL, None),
    principal.PRINCIPAL_COLLECTION_SET: (Level.PRINCIPALS, None),
} | {dialect.home_set: (Level.HOME, home) for home, dialect in DIALECTS.items()}


async def expand_property(request: Request, asked: tuple[Expand, ...]) -> Answer:
    """Answers with properties, and in place of an href with what is wanted of it."""
    place = request.place
    collection = None
    if place.level is Level.COLLECTION:
        collection = request.read(lambda shelf: shelf.collection(place.collection))
        if collection is None:
            return missing()
    subject = Subject(request, place.level, place.home, collection)
    return multistatus([_expand(subject, asked)])


def _expand(subject: Subject, asked: tuple[Expand, ...]) -> str:
    expanded = [want for want in asked if _leads(subject, want)]
    plain = tuple(want.name for want in asked if want not in expanded)
    content = describe(subject, Wanted(Ask.NAMED, plain)) if plain or not expanded else ""
    found = "".join(
        element(want.name, _expand(Subject(subject.request, *_LEADS_TO[want.name]), want.inside))
        for want in expanded
    )
    if found:
        content = webdav.propstat(found, "") + content
    return webdav.response(subject.href, content)


def _leads(subject: Subject, want: Expand) -> bool:
    return (
        bool(want.inside)
        and want.name in _LEADS_TO
        and want.name in live_of(subject.level, subject.home)
    )
