"""A real S3 store for whoever asks, started once."""

from collections.abc import Callable, Iterator
from secrets import token_hex

import pytest
from tests.seaweed import Seaweed, environment, running

from stillhere.vault.backends.access import read_access
from stillhere.vault.backends.versions import request
from stillhere.vault.layout import FORMAT

BUCKET, LOCKING = "plain", "locking"


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """SeaweedFS with two buckets; one of them keeps versions and takes locks."""
    with running(tmp_path_factory.mktemp("seaweed")) as seaweed:
        seaweed.make_bucket(BUCKET)
        seaweed.make_bucket(LOCKING, locking=True)
        yield seaweed


@pytest.fixture
def seaweed(store: Seaweed) -> Iterator[Seaweed]:
    """The store, and the variables that lead there."""
    with environment(store.variables):
        yield store


@pytest.fixture
def new_place(seaweed: Seaweed) -> Callable[..., str]:
    """A place in a bucket that nobody has used."""
    return lambda bucket=BUCKET: f"s3://{bucket}/of-a-test/{token_hex(8)}"


@pytest.fixture
def bucket_place(seaweed: Seaweed, new_place: Callable[..., str]) -> str:
    """A place in a bucket where a vault lies, as far as a backend looks."""
    place = new_place()
    answer = request(read_access(place), "PUT", FORMAT, {})
    assert answer.status == 200, answer
    return place
