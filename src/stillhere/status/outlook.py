"""What can still be had, as a survey found it: what can be said before a recovery has begun.

Figures alone: no place of a vault, and no name of anybody. Ranges are from a lowest to a highest
figure; the two are equal where everything was looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from stillhere.status.elements import cells, when
from stillhere.status.markup import el
from stillhere.status.words import count

Span = tuple[int, int]
HEADS = ("Kind", "Records", "Proven", "Recoverable", "Not found")


@dataclass(frozen=True)
class Share:
    """Records of one kind, or of all ("")."""

    kind: str
    known: Span
    proven: Span
    recoverable: Span
    missing: Span


@dataclass(frozen=True)
class Outlook:
    """A survey that was over at `surveyed_at` (milliseconds since 1970): of so many `vaults`
    (copies that could be read) and damaged `cores`, with so many sources `left_out`.

    It looked at `looked` of `shelves`; of those `uncounted` nothing says how many records they
    had. Each range holds with `certainty`."""

    surveyed_at: int
    vaults: int
    cores: int
    left_out: int
    shelves: int
    looked: int
    uncounted: int
    certainty: float
    kinds: tuple[Share, ...]
    everything: Share


def sentence(share: Share) -> str:
    """What can be said in one sentence."""
    known, proven, missing = share.known, share.proven, share.missing
    if known[0] == known[1] and proven[0] == proven[1] and missing[0] == missing[1]:
        there = f"{proven[0]:,} are proven and {share.recoverable[0]:,} can be recovered"
        return f"Of {count(known[0], 'record')} {there}; {missing[0]:,} are not found."
    return f"At least {proven[0]:,} records are proven, and at most {missing[1]:,} are not found."


def spread(span: Span) -> str:
    """A range in words: one figure where it is one."""
    return f"{span[0]:,}" if span[0] == span[1] else f"{span[0]:,} to {span[1]:,}"


def uncounted(outlook: Outlook) -> str:
    """What no range has in it; "" where there is nothing."""
    if not outlook.uncounted:
        return ""
    shelves = count(outlook.uncounted, "shelf", "shelves")
    return f"Of {shelves} nothing says how many records there were: they come on top."


def section(outlook: Outlook) -> Element:
    """The survey, as a part of the page."""
    shares = (*outlook.kinds, outlook.everything)
    rows = [
        (
            {"account": "accounts", "": "all"}.get(share.kind, share.kind),
            *map(spread, (share.known, share.proven, share.recoverable, share.missing)),
        )
        for share in shares
    ]
    caption = el("caption", "As a survey found on ", when(outlook.surveyed_at))
    return el(
        "section",
        el("h2", "What can still be had"),
        el("p", " ".join(_found(outlook))),
        el("div", cells(caption, HEADS, rows), class_="wide"),
        el(
            "p",
            "Nothing has been brought back yet. Proven: what is left of the vault brings it back by"
            " itself. Recoverable: its content is there, and it takes somebody's word, or more"
            " than the vault, to bring it back. Not found: known to exist, and no copy of its"
            " content found.",
            class_="soft",
        ),
    )


def _found(outlook: Outlook) -> Iterator[str]:
    yield sentence(outlook.everything)
    if words := uncounted(outlook):
        yield words
    sources = []
    if outlook.vaults:
        sources.append(count(outlook.vaults, "copy of the vault", "copies of the vault"))
    if outlook.cores:
        sources.append(count(outlook.cores, "damaged core"))
    yield f"Looked at: {' and '.join(sources)}."
    if outlook.left_out:
        yield f"{count(outlook.left_out, 'source')} more could not be looked at."
    if outlook.looked < outlook.shelves:
        certain = f"{100 * outlook.certainty:.0f} %"
        yield f"{outlook.looked:,} of {count(outlook.shelves, 'shelf', 'shelves')} were looked at,"
        yield f"drawn by lot; each range holds with {certain} certainty, and narrows with the next"
        yield "survey."
