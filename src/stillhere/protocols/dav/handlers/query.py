"""addressbook-query (RFC 6352, 8.6): the cards that pass a filter.

A held card is in the answer as in any listing, with its ETag and without its data, unless its
UID decides that it is not looked for (guard 3). A device that uses queries as listings takes what
is left out for deleted: so the answer is cut short only where the device asked for that, and
otherwise it is whole, or refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import thread_time

from stillhere.kinds.search import passes
from stillhere.protocols.dav.grammar import webdav
from stillhere.protocols.dav.grammar.paths import Level, write_name
from stillhere.protocols.dav.grammar.query import Query
from stillhere.protocols.dav.handlers.answer import Answer, missing, multistatus, precondition
from stillhere.protocols.dav.handlers.cards import card_writer
from stillhere.protocols.dav.handlers.properties import Subject
from stillhere.protocols.dav.handlers.request import Request
from stillhere.store import Record, Shelf


async def addressbook_query(request: Request, asked: Query) -> Answer:
    """Answers for an address book, or for one card.

    The Depth header is let pass: an address book has one level, and Depth 0 would make every
    answer an empty one.
    """
    return await request.read_long(lambda shelf: _search(request, shelf, asked))


def _search(request: Request, shelf: Shelf, asked: Query) -> Answer:
    place = request.place
    book = shelf.collection(place.book)
    if book is None:
        return missing()
    subject = Subject(request, Level.BOOK, book)
    if place.level is Level.BOOK:
        return _answer(subject, subject.href, shelf.each_body(book.name), asked)
    card = shelf.body(book.name, place.card)
    if card is None:
        return missing()
    return _answer(subject, subject.href + write_name(place.card), [card], asked)


def _answer(
    subject: Subject, href: str, cards: Iterable[tuple[Record, bytes | None]], asked: Query
) -> Answer:
    write = card_writer(subject, asked.wanted, data=True)
    write_held = card_writer(subject, asked.wanted)
    limits = subject.request.limits
    end = thread_time() + limits.search_s
    responses: list[str | bytes] = []
    size = 0
    for record, body in cards:
        if thread_time() >= end:
            return _refuse(f"this search takes longer than {limits.search_s} s")
        if not passes(asked.filter, record.uid, body):
            continue
        if len(responses) == asked.limit:
            responses.append(webdav.truncated(href))
            break
        response = write_held(record) if body is None else write(record, body)
        size += len(response)
        if size > limits.answer:
            return _refuse(f"this answer would be longer than {limits.answer} bytes")
        responses.append(response)
    return multistatus(responses)


def _refuse(detail: str) -> Answer:
    return precondition(507, webdav.WITHIN_LIMITS, detail=f"{detail}; ask for less, or in parts")
