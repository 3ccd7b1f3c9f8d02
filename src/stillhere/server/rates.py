"""How fast this machine would bring this vault back, measured on a sample of it.

The sample goes through a recovery's own functions into a scratch core that is thrown away: read,
proven and made into pages, then taken in. The start is that of a real process.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stillhere.errors import NotFound
from stillhere.recovery.install import make_shelf, make_verdict
from stillhere.replication.start import Working
from stillhere.store.core import Core
from stillhere.store.recovered import Recovered, add_recovered
from stillhere.store.schema import connect, get_meta, set_meta
from stillhere.vault.anchor import Anchor, read_anchor
from stillhere.vault.image import load_image
from stillhere.vault.keys import open_data_key, seal_data_key
from stillhere.vault.layout import key_name
from stillhere.vault.wraps import WRAP_BYTES, WrappingKey

SAMPLE_S = 1.0
SAMPLE_RECORDS = 30_000
KEYS = 20
_START = "import stillhere.cli.recover, stillhere.server.recover, stillhere.server.bulk"


class Rates(msgspec.Struct, frozen=True):
    """What was measured, at `at` (ms since 1970), on `records` of `shelves` shelves.

    `start_s` is a process until it could work, `anchor_s` learning what must exist, `shelf_s`
    one shelf until it is open, `key_s` one account's key. Records a second: `proven_per_s` out of
    the vault with every proof, `taken_per_s` into the core.
    """

    at: int
    shelves: int
    records: int
    start_s: float
    anchor_s: float
    shelf_s: float
    key_s: float
    proven_per_s: float
    taken_per_s: float


def measure(working: Working) -> Rates | None:
    """Measures, and keeps the result in the core; None where there is nothing to measure on."""
    began = time.perf_counter()
    anchor = read_anchor(working.vault, working.identity.journal_keys, working.identity.epoch)
    anchor_s = time.perf_counter() - began
    began = time.perf_counter()
    sample = _prove_sample(working, anchor)
    prove_s = time.perf_counter() - began
    records = sum(shelf.records for shelf in sample)
    if not records:
        return None
    take_s = _take_in(sample, working.core.home)
    rates = Rates(
        at=time.time_ns() // 1_000_000,
        shelves=len(sample),
        records=records,
        start_s=time_of_a_start(),
        anchor_s=anchor_s,
        shelf_s=(prove_s + take_s) / len(sample),
        key_s=_time_of_a_key(working, [shelf.account for shelf in sample[:KEYS]]),
        proven_per_s=records / prove_s,
        taken_per_s=records / take_s,
    )
    kept = msgspec.msgpack.encode(rates)
    working.store.install(lambda sql: set_meta(sql, "rates", kept)).result()
    return rates


def last_measured(core: Core) -> Rates | None:
    """The rates that were measured last; None for none, or for what another version measured."""
    kept = get_meta(core.reader(), "rates")
    try:
        return None if kept is None else msgspec.msgpack.decode(kept, type=Rates)
    except msgspec.ValidationError:
        return None


def _prove_sample(working: Working, anchor: Anchor) -> list[Recovered]:
    sample: list[Recovered] = []
    until = time.perf_counter() + SAMPLE_S
    records = 0
    for account in sorted(working.core.shelves_of("contacts")):
        try:
            data_key = working.core.data_keys.get(account)
        except NotFound:  # its key is lost: `verify` says so
            continue
        image = load_image(anchor.source(account, "contacts"), data_key, packed=True)
        sample.append(make_shelf(image, make_verdict(image, 0), None))
        records += len(image.columns)
        if records >= SAMPLE_RECORDS or time.perf_counter() > until:
            break
    return sample


def _take_in(sample: list[Recovered], home: Path) -> float:
    """In the home: what lies there for a moment can be read by whoever can read the core."""
    with tempfile.TemporaryDirectory(prefix="rates-", dir=home) as scratch:
        sql = connect(Path(scratch), create=True)
        try:
            began = time.perf_counter()
            for shelf in sample:
                sql.execute("BEGIN IMMEDIATE")
                add_recovered(sql, [shelf])
                sql.execute("COMMIT")
            return time.perf_counter() - began
        finally:
            sql.close()


def _time_of_a_key(working: Working, accounts: list[bytes]) -> float:
    """Seconds to read and open one account's key.

    Opened is a made-up one: the kit, which could open the real one, is kept away from here.
    """
    vault, wrapping = working.vault, WrappingKey(bytes(WRAP_BYTES), AESGCM(os.urandom(32)))
    sealed = {a: seal_data_key(vault, wrapping, a, os.urandom(32)) for a in accounts}
    began = time.perf_counter()
    for account in accounts:
        vault.backend.read(key_name(account))
        open_data_key(vault, wrapping.cipher, account, sealed[account])
    return (time.perf_counter() - began) / len(accounts)


def time_of_a_start() -> float:
    """Seconds from the start of a process until it could recover."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", _START], check=True)  # noqa: S603  our own code
    return time.perf_counter() - began
