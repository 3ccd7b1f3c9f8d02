"""Vaults to recover from: built once per size by the product's own write path, then kept.

A built vault is only ever linked, file by file, into the folder of a round: the vault never
changes a file that it has made, and a recovery seals what it recovers from.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import dav
from cards import BOOK, books_of, make_cards
from options import Options
from processes import STILLHERE, Watched
from stillhere.errors import StillhereError
from stillhere.recovery.check import check
from stillhere.vault.kit import read_kit

LAYOUT = 4  # counts up when what is built changes, so that an old cache is not used


@dataclass(frozen=True)
class Person:
    """One account of a built vault, with so many contacts in its book."""

    account: str
    login: dav.Login
    number: int
    book: int

    def ask_for_all(self) -> bytes:
        """The multiget of the whole address book: what a phone on a new day asks for."""
        book = f"/dav/addressbooks/{self.login.name}/contacts/"
        return dav.multiget(
            book, self.login, [book + href for href, _ in make_cards(self.number, self.book)]
        )

    def log_in(self) -> bytes:
        """A request that is refused (403) after the log-in, before any contacts are needed."""
        return dav.find_principal("/dav/principals/somebody-else/", self.login)


@dataclass(frozen=True)
class Vault:
    """A built vault, its kit and its people."""

    folder: Path
    people: list[Person]

    def recover(self, target: Path, *more: str) -> Watched:
        """Links the vault into `target` and starts a recovery from it, into a blank home; with
        more options, if there are any."""
        vault = target / "vault"
        shutil.copytree(self.folder / "vault", vault, copy_function=_link)
        command = [*STILLHERE, "recover", "--vault", str(vault), "--home", str(target / "home")]
        command += ["--kit", str(self.folder / "kit.txt"), "--serve"]
        command += ["--listen", "127.0.0.1:0", "--json", *more]
        return Watched(command, target / "recover.log")


def _opens(folder: Path) -> bool:
    """Whether it was built to its end, by a version whose vaults this one can read."""
    try:
        check(folder / "vault", read_kit((folder / "kit.txt").read_text("utf-8")))
    except (OSError, StillhereError):
        return False
    return (folder / "people.json").exists()


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # on another file system
        shutil.copy2(source, target)


def build(
    accounts: int,
    options: Options,
    between: tuple[int, int] | None = None,
    *,
    everything: bool = False,
) -> Vault:
    """The vault of so many accounts, from the cache or built now (in a process of its own); with
    books as ever, or of so many contacts by lot; with ``everything`` they have events, to-dos and
    notes as well."""
    books = str(BOOK) if between is None else "{}-{}".format(*between)
    how = ["all"] if everything else list(map(str, between or ()))
    folder = options.cache / f"vault-{accounts}-{books}-{LAYOUT}{'-all' if everything else ''}"
    if not _opens(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        options.say(f"building a vault of {accounts:,} accounts × {books} contacts")
        command = [sys.executable, str(Path(__file__).with_name("build_vault.py"))]
        subprocess.run([*command, str(folder), str(accounts), *how], check=True)
    told = json.loads((folder / "people.json").read_text())
    people = [
        Person(account, dav.Login(name, password), number, book)
        for number, (book, (account, name, password)) in enumerate(
            zip(books_of(accounts, between), told, strict=True)
        )
    ]
    return Vault(folder, people)
