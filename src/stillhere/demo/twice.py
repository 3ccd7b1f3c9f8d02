"""Stillhere with two copies of its vault, of which one is lost and the other damaged.

What the second act asks of the service beyond a day's: real commands, as an operator types them.
"""

import json
import random
import shutil
from pathlib import Path

from stillhere.demo.damage import Bad, flip_packs, spoil_core
from stillhere.demo.ours import Ours
from stillhere.demo.process import run
from stillhere.demo.service import Returned
from stillhere.demo.truth import Told


class Twice(Ours):
    """A Stillhere whose core is damaged rather than gone.

    What it tells everybody is in `page`; what its commands remember lies in a state folder of its
    own, and not in that of whoever plays the demo.
    """

    def __init__(self, place: Path, chance: random.Random) -> None:
        super().__init__(place)
        self.page = place / "page"
        self._second = place / "second-vault"
        self._letters = place / "letters"
        self._chance = chance
        self._env["XDG_STATE_HOME"] = str(place / "state")

    def settle_in(self) -> None:
        """A second copy of the vault, a tidy ledger in both, and a page."""
        self._command("vault", "add", self._second, "--home", self._core)
        self._command("compact", "--home", self._core)
        named = ("--name", "The demo", "--to", self.page)
        self._command("status", "publish", *named, "--home", self._core)

    def damage(self) -> tuple[Bad, Bad]:
        """Bad pages in the core, a vault gone, bad chunks in the other; returns pages and packs."""
        shutil.rmtree(self._vault)
        pages = spoil_core(self._core, self._chance)
        return pages, flip_packs(self._second, self._chance)

    def survey(self, *options: str) -> Told:
        """`stillhere survey` of both places, read-only."""
        return self._tell("survey", *self._vaults(), "--kit", self._kit, *options)

    def incident(self, *words: str) -> Told:
        """`stillhere incident …`, which writes the page anew."""
        return self._tell("incident", *words, "--to", self.page)

    def publish(self) -> None:
        """`stillhere status publish` of the core that came back."""
        self._command("status", "publish", "--to", self.page, "--home", self._blank)

    def start_recovery(self) -> float:
        """`stillhere recover --serve`, with all that is left."""
        damaged = ("--salvage", self._core / "core.sqlite")
        told = ("--publish", self.page)
        home = ("--home", self._blank, "--serve")
        self._server = self._start(
            "recover", *self._vaults(), "--kit", self._kit, *damaged, *told, *home
        )
        return self._server.started

    def wait_until_whole(self, seconds: float) -> Returned:
        """Wait until the damaged core was searched, too."""
        returned = super().wait_until_whole(seconds)
        assert self._server is not None
        self._server.wait_for("salvaged", seconds)
        return returned

    def salvaged(self) -> Told:
        """What the damaged core gave."""
        assert self._server is not None
        return self._server.find("salvaged") or {}

    def report(self) -> Told:
        """`stillhere report` of everybody."""
        return self._tell("report", "--home", self._blank)

    def write_letter(self, name: str) -> str:
        """`stillhere report NAME --html`, kept in a file; returns the page."""
        command = [*self._program, "report", name, "--html", "--home", str(self._blank)]
        page = run(command, self._env)
        self._letters.mkdir(exist_ok=True)
        (self._letters / f"{name}.html").write_text(page, "utf-8")
        return page

    def _vaults(self) -> tuple[object, ...]:
        return ("--vault", self._vault, "--vault", self._second)

    def _tell(self, *words: object) -> Told:
        told: Told = json.loads(self._command(*words).splitlines()[-1])
        return told
