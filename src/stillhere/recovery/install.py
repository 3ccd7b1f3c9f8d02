"""What a proven shelf is in the core: its page and head, its gate, and its verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from stillhere.bodies import PLACE_SHIFT, pack_bodies, runs_of
from stillhere.rosters import build_roster
from stillhere.store.accounts import ACCOUNT, CREDENTIALS, LOST_NAME, Profile
from stillhere.store.pages import NewPage, make_page
from stillhere.store.records import State
from stillhere.store.recovered import Recovered
from stillhere.vault.image import Image, find_ends
from stillhere.vault.plain import Plain


class Loss(msgspec.Struct, frozen=True, array_like=True):
    """A record that is held: it must exist, and its body was not found."""

    collection: str
    href: str
    uid: str
    size: int
    modified: int
    cause: str
    component: str = ""


class Verdict(msgspec.Struct, frozen=True, array_like=True):
    """What a recovery says of one shelf.

    ``records`` counts those present, collections apart.
    Complete as of ``last`` and ``as_of`` (milliseconds) when ``problems`` and ``held`` are
    empty. ``recovered`` is when it was said."""

    last: int
    as_of: int
    records: int
    held: list[Loss]
    problems: list[str]
    recovered: int

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return not self.held and not self.problems


_encode = msgspec.msgpack.Encoder().encode
PIECE_BYTES = 256 << 10


def make_verdict(image: Image, now: int) -> Verdict:
    """The verdict on an image, at ``now`` (milliseconds)."""
    held = []
    if image.missing:
        for item in image.items:
            if item.state == State.HELD:
                cause = image.missing.get((item.collection, item.href), "its body was not found")
                held.append(
                    Loss(
                        item.collection,
                        item.href,
                        item.uid,
                        item.size,
                        item.modified,
                        cause,
                        item.component,
                    )
                )
    columns = image.columns
    as_of = max(columns.modified, default=0)
    return Verdict(image.last, as_of, columns.figures().present, held, image.problems, now)


def make_shelf(image: Image, verdict: Verdict, wrapped_key: bytes | None) -> Recovered:
    """A shelf as the core takes it in, open if it is proven; without the verdict where it is proven
    that there was nothing to bring back.

    ``wrapped_key`` is the account's key for this core, given with its account shelf."""
    keyed = image.kind == ACCOUNT and wrapped_key is not None
    return Recovered(
        image.account,
        image.kind,
        "" if image.proven else "unproven",
        image.last,
        image.chain,
        _encode(image.ends),
        _encode(verdict) if image.exists or image.problems else None,
        verdict.records,
        len(verdict.held),
        _page_of(image),
        [
            (e.seq, e.op, e.collection, e.href, e.time, e.device, body)
            for e, body in image.every_note
            if body is not None  # lost: nobody knows what it said
        ],
        _name_of(image.account, image, image.columns.find) if keyed else "",
        wrapped_key if keyed else None,
    )


def make_plain(plain: Plain, epoch: int, now: int, wrapped_key: bytes | None) -> Recovered:
    """The same of a plain shelf, with the verdict on it at ``now`` (milliseconds); ``epoch`` is
    the one that is alive."""
    base, names = plain.entry.base, plain.names
    figures = names.figures()
    verdict = Verdict(base.last, max(names.modified, default=0), figures.present, [], [], now)
    return Recovered(
        plain.entry.account,
        plain.kind,
        "",
        base.last,
        base.chain,
        _encode(find_ends([(base.last, plain.entry.ends)], epoch)),
        _encode(verdict),
        verdict.records,
        0,
        make_page(
            (plain.sheet, base.digest), figures, plain.runs, dict(enumerate(plain.pieces, 1))
        ),
        [],
        _name_of(plain.entry.account, plain, names.find) if wrapped_key is not None else "",
        wrapped_key,
    )


def _page_of(image: Image) -> NewPage:
    """An image as it came, or folded anew where it is more than one level."""
    pieces = dict(enumerate(image.pieces, 1))
    places = image.places
    if image.sheet is None or image.bodies.count(None) < len(image.bodies):
        places = list(places)
        for bodies in _loose(image):
            number = len(pieces) + 1
            uids = [image.columns.uids[row] for row in bodies]
            pieces[number] = pack_bodies([image.bodies[row] or b"" for row in bodies], uids)
            for place, row in enumerate(bodies, number << PLACE_SHIFT):
                places[row] = place
        used = {place >> PLACE_SHIFT for place in places}
        pieces = {number: piece for number, piece in pieces.items() if number in used}
    sheet = image.sheet or build_roster(image.columns)
    return make_page(sheet, image.columns.figures(), runs_of(places), pieces)


def _loose(image: Image) -> Iterator[list[int]]:
    """The rows whose bodies are in no piece, in runs of about as many bytes as a piece has."""
    rows: list[int] = []
    size = 0
    for row, body in enumerate(image.bodies):
        if body is None:
            continue
        if size + len(body) > PIECE_BYTES and rows:
            yield rows
            rows, size = [], 0
        rows.append(row)
        size += len(body)
    if rows:
        yield rows


def _name_of(account: bytes, shelf: Image | Plain, find: Callable[[str, str], int | None]) -> str:
    """The account's name, or its id where the profile is lost."""
    number = find(CREDENTIALS, "profile")
    body = shelf.body(number) if number is not None else None
    if body is None:
        return LOST_NAME + account.hex()
    return msgspec.msgpack.decode(body, type=Profile).name
