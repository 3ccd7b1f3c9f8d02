"""The data keys that a recovery has at hand."""

from __future__ import annotations

import os
import shutil

import pytest
from tests.recovery.service import BUCKET_BITS, Worn

from stillhere.errors import Damaged
from stillhere.recovery.check import check
from stillhere.recovery.keys import KitKeys, pack_keys, unpack_keys
from stillhere.vault.keys import list_keys, read_data_key
from stillhere.vault.layout import bucket_of


def test_keys_are_packed_and_found_among_others(worn: Worn) -> None:
    """The first and the last of them, and none that isn't there."""
    keys = KitKeys(check(worn.place, worn.kit))
    drawn = {os.urandom(16): os.urandom(32) for _ in range(99)}
    assert unpack_keys(pack_keys(drawn)) == drawn
    for bucket in range(1 << BUCKET_BITS):
        here = {a: key for a, key in drawn.items() if bucket_of(a, BUCKET_BITS) == bucket}
        some = dict(list(here.items())[::2])
        keys.learn(bucket, pack_keys(some))
        keys.learn(bucket, pack_keys(here))
        keys.learn(bucket, pack_keys(some))
        assert unpack_keys(keys.of_bucket(bucket)) == here
    assert {account: keys.get(account) for account in drawn} == drawn
    for stranger in (bytes(16), b"\x7f" + b"\xff" * 15, b"\xff" * 16, os.urandom(16)):
        with pytest.raises(Damaged):
            keys.get(stranger)
        assert keys.failing(stranger)


def test_a_key_is_unwrapped_once_and_forgotten_when_its_account_is_erased(worn: Worn) -> None:
    checked = check(worn.place, worn.kit)
    vault, unwrapper = checked.vault, checked.unwrapper
    known = {account: read_data_key(vault, unwrapper, account) for account in list_keys(vault)}
    opened, learnt, given, other = known
    keys = KitKeys(checked)
    assert keys.get(opened) == known[opened]
    keys.learn(bucket_of(learnt, BUCKET_BITS), pack_keys({learnt: known[learnt]}))
    worker = KitKeys(checked, pack_keys({given: known[given]}))
    shutil.rmtree(worn.place / "keys")
    assert [keys.get(opened), keys.get(learnt)] == [known[opened], known[learnt]]
    assert worker.get(given) == known[given]
    keys.forget([opened, learnt, other])
    for account in (opened, learnt, other):
        with pytest.raises(Damaged):
            keys.get(account)
    assert not any(known[account] in keys.of_bucket(b) for account in known for b in (0, 1))


def test_a_forgotten_key_does_not_come_back_with_what_a_process_had_begun(worn: Worn) -> None:
    checked = check(worn.place, worn.kit)
    account, other = list_keys(checked.vault)[:2]
    bucket = bucket_of(account, BUCKET_BITS)
    keys = KitKeys(checked)
    begun = pack_keys({account: keys.get(account)})
    keys.forget([account])
    keys.learn(bucket, begun)
    assert keys.of_bucket(bucket) == b""
    with pytest.raises(Damaged):
        keys.get(account)
    assert keys.get(other)
