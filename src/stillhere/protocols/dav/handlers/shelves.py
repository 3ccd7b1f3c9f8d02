"""Which shelf a request is about, and whether it is open (guard 1).

A home has one kind of shelf or several, each with its own gate; a collection is on one of them,
and no two in a home have one name. So

    a path above the homes, or a home itself    says nothing of what there is: any open shelf will
                                                do
    a collection that an open shelf has         that shelf
    the first one of a shelf that has had none  begins now: a device may know it from a tail that
                                                is lost, and takes 404 for its deletion
    one that none of them has                   503 while any of them is closed: it may be there
    what is in a home, all of it                503 while any of them is closed
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from stillhere.errors import Closed
from stillhere.kinds import KINDS
from stillhere.protocols.dav.grammar.paths import Home, Level, Place
from stillhere.store import Login, Store
from stillhere.store.accounts import begin

_COLLECTIONS = {Home.ADDRESSBOOKS: "ADDRESSBOOK", Home.CALENDARS: "CALENDAR"}
KINDS_IN: dict[Home, tuple[str, ...]] = {
    home: tuple(name for name, kind in KINDS.items() if kind.collection == _COLLECTIONS[home])
    for home in Home
}
"""The kinds whose collections a home has, in its order."""


async def find_kind(store: Store, login: Login, place: Place, making: asyncio.Lock | None) -> str:
    """The kind of the open shelf that a path leads to; where there is nothing of that name, the
    first kind of its home. ``making`` is None for a request that makes a collection itself.

    Raises Closed, what halts the core, and what keeps a first collection from being made."""
    if place.home is None:
        return await _enter_any(store, login.account, tuple(KINDS))
    kinds = KINDS_IN[place.home]
    if not place.collection or len(kinds) == 1:
        return await _enter_any(store, login.account, kinds)
    found = await find_collection(store, login.account, place)
    if found is None and making is not None:
        found = await _begin_first(store, login, place, making)
    return found or kinds[0]


async def find_collection(store: Store, account: bytes, place: Place) -> str | None:
    """The kind of the open shelf that has a collection; None where there is none of its name.
    Raises Closed while that is not proven."""
    assert place.home is not None
    closed: Closed | None = None
    for kind in KINDS_IN[place.home]:
        try:
            await store.gate.enter(account, kind)
        except Closed as error:
            closed = closed or error
            continue
        with store.read(account, kind) as shelf:
            if shelf.record("", place.collection) is not None:
                return kind
    if closed is not None:
        raise closed
    return None


async def _begin_first(
    store: Store, login: Login, place: Place, making: asyncio.Lock
) -> str | None:
    assert place.home is not None
    for name in KINDS_IN[place.home]:
        kind = KINDS[name]
        if place.collection != kind.first[0]:
            continue
        with store.read(login.account, name) as shelf:
            if shelf.position(""):
                return None
        await begin_first(store, login, place.home, name, making)
        return name
    return None


async def begin_first(
    store: Store, login: Login, home: Home, name: str, making: asyncio.Lock
) -> None:
    """Have the first collection of a kind on a shelf that has had none, unless another shelf of
    its home has one of that name."""
    kind = KINDS[name]
    place = Place(Level.COLLECTION, home, login.name, kind.first[0])
    async with making:
        if await find_collection(store, login.account, place) is None:
            written = store.write(login.account, name, partial(begin, kind), device=login.device)
            await asyncio.wrap_future(written)


async def enter_all(store: Store, account: bytes, home: Home) -> tuple[str, ...]:
    """The kinds of a home, each of them open. Raises Closed."""
    for kind in KINDS_IN[home]:
        await store.gate.enter(account, kind)
    return KINDS_IN[home]


async def _enter_any(store: Store, account: bytes, kinds: Sequence[str]) -> str:
    for kind in kinds[:-1]:
        try:
            await store.gate.enter(account, kind)
        except Closed as error:
            if error.reason == "recovering":  # somebody has waited for it already
                raise
        else:
            return kind
    await store.gate.enter(account, kinds[-1])
    return kinds[-1]
