"""Every golden vault, whole and damaged, as the program of today reads it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.golden.make import sums
from tests.golden.reading import HERE, Golden, damage, goldens, lost, read_all, recovered

from stillhere.errors import FutureVault, RefusedVault
from stillhere.kinds import KINDS
from stillhere.replication.compact import compact
from stillhere.replication.verify import verify
from stillhere.store import State
from stillhere.vault.kit import Kit
from stillhere.vault.opened import VERSION

TOOL = HERE.parents[1] / "tools" / "read_vault.py"
ALL = pytest.mark.parametrize("golden", goldens(), ids=lambda golden: f"vault {golden.folder.name}")
DAMAGED = pytest.mark.parametrize(
    ("golden", "case"),
    [
        pytest.param(golden, case, id=f"vault {golden.folder.name}, {case['name']}")
        for golden in goldens()
        for case in golden.damages
    ],
)


def test_every_format_has_its_vault() -> None:
    formats = [golden.expected["format"] for golden in goldens()]
    assert {*formats} == {*range(1, VERSION + 1)}
    assert formats == sorted(formats)
    assert [golden.folder.name for golden in goldens()] == [str(n + 1) for n in range(len(formats))]


def test_one_of_them_has_every_kind_and_what_is_at_a_time() -> None:
    shelves = goldens()[-1].expected["shelves"]
    assert {name.split()[1] for name in shelves} == {"account", *KINDS}
    rows = [row for shelf in shelves.values() for row in shelf["rows"]]
    assert {row[5] for row in rows} >= {kind.component for kind in KINDS.values()}
    assert any(len(row) > 10 for row in rows)
    held = [row for row in rows if row[3] == State.HELD]
    assert {row[5] for row in held} == {"VCARD", "VEVENT"}
    assert all(len(row) > 10 for row in held if row[5] == "VEVENT"), "held, and when it is"


def test_nothing_that_is_kept_here_was_changed() -> None:
    said = dict(
        reversed(line.split("  ", 1)) for line in (HERE / "sums.txt").read_text().splitlines()
    )
    found: dict[str, str] = {}
    for golden in goldens():
        found |= sums(golden.folder)
    assert found == said, "a golden vault is never made again: bring the old file back"


@ALL
def test_it_is_read_as_it_was(golden: Golden, tmp_path: Path) -> None:
    expected = golden.expected
    place = golden.unpack(tmp_path)
    with recovered(place, golden.kit, tmp_path / "home") as working:
        found = read_all(working, revisions=True)
        assert found["accounts"] == expected["accounts"]
        assert found["shelves"] == expected["shelves"]
        for name, password in expected["logins"].items():
            if name in expected["accounts"].values():
                logins = working.store.logins
                login = asyncio.run(logins.authenticate(name, password, client="test"))
                assert expected["accounts"][login.account.hex()] == name


@ALL
def test_it_is_lived_on_and_recovered_again(golden: Golden, tmp_path: Path) -> None:
    expected = golden.expected
    place = golden.unpack(tmp_path)
    account = bytes.fromhex(next(iter(expected["accounts"])))
    with recovered(place, golden.kit, tmp_path / "one") as working:
        working.store.write(
            account, "contacts", lambda s: s.put("contacts", "new.vcf", b"")
        ).result()
        compact(working)
        assert verify(working).proven == (not lost_in(expected))
    with recovered(place, golden.kit, tmp_path / "two") as working:
        found = read_all(working)
    for name, wanted in expected["shelves"].items():
        rows = [row for row in found["shelves"][name]["rows"] if row[1] != "new.vcf"]
        assert rows == wanted["rows"], name


@DAMAGED
def test_damaged_it_loses_no_more_than_it_did(golden: Golden, case: dict, tmp_path: Path) -> None:
    """A later version may find more of it, and never less; what is lost is named."""
    expected, place = golden.expected, golden.unpack(tmp_path)
    damage(place, golden, case["do"])
    then = case["lost"]
    if "refused" in then:
        with pytest.raises(RefusedVault), recovered(place, golden.kit, tmp_path / "home"):
            pass
        return
    with recovered(place, golden.kit, tmp_path / "home") as working:
        now = lost(expected, read_all(working))
    assert {*now["closed"]} <= {*then["closed"]}
    assert {*map(tuple, now["held"])} <= {*map(tuple, then["held"])} | {
        (shelf, row[0], row[1])
        for shelf in then["closed"]
        for row in expected["shelves"][shelf]["rows"]
    }


@ALL
def test_the_last_resort_reads_it(golden: Golden, tmp_path: Path) -> None:
    expected, place = golden.expected, golden.unpack(tmp_path)
    kit = golden.folder / "kit.txt"
    for shelf, wanted in expected["shelves"].items():
        account, kind = shelf.split()
        line = [sys.executable, "-I", "-X", "utf8", TOOL, place, kit, "extract", account, kind]
        done = subprocess.run([*line, tmp_path / shelf], capture_output=True, check=False)
        present = [row for row in wanted["rows"] if row[3] == 0]
        assert done.returncode == (any(row[3] == 2 for row in wanted["rows"])), done.stderr
        files = [path for path in (tmp_path / shelf).rglob("*") if path.is_file()]
        assert len(files) == len(present)


@ALL
@pytest.mark.parametrize("signed", [True, False], ids=["signed", "not signed"])
def test_a_format_of_the_future_is_refused_and_left_alone(
    golden: Golden, tmp_path: Path, signed: bool
) -> None:
    place = golden.unpack(tmp_path)
    for name in ("format.json", "format.json.twin"):
        _raise_format(place / name, golden.kit if signed else None)
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    with (
        pytest.raises(FutureVault, match=f"format {VERSION + 1}") as refused,
        recovered(place, golden.kit, tmp_path / "home"),
    ):
        pass
    assert "newer" in refused.value.hint
    line = [sys.executable, TOOL, place, golden.folder / "kit.txt", "list"]
    assert subprocess.run(line, capture_output=True, check=False).returncode == 2
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before
    assert not (tmp_path / "home").exists()


def _raise_format(path: Path, kit: Kit | None) -> None:
    said = json.loads(path.read_bytes())
    said["stillhere"] = VERSION + 1
    if kit is not None:
        lines = ("stillhere", "vault", "created", "cipher", "bucket_bits", "root", "kit")
        statement = "\n".join(str(said[line]) for line in lines).encode()
        said["signature"] = kit.root.sign(statement).hex()
    path.write_text(json.dumps(said), "utf-8")


def lost_in(expected: dict) -> bool:
    """Whether the vault lacked something when it was made."""
    return any(row[3] == 2 for one in expected["shelves"].values() for row in one["rows"])
