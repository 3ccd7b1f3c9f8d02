"""The worst moment: between somebody's listing of the journal and the reading of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from tests.rooms import Service, Unsteady, bodies, content, content_of, image_of, is_segment, put

from stillhere.recovery.report import tally_verdicts
from stillhere.replication.compact import Compacted, compact, tail_figures
from stillhere.replication.rollup import roll_up
from stillhere.replication.start import Working
from stillhere.replication.verified import Verified
from stillhere.replication.verify import verify
from stillhere.vault.anchor import read_anchor
from stillhere.vault.image import load_image
from stillhere.vault.layout import journal_folder
from stillhere.vault.manifests import read_root


class Race(NamedTuple):
    """A core that rolls up (in its own process, say), and one whose listings provoke it."""

    rolling: Working
    reading: Working
    storage: Unsteady
    anna: bytes

    def roll(self) -> None:
        key, last = self.rolling.identity.journal_key, self.rolling.journal.written
        roll_up(self.rolling.vault, key, 1, 0, after=0, upto=last, least=2)

    def provoke(self) -> None:
        """Roll up right after the next listing of the writer's folder."""

        def roll(folder: str) -> None:
            if folder == journal_folder(1, 0):
                self.storage.listed = lambda _: None
                self.roll()

        self.storage.listed = roll


@pytest.fixture
def race(service: Service) -> Iterator[Race]:
    with service.at_work() as rolling:
        anna = rolling.store.accounts.create("anna")
        for number in range(6):
            put(rolling, anna, f"{number}.vcf")
        with service.unsteady() as (reading, storage):
            race = Race(rolling, reading, storage, anna)
            race.provoke()
            yield race


def lone(service: Service) -> int:
    return sum(map(is_segment, service.objects("journal/")))


def test_a_verification_finds_no_loss(service: Service, race: Race) -> None:
    assert verify(race.reading).findings == []
    assert lone(service) == 0, "the roll-up did happen"


def test_a_compaction_finds_no_loss_and_keeps_no_evidence(service: Service, race: Race) -> None:
    assert compact(race.reading).unproven == []
    assert lone(service) == 0
    assert read_root(race.reading.vault).keep == []
    assert verify(race.reading).proven
    with service.recovered() as working:
        assert len(bodies(working, race.anna)) == 6
        assert tally_verdicts(working.core).incomplete == 0


def test_figures_count_each_segment_once(service: Service, race: Race) -> None:
    assert tail_figures(race.reading).segments == race.rolling.journal.written
    assert lone(service) == 0


def test_a_part_of_a_large_segment_that_was_rolled_meanwhile_is_found(
    service: Service, race: Race
) -> None:
    put(race.rolling, race.anna, "photo", os.urandom(2 << 20))
    race.storage.listed = lambda _: None
    identity = race.reading.identity
    anchor = read_anchor(race.reading.vault, identity.journal_keys, identity.epoch)
    race.roll()
    source = anchor.source(race.anna, "contacts")
    image = load_image(source, race.reading.core.data_keys.get(race.anna))
    there = content(race.rolling, race.anna)
    assert (content_of(image), image.problems) == (there.rows, [])


def test_a_start_beside_it_finds_nothing_missing(service: Service, race: Race) -> None:
    race.roll()
    with service.at_work() as third:
        assert len(bodies(third, race.anna)) == 6
        assert image_of(third, race.anna).proven


def test_a_roll_up_is_not_disturbed_by_another(service: Service, race: Race) -> None:
    """Two processes that tend one writer's journal: whoever is late finds it done."""
    race.roll()
    race.roll()
    assert lone(service) == 0
    assert len(service.objects("journal/")) == 1
    assert verify(race.rolling).proven


@pytest.mark.parametrize("look", [verify, compact])
def test_two_writers_that_go_on_between_two_listings_lose_nothing(
    service: Service, race: Race, look: Callable[[Working], Verified | Compacted]
) -> None:
    """The second one's change continues one that was not there when the first one was listed."""
    with service.at_work() as second:
        put(second, race.anna, "second.vcf")

        def go_on(folder: str) -> None:
            if folder == journal_folder(1, 0):
                race.storage.listed = lambda _: None
                put(race.rolling, race.anna, "one.vcf")
                put(second, race.anna, "two.vcf")

        race.storage.listed = go_on
        done = look(race.reading)
        assert (done.findings if isinstance(done, Verified) else done.unproven) == []
        assert {"one.vcf", "two.vcf"} <= bodies(race.reading, race.anna).keys()
        assert verify(race.reading).proven
