"""The page, its feed and its JSON, held against figures that were counted elsewhere."""

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from stillhere.demo.truth import KIND

_ROW = re.compile(rf'<th scope="row">{KIND}</th>((?:<td[^>]*>[\d,]+</td>)+)')
_CELL = re.compile(r">([\d,]+)<")


class Due(NamedTuple):
    """What must be told of contacts when the incident of that title is over."""

    title: str
    proven: int
    held: int
    people: int
    back: int
    """People of whose contacts nothing is held, name and settings of their address books
    included: these are in no other figure."""


def find_faults(page: Path, due: Due) -> list[str]:
    """Return what a folder with a page tells that is not so, and what in it is not signed."""
    signed = (page / "figures.json").read_bytes()
    figures = json.loads(signed)
    faults = _find_unsigned(page, signed, figures)
    (kind,) = (each for each in figures["kinds"] if each["kind"] == KIND)
    must = {
        "proven": (kind["proven"], due.proven),
        "held": (kind["held"], due.held),
        "lost": (kind["lost"], 0),
        "closed": (kind["closed"], 0),
        "people": (figures["people"], due.people),
        "back": (figures["people_with_contacts_back"], due.back),
    }
    faults += [f"{n} is {said}, not {true}" for n, (said, true) in must.items() if said != true]
    summary = json.loads((page / "summary.json").read_bytes())
    if summary["incidents"]:
        faults.append("summary.json has an incident that is still open")
    if any(summary["stillhere"][name] != figures[name] for name in ("headline", "kinds")):
        faults.append("summary.json has other figures")
    html = (page / "index.html").read_text("utf-8")
    row = _ROW.search(html)
    if row is None or _CELL.findall(row[1])[:2] != [f"{due.proven:,}", f"{due.held:,}"]:
        faults.append("index.html has other figures")
    feed = ElementTree.parse(page / "feed.atom")  # noqa: S314 (made by our own process)
    titles = [title.text or "" for title in feed.iterfind("{*}entry/{*}title")]
    if not any(due.title in title for title in titles) or due.title not in html:
        faults.append("page or feed don't tell of the incident")
    return faults


def _find_unsigned(page: Path, signed: bytes, figures: dict[str, Any]) -> list[str]:
    key = load_pem_public_key((page / "key.pem").read_bytes())
    assert isinstance(key, Ed25519PublicKey)
    try:
        key.verify((page / "figures.json.sig").read_bytes(), signed)
    except InvalidSignature:
        return ["figures.json is not what was signed"]
    return [
        f"{name} is not of the edition that was signed"
        for name, digest in figures["files"].items()
        if sha256((page / name).read_bytes()).hexdigest() != digest
    ]
