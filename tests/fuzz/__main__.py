"""Fuzzes one target: ``python -m tests.fuzz TARGET SECONDS [libFuzzer's options]``.

Input is mutated from the corpus and the seeds; what reaches new code is kept in
``.fuzz/TARGET``, what breaks a promise in ``.fuzz/TARGET.found-…``.
``python -m tests.fuzz TARGET merge`` moves the smallest set that reaches as much into the
corpus: what CI replays.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

import atheris
from tests.fuzz import CORPUS, TARGETS, load

WORK = Path(".fuzz")
INPUT_S, MEMORY_MB, INPUT_BYTES = 10, 1536, 16_384
"""One input may take so long, the process so much memory; longer input reaches nothing new."""
KEPT_BYTES = 1_500
"""Input that goes into the corpus of the project."""


def main(name: str, seconds: str, *options: str) -> None:
    if name not in TARGETS:
        sys.exit(f"no such target: {name}; there are {', '.join(TARGETS)}")
    with atheris.instrument_imports(include=["stillhere"]):
        target = load(name)
    found, kept = WORK / name, CORPUS / name
    found.mkdir(parents=True, exist_ok=True)
    kept.mkdir(parents=True, exist_ok=True)
    if seconds == "again":
        limits = []
    elif seconds == "merge":
        for path in kept.iterdir():
            shutil.move(path, found / path.name)
        limits = ["-merge=1", f"-max_len={KEPT_BYTES}", str(kept), str(found)]
    else:
        for seed in target.seeds():
            (found / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
        limits = [f"-max_total_time={seconds}", f"-max_len={INPUT_BYTES}", str(found), str(kept)]
    limits += [
        f"-timeout={INPUT_S}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-artifact_prefix={WORK / name}.found-",
    ]
    with tempfile.TemporaryDirectory() as folder, target.opened(Path(folder)) as check:
        atheris.Setup([_command(name), *limits, *options], check)
        atheris.Fuzz()


def _command(name: str) -> str:
    """What libFuzzer starts, with options of its own, to try each input in a further process."""
    script = WORK / f"{name}.again"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m tests.fuzz {name} again "$@"\n')
    script.chmod(0o755)
    return str(script.absolute())


if __name__ == "__main__":
    main(*sys.argv[1:])
