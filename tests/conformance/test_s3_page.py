"""The public page in a bucket: the same files as in a folder, whole, signed, and as web pages."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store
from tests.conformance.conftest import LOCKING
from tests.conformance.liar import lying, says
from tests.rooms import make_service, put_many, quick_folder
from tests.seaweed import HOST, SECRET, Seaweed, environment
from tests.server.test_publish import FILES, figures_of

from stillhere.cli import main
from stillhere.errors import BadInput
from stillhere.server.bucket import KINDS
from stillhere.server.incident import Desk
from stillhere.server.publish import publish_from
from stillhere.vault.backends.access import read_access
from stillhere.vault.backends.s3 import SILENT, client


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "state")


@pytest.fixture
def place(new_place: Callable[..., str]) -> str:
    """A prefix that nobody has used."""
    return new_place()


def store_of(place: str) -> S3Store:
    return client(read_access(place), SILENT)


def fetched(place: str, folder: Path) -> Path:
    """Everything that lies in a place, as files."""
    folder.mkdir(exist_ok=True)
    store = store_of(place)
    for entry in obstore.list(store).collect():
        data = obstore.get(store, entry["path"]).bytes().to_bytes()
        (folder / entry["path"]).write_bytes(data)
    return folder


def test_an_edition_is_whole_and_signed_and_the_next_one_takes_its_place(
    desk: Desk, place: str, tmp_path: Path
) -> None:
    publish_from(desk, place)
    first = figures_of(fetched(place, tmp_path / "page"))
    assert {path.name for path in (tmp_path / "page").iterdir()} == FILES
    desk.rename("Ours", None)
    publish_from(desk, place)
    second = figures_of(fetched(place, tmp_path / "page"))
    assert (second["name"], second["key"]) == ("Ours", first["key"])
    assert str(second["told_at"]) > str(first["told_at"])


def test_browsers_are_told_what_each_file_is_and_to_ask_for_the_newest(
    desk: Desk, place: str
) -> None:
    publish_from(desk, place)
    for name in FILES - {"figures.json.sig"}:  # bytes, which a store may call what it likes
        attributes = obstore.get(store_of(place), name).attributes
        assert attributes["Content-Type"] == KINDS[name.rpartition(".")[2]]
        assert attributes["Cache-Control"] == "no-cache"


def test_a_profile_of_its_own_has_the_keys_of_the_page(
    desk: Desk, seaweed: Seaweed, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that it need not be where the vault is."""
    said = {name.lower(): value for name, value in seaweed.variables.items()}
    said["endpoint_url"], said["region"] = said.pop("aws_endpoint_url"), said.pop("aws_region")
    lines = [f"{name} = {value}" for name, value in said.items()]
    (tmp_path / "keys").write_text("\n".join(["[page]", *lines, ""]))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "keys"))
    for name in seaweed.variables:
        monkeypatch.setenv(name, "of another store")
    publish_from(desk, f"{place}?profile=page")
    assert obstore.get(store_of(f"{place}?profile=page"), "index.html").bytes()


def test_a_page_of_somebody_else_stays(desk: Desk, place: str) -> None:
    for there in ({"index.html": b"hello"}, {"summary.json": b"{}"}):
        for name, data in there.items():
            obstore.put(store_of(place), name, data)
        with pytest.raises(BadInput, match="none of ours"):
            publish_from(desk, place)
        assert obstore.get(store_of(place), "index.html").bytes() == b"hello"


def test_the_signature_is_written_last(desk: Desk, seaweed: Seaweed, place: str) -> None:
    with lying(seaweed) as between, environment(between.variables):
        publish_from(desk, place)
        written = [path.rpartition("/")[2] for method, path in between.seen if method == "PUT"]
    assert len(written) == len(FILES)
    assert written[-2:] == ["figures.json", "figures.json.sig"]


def test_what_can_not_be_written_is_refused_in_words_without_keys(
    desk: Desk, seaweed: Seaweed, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match="404 NoSuchBucket"):
        publish_from(desk, "s3://no-such-bucket/page")
    with pytest.raises(BadInput, match="can't be locked"):
        publish_from(desk, f"s3://{LOCKING}/page?lock-days=1")
    with lying(seaweed) as between, environment(between.variables):
        between.trick = says(403)
        with pytest.raises(BadInput, match="403"):
            publish_from(desk, place)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    with pytest.raises(BadInput, match="403") as refused:
        publish_from(desk, place)
    assert "another-secret" not in str(refused.value)
    assert SECRET not in str(refused.value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{HOST}:9")
    began = time.monotonic()
    with pytest.raises(BadInput, match="nobody answers there"):
        publish_from(desk, place)
    assert time.monotonic() - began < 30
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(BadInput, match="AWS_ACCESS_KEY_ID is not set"):
        publish_from(desk, place)


def test_a_recovery_tells_into_a_bucket_and_so_do_the_commands(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with quick_folder() as folder:
        service = make_service(folder)
        (folder / "kit.txt").write_text(service.kit.text())
        with service.at_work() as working:
            ana = working.store.accounts.create("ana")
            put_many(working, ana, {f"{n}.vcf": b"card %d" % n for n in range(5)})
        state = ("--state", str(folder / "state"))
        lost = ("--vault", str(service.place), "--kit", str(folder / "kit.txt"))
        assert main(["incident", "open", "It is gone", "--to", place, *state]) == 0
        told = figures_of(fetched(place, tmp_path / "page"))
        assert "The recovery has not begun." in str(told["headline"])
        home = str(folder / "new")
        assert main(["recover", *lost, "--home", home, "--publish", place, *state]) == 0
        told = figures_of(fetched(place, tmp_path / "page"))
        assert told["headline"] == "Everybody's contacts are back: 1 person."
        capsys.readouterr()
        assert main(["status", "publish", "--to", place, "--home", home, "--json", *state]) == 0
        assert json.loads(capsys.readouterr().out)["place"] == place


def test_a_recovery_does_not_begin_without_the_place_that_it_is_to_tell_in(
    seaweed: Seaweed, tmp_path: Path
) -> None:
    service = make_service(tmp_path)
    (tmp_path / "kit.txt").write_text(service.kit.text())
    before = service.objects()
    lost = ("--vault", str(service.place), "--kit", str(tmp_path / "kit.txt"))
    told = ("--publish", "s3://no-such-bucket/page", "--state", str(tmp_path / "state"))
    assert main(["recover", *lost, "--home", str(tmp_path / "new"), *told]) == 2
    assert service.objects() == before, "nothing was sealed"
