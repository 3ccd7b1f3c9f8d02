"""A recovery beside restoring the same core's file: restic, Borg and Litestream.

The peers restore the core's database as one file, from a repository or replica in a local
folder, with their own defaults. Stillhere recovers the service from its vault, every record
proven and every shelf open; shelves are pages then, and rows from their first write on (pages.py
has what that costs). Each round runs all four in turn; the ratios are within a round.
The sizes are those of the vault's compacted part and of restic's repository of one snapshot.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dav
from load import Connection
from options import Options, median_round
from stillhere.store.schema import DATABASE
from vaults import Vault, build

COMPACTED = ("ledger", "manifest", "keys", "wraps")
REPLICATE_S = 900
SECRETS = {
    "RESTIC_PASSWORD": "bench",
    "BORG_PASSPHRASE": "bench",
    "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
    "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
}


def run(options: Options) -> dict[str, Any]:
    """Every restore in every round."""
    vault = build(200 if options.quick else 10_000, options)
    peers = _prepare(vault, options)
    rounds = []
    for number in range(options.rounds):
        found = _measure(vault, peers, options)
        rounds.append(found)
        told = ", ".join(f"{name} {found[name]:.2f} s" for name in ("mirrored_s", "whole_s"))
        told += "".join(f", {name} {found[f'{name}_s']:.2f} s" for name in peers)
        options.say(f"round {number + 1}: {told}")
    core = (vault.folder / "home" / DATABASE).stat().st_size
    ours = sum(_size(vault.folder / "vault" / part) for part in COMPACTED)
    theirs = _size(vault.folder / "peers" / "restic")
    return {
        "accounts": len(vault.people),
        "core_bytes": core,
        "vault_bytes": ours,
        "restic_bytes": theirs,
        "vault_to_restic": ours / theirs,
        "rounds": rounds,
        "medians": median_round(rounds),
        "notes": [
            "First contact is a multiget of 200 contacts, log-in included, from a blank home.",
            "Stillhere's time includes Python's start, the check, the seal, and a durable core.",
            "Everything read is in the page cache.",
        ],
    }


def _prepare(vault: Vault, options: Options) -> dict[str, Callable[[Path], Sequence[str]]]:
    """Fill each peer's repository once; what restores it into a folder."""
    folder = vault.folder / "peers"
    core = vault.folder / "home" / DATABASE
    restic, borg = _tool("restic"), _tool("borg")
    litestream = str(options.tools / "litestream")
    if not (folder / "filled").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        options.say("filling the peers' repositories")
        _call([restic, "init", "-q", "--repo", str(folder / "restic")], folder)
        _call([restic, "-q", "--repo", str(folder / "restic"), "backup", core.name], core.parent)
        _call([borg, "init", "-e", "repokey-blake2", str(folder / "borg")], folder)
        _call([borg, "create", f"{folder / 'borg'}::core", core.name], core.parent)
        _replicate(litestream, core, folder)
        (folder / "filled").touch()
    return {
        "restic": lambda to: [
            *(restic, "-q", "--repo", str(folder / "restic"), "--no-cache"),
            *("restore", "latest", "--target", str(to)),
        ],
        "borg": lambda to: [borg, "extract", f"{folder / 'borg'}::core"],
        "litestream": lambda to: [
            *(litestream, "restore", "-o", str(to / "core"), f"file://{folder / 'litestream'}"),
        ],
    }


def _replicate(litestream: str, core: Path, folder: Path) -> None:
    """A replica of a copy of the core, once its snapshot is complete."""
    copy = folder / "replicated" / core.name
    copy.parent.mkdir()
    shutil.copyfile(core, copy)
    command = [litestream, "replicate", str(copy), f"file://{folder / 'litestream'}"]
    with (folder / "litestream.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    deadline = time.perf_counter() + REPLICATE_S
    try:
        while b"snapshot complete" not in (folder / "litestream.log").read_bytes():
            if process.poll() is not None or time.perf_counter() > deadline:
                raise RuntimeError(f"litestream made no snapshot: see {log.name}")
            time.sleep(0.2)
    finally:
        process.terminate()
        process.wait(60)
    shutil.rmtree(copy.parent)


def _measure(
    vault: Vault, peers: dict[str, Callable[[Path], Sequence[str]]], options: Options
) -> dict[str, float]:
    found = _recover(vault, options)
    for name, command in peers.items():
        with tempfile.TemporaryDirectory(prefix=f"bench-{name}-", dir=options.scratch) as scratch:
            to = Path(scratch)
            began = time.perf_counter()
            _call(command(to), to)
            found[f"{name}_s"] = time.perf_counter() - began
            restored = sum(path.stat().st_size for path in to.rglob("*") if path.is_file())
        if restored < (vault.folder / "home" / DATABASE).stat().st_size:
            raise RuntimeError(f"{name} restored {restored} bytes")
        for what in ("first_contact", "mirrored", "whole"):
            found[f"{what}_to_{name}"] = found[f"{what}_s"] / found[f"{name}_s"]
    return found


def _recover(vault: Vault, options: Options) -> dict[str, float]:
    """Two recoveries: one that somebody asks at once, one that nobody disturbs."""
    with tempfile.TemporaryDirectory(prefix="bench-ours-", dir=options.scratch) as scratch:
        watched = vault.recover(Path(scratch))
        try:
            connection = Connection(watched.address())
            answer = connection.ask(vault.people[0].ask_for_all())
            first = time.perf_counter() - watched.started
            connection.close()
            if dav.count_bodies(answer.body) != vault.people[0].book:
                raise RuntimeError(f"{answer.status}, {dav.count_bodies(answer.body)} contacts")
        finally:
            watched.end()
    with tempfile.TemporaryDirectory(prefix="bench-ours-", dir=options.scratch) as scratch:
        watched = vault.recover(Path(scratch))
        try:
            watched.wait_for("mirrored", timeout=600)
            mirrored = time.perf_counter() - watched.started
            watched.wait_for("whole", timeout=600)
            whole = time.perf_counter() - watched.started
        finally:
            watched.end()
    return {"first_contact_s": first, "mirrored_s": mirrored, "whole_s": whole}


def _call(command: Sequence[str], folder: Path) -> None:
    subprocess.run(
        command,
        cwd=folder,
        env=os.environ | SECRETS,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=True,
        timeout=REPLICATE_S,
    )


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise RuntimeError(f"{name} is not installed; on Debian: apt install restic borgbackup")
    return found


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def table(result: dict[str, Any]) -> list[list[str]]:
    """A peer a line, our times as shares of its."""
    medians = result["medians"]
    rows = [["", "s", "first contact", "mirrored", "whole"]]
    ours = [f"{medians[name]:.2f} s" for name in ("first_contact_s", "mirrored_s", "whole_s")]
    rows.append(["stillhere", "", *ours])
    for name in ("restic", "borg", "litestream"):
        shares = [medians[f"{what}_to_{name}"] for what in ("first_contact", "mirrored", "whole")]
        rows.append([name, f"{medians[f'{name}_s']:.2f}", *(f"{share:.2f}×" for share in shares)])
    rows.append(["vault / restic", f"{result['vault_to_restic']:.2f}", "", "", ""])
    return rows
