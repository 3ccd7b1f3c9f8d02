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

_ROW = r'<th scope="row">%s</th>((?:<td[^>]*>[\d,]+</td>)+)'
_CELL = re.compile(r">([\d,]+)<")


class OfKind(NamedTuple):
    """What must be told of a kind."""

    proven: int
    held: int


class Due(NamedTuple):
    """What must be told when the incident of that title is over, kind by kind, and of people."""

    title: str
    kinds: dict[str, OfKind]
    people: int
    back: int
    """People of whose contacts nothing is held, name and settings of their address books
    included: these are in no other figure of contacts."""


def find_faults(page: Path, due: Due) -> list[str]:
    """Return what a folder with a page tells that is not so, and what in it is not signed."""
    signed = (page / "figures.json").read_bytes()
    figures = json.loads(signed)
    faults = _find_unsigned(page, signed, figures)
    must = {
        "people": (figures["people"], due.people),
        "back": (figures["people_with_contacts_back"], due.back),
    }
    for kind, of_it in due.kinds.items():
        (told,) = (each for each in figures["kinds"] if each["kind"] == kind)
        must |= {f"{kind} {name}": (told[name], true) for name, true in of_it._asdict().items()}
        must |= {f"{kind} {name}": (told[name], 0) for name in ("lost", "closed")}
    faults += [f"{n} is {said}, not {true}" for n, (said, true) in must.items() if said != true]
    summary = json.loads((page / "summary.json").read_bytes())
    if summary["incidents"]:
        faults.append("summary.json has an incident that is still open")
    if any(summary["stillhere"][name] != figures[name] for name in ("headline", "kinds")):
        faults.append("summary.json has other figures")
    html = (page / "index.html").read_text("utf-8")
    for kind, of_it in due.kinds.items():
        row = re.search(_ROW % kind, html)
        if row is None or _CELL.findall(row[1])[:2] != [f"{n:,}" for n in of_it]:
            faults.append(f"index.html has other figures of {kind}")
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
