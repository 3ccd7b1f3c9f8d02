"""Whether a row of an account's own shelf is what a core writes there.

Nothing has signed a damaged file, and a row of it may let somebody in. So it counts only as a
core lays it out to the last field: a name, the hash of a chosen password, the hash of a device's,
or that a device was revoked.
"""

from __future__ import annotations

import re

import msgspec

from stillhere.errors import BadInput
from stillhere.kinds.item import NO_SPAN
from stillhere.recovery.salvage.rows import RecordRow
from stillhere.recovery.salvage.scan import Salvage
from stillhere.store.accounts import CREDENTIALS, DEVICES, Device, Password, Profile, fold_name
from stillhere.store.records import Record, State

PROFILE = (CREDENTIALS, "profile")
_PASSWORD = (CREDENTIALS, "password")
_DEVICE = re.compile(r"[a-z2-7]{8}")
_ARGON2 = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$[A-Za-z0-9+/]{11,88}\$[A-Za-z0-9+/]{22,88}"
)
MAX_MEMORY_KB, MAX_PASSES, MAX_LANES = 1 << 18, 16, 16  # what a check may cost the server
MAX_LABEL, SALT_BYTES, HASH_BYTES = 200, 16, 32


def may_let_in(salvage: Salvage, row: RecordRow) -> bool:
    """Whether a row counts: it is what a core writes, on a page that is just as it was written."""
    return is_login(row.record, row.body) and salvage.lies_whole(row)


def is_login(record: Record, body: bytes | None) -> bool:
    """Whether a record, or a tombstone without a body, may be on an account's own shelf."""
    name = record[:2]
    if record.uid or record.component or record.media_type or record.span != NO_SPAN:
        return False
    of_device = record.collection == DEVICES and _DEVICE.fullmatch(record.href) is not None
    if body is None:
        return record.state == State.DELETED and of_device
    try:
        if of_device:
            return _is_device(msgspec.msgpack.decode(body, type=Device))
        if name == _PASSWORD:
            return _is_hash(msgspec.msgpack.decode(body, type=Password).argon2)
        return name == PROFILE and _is_name(msgspec.msgpack.decode(body, type=Profile).name)
    except msgspec.MsgspecError:
        return False


def _is_device(device: Device) -> bool:
    sizes = len(device.salt), len(device.hash)
    return sizes == (SALT_BYTES, HASH_BYTES) and len(device.label) <= MAX_LABEL


def _is_hash(argon2: str) -> bool:
    found = _ARGON2.fullmatch(argon2)
    if found is None:
        return False
    memory, passes, lanes = map(int, found.groups())
    cheap = memory <= MAX_MEMORY_KB and passes <= MAX_PASSES and lanes <= MAX_LANES
    return cheap and passes > 0 and lanes > 0 and memory >= 8 * lanes


def _is_name(name: str) -> bool:
    try:
        fold_name(name)
    except BadInput:
        return False
    return True
