"""What a stranger learns from the time that a wrong log-in takes: whether a name exists.

Names that exist and that don't are guessed in turn, each from an address of its own on the
loopback network, so that nobody is throttled. The figure is the share of pairs in which the
name that exists took longer: 0.5 tells nothing.
"""

from __future__ import annotations

import base64
import http.client
import statistics
import subprocess
import time
from itertools import product
from pathlib import Path
from typing import Any

from options import Options
from processes import STILLHERE, Watched

GUESSES = 200
PASSWORDS = {"chosen": "a guess", "device": "sh-aaaaaaaa-bbbbbbbb"}


def run(options: Options) -> dict[str, Any]:
    """Seconds by kind of password and of name, and the share for each kind of password."""
    folder = options.scratch / "guesses"
    home = folder / "home"
    folder.mkdir(parents=True, exist_ok=True)
    told = ["--vault", folder / "vault", "--kit", folder / "kit.txt"]
    _command("init", "--home", home, *told)
    _command("account", "add", "ana", "--password-stdin", "--home", home, stdin="a password\n")
    line = ["serve", "--home", str(home), "--listen", "127.0.0.1:0", "--json"]
    server = Watched([*STILLHERE, *line], folder / "log")
    try:
        port = int(server.wait_for("serving")["url"].rpartition(":")[2])
        count = 20 if options.quick else GUESSES
        figures = {kind: _guess(port, password, count) for kind, password in PASSWORDS.items()}
    finally:
        server.process.terminate()
        server.process.wait(30)
    notes = [f"{count} wrong log-ins of each; 0.5 tells nothing"]
    return {"guesses": figures, "notes": notes}


def table(result: dict[str, Any]) -> list[list[str]]:
    """A row for each kind of password."""
    rows = [
        [kind, f"{f['exists_s']:.4f} s", f"{f['does_not_s']:.4f} s", f"{f['longer']:.3f}"]
        for kind, f in result["guesses"].items()
    ]
    return [["password", "name exists", "name does not", "exists took longer in"], *rows]


def _guess(port: int, password: str, count: int) -> dict[str, float]:
    took: dict[str, list[float]] = {"ana": [], "nobody": []}
    for number, name in product(range(count), took):
        source = f"127.{2 + (name == 'ana')}.{number // 250}.{1 + number % 250}"
        took[name].append(_ask(port, source, name, password))
    pairs = list(product(took["ana"], took["nobody"]))
    longer = sum(there > absent for there, absent in pairs) / len(pairs)
    return {
        "exists_s": round(statistics.median(took["ana"]), 4),
        "does_not_s": round(statistics.median(took["nobody"]), 4),
        "longer": round(longer, 3),
    }


def _ask(port: int, source: str, name: str, password: str) -> float:
    pair = base64.b64encode(f"{name}:{password}".encode()).decode()
    line = http.client.HTTPConnection("127.0.0.1", port, source_address=(source, 0))
    line.connect()
    began = time.perf_counter()
    line.request("PROPFIND", "/dav/", headers={"Authorization": f"Basic {pair}", "Depth": "0"})
    status = line.getresponse().status
    took = time.perf_counter() - began
    line.close()
    if status != 401:
        raise RuntimeError(f"a wrong log-in was answered {status}")
    return took


def _command(*arguments: str | Path, stdin: str = "") -> None:
    line = [*STILLHERE, *map(str, arguments)]
    subprocess.run(line, input=stdin, text=True, capture_output=True, check=True)
