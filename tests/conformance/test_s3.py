"""A bucket whose store is slow, broken, dishonest, or not there: nothing is believed of it that it
did not say, and what it says ends in plain words."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conformance import liar as lies
from tests.conformance.liar import Asked, Liar, lying
from tests.seaweed import KEY_ID, SECRET, Seaweed, environment

from stillhere.errors import BadInput, NotAVault
from stillhere.vault.backends import Backend, BackendError, Exists, Missing, s3
from stillhere.vault.backends.access import read_access, read_address
from stillhere.vault.backends.place import absolute, open_place
from stillhere.vault.backends.probe import probe
from stillhere.vault.backends.versions import remove_versions, request
from stillhere.vault.kit import Kit
from stillhere.vault.opened import create_vault, open_vault

SLOT = "journal/000001/000000/000000000001.seg"


@pytest.fixture
def liar(seaweed: Seaweed) -> Iterator[Liar]:
    with lying(seaweed) as between, environment(between.variables):
        yield between


@pytest.fixture
def through(liar: Liar, bucket_place: str) -> Backend:
    """The place, seen through the liar; it is proven, so that only tricks are met."""
    backend = open_place(bucket_place)
    backend.prove()
    return backend


@pytest.fixture
def directly(seaweed: Seaweed, bucket_place: str) -> Backend:
    """The same place, without anybody between."""
    with environment(seaweed.variables):
        return open_place(bucket_place)


@pytest.mark.parametrize("trick", [lies.loses_its_answer, lies.hangs])
def test_a_create_that_nobody_answers_is_an_error_though_it_happened(
    liar: Liar,
    bucket_place: str,
    directly: Backend,
    trick: lies.Trick,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(s3, "SILENT", "1s")
    backend = open_place(bucket_place)
    backend.prove()
    liar.trick = trick
    with pytest.raises(BackendError, match=r"it broke off|no answer in time"):
        backend.create(SLOT, b"mine")
    assert [method for method, path in liar.seen if path.endswith(SLOT)] == ["PUT"]
    liar.trick = None
    deadline = time.monotonic() + 2 * lies.HANG_S
    while not directly.names("journal") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert backend.read(SLOT) == b"mine"
    with pytest.raises(Exists):
        backend.create(SLOT, b"mine")


@pytest.mark.parametrize(
    ("trick", "why"),
    [
        (lies.breaks_off, "it broke off"),
        (lies.says(500, "InternalError"), "500 InternalError"),
        (lies.says(503), "503"),
        (lies.says(507, "InsufficientStorage"), "507"),
        (lies.says(403, "AccessDenied"), "403 AccessDenied"),
        (lies.says(412, "PreconditionFailed"), "412"),
        (lies.says(409, "ConditionalRequestConflict"), "409 ConditionalRequestConflict"),
        (lies.says(404, "NoSuchBucket"), "404 NoSuchBucket"),
    ],
)
def test_a_create_that_did_not_happen_is_an_error_and_the_name_stays_free(
    liar: Liar, through: Backend, directly: Backend, trick: lies.Trick, why: str
) -> None:
    """A name that is taken by nobody is not taken, whatever the store says."""
    liar.trick = trick
    with pytest.raises(BackendError, match=why):
        through.create(SLOT, b"mine")
    with pytest.raises(Missing):
        directly.read(SLOT)
    liar.trick = None
    through.create(SLOT, b"mine")
    assert directly.read(SLOT) == b"mine"


@pytest.mark.parametrize("code", ["SlowDown", "ConditionalRequestConflict"])
def test_a_create_that_was_put_off_is_tried_again(
    liar: Liar, through: Backend, directly: Backend, code: str
) -> None:
    liar.trick = lies.says(503 if code == "SlowDown" else 409, code, times=2)
    through.create(SLOT, b"mine")
    assert directly.read(SLOT) == b"mine"


def test_an_object_that_is_there_is_there_whatever_the_store_calls_it(
    liar: Liar, through: Backend, directly: Backend
) -> None:
    directly.create(SLOT, b"theirs")
    liar.trick = lies.says(409, "OperationAborted")
    with pytest.raises(Exists):
        through.create(SLOT, b"mine")


@pytest.mark.parametrize(
    "trick", [lies.says(500, "InternalError", times=2), lies.says(503, "SlowDown", times=2)]
)
def test_reads_are_tried_again(
    liar: Liar, through: Backend, directly: Backend, trick: lies.Trick
) -> None:
    directly.create("pack", b"0123456789")
    liar.method, liar.trick = "GET", trick
    assert through.read_range("pack", 3, 4) == b"3456"
    assert through.read("pack") == b"0123456789"


@pytest.mark.parametrize(
    "trick",
    [
        lies.cuts_short,
        lies.says(500, "InternalError"),
        lies.says(200),
        lies.says(403, "AccessDenied"),
    ],
)
def test_what_is_read_is_read_whole_or_is_an_error(
    liar: Liar, through: Backend, directly: Backend, trick: lies.Trick
) -> None:
    directly.create("pack", b"0123456789")
    liar.method, liar.trick = "GET", trick
    with pytest.raises(BackendError):
        through.read_range("pack", 3, 4)
    with pytest.raises(BackendError):
        through.names("")


def lists_plainly(asked: Asked) -> None:
    """It knows no versions, and takes no notice when it is asked for them."""
    asked.send((200, [], b"<ListBucketResult><Name>plain</Name></ListBucketResult>"))


@pytest.mark.parametrize("trick", [lies.says(501, "NotImplemented"), lists_plainly])
def test_a_durable_removal_does_without_versions_where_there_are_none(
    liar: Liar, through: Backend, directly: Backend, trick: lies.Trick
) -> None:
    directly.create("keys/00/a", b"wrapped")
    liar.method, liar.trick = "GET", trick
    through.delete("keys/00/a", durable=True)
    through.delete("keys/00/a", durable=True)
    with pytest.raises(Missing):
        directly.read("keys/00/a")


def test_a_durable_removal_that_removed_nothing_is_an_error(
    liar: Liar, through: Backend, directly: Backend
) -> None:
    directly.create("keys/00/a", b"wrapped")
    liar.method, liar.trick = "DELETE", lies.says(204)
    with pytest.raises(BackendError, match=r"a version is still there|there still"):
        through.delete("keys/00/a", durable=True)


def test_a_store_that_hangs_is_given_up(
    liar: Liar, bucket_place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "SILENT", "200ms")
    monkeypatch.setattr(s3, "READS", 1)
    liar.method, liar.trick = "HEAD", lies.hangs
    began = time.monotonic()
    with pytest.raises(BackendError, match="no answer in time"):
        open_place(bucket_place).size("pack")
    assert time.monotonic() - began < lies.HANG_S


def test_a_store_that_is_not_there_says_so(
    bucket_place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "READS", 0)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    for ask in (
        lambda backend: backend.create("a", b""),
        lambda backend: backend.read("a"),
        lambda backend: backend.size("a"),
        lambda backend: backend.names("a"),
        lambda backend: backend.delete("a"),
        lambda backend: backend.delete("a", durable=True),
    ):
        with pytest.raises(BackendError, match=r"nobody answers there|no answer"):
            ask(open_place(bucket_place))


def overwrites(asked: Asked) -> None:
    """It takes no notice of If-None-Match."""
    status, headers, body = asked.pass_on()
    if status == 412:
        remove_versions(read_access("s3://plain/"), asked.path.split("/", 2)[2])
        status, headers, body = asked.pass_on()
    asked.send((status, headers, body))


def looks_first(asked: Asked) -> None:
    """It looks whether the name is free, and writes afterwards."""
    name = asked.path.split("/", 2)[2]
    access = read_access("s3://plain/")
    if request(access, "HEAD", name, {}).status == 200:
        asked.answer(412, "PreconditionFailed")
    else:
        time.sleep(0.3)
        overwrites(asked)


def everywhere(monkeypatch: pytest.MonkeyPatch, liar: Liar, trick: lies.Trick) -> None:
    monkeypatch.setattr(liar, "applies", lambda asked: asked.command == "PUT")
    liar.trick = trick


@pytest.mark.parametrize("trick", [overwrites, looks_first])
def test_no_vault_begins_in_a_store_that_overwrites(
    liar: Liar, new_place: Callable[[], str], trick: lies.Trick, monkeypatch: pytest.MonkeyPatch
) -> None:
    everywhere(monkeypatch, liar, trick)
    backend = open_place(new_place(), create=True)
    with pytest.raises(NotAVault, match="written twice"):
        create_vault(backend, Kit.make())
    assert set(backend.names("")) <= {"probe"}


def test_a_store_that_began_to_overwrite_gets_no_object(
    liar: Liar, seaweed: Seaweed, new_place: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vault was made elsewhere, or the store was changed: the next process to write notices."""
    place, kit = new_place(), Kit.make()
    create_vault(open_place(place, create=True), kit)
    everywhere(monkeypatch, liar, overwrites)
    vault = open_vault(open_place(place), kit.root_public)
    with pytest.raises(NotAVault, match="written twice"):
        vault.backend.prove()
    with pytest.raises(BackendError, match="written twice"):
        vault.backend.create(SLOT, b"x")
    with pytest.raises(Missing):
        vault.backend.read(SLOT)


def test_the_probe_says_nothing_where_it_can_not_be_tried(
    liar: Liar, bucket_place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    everywhere(monkeypatch, liar, lies.says(403, "AccessDenied"))
    with pytest.raises(BackendError, match="AccessDenied"):
        probe(open_place(bucket_place))


def test_a_folder_that_is_gone_is_not_a_vault_without_objects(
    bucket_place: str, new_place: Callable[..., str]
) -> None:
    """Nor is anything made where the vault is not."""
    for place in (new_place(), "s3://no-such-bucket/vault"):
        backend = open_place(place)
        with pytest.raises(BackendError, match=r"the vault is not in|NoSuchBucket"):
            backend.read(SLOT)
        with pytest.raises(BackendError, match=r"the vault is not in|NoSuchBucket"):
            backend.names("journal")
        with pytest.raises(BackendError, match=r"the vault is not in|NoSuchBucket"):
            backend.create(SLOT, b"x")
    with pytest.raises(BackendError, match="NoSuchBucket"):
        create_vault(open_place("s3://no-such-bucket/vault", create=True), Kit.make())


@pytest.mark.parametrize(
    "place",
    [
        "s3://",
        "s3:///vault",
        "s3://B/vault",
        f"s3://{KEY_ID}:{SECRET}@bucket/vault",
        "s3://bucket:80/vault",
        "s3://bucket/../vault",
        "s3://bucket/a//b",
        "s3://bucket/.hidden",
        "s3://bucket/vault#1",
        "s3://bucket/vault?lock-days=x",
        "s3://bucket/vault?lock-days=4000",
        "s3://bucket/vault?secret=x",
    ],
)
def test_a_place_that_is_no_bucket_is_refused_and_not_repeated(
    seaweed: Seaweed, place: str
) -> None:
    with pytest.raises(BadInput) as refused:
        open_place(place)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_without_keys_nothing_is_asked(
    seaweed: Seaweed, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(BadInput, match=name):
        open_place("s3://bucket/vault")


def test_keys_are_in_no_message_and_no_log(
    bucket_place: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-token")
    backend = open_place(bucket_place)
    said = [repr(backend), repr(vars(backend)), backend.place]
    for ask in (
        lambda: backend.read("a"),
        lambda: backend.names(""),
        lambda: backend.create("a", b""),
        lambda: backend.delete("a"),
        lambda: backend.delete("a", durable=True),
    ):
        with pytest.raises(BackendError, match="403") as refused:
            ask()
        said += [str(refused.value), repr(refused.value.__cause__)]
    text = "".join((*said, caplog.text))
    assert not [word for word in ("another-secret", "a-token", KEY_ID) if word in text]


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose .aws has two files of profiles."""
    folder = tmp_path / ".aws"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    (folder / "credentials").write_text(
        "[default]\naws_access_key_id = usual\naws_secret_access_key = us%ual\n"
        "[far]\naws_access_key_id = far-id\naws_secret_access_key = far-key\n"
        "aws_session_token = far-token\n[keyless]\nregion = eu-9\n"
    )
    (folder / "config").write_text(
        "[default]\nregion = eu-3\n[profile far]\nregion = eu-2\naws_access_key_id = older\n"
        "endpoint_url = https://s3.far.example/\ns3 =\n  addressing_style = path\n"
    )
    return folder


def test_a_profile_says_who_asks_and_where_and_nothing_else_does(
    seaweed: Seaweed, aws: Path
) -> None:
    far = read_access("s3://bucket/vault?profile=far")
    assert (far.endpoint, far.region) == ("https://s3.far.example", "eu-2")
    assert (far.key_id, far.secret, far.token) == ("far-id", "far-key", "far-token")
    usual = read_access("s3://bucket/vault?profile=default&lock-days=2")
    assert (usual.endpoint, usual.secret) == ("https://s3.eu-3.amazonaws.com", "us%ual")
    assert (usual.lock_days, usual.token) == (2, "")
    assert str(read_address("s3://bucket/?profile=far&lock-days=2")).endswith(
        "s3://bucket/?lock-days=2&profile=far"
    )
    assert read_access("s3://bucket/vault").key_id == KEY_ID
    assert not [word for word in ("far-id", "far-key", "far-token") if word in repr(far)]


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ("nobody", "no profile nobody"),
        ("keyless", "no aws_access_key_id"),
        ("", "a profile's name"),
        ("../x", "a profile's name"),
        ("a%20b", "a profile's name"),
    ],
)
def test_a_profile_that_opens_nothing_is_refused(aws: Path, profile: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        open_place(f"s3://bucket/vault?profile={profile}")


def test_a_file_of_profiles_that_is_none_is_not_repeated(aws: Path) -> None:
    (aws / "credentials").write_text("[far]\nmy-secret-alone-on-a-line\n")
    with pytest.raises(BadInput, match="no file of profiles") as refused:
        open_place("s3://bucket/vault?profile=far")
    assert "my-secret" not in str(refused.value)
    assert refused.value.__suppress_context__


def test_a_remote_place_is_the_same_from_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert absolute("s3://bucket/vault?lock-days=3") == "s3://bucket/vault?lock-days=3"
    assert absolute("vault") == os.path.join(os.getcwd(), "vault")


def test_a_folder_with_more_names_than_a_page_is_listed_whole(
    bucket_place: str, seaweed: Seaweed
) -> None:
    access = read_access(bucket_place)
    for number in range(1005):
        assert request(access, "PUT", f"many/{number:04d}", {}).status == 200
    assert open_place(bucket_place).names("many") == [f"{n:04d}" for n in range(1005)]
