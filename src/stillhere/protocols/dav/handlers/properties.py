"""Properties of resources above the items: those that are live, and those that devices set.

Whatever a device set itself is kept with the collection.
"""

from __future__ import annotations

from stillhere.protocols.dav.grammar import webdav
from stillhere.protocols.dav.grammar.mkcol import RESOURCETYPE
from stillhere.protocols.dav.grammar.webdav import DISPLAYNAME, Ask, Wanted
from stillhere.protocols.dav.grammar.xml import D, element, escape
from stillhere.protocols.dav.handlers.live import Subject, is_protected, live_of


def describe(subject: Subject, wanted: Wanted) -> str:
    """The DAV:propstat elements of a resource that is no item."""
    live = live_of(subject.level, subject.home)
    kept = subject.collection.properties if subject.collection else {}
    if wanted.ask is Ask.NAMES:
        names = [name for name, content in live.items() if content(subject) is not None]
        return webdav.propstat("".join(map(element, dict.fromkeys([*names, *kept]))), "")
    names = [*wanted.names]
    if wanted.ask is Ask.ALL:
        names = list(dict.fromkeys([RESOURCETYPE, DISPLAYNAME, *kept, *names]))
    found, missing = [], []
    for name in names:
        content = live[name](subject) if name in live else None
        if content is not None:
            found.append(element(name, content))
        elif name in kept:
            found.append(_kept_element(name, kept[name]))
        elif wanted.ask is Ask.NAMED and not subject.request.minimal:
            missing.append(element(name))
    return webdav.propstat("".join(found), "".join(missing))


def settle(
    kept: dict[str, str], instructions: list[webdav.Instruction], limit: int
) -> tuple[dict[str, str], webdav.Outcome]:
    """The properties after these instructions, all or none, and what became of each.

    ``limit`` bounds names and values together, in characters.
    """
    after = dict(kept)
    size = sum(len(name) + len(value) for name, value in after.items())
    refused: dict[str, int] = {}
    for name, value in instructions:
        if is_protected(name):
            refused[name] = 403
            continue
        before = after.pop(name, None)
        if before is not None:
            size -= len(name) + len(before)
        if value is not None:
            after[name] = value
            size += len(name) + len(value)
            if size > limit:
                refused[name] = 507
    names = [instruction.name for instruction in instructions]
    if refused:
        statuses = {name: refused.get(name, 424) for name in names}
        return kept, webdav.Outcome(statuses, f"{D}cannot-modify-protected-property")
    return after, webdav.Outcome(dict.fromkeys(names, 200))


def _kept_element(name: str, value: str) -> str:
    return element(name, escape(value)) if name in webdav.TEXT_PROPERTIES else value
