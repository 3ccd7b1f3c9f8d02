"""What fuzzing has found to reach something, replayed: it is answered or refused, no more."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fuzz import CORPUS, TARGETS, load

MOST_BYTES = 300_000


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_in_the_corpus_breaks_a_promise(name: str, tmp_path: Path) -> None:
    target = load(name)
    kept = sorted((CORPUS / name).iterdir())
    assert kept
    with target.opened(tmp_path) as check:
        for seed in target.seeds():
            check(seed)
        for path in kept:
            try:
                check(path.read_bytes())
            except Exception as error:
                error.add_note(str(path))
                raise


def test_the_corpus_is_small() -> None:
    sizes = [path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()]
    assert sum(sizes) < MOST_BYTES
