"""What everybody may read is made without a core, fits together, and is signed."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from tests.status.bulletins import KNOWN, MOMENTS, START, opened

from stillhere.errors import BadInput
from stillhere.server.core import opened as opened_core
from stillhere.server.counts import look
from stillhere.server.found import found
from stillhere.server.incident import Desk, new_incident
from stillhere.server.publish import canonical, publish, publish_from, render
from stillhere.status.incident import Facts
from stillhere.store import EXPORTED, LOST_TAIL, seq_of

FILES = {
    *("figures.json", "figures.json.sig", "feed.atom", "index.html", "key.pem", "summary.json"),
}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "state")


def figures_of(page: Path) -> dict[str, object]:
    """The figures of a page that is whole and signed by the key that it shows."""
    signed = (page / "figures.json").read_bytes()
    key = load_pem_public_key((page / "key.pem").read_bytes())
    assert isinstance(key, Ed25519PublicKey)
    key.verify((page / "figures.json.sig").read_bytes(), signed)
    told: dict[str, object] = json.loads(signed)
    assert canonical(told) == signed
    assert told["key"] == key.public_bytes_raw().hex()
    digests = told["files"]
    assert isinstance(digests, dict)
    assert set(digests) == FILES - {"figures.json", "figures.json.sig"}
    for name, digest in digests.items():
        assert sha256((page / name).read_bytes()).hexdigest() == digest, name
    return told


def test_an_edition_is_whole_signed_and_tells_one_time(desk: Desk, tmp_path: Path) -> None:
    page = tmp_path / "deep" / "page"
    publish_from(desk, page)
    assert {path.name for path in page.iterdir()} == FILES
    told = figures_of(page)
    summary = json.loads((page / "summary.json").read_bytes())
    assert summary["page"]["updated_at"] == told["told_at"]
    root = ElementTree.parse(page / "feed.atom").getroot()
    assert root.findtext("{http://www.w3.org/2005/Atom}updated") == told["told_at"]
    key = figures_of(page)["key"]
    publish_from(desk, page)
    assert figures_of(page)["key"] == key, "the key stays, so a reader can tell"


def test_one_bit_changed_is_noticed(desk: Desk, tmp_path: Path) -> None:
    publish_from(desk, tmp_path / "page")
    for name in sorted(FILES):
        path = tmp_path / "page" / name
        was = path.read_bytes()
        path.write_bytes(bytes([was[0] ^ 1]) + was[1:])
        with pytest.raises((InvalidSignature, AssertionError, ValueError)):
            figures_of(tmp_path / "page")
        path.write_bytes(was)
    figures_of(tmp_path / "page")


def test_the_same_bulletin_is_the_same_bytes(desk: Desk) -> None:
    for make in MOMENTS.values():
        assert render(make(), desk.key()) == render(make(), desk.key())


def test_an_edition_that_was_cut_short_is_not_taken_for_whole(desk: Desk, tmp_path: Path) -> None:
    key = desk.key()
    public = key.public_key().public_bytes_raw().hex()
    older, newer = (replace(MOMENTS[name](), key=public) for name in ("before", "incomplete"))
    publish(older, key, tmp_path / "page")
    files = render(newer, key)
    for name, data in list(files.items())[:-1]:
        (tmp_path / "page" / name).write_bytes(data)
        if name == "key.pem":
            continue  # the same key
        with pytest.raises((InvalidSignature, AssertionError)):
            figures_of(tmp_path / "page")
    publish(newer, key, tmp_path / "page")
    figures_of(tmp_path / "page")


def test_those_who_publish_take_turns(desk: Desk, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: publish_from(desk, tmp_path / "page"), range(8)))
    figures_of(tmp_path / "page")


def test_a_page_of_somebody_else_stays(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("hello")
    with pytest.raises(BadInput, match="none of ours"):
        publish_from(desk, tmp_path)
    assert (tmp_path / "index.html").read_text() == "hello"


def test_a_folder_that_is_none_is_refused(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadInput, match="can't be written"):
        publish_from(desk, tmp_path / "file")


def test_what_lies_in_the_state_is_ours_alone(desk: Desk) -> None:
    desk.key()
    desk.open(opened(), "", None)
    for path in desk.folder.iterdir():
        if path.name != "lock":
            assert path.stat().st_mode & 0o077 == 0
    (desk.folder / "incidents.json").write_bytes(b"[{}]")
    with pytest.raises(BadInput, match="cannot be read"):
        desk.incidents()


def test_incidents_follow_each_other_and_one_is_open(desk: Desk) -> None:
    for number in range(3):
        incident = new_incident(f"outage {number}", START + number, None, Facts())
        desk.open(incident, "", None)
        with pytest.raises(BadInput, match="is open"):
            desk.open(incident, "", None)
        desk.close(START + number + 1, "over")
    with pytest.raises(BadInput, match="no incident is open"):
        desk.promise(START, START + 1)
    assert [incident.title for incident in Desk(desk.folder.parent).incidents()] == [
        *("outage 0", "outage 1", "outage 2"),
    ]


def test_an_update_takes_the_figures_of_the_incident_and_none_from_before(desk: Desk) -> None:
    desk.keep_known(KNOWN)
    desk.open(opened(), "", None)
    told = desk.update(START + 200_000, "no figures yet", Facts(), None)
    assert told.updates[-1].figures == {}
    progress = MOMENTS["incomplete"]().progress
    assert progress is not None
    desk.keep_progress(progress)
    told = desk.update(START + 900_000, "figures", Facts(), None)
    assert told.updates[-1].figures["people with contacts back"] == 9994
    assert told.updates[-1].figures["contacts: records held"] == 12
    assert desk.progress() == progress


def test_an_address_that_is_none_is_refused(desk: Desk) -> None:
    with pytest.raises(BadInput, match="no address"):
        desk.rename(None, "javascript:alert(1)")
    desk.rename("Ours", "https://status.example.org")
    desk.rename(None, None)
    bulletin = desk.bulletin(START)
    assert (bulletin.name, bulletin.url) == ("Ours", "https://status.example.org/")


def test_a_core_tells_figures_and_no_place_and_nobodys_name(desk: Desk, tmp_path: Path) -> None:
    found(tmp_path / "core", tmp_path / "vault", None)
    with opened_core(tmp_path / "core") as core:
        ana = core.store.accounts.create("ana-the-first")
        core.store.write(ana, "contacts", lambda s: s.put("contacts", "x.vcf", b"x")).result()
    desk.keep_known(look(tmp_path / "core"))
    known = desk.known()
    assert known is not None
    assert (known.people, known.troubled, known.expected) == (1, False, None)
    assert [(k.kind, k.shelves, k.proven, k.held, k.lost) for k in known.kinds][1] == (
        *("contacts", 1, 1, 0, 0),
    )
    files = render(desk.bulletin(START), desk.key())
    for data in files.values():
        assert b"ana-the-first" not in data
        assert str(tmp_path).encode() not in data


def test_what_devices_know_beyond_the_end_is_lost_until_it_is_exported(tmp_path: Path) -> None:
    found(tmp_path / "core", tmp_path / "vault", None)

    def note(what: str, by: str, /, **said: str | int) -> int:
        """What is lost after a device's note."""
        with opened_core(tmp_path / "core") as core:
            accounts = core.store.accounts.list()
            ana = accounts[0].account if accounts else core.store.accounts.create("ana")
            said["collection"] = "contacts"
            core.store.write(
                ana, "contacts", lambda shelf: shelf.note(what, said), device=by
            ).result()
        return {kind.kind: kind.lost for kind in look(tmp_path / "core").kinds}["contacts"]

    end = seq_of(1, 10)
    assert note("something else", "a") == 0
    assert note(LOST_TAIL, "a", token=seq_of(1, 12), end=end) == 2
    assert note(LOST_TAIL, "b", token=seq_of(1, 15), end=end) == 5, "the one that knows most"
    assert note(EXPORTED, "operator", device="a") == 5
    assert note(EXPORTED, "operator", device="b") == 0
