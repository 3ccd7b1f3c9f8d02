"""A service whose vault is in a bucket, from init to the day when its core is lost."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from tests.conformance import liar as lies
from tests.conformance.conftest import LOCKING
from tests.conformance.liar import lying
from tests.conformance.test_s3 import everywhere, overwrites
from tests.rooms import bodies, put
from tests.seaweed import Seaweed, environment
from tests.seaweed import running as another_store
from tests.server.processes import command, running

from stillhere.errors import BadInput, Unavailable
from stillhere.recovery.recovery import Recovery
from stillhere.replication.compact import compact
from stillhere.replication.copies import add_copy
from stillhere.replication.found import found
from stillhere.replication.start import open_core
from stillhere.vault.backends.place import open_place

CARD = b"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:u%d\r\nFN:Zo\xc3\xab\r\nEND:VCARD\r\n"
REFUSES = lies.says(500)
BOOK = "/dav/addressbooks/ana/contacts"


def ask(url: str, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    login = b64encode(b"ana:a-password").decode()
    headers = {"authorization": f"Basic {login}", "content-type": "text/vcard"}
    asked = urllib.request.Request(url + path, body, headers, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def fails(*words: object) -> tuple[int, str]:
    line = [sys.executable, "-m", "stillhere", *map(str, words)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def write(url: str, numbers: range) -> dict[int, int]:
    """The status of each card that was put."""
    return {n: ask(url, "PUT", f"{BOOK}/{n}.vcf", CARD % n)[0] for n in numbers}


def test_a_life_in_a_bucket_whose_store_is_killed(
    seaweed: Seaweed, new_place: Callable[[], str], tmp_path: Path
) -> None:
    place, kit, home = new_place(), tmp_path / "kit.txt", tmp_path / "core"
    command("init", "--home", home, "--vault", place, "--kit", kit)
    command("account", "add", "ana", "--password-stdin", "--home", home, stdin="a-password\n")
    with running("serve", "--home", home, "--listen", "127.0.0.1:0") as server:
        url = server.wait_for("serving")["url"]
        done = write(url, range(20))
        command("compact", "--home", home)
        done |= write(url, range(20, 25))
        seaweed.kill()
        try:
            refused = write(url, range(25, 27))
            assert set(refused.values()) == {503}
            assert ask(url, "GET", f"{BOOK}/3.vcf") == (200, CARD % 3)
        finally:
            seaweed.start()
        done |= write(url, range(25, 30))
    assert set(done.values()) == {201}
    assert fails("status", "--home", home)[0] == 0
    command("verify", "--home", home)
    command("drill", "--home", home, "--kit", kit)
    shutil.rmtree(home)
    figures = json.loads(command("survey", "--vault", place, "--kit", kit, "--json"))
    assert figures["vaults"] == [{"vault": place, "flaws": []}]
    lost = ("recover", "--vault", place, "--kit", kit, "--home", tmp_path / "new")
    with running(*lost, "--serve", "--listen", "127.0.0.1:0") as recovery:
        url = recovery.wait_for("serving")["url"]
        assert recovery.wait_for("whole")["verdicts"]["incomplete"] == 0
        for number in done:
            assert ask(url, "GET", f"{BOOK}/{number}.vcf") == (200, CARD % number)
        assert write(url, range(30, 31)) == {30: 201}
    command("verify", "--home", tmp_path / "new")


def test_processes_bring_a_bucket_back_beside_the_one_that_serves(
    new_place: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = new_place()
    kit = found(tmp_path / "home", place)
    working = open_core(tmp_path / "home")
    people = [working.store.accounts.create(f"person-{number}") for number in range(8)]
    for number, person in enumerate(people):
        put(working, person, "1.vcf", CARD % number)
    compact(working)
    before = {person: bodies(working, person) for person in people}
    working.close()
    monkeypatch.setattr("stillhere.recovery.workers.FEW_BYTES", 1)
    recovery = Recovery(tmp_path / "new", place, kit, lambda *_, **__: None)
    working = recovery.begin()
    recovery.run()
    assert {person: bodies(working, person) for person in people} == before
    working.close()


def test_neither_serve_nor_recover_begins_on_a_store_that_overwrites(
    seaweed: Seaweed, new_place: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, kit, home = new_place(), tmp_path / "kit.txt", tmp_path / "core"
    command("init", "--home", home, "--vault", place, "--kit", kit)
    with lying(seaweed) as liar, environment(liar.variables):
        everywhere(monkeypatch, liar, overwrites)
        with running("serve", "--home", home, "--listen", "127.0.0.1:0") as server:
            url = server.wait_for("refusing")["url"]
            assert ask(url, "GET", f"{BOOK}/1.vcf")[0] == 503
        assert "written twice" in "".join(server.said)
        lost = ("recover", "--vault", place, "--kit", kit, "--home", tmp_path / "new")
        code, said = fails(*lost)
        assert (code, "written twice" in said) == (5, True), said
    assert open_place(place).names("epochs") == ["000001"]
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("trick", "acknowledged"),
    [
        (lies.once(lies.loses_its_answer), True),  # and is found when it is sent again
        (lies.once(lies.breaks_off), True),
        (lies.loses_its_answer, False),  # nobody has said that it is durable
        (REFUSES, False),
    ],
)
def test_a_change_is_acknowledged_when_its_slot_is_known_to_be_taken(
    seaweed: Seaweed,
    new_place: Callable[[], str],
    tmp_path: Path,
    trick: lies.Trick,
    acknowledged: bool,
) -> None:
    place = new_place()
    kit = found(tmp_path / "home", place)
    with lying(seaweed) as liar, environment(liar.variables):
        working = open_core(tmp_path / "home")
        ana = working.store.accounts.create("ana")
        put(working, ana, "1.vcf")
        liar.trick = trick
        with nullcontext() if acknowledged else pytest.raises(Unavailable):
            put(working, ana, "2.vcf")
        liar.trick = None
        put(working, ana, "3.vcf")
        there = {"1.vcf", "2.vcf", "3.vcf"} if trick is not REFUSES else {"1.vcf", "3.vcf"}
        assert set(bodies(working, ana)) == there
        working.close()
    recovery = Recovery(tmp_path / "new", place, kit, lambda *_, **__: None)
    working = recovery.begin()
    recovery.run()
    assert set(bodies(working, ana)) == there
    working.close()


def test_a_bucket_brings_back_what_burned_with_a_folder(
    new_place: Callable[[], str], tmp_path: Path
) -> None:
    folder, bucket = tmp_path / "vault", new_place()
    kit = found(tmp_path / "home", folder)
    working = open_core(tmp_path / "home")
    add_copy(working, bucket, lambda done, total: None)
    ana = working.store.accounts.create("ana")
    put(working, ana, "1.vcf")
    compact(working)
    put(working, ana, "2.vcf")
    before = bodies(working, ana)
    working.close()
    shutil.rmtree(folder)
    told: list[str] = []
    recovery = Recovery(
        tmp_path / "new", folder, kit, lambda event, **_: told.append(event), more=[bucket]
    )
    working = recovery.begin()
    recovery.run()
    assert bodies(working, ana) == before
    assert told[0] == "unreached"
    working.close()


def test_one_bucket_under_two_addresses_is_not_two_copies(
    new_place: Callable[..., str], tmp_path: Path
) -> None:
    bucket = new_place(LOCKING)
    found(tmp_path / "home", bucket)
    working = open_core(tmp_path / "home")
    with pytest.raises(BadInput, match="one place by two names"):
        add_copy(working, f"{bucket}?lock-days=1", lambda done, total: None)
    with pytest.raises(BadInput, match="lies within"):
        add_copy(working, f"{bucket}/second", lambda done, total: None)
    assert working.follower is not None
    assert working.follower.members.places == [bucket]
    put(working, working.store.accounts.create("ana"), "1.vcf")
    working.close()


def test_two_buckets_at_two_providers_hold_one_vault_and_each_has_its_own_keys(
    seaweed: Seaweed,
    new_place: Callable[[], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    near, far, secret = new_place(), "s3://far/vault?profile=another", "another-secret"
    kit, home = tmp_path / "kit.txt", tmp_path / "core"
    with another_store(tmp_path / "elsewhere", "another-id", secret) as other:
        other.make_bucket("far")
        keys, config = tmp_path / "credentials", tmp_path / "config"
        keys.write_text(
            f"[another]\naws_access_key_id = another-id\naws_secret_access_key={secret}\n"
        )
        endpoint = other.variables["AWS_ENDPOINT_URL"]
        config.write_text(f"[profile another]\nregion = eu-1\nendpoint_url = {endpoint}\n")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(keys))
        monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
        said = command("init", "--home", home, "--vault", near, "--kit", kit)
        said += command("vault", "add", far, "--home", home)
        said += command("account", "add", "ana", "--device", "--home", home)
        said += command("compact", "--home", home) + command("vault", "list", "--home", home)
        assert said.count("has every change") == 2
        assert secret not in said
        kept = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
        assert not [data for data in kept if secret.encode() in data]
        shutil.rmtree(home)
        with environment({name: str(path) for name, path in files_of(keys, config).items()}):
            code, told = fails("recover", "--vault", near, "--kit", kit, "--home", home)
            assert (code, "AWS_ACCESS_KEY_ID is not set" in told) == (2, True)
            lost = ("recover", "--vault", near, "--vault", far, "--kit", kit, "--home", home)
            assert f"not in {near}" in command(*lost)
            assert "ana" in command("account", "list", "--home", home)


def files_of(keys: Path, config: Path) -> dict[str, Path]:
    return {"AWS_SHARED_CREDENTIALS_FILE": keys, "AWS_CONFIG_FILE": config}


def test_a_folder_and_a_bucket_hold_one_vault_and_the_bucket_is_enough(
    seaweed: Seaweed, new_place: Callable[[], str], tmp_path: Path
) -> None:
    bucket, kit, home = new_place(), tmp_path / "kit.txt", tmp_path / "core"
    command("init", "--home", home, "--vault", tmp_path / "vault", "--kit", kit)
    command("account", "add", "ana", "--password-stdin", "--home", home, stdin="a-password\n")
    with running("serve", "--home", home, "--listen", "127.0.0.1:0") as server:
        url = server.wait_for("serving")["url"]
        done = write(url, range(5))
        command("vault", "add", bucket, "--home", home)
        done |= write(url, range(5, 10))
        seaweed.kill()
        try:
            assert set(write(url, range(10, 12)).values()) == {503}
            assert bucket in command("vault", "list", "--home", home).splitlines()[1]
        finally:
            seaweed.start()
        done |= write(url, range(12, 17))
    assert set(done.values()) == {201}
    command("verify", "--home", home)
    shutil.rmtree(home)
    shutil.rmtree(tmp_path / "vault")
    new, back = tmp_path / "new", tmp_path / "back"
    vaults = ("--vault", tmp_path / "vault", "--vault", bucket)
    command("recover", *vaults, "--kit", kit, "--home", new)
    command("export", "ana", back, "--home", new)
    cards = b"".join(path.read_bytes() for path in back.rglob("*.vcf"))
    assert [number for number in done if b"UID:u%d\r\n" % number not in cards] == []
    assert command("vault", "list", "--home", new).split("  ")[0] == bucket
