"""Killed before any of its changes, an erasure has not begun, or goes to its end."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from tests.replication.erasing import Erasers, erasers
from tests.rooms import Content, Service, contents, put

from stillhere.replication.compact import compact
from stillhere.replication.start import Working
from stillhere.replication.verify import verify
from stillhere.store import BadLogin, NewAccount
from stillhere.store.erased import read_erased
from stillhere.vault.keys import list_keys

STRIDE = 1 if os.environ.get("STILLHERE_LONG") else 3
STEPS_AT_MOST = 300
WORDS = (b"anna", b"Zanzibar", b"zz-href")


@pytest.fixture
def killed() -> Iterator[Erasers]:
    with erasers() as started:
        yield started


class Lived:
    """A service to be copied: anna is erased, ben has to stay as he is."""

    def __init__(self, service: Service) -> None:
        self.service = service
        with service.at_work() as working:
            new = [NewAccount(name, None, "phone") for name in ("anna", "ben")]
            self.anna, self.ben = working.store.accounts.create_many(new)
            put(working, self.anna.account, "zz-href", b"Zanzibar")
            put(working, self.ben.account, "1.vcf")
            compact(working)
            put(working, self.anna.account, "2.zz-href", b"Zanzibar again")
            put(working, self.ben.account, "2.vcf")
            self.before = self.bens(working)

    def bens(self, working: Working) -> dict[tuple[bytes, str], Content]:
        every = contents(working)
        return {key: every[key] for key in every if key[0] == self.ben.account}

    def copy(self, name: str) -> Service:
        copy = self.service.copy(name)
        shutil.copytree(self.service.home, copy.home)
        return copy


def test_killed_before_each_change(service: Service, killed: Erasers) -> None:
    lived = Lived(service)
    begun = lost = 0
    for step in count(1, STRIDE):
        assert step < STEPS_AT_MOST, "an erasure never gets to its end"
        copy = lived.copy(f"step-{step}")
        how = killed.send(copy.home, copy.place, lived.anna.account, "anna", step)
        assert how in ("killed", "done")
        if how == "killed" and step % 2:
            lost += 1
            with copy.recovered() as working:  # and the core is lost as well
                begun += _judge(lived, copy, working)
        else:
            with copy.at_work() as working:
                begun += _judge(lived, copy, working)
        shutil.rmtree(copy.folder)
        if how == "done":
            break
    assert begun >= 3
    assert lost >= 3


def _judge(lived: Lived, service: Service, working: Working) -> bool:
    """Whether the erasure had begun; then it is over now."""
    erased = read_erased(working.core.reader()).get(lived.anna.account)
    if working.identity.epoch == 1:
        assert lived.bens(working) == lived.before
    assert {row.name for row in working.store.accounts.list()} >= {"ben"}
    if erased is None:
        assert _log_in(lived, working) == lived.anna.account
        assert verify(working).proven
        working.eraser.erase(lived.anna.account, "anna")
    with pytest.raises(BadLogin):
        _log_in(lived, working)
    assert not read_erased(working.core.reader())[lived.anna.account].pending
    assert list_keys(working.vault) == [lived.ben.account]
    assert len(service.objects("names/")) == 1
    left = b"".join(path.read_bytes() for path in _files(service.home, service.place))
    assert [word for word in WORDS if word in left] == []
    verify(working)  # a copy that was cut short is kept again
    assert verify(working).proven
    compact(working)
    assert verify(working).proven
    return erased is not None


def _log_in(lived: Lived, working: Working) -> bytes:
    assert lived.anna.device is not None
    log_in = working.store.logins.authenticate("anna", lived.anna.device.password, client="")
    return asyncio.run(log_in).account


def _files(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]
