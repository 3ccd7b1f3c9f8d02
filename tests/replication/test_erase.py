"""An account that is erased can't be read from anywhere, and nobody else's is touched."""

from __future__ import annotations

import asyncio
import random
import threading
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.replication.killed import kill_at
from tests.rooms import Service, bodies, contents, put, put_many

from stillhere.errors import Erased, Fenced, NotFound, Unavailable
from stillhere.recovery.check import check
from stillhere.recovery.recovery import Recovery
from stillhere.replication.compact import compact
from stillhere.replication.rewrap import WrappedKeys
from stillhere.replication.rollup import roll_up
from stillhere.replication.start import Working, anchor_of, assemble
from stillhere.replication.tend import Limits, Tender
from stillhere.replication.verified import last_verified
from stillhere.replication.verify import verify
from stillhere.store import BadLogin, Core, NewAccount
from stillhere.store.erased import read_erased
from stillhere.vault.backends.directory import Directory
from stillhere.vault.erasures import Erasure, keep_erasure
from stillhere.vault.keys import keep_data_key, list_keys, read_data_key
from stillhere.vault.layout import erasure_name, key_name, twin
from stillhere.vault.opened import open_vault
from stillhere.vault.signing import Signer
from stillhere.vault.wraps import Unwrapper

WORDS = (b"Quillfeather", b"quillfeather", b"Zanzibar", b"zz-href", b"uid-zz", b"Pocket of Anna")


class Person(NamedTuple):
    account: bytes
    name: str
    password: str


def join(working: Working, name: str, label: str = "phone") -> Person:
    made = working.store.accounts.create_many([NewAccount(name, None, label)])[0]
    assert made.device is not None
    return Person(made.account, name, made.device.password)


def log_in(working: Working, person: Person) -> bytes:
    log_in = working.store.logins.authenticate(person.name, person.password, client="test")
    return asyncio.run(log_in).account


def erase(working: Working, person: Person) -> None:
    working.eraser.erase(person.account, person.name.casefold())


def raw(*folders: Path) -> bytes:
    """Every byte of every file below."""
    files = (path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file())
    return b"\n".join(path.read_bytes() for path in files)


def live(working: Working, seed: int) -> tuple[Person, Person]:
    """Two people whose shelves grow, shrink and change side by side; anna's say who she is."""
    anna, ben = join(working, "Anna Quillfeather", "Pocket of Anna"), join(working, "ben")
    rng = random.Random(seed)
    for _ in range(6):
        for person, word, end in ((ben, b"ben ", "bb"), (anna, b"Zanzibar ", "zz-href")):
            names = [f"{rng.randrange(900):03d}-{end}.vcf" for _ in range(100)]
            sizes = rng.choices((5, 40, 40, 200, 2000), k=100)
            cards = zip(names, (word * size for size in sizes), strict=True)
            put_many(working, person.account, dict(cards))

    def change(shelf):
        shelf.put("contacts", "first", b"Zanzibar", uid="uid-zz")
        shelf.keep_conflict("contacts", "first", b"Zanzibar, lost")
        shelf.note("Zanzibar was asked for", {})
        for record in shelf.records("contacts")[::3]:
            shelf.delete("contacts", record.href)

    working.store.write(anna.account, "contacts", change).result()
    return anna, ben


@pytest.mark.parametrize("seed", range(2))
def test_no_byte_of_an_account_is_left(service: Service, seed: int) -> None:
    with service.at_work() as working:
        anna, ben = live(working, seed)
        compact(working)
        put(working, anna.account, "tail", b"Zanzibar")
        wrapped = working.core.reader().execute("SELECT data_key FROM accounts").fetchall()[0][0]
        other = contents(working)
        there = raw(service.home)
        assert all(word in there for word in WORDS)
        assert wrapped in there
        assert read_data_key(working.vault, Unwrapper(working.vault, service.kit), anna.account)
        erase(working, anna)
        left = raw(service.home, service.place)
        assert [word for word in (*WORDS, wrapped) if word in left] == []
        assert list_keys(working.vault) == [ben.account]
        assert len(service.objects("names/")) == 1
        with pytest.raises(BadLogin):
            log_in(working, anna)
        with pytest.raises(Erased), working.store.read(anna.account, "contacts"):
            pass
        with pytest.raises(Erased):
            put(working, anna.account, "late")
        with pytest.raises(NotFound):
            working.core.data_keys.get(anna.account)
        del other[anna.account, "account"], other[anna.account, "contacts"]
        assert contents(working) == other
        assert verify(working).proven
    left = raw(service.home, service.place)
    assert [word for word in (*WORDS, wrapped) if word in left] == []


def test_what_was_let_in_is_refused_beside_the_one_who_erased(service: Service) -> None:
    with service.at_work() as serving:
        anna, ben = join(serving, "anna"), join(serving, "ben")
        assert log_in(serving, anna) == anna.account
        serving.core.data_keys.get(anna.account)
        with service.at_work() as command:
            erase(command, anna)
        with pytest.raises(BadLogin):
            log_in(serving, anna)
        assert log_in(serving, ben) == ben.account
        assert serving.eraser.look() is None
        with pytest.raises(NotFound):
            serving.core.data_keys.get(anna.account)


def test_a_name_is_free_again(service: Service) -> None:
    with service.at_work() as working:
        anna = join(working, "anna")
        put(working, anna.account, "hers", b"of the first anna")
        erase(working, anna)
        again = join(working, "Anna")
        assert again.account != anna.account
        assert bodies(working, again.account) == {}
        with pytest.raises(BadLogin):
            log_in(working, anna)
        working.eraser.carry_on()
        assert log_in(working, again) == again.account
        assert verify(working).proven


def test_compaction_drops_what_nothing_opens_any_more(service: Service) -> None:
    with service.at_work() as working:
        anna, ben = join(working, "anna"), join(working, "ben")
        for person in (anna, ben):
            put_many(working, person.account, {f"{n}.vcf": b"%d" % n * 99 for n in range(50)})
        compact(working)
        put(working, anna.account, "tail", b"in the journal only")
        erase(working, anna)
        before = contents(working)
        done = compact(working)
        assert done.unproven == []
        anchor = anchor_of(working)
        for kind in ("account", "contacts"):
            assert anchor.accounts(kind) == [ben.account]
            manifest = anchor.manifest(kind, 0)
            assert manifest is not None
            for pack in manifest.packs:
                assert anna.account not in (service.place / pack.name).read_bytes()
        assert anchor.tail.sources == []
        assert contents(working) == before
        assert verify(working).proven
        shelves = compact(working).shelves
        assert shelves == 0


def test_a_tail_of_an_erased_account_alone_is_folded(service: Service) -> None:
    with service.at_work() as working:
        anna, _ = join(working, "anna"), join(working, "ben")
        compact(working)
        put(working, anna.account, "tail", b"in the journal only")
        erase(working, anna)
        compact(working)
        assert anchor_of(working).tail.sources == []


def test_a_roll_up_takes_noise_along(service: Service) -> None:
    with service.at_work() as working:
        anna, ben = join(working, "anna"), join(working, "ben")
        for person in (anna, ben, anna, ben):
            put(working, person.account, f"{person.name}.vcf")
        erase(working, anna)
        put(working, ben.account, "last.vcf")
        journal, key = working.journal, working.identity.journal_key
        assert journal.writer is not None
        upto = journal.written
        roll_up(working.vault, key, 1, journal.writer, after=0, upto=upto, least=2)
        assert verify(working).proven
    with service.recovered() as working:
        assert set(bodies(working, ben.account)) == {"ben.vcf", "last.vcf"}


def test_a_segment_that_was_not_committed_is_passed_over(service: Service) -> None:
    with service.at_work() as working:
        anna, ben = join(working, "anna"), join(working, "ben")
    kill_at(service, "after")  # anna's third change is durable, and not in the core
    core = Core(service.home)
    identity = core.identity()
    vault = open_vault(Directory(service.place), identity.root_public)
    working = assemble(core, identity, vault)
    erasure = Erasure(anna.account, 1, [])
    working.eraser.take_in([keep_erasure(vault, working.signer, erasure)])
    working.close()
    with service.at_work() as working:
        put(working, ben.account, "on.vcf")
        assert verify(working).proven


def test_what_a_verification_found_of_an_account_goes_too(service: Service) -> None:
    with service.at_work() as working:
        anna, ben = join(working, "anna"), join(working, "ben")
        for person in (anna, ben):
            put(working, person.account, "zz-href", b"Zanzibar")
        compact(working)
        for name in service.objects("ledger/contacts/"):
            if "b-" in name:
                (service.place / name).unlink()
        assert not verify(working).proven
        assert raw(service.home).count(b"zz-href") >= 2
        erase(working, anna)
        verified = last_verified(working.core)
        assert verified is not None
        assert {finding.account for finding in verified.findings} == {ben.account}


class TestTheVaultIsInTheWay:
    """Whatever it refuses, nothing is half erased: what was begun is completed."""

    def test_before_anything_was_written(self, service: Service) -> None:
        with service.unsteady() as (working, backend):
            anna = join(working, "anna")
            backend.refuse = lambda name: name.startswith("erasures/")
            with pytest.raises(Unavailable) as failed:
                erase(working, anna)
            assert failed.value.safe == "nothing was changed"
            assert log_in(working, anna) == anna.account
        with service.at_work() as working:
            assert log_in(working, anna) == anna.account

    def test_when_nobody_knows_whether_it_was_written(self, service: Service) -> None:
        with service.unsteady() as (working, backend):
            anna = join(working, "anna")
            backend.forget = lambda name: name.startswith("erasures/")
            with pytest.raises(Unavailable) as failed:
                erase(working, anna)
            assert "the erasure is in the vault" in failed.value.safe
        with service.at_work() as working:
            _is_gone(service, working, anna)

    def test_after_the_rows_have_gone(self, service: Service) -> None:
        with service.unsteady() as (working, backend):
            anna = join(working, "anna")
            backend.cling = lambda name: name.startswith("keys/")
            with pytest.raises(Unavailable) as failed:
                erase(working, anna)
            assert "gone from the core" in failed.value.safe
            with pytest.raises(BadLogin):
                log_in(working, anna)
            assert working.eraser.look() is not None, "the operator is told"
            backend.steady()
            assert working.eraser.complete() is None
            _is_gone(service, working, anna)

    def test_while_the_name_is_still_taken(self, service: Service) -> None:
        with service.unsteady() as (working, backend):
            anna = join(working, "anna")
            backend.cling = lambda name: name.startswith("names/")
            with pytest.raises(Unavailable):
                erase(working, anna)
            with pytest.raises(Unavailable, match="being erased"):
                join(working, "anna")
            backend.steady()
            assert working.eraser.complete() is None
            assert log_in(working, join(working, "anna")) != anna.account

    def test_a_server_completes_what_a_command_could_not(self, service: Service) -> None:
        with service.at_work() as serving:
            with service.unsteady() as (command, backend):
                anna = join(command, "anna")
                backend.cling = lambda name: name.startswith("keys/")
                with pytest.raises(Unavailable):
                    erase(command, anna)
            tender = Tender(serving, Limits(fence_every_s=0.01))
            try:
                _wait_until_gone(serving, anna)
            finally:
                tender.close()
            _is_gone(service, serving, anna)


def _wait_until_gone(working: Working, person: Person) -> None:
    waited = threading.Event()
    for _ in range(2000):
        if not read_erased(working.core.reader())[person.account].pending:
            return
        waited.wait(0.01)
    raise AssertionError("the erasure is still pending")


def _is_gone(service: Service, working: Working, person: Person) -> None:
    assert person.account not in list_keys(working.vault)
    assert service.objects("names/") == []
    assert not read_erased(working.core.reader())[person.account].pending
    with pytest.raises(BadLogin):
        log_in(working, person)
    assert verify(working).proven


class TestWhoMayErase:
    """Only the core whose epoch it is."""

    def test_not_a_core_whose_epoch_is_being_sealed(self, service: Service, tmp_path: Path) -> None:
        with service.at_work() as old:
            anna = join(old, "anna")
            Recovery(tmp_path / "new", service.place, service.kit, _silently).begin().close()
            with pytest.raises(Fenced):
                erase(old, anna)
        service.home = tmp_path / "new"
        with service.recovered(service.home) as working:
            assert log_in(working, anna) == anna.account
        with service.at_work() as working:
            assert log_in(working, anna) == anna.account

    def test_what_nobody_of_this_service_signed_is_named(self, service: Service) -> None:
        stranger = Ed25519PrivateKey.generate()
        with service.at_work() as working:
            anna = join(working, "anna")
            forger = Signer(working.identity.vault, working.identity.epoch, stranger)
            keep_erasure(working.vault, forger, Erasure(anna.account, 1, []))
        with service.at_work() as working:
            assert log_in(working, anna) == anna.account
            found = verify(working)
            assert "is not this service's" in found.findings[0].problems[0]
            erase(working, anna)  # and is not in the way
            _is_gone(service, working, anna)


class TestALostErasure:
    """Nothing comes back without a key; the erasure itself is kept twice, and mended."""

    @pytest.fixture
    def erased(self, service: Service) -> Person:
        with service.at_work() as working:
            anna = join(working, "anna")
            join(working, "ben")
            put(working, anna.account, "1.vcf")
            erase(working, anna)
        return anna

    def test_one_copy_is_enough_and_the_other_is_made_again(
        self, service: Service, erased: Person
    ) -> None:
        name = erasure_name(erased.account)
        (service.place / name).unlink()
        with service.at_work() as working:
            assert not verify(working).proven
            assert service.objects("erasures/") == [name, twin(name)]
            assert verify(working).proven
        (service.place / twin(name)).unlink()
        assert erased.account in check(service.place, service.kit).erased

    def test_broken_copies_are_written_anew(self, service: Service, erased: Person) -> None:
        for copy in service.objects("erasures/"):
            service.flip(copy)
        with service.at_work() as working:
            assert not verify(working).proven
            assert verify(working).proven
        assert erased.account in check(service.place, service.kit).erased

    def test_without_any_it_is_damage_and_no_account(
        self, service: Service, erased: Person
    ) -> None:
        for copy in service.objects("erasures/"):
            (service.place / copy).unlink()
        with service.recovered() as working:
            with pytest.raises(BadLogin):
                log_in(working, erased)
            closed = working.core.reader().execute(
                "SELECT kind FROM shelves WHERE account = ? AND closed <> ''", (erased.account,)
            )
            assert sorted(closed) == [("account",), ("contacts",)]
            working.eraser.erase(erased.account, "")  # the operator knows better
            assert verify(working).proven

    def test_the_next_epoch_knows_it_by_heart(self, service: Service, erased: Person) -> None:
        with service.recovered():
            pass
        for copy in service.objects("erasures/"):
            (service.place / copy).unlink()
        with service.recovered() as working:
            assert erased.account in read_erased(working.core.reader())
            assert verify(working).proven


def test_a_key_that_is_kept_again_beside_an_erasure_is_taken_back(service: Service) -> None:
    """A verification that began before has the key in memory, and finds its copies missing."""
    with service.at_work() as working:
        anna = join(working, "anna")
        key = working.core.data_keys.get(anna.account)
        erase(working, anna)
        keep_data_key(working.vault, working.wrapper, anna.account, key)
        assert service.objects(key_name(anna.account)) == []
        assert list(WrappedKeys(working).mend(anna.account, key))
        assert service.objects(key_name(anna.account)) == []


def _silently(event: str, **facts: object) -> None:
    """Nobody listens."""
