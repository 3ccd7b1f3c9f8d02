"""The page as a browser draws it, without scripts, on a phone and in the dark.

`SHOTS=DIR` keeps the pictures there, to be looked at; else they are among the test's own files.
"""

import html
import os
import re
import struct
import subprocess
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.status.bulletins import MOMENTS
from tests.status.test_page import HOSTILE

from stillhere.status import page
from stillhere.status.bulletin import Bulletin

PHONE, DESK, TALL = 360, 900, 2600
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--host-resolver-rules=MAP * ~NOTFOUND", "--disable-dev-shm-usage"),
)
DARK = "--blink-settings=preferredColorScheme=0"
MEASURE = """<!DOCTYPE html><body style="margin:0"><iframe id="f" style="border:0"
 width="{width}" height="9000" srcdoc="{page}"></iframe><script>onload = () => {{
 const seen = document.getElementById("f").contentDocument.documentElement;
 document.title = "wide " + seen.scrollWidth + " tall " + seen.scrollHeight; }}</script>"""

Chromium = Callable[..., str]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pictures are kept."""
    kept = os.environ.get("SHOTS")
    place = Path(kept) if kept else tmp_path_factory.mktemp("pictures")
    place.mkdir(parents=True, exist_ok=True)
    return place


@pytest.fixture
def chromium(requires_tool: Callable[[str], Path], tmp_path: Path) -> Chromium:
    """Runs the browser on a page; what it printed."""
    program = requires_tool("chromium")

    def run(text: str, *flags: str) -> str:
        (tmp_path / "page.html").write_text(text, "utf-8")
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        address = (tmp_path / "page.html").as_uri()
        command = [str(program), *FLAGS, profile, *flags, address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        return done.stdout

    return run


def titled(bulletin: Bulletin, title: str) -> Bulletin:
    """The bulletin with another name and title."""
    incident = replace(bulletin.incidents[-1], title=title)
    return replace(bulletin, name=title, incidents=(incident,))


def pixels(path: Path) -> tuple[int, int, bytes]:
    """Width, height and the bytes of a PNG's lines as they are stored."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    packed, at = b"", 8
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        if kind == b"IDAT":
            packed += data[at + 8 : at + 8 + length]
        at += 12 + length
    return width, height, zlib.decompress(packed)


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_page_is_drawn_in_every_state(moment: str, chromium: Chromium, pictures: Path) -> None:
    file = pictures / f"{moment.replace(' ', '-')}.png"
    chromium(page.render(MOMENTS[moment]()), f"--window-size={DESK},{TALL}", f"--screenshot={file}")
    width, height, lines = pixels(file)
    assert (width, height) == (DESK, TALL)
    assert len(set(lines)) > 50, "there is something to see"


def test_in_the_dark_it_is_dark(chromium: Chromium, pictures: Path) -> None:
    light, dark = (pictures / f"incomplete-{name}.png" for name in ("light", "dark"))
    text = page.render(MOMENTS["incomplete"]())
    size = "--window-size=520,2600"
    chromium(text, size, f"--screenshot={light}")
    chromium(text, size, DARK, f"--screenshot={dark}")
    assert pixels(light)[2] != pixels(dark)[2]


def test_nothing_is_wider_than_a_phone(chromium: Chromium) -> None:
    long = "x" * 300
    for make in (MOMENTS["incomplete"], MOMENTS["first minutes"], MOMENTS["surveyed"]):
        text = page.render(titled(make(), long))
        dom = chromium(
            MEASURE.format(width=PHONE, page=html.escape(text)),
            "--window-size=800,600",
            "--dump-dom",
        )
        found = re.search(r"wide (\d+) tall (\d+)", dom)
        assert found, dom[:500]
        assert int(found[1]) <= PHONE
        assert int(found[2]) > 1000


def test_a_browser_runs_nothing_that_somebody_wrote(chromium: Chromium) -> None:
    for hostile in HOSTILE[:3]:
        wanted = hostile.replace("alert(1)", "document.title='run'")
        dom = chromium(page.render(titled(MOMENTS["incomplete"](), wanted)), "--dump-dom")
        assert "<title>run</title>" not in dom
        assert "<h1>" in dom
