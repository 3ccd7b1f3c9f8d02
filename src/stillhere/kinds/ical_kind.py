"""What events, to-dos and notes are alike in, as kinds: an iCalendar object about one component."""

from __future__ import annotations

from functools import partial

from stillhere.kinds import ical, ical_file, ical_revision
from stillhere.kinds.item import Kind


def ical_kind(
    name: str,
    component: str,
    title: str,
    *,
    words: tuple[str, str],
    collection_words: tuple[str, str],
    in_body: tuple[str, ...],
) -> Kind:
    """The kind whose records are of ``component``; ``title`` is what its first collection is
    called by people, and ``name`` by programs. For the words see ``Kind``."""
    return Kind(
        name=name,
        component=component,
        collection=ical.COLLECTION,
        at_once=False,
        media_type=ical.MEDIA_TYPE % component,
        extensions=ical.EXTENSIONS,
        words=words,
        collection_words=collection_words,
        in_body=in_body,
        first=(name, {"{DAV:}displayname": title}),
        parse=partial(ical.parse, component=component),
        split=ical_file.split,
        join=ical_file.join,
        give_uid=ical.give_uid,
        revision_of=ical_revision.revision_of,
        says_nothing_new=ical_revision.says_nothing_new,
    )
