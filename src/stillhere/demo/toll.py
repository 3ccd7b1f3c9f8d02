"""The figures of the second act, and the page that shows them to somebody new."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from stillhere.demo.figures import in_seconds, table_of
from stillhere.demo.truth import FIGURES, Span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from stillhere.demo.figures import Row


@dataclass(frozen=True)
class Surveyed:
    """What a survey said of a kind, beside what was true. Spans by the names of `FIGURES`."""

    kind: str
    looked: int
    """Shelves of it that it had looked at, of so many `shelves`."""
    shelves: int
    seconds: float
    said: Mapping[str, Span]
    true: Mapping[str, Span]

    @property
    def off(self) -> list[str]:
        """The figures that can't be true."""
        return [name for name in FIGURES if not self.said[name].meets(self.true[name])]


@dataclass(frozen=True)
class OfKind:
    """What became of the records of a kind (`truth.py:Account` says what each count is)."""

    kind: str
    expected: int
    present: int
    given: int
    held: int
    unaccounted: int
    wrong: int
    phantom: int
    misnamed: int
    unlisted: int


@dataclass(frozen=True)
class Toll:
    """What the second act came to. Counts are records unless said otherwise; `_s` seconds; None
    where nothing was measured."""

    accounts: int
    acknowledged: int
    """Changes that were acknowledged in all."""
    acknowledged_before_loss: int
    bad_pages: int
    pages: int
    """Of the core's file and its log."""
    bad_packs: int
    packs: int
    """Of people's shelves, in the vault that is left."""
    records: int
    """Records that must be there at the end: their last acknowledged change left them present."""
    present: int
    """Those that are there, byte for byte."""
    held: int
    """Those that are not there and are named, with a cause, and listed."""
    unaccounted: int
    wrong: int
    phantom: int
    misnamed: int
    """Named as missing without being so."""
    unlisted: int
    """Held, and not listed to phones."""
    missed_by_vault: int
    """Records of which what is left of the vault had no body."""
    salvaged: int
    """Those that came back from the damaged core."""
    settled_by_phones: int
    """Those that phones brought back, or whose owners deleted them."""
    phone_healed: bool | None
    """Whether the report has what a phone healed on purpose; None: no phone had what is held."""
    surveys: tuple[Surveyed, ...]
    letters: int
    """Pages written for people of whose records some are held."""
    faults: tuple[str, ...]
    """What the pages, the feed or the JSON tell that is not so."""
    resent: int
    discarded: int
    phone_deletions: int
    phone_overwrites: int
    phones_back: int
    first_contact_s: float | None
    serving_s: float | None
    contacts_s: float | None
    whole_s: float | None
    salvaged_s: float | None
    seconds: float
    """The whole act, in real seconds."""
    kinds: tuple[OfKind, ...] = ()
    place: str | None = None
    """Where its files are, when they were kept."""

    @property
    def ok(self) -> bool:
        """True only if every record is accounted for, nothing is wrong, no phone lost anything,
        and everything that was told is true."""
        return not self._failures()

    def to_json(self) -> dict[str, Any]:
        """Return the figures for scripts."""
        figures: dict[str, Any] = {
            key: round(value, 4) if isinstance(value, float) else value
            for key, value in asdict(self).items()
        }
        surveys = [asdict(one) | {"off": one.off} for one in self.surveys]
        kinds = {kind.pop("kind"): kind for kind in figures.pop("kinds")}
        return figures | {"surveys": surveys, "kinds": kinds, "ok": self.ok}

    def page(self) -> RenderableType:
        """Return the page for people."""
        from rich.console import Group
        from rich.panel import Panel
        from rich.text import Text

        parts: list[RenderableType] = [Text(), table_of("What happened", self._happened())]
        for seconds in dict.fromkeys(one.seconds for one in self.surveys):
            of_it = [one for one in self.surveys if one.seconds == seconds]
            parts += [Text(), _table_of_survey(seconds, of_it)]
        tables = (
            ("What became of every record", self._became()),
            ("What was told, and what the phones noticed", self._told()),
            ("How long it took", self._times()),
        )
        for title, rows in tables:
            parts += [Text(), table_of(title, rows)]
        style = "green" if self.ok else "red"
        parts += [Text(), Panel(Text(self.verdict()), border_style=style, expand=False)]
        if self.place is not None:
            parts.append(Text(f"Its files are in {self.place}"))
        return Group(*parts)

    def verdict(self) -> str:
        """Return the act in a sentence or two."""
        failures = self._failures()
        if not failures:
            return (
                "The core and both copies of its vault failed together.\n"
                f"Of {self.records:,} records {self.present:,} are back as they were, and "
                f"{self.held:,} are held, each named.\n"
                "None is wrong, and no phone had to give up anything."
            )
        lines = "\n  ".join(f"{what}: {count}" for what, count in failures.items())
        return (
            "The core and both copies of its vault failed together, and not all is accounted "
            f"for:\n  {lines}"
        )

    def _failures(self) -> dict[str, str]:
        """Return what went wrong, how often or in words."""
        counts = {
            "acknowledged records that are gone without being named": self.unaccounted,
            "records that are there in a state their owners had changed": self.wrong,
            "records that are there though nobody ever sent them": self.phantom,
            "records named as missing that are not": self.misnamed,
            "held records that phones are not told of": self.unlisted,
            "records deleted from the phones themselves": self.phone_deletions,
            "records on phones put back to an older state": self.phone_overwrites,
            "edits made during the outage and thrown away": self.discarded,
            "phones that are not back": self.accounts - self.phones_back,
            "records that a phone could not heal": int(self.phone_healed is False),
        }
        failures = {what: f"{count:,}" for what, count in counts.items() if count}
        for survey in self.surveys:
            for name in survey.off:
                said, true = survey.said[name], survey.true[name]
                failures[f"{survey.kind} '{name}' in a survey of {survey.looked:,} shelves"] = (
                    f"{said}, and {true} was true"
                )
        if self.faults:
            failures["what was told"] = "; ".join(self.faults)
        return failures

    def _happened(self) -> list[Row]:
        before = f"{self.acknowledged_before_loss:,} before the loss"
        return [
            ("Changes acknowledged", f"{self.acknowledged:,}", before),
            ("The core", f"{self.bad_pages:,}", f"of {self.pages:,} pages are noise"),
            ("One vault", "gone", ""),
            ("The other", f"{self.bad_packs:,}", f"of {self.packs:,} packs have a byte flipped"),
        ]

    def _became(self) -> list[Row]:
        return [
            ("Records that must be there", f"{self.records:,}", "each was compared"),
            *(
                (f"… {one.kind}", f"{one.expected:,}", f"{one.held:,} of them held")
                for one in self.kinds
            ),
            ("… that are there, as sent", f"{self.present:,}", ""),
            ("… held", f"{self.held:,}", "named in the report, with a cause"),
            ("… not accounted for", f"{self.unaccounted:,}", ""),
            ("… wrong", f"{self.wrong:,}", "other content, or deleted and back"),
            ("Records nobody sent", f"{self.phantom:,}", ""),
            ("The vault had no body of", f"{self.missed_by_vault:,}", "which were held at first"),
            ("… back from the damaged core", f"{self.salvaged:,}", "the same bytes"),
            ("… settled by phones", f"{self.settled_by_phones:,}", "edited or deleted by owners"),
        ]

    def _told(self) -> list[Row]:
        waited = f"through the outage; {self.discarded:,} of them lost"
        return [
            ("Page, feed and JSON", f"{len(self.faults):,}", "figures that are not as counted"),
            ("Pages for one person", f"{self.letters:,}", "each names what is held"),
            ("A phone was to heal one", *self._healing()),
            ("Phones back", f"{self.phones_back:,}", f"of {self.accounts:,}"),
            ("Records deleted from phones", f"{self.phone_deletions:,}", "unasked"),
            ("Records put back on phones", f"{self.phone_overwrites:,}", "to an older state"),
            ("Changes that waited", f"{self.resent:,}", waited),
        ]

    def _healing(self) -> tuple[str, str]:
        if self.phone_healed is None:
            return "–", "no phone had what is held"
        return ("yes", "as the report says") if self.phone_healed else ("no", "THIS IS WRONG")

    def _times(self) -> list[Row]:
        first = "blank machine to phone with contacts"
        return [
            ("First contact", in_seconds(self.first_contact_s), first),
            ("Contacts", in_seconds(self.contacts_s), "until everybody's are back"),
            ("Whole", in_seconds(self.whole_s), "until all that the vault has is proven"),
            ("Salvaged", in_seconds(self.salvaged_s), "until the damaged core was searched"),
            ("The demo itself", in_seconds(self.seconds), ""),
        ]


def _table_of_survey(seconds: float, kinds: Sequence[Surveyed]) -> RenderableType:
    """Return what a survey said of each kind, and what was true; of what can't be true, all."""
    from rich.table import Table

    table = Table(
        title=f"What a survey said after {in_seconds(seconds)}, and what was true",
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
    )
    table.add_column("", min_width=10)
    for head in ("looked at", "proven", "was true", "not found", "was true"):
        bold = head in ("proven", "not found")
        style = "bold" if bold else "dim"
        table.add_column(head, justify="right", style=style, header_style="dim")
    for one in kinds:
        pairs = [(str(one.said[name]), str(one.true[name])) for name in ("proven", "missing")]
        looked = f"{one.looked:,} of {one.shelves:,}"
        table.add_row(one.kind.capitalize(), looked, *pairs[0], *pairs[1])
        for name in one.off:
            said, true = str(one.said[name]), str(one.true[name])
            table.add_row(f"… {name}", "THIS IS WRONG", said, true)
    return table
