"""addressbook-query (RFC 6352, 8.6): the cards that pass a filter."""

from __future__ import annotations

from stillhere.kinds.search import passes
from stillhere.protocols.dav.grammar.query import Query
from stillhere.protocols.dav.handlers.answer import Answer
from stillhere.protocols.dav.handlers.items import give_whole
from stillhere.protocols.dav.handlers.request import Request
from stillhere.protocols.dav.handlers.search import Search, answer_search
from stillhere.store import Record


async def addressbook_query(request: Request, asked: Query) -> Answer:
    """Answers for an address book, or for one card."""

    def passes_filter(record: Record, body: bytes | None) -> bool:
        return passes(asked.filter, record.uid, body)

    search = Search(passes_filter, asked.wanted, asked.limit, give_whole)
    return await answer_search(request, lambda _: search)
