"""The figures of a day, and the page that shows them to somebody new."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType


Row = tuple[str, str, str]
"""What, how much, and what that means."""


@dataclass(frozen=True)
class OfKind:
    """What a day came to for one kind, in records; `resyncs` in phones."""

    kind: str
    acknowledged: int
    records: int
    recovered: int
    missing: int
    wrong: int
    phantom: int
    discarded: int
    phone_deletions: int
    phone_overwrites: int
    resyncs: int


@dataclass(frozen=True)
class Figures:
    """What a day came to. Counts are records unless said otherwise; `_s` seconds, `_ms`
    milliseconds; None where nothing was measured."""

    service: str
    accounts: int
    records: int
    """Records that must be there at the end: their last acknowledged change left them present."""
    acknowledged: int
    """Changes that the server acknowledged, all day."""
    acknowledged_before_loss: int
    recovered: int
    """Records found as acknowledged, byte for byte (as far as the service promises that)."""
    missing: int
    wrong: int
    phantom: int
    resent: int
    """Changes that waited on phones through the outage."""
    discarded: int
    """Changes that phones threw away because the server refused them (412)."""
    phone_deletions: int
    phone_overwrites: int
    phone_downloads: int
    """Items that phones fetched again although they had them."""
    phone_refusals: int
    resyncs: int
    phones_back: int
    first_contact_s: float | None
    knocks: int
    """Phones whose first request after the loss met a shelf that was still closed."""
    knock_p50_ms: float | None
    knock_p99_ms: float | None
    waits: int
    """Answers 'ask again later' that phones got."""
    serving_s: float | None
    contacts_s: float | None
    mirrored_s: float | None
    whole_s: float | None
    complete: int | None
    incomplete: int | None
    seconds: float
    """The whole day, in real seconds."""
    kinds: tuple[OfKind, ...] = ()
    place: str | None = None
    """Where its files are, when they were kept."""

    @property
    def ok(self) -> bool:
        """True only if nothing acknowledged is missing or wrong, no phone lost anything, and none
        had to list everything anew."""
        on_server = (self.missing, self.wrong, self.phantom)
        on_phones = (self.phone_deletions, self.phone_overwrites, self.discarded, self.resyncs)
        return not any(on_server + on_phones) and self.phones_back == self.accounts

    def to_json(self) -> dict[str, Any]:
        """Return the figures for scripts."""
        figures: dict[str, Any] = {
            key: round(value, 4) if isinstance(value, float) else value
            for key, value in asdict(self).items()
        }
        verdicts = {"complete": figures.pop("complete"), "incomplete": figures.pop("incomplete")}
        kinds = {kind.pop("kind"): kind for kind in figures.pop("kinds")}
        return figures | {"kinds": kinds, "verdicts": verdicts, "ok": self.ok}

    def page(self) -> RenderableType:
        """Return the page for people."""
        from rich.console import Group
        from rich.panel import Panel
        from rich.text import Text

        style = "green" if self.ok else "red"
        parts: list[RenderableType] = [
            Text(),
            table_of("What was kept", self._kept()),
            Text(),
            _table_of_kinds(self.kinds),
            Text(),
            table_of("What the phones noticed", self._noticed()),
            Text(),
            table_of("How long it took", self._times()),
            Text(),
            Panel(Text(self.verdict()), border_style=style, expand=False),
        ]
        if self.place is not None:
            parts.append(Text(f"Its files are in {self.place}"))
        return Group(*parts)

    def verdict(self) -> str:
        """Return the day in a sentence or two."""
        if self.ok:
            return (
                f"The core of {self.service} was destroyed, and nothing that it had acknowledged "
                f"is lost.\nAll {self.phones_back:,} phones are back, and none had to give up "
                "anything."
            )
        losses = {
            "acknowledged records that are gone from the server": self.missing,
            "records that are there in a state their owners had changed": self.wrong,
            "records that are there though nobody ever sent them": self.phantom,
            "records deleted from the phones themselves": self.phone_deletions,
            "records on phones put back to an older state": self.phone_overwrites,
            "edits made during the outage and thrown away": self.discarded,
            "phones that had to list everything anew": self.resyncs,
            "phones that are not back": self.accounts - self.phones_back,
        }
        lines = [f"{what}: {count:,}" for what, count in losses.items() if count]
        return f"The core of {self.service} was destroyed, and people lost data:\n  " + "\n  ".join(
            lines
        )

    def _kept(self) -> list[Row]:
        before = f"{self.acknowledged_before_loss:,} before the core was destroyed"
        return [
            ("Changes acknowledged", f"{self.acknowledged:,}", before),
            ("Records that must be there", f"{self.records:,}", "each was compared"),
            ("… that are there, as sent", f"{self.recovered:,}", ""),
            ("… missing", f"{self.missing:,}", ""),
            ("… wrong", f"{self.wrong:,}", "other content, or deleted and back"),
            ("Records nobody sent", f"{self.phantom:,}", ""),
            self._verdicts(),
        ]

    def _verdicts(self) -> Row:
        if self.complete is None:
            return ("Shelves proven complete", "none", f"{self.service} can't know what is lost")
        listed = f"{self.incomplete or 0:,} more with a loss list"
        return ("Shelves proven complete", f"{self.complete:,}", listed)

    def _noticed(self) -> list[Row]:
        waited = f"through the outage; {self.discarded:,} of them lost"
        return [
            ("Phones back", f"{self.phones_back:,}", f"of {self.accounts:,}"),
            ("Records deleted from phones", f"{self.phone_deletions:,}", "unasked"),
            ("Records put back on phones", f"{self.phone_overwrites:,}", "to an older state"),
            ("Changes that waited", f"{self.resent:,}", waited),
            ("Phones that listed all anew", f"{self.resyncs:,}", "the others just went on"),
            ("Records fetched again", f"{self.phone_downloads:,}", "that the phone had already"),
        ]

    def _times(self) -> list[Row]:
        asked = f"median of {self.knocks:,} that met a closed shelf"
        return [
            (
                "First contact",
                in_seconds(self.first_contact_s),
                "blank machine to phone with contacts",
            ),
            ("A phone that asks", in_ms(self.knock_p50_ms), asked if self.knocks else ""),
            ("… 99 of 100 within", in_ms(self.knock_p99_ms), ""),
            ("Contacts", in_seconds(self.contacts_s), "until everybody's are back"),
            ("Mirrored", in_seconds(self.mirrored_s), "until the vault isn't needed to read"),
            ("Whole", in_seconds(self.whole_s), "until everything is back and proven"),
            ("The demo itself", in_seconds(self.seconds), ""),
        ]


def _table_of_kinds(kinds: tuple[OfKind, ...]) -> RenderableType:
    """Return the figures of each kind, side by side."""
    from rich.table import Table

    heads = ("there, as sent", "missing", "wrong", "not sent", "deleted", "put back", "anew")
    table = Table(
        title="Kind by kind: on the server; deleted, put back or listed anew on phones",
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
    )
    table.add_column("", min_width=10)
    for head in heads:
        table.add_column(head, justify="right", style="bold", header_style="dim")
    for kind in kinds:
        counts = (kind.missing, kind.wrong, kind.phantom)
        harm = (kind.phone_deletions, kind.phone_overwrites, kind.resyncs)
        there = f"{kind.recovered:,} of {kind.records:,}"
        table.add_row(kind.kind.capitalize(), there, *(f"{n:,}" for n in (*counts, *harm)))
    return table


def table_of(title: str, rows: list[Row]) -> RenderableType:
    """Return rows under a title, for a page of figures."""
    from rich.table import Table

    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=None,
        show_header=False,
        pad_edge=False,
    )
    table.add_column(min_width=30)
    table.add_column(justify="right", min_width=8, style="bold")
    table.add_column(style="dim")
    for row in rows:
        table.add_row(*row)
    return table


def in_seconds(value: float | None) -> str:
    """Return a time as a page of figures shows it."""
    return "–" if value is None else f"{value:.2f} s"


def in_ms(value: float | None) -> str:
    """Return milliseconds as a page of figures shows them."""
    return "–" if value is None else f"{value:.1f} ms"
