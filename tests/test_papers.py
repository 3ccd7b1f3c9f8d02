"""The papers say what is there: names in the tour, objects in the format, the README's commands."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stillhere.recovery.recovery import Recovery
from stillhere.replication.compact import compact
from stillhere.replication.copies import add_copy
from stillhere.replication.found import found
from stillhere.replication.rollup import roll_up
from stillhere.replication.start import Working, open_core

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "stillhere"
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CHANGELOG.md"]
CODE = re.compile(r"`([\w/]+\.py)(?::([\w.]+))?`")


def names_in(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from names_in(node.body, f"{prefix}{node.name}.")


def text_of(page: Path) -> str:
    return page.read_text("utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_that_a_page_names_is_there(page: Path) -> None:
    for path, name in CODE.findall(text_of(page)):
        file = next((p for p in (SOURCE / path, ROOT / path) if p.is_file()), None)
        assert file, f"{page.name} names {path}"
        if name:
            assert name in set(names_in(ast.parse(text_of(file)).body)), f"{path}:{name}"


def test_the_tour_shows_every_room() -> None:
    rooms = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").is_file()}
    files = {path.name for path in SOURCE.glob("[a-z]*.py")}
    shown = set(re.findall(r"^\| `([\w.]+)/?` \|", text_of(ROOT / "docs/tour.md"), re.M))
    assert shown == rooms | files


def test_no_flow_of_the_tour_has_more_than_four_hops() -> None:
    hops = [int(n) for n in re.findall(r"^(\d+)\. ", text_of(ROOT / "docs/tour.md"), re.M)]
    assert hops
    assert max(hops) <= 4


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text_of(page)):
        assert (page.parent / target).exists(), f"{page.name} → {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_line_is_a_sentence(page: Path) -> None:
    """Semantic newlines: prose breaks after sentences, so that a change shows as what it is."""
    prose = re.sub(r"^( {4}|\|).*$", "", text_of(page), flags=re.M)
    joined = [
        line
        for line in prose.splitlines()
        if re.search(r"[a-z)`]\. [A-Z]", re.sub(r"`[^`]*`|\d\.|→", "", line))
    ]
    assert joined == []


def test_decisions_are_numbered_without_gaps_and_say_context_choice_and_cost() -> None:
    pages = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        title = text_of(page).splitlines()[0]
        assert title.startswith(f"# {int(page.name[:4])}. "), page.name
        assert re.findall(r"^## (.*)$", text_of(page), re.M) == ["Context", "Choice", "Cost"]


# docs/format.md against a vault that was made now


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault that has an object of every sort."""
    place = tmp_path_factory.mktemp("papers")
    kit = found(place / "home", place / "vault")
    working = open_core(place / "home")
    account = working.store.accounts.create("zoe")
    write_cards(working, account)
    working.eraser.erase(working.store.accounts.create("yann"), "yann")
    add_copy(working, place / "second", lambda done, total: None)
    compact(working)
    write_cards(working, account)
    writer, identity = working.journal.writer, working.identity
    assert writer is not None
    upto, key = working.journal.written, identity.journal_key
    roll_up(working.vault, key, identity.epoch, writer, after=0, upto=upto, least=2)
    compact(working)  # what it replaces is history
    working.close()
    recovery = Recovery(place / "new", place / "vault", kit, lambda event, **facts: None)
    working = recovery.begin()
    recovery.run()
    write_cards(working, account)
    working.close()
    return place / "vault"


def write_cards(working: Working, account: bytes) -> None:
    for number in range(3):
        name, body = f"{number}.vcf", b"card %d" % number
        working.store.write(
            account, "contacts", lambda shelf, n=name, b=body: shelf.put("contacts", n, b, uid=n)
        ).result()


FORMS = {
    "<epoch>": r"\d{6}",
    "<writer>": r"\d{6}",
    "<segment>": r"\d{12}",
    "<first>": r"\d{12}",
    "<last>": r"\d{12}",
    "<kind>": "(account|contacts)",
    "<bucket>": "[0-9a-f]{4}",
    "<label>": r"\d{6}[brth]",
    "<random>": "[0-9a-f]{16}",
    "<number>": r"\d{8}",
    "<two digits>": "[0-9a-f]{2}",
    "<digest>": "[0-9a-f]{64}",
    "<account>": "[0-9a-f]{32}",
    "<wrap>": "[0-9a-f]{16}",
    "<set>": r"\d{6}",
}


def layout() -> list[str]:
    """A pattern for each object, and each twin, that the page's layout names."""
    section = text_of(ROOT / "docs/format.md").partition("\n## Names\n")[2].partition("\n| ")[0]
    patterns = []
    for line in re.findall(r"^    (.+)$", section, re.M):
        name, _, twin = line.partition("+")
        pattern = re.escape(name.strip()).replace(r"\ ", " ")
        for form, meaning in FORMS.items():
            pattern = pattern.replace(re.escape(form).replace(r"\ ", " "), meaning)
        patterns += [pattern, pattern + r"\.twin"] if twin else [pattern]
    return patterns


def test_every_object_of_the_layout_is_in_a_vault_and_no_other(vault: Path) -> None:
    objects = {str(p.relative_to(vault)) for p in vault.rglob("*") if p.is_file()}
    patterns = layout()
    assert len(patterns) == 22
    for pattern in patterns:
        assert any(re.fullmatch(pattern, name) for name in objects), pattern
    assert {n for n in objects if not any(re.fullmatch(p, n) for p in patterns)} == set()


def test_magic_numbers_and_sizes_are_those_of_the_page(vault: Path) -> None:
    page = text_of(ROOT / "docs/format.md")
    starts = {path.read_bytes()[:8] for path in vault.glob("*/**/*") if path.is_file()}
    magics = {start.decode() for start in starts if start.startswith(b"STH")}
    assert magics == set(re.findall(r"STH[A-Z]+1", page))
    from stillhere.vault import packs, segments

    assert f"header of {packs.HEADER_BYTES} bytes" in page
    assert f"a row of {segments.ROW_BYTES} bytes" in page


# the README against the command line


def commands() -> list[str]:
    """The stillhere commands that the README shows, with their options."""
    text = text_of(ROOT / "README.md").replace("\\\n", " ")
    shown = re.findall(r"^ {4}(?:\S*/)?stillhere (.+)$", text, re.M)
    shown += re.findall(r"`stillhere ([^`]+)`", text)
    return sorted({re.sub(r"\s+#.*$", "", line).strip() for line in shown})


def help_of(words: list[str]) -> str:
    command = [sys.executable, "-m", "stillhere", *words, "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return shown.stdout


@pytest.mark.parametrize("line", commands())
def test_a_command_of_the_readme_is_there(line: str) -> None:
    words = [word for word in line.split() if re.fullmatch("[a-z]+", word)]
    path: list[str] = []
    for word in words:  # as far as they are commands, and not arguments
        if not re.search(rf"^\s+{word}\b", help_of(path), re.M) or len(path) == 3:
            break
        path.append(word)
    assert path, line
    page = help_of(path)
    for option in re.findall(r"--[a-z-]+", line):
        assert option in page, f"{' '.join(path)} has no {option}"


def test_a_page_of_help_is_one_screen() -> None:
    assert len(help_of([]).splitlines()) <= 40


def test_make_targets_of_the_readme_are_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.M))
    named = set(re.findall(r"(?:^ {4}|`)make ([a-z-]+)", text_of(ROOT / "README.md"), re.M))
    assert named
    assert named <= targets
