"""tools/read_vault.py against vaults that the rooms made: it reads what they would read."""

import ast
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stillhere.kinds.item import NO_SPAN, Span
from stillhere.recovery.recovery import Recovery
from stillhere.replication.compact import compact
from stillhere.replication.copies import add_copy
from stillhere.replication.found import found
from stillhere.replication.rollup import roll_up
from stillhere.replication.start import Working, open_core
from stillhere.rosters import Roster, build_roster
from stillhere.store import NewAccount, Record
from stillhere.vault.erasures import Erasure, keep_erasure
from stillhere.vault.kit import Kit
from stillhere.vault.signing import Signer

TOOL = Path(__file__).resolve().parents[2] / "tools" / "read_vault.py"
KINDS = ("account", "contacts")
NAMES = ("Zoë", "anna", "李 雷")
Rows = list[tuple[Record, bytes | None]]


@dataclass(frozen=True)
class Service:
    """A vault with everything in it that a vault can have, its kit, and what the core had."""

    vault: Path
    kit: Path
    accounts: dict[str, bytes]
    rows: dict[tuple[bytes, str], Rows]
    positions: dict[tuple[bytes, str], tuple[int, bytes]]
    old_signer: Signer
    second: Path


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Service:
    place = tmp_path_factory.mktemp("service")
    kit = found(place / "home", place / "vault")
    (place / "kit.txt").write_text(f"Words around it.\n{kit.text()}More words.\n", "utf-8")
    working = open_core(place / "home")
    new = [NewAccount(name, device="phone") for name in NAMES]
    accounts = {made.name: made.account for made in working.store.accounts.create_many(new)}
    zoe, anna, lei = accounts.values()
    for account in accounts.values():
        put(working, account, {f"{number}.vcf": b"card %d " % number * 40 for number in range(30)})
    compact(working)  # bases
    add_copy(working, place / "second", lambda done, total: None)
    put(working, zoe, {"3.vcf": b"newer", "é/ü.vcf": b"", ".hidden": b"dot", "100%.vcf": b"%"})
    change(working, zoe, lambda shelf: shelf.delete("contacts", "4.vcf"))
    compact(working)  # a delta, and history
    working.close()
    working = open_core(place / "home")  # the next process, in the same slot
    for number in range(6):
        put(working, anna, {f"{number}.vcf": b"anna %d" % number})
    change(working, lei, lambda shelf: shelf.put_collection("work", {"{DAV:}displayname": "Büro"}))
    roll(working)
    change(working, anna, lambda shelf: shelf.keep_conflict("contacts", "0.vcf", b"lost"))
    working.close()
    old_signer = working.signer
    shutil.rmtree(place / "home")  # the core is lost, and comes back as epoch 2
    second = place / "second"
    silent = lambda event, **facts: None  # noqa: E731
    recovery = Recovery(place / "new", place / "vault", kit, silent, more=[second])
    working = recovery.begin()
    recovery.run()
    put(working, zoe, {"5.vcf": b"in epoch 2"}, "contacts")
    put(working, lei, {"first.vcf": b"at work"}, "work")
    change(working, lei, lambda shelf: shelf.delete("contacts", "7.vcf"))
    rows, positions = {}, {}
    for account in accounts.values():
        for kind in KINDS:
            with working.store.read(account, kind) as shelf:
                rows[account, kind] = shelf.everything()
                positions[account, kind] = (shelf.last_seq, shelf.chain)
    working.close()
    return Service(
        place / "vault", place / "kit.txt", accounts, rows, positions, old_signer, second
    )


def put(working: Working, account: bytes, cards: dict[str, bytes], book: str = "contacts") -> None:
    def write(shelf):
        for href, body in cards.items():
            about = {"uid": href, "component": "VCARD", "media_type": "text/vcard"}
            span = Span(-60 * len(body), 1 << 33, len(body) > 7) if b"3" in body else NO_SPAN
            shelf.put(book, href, body, **about, span=span)

    change(working, account, write)


def test_an_erased_account_is_named_and_not_read(tool: ModuleType, tmp_path: Path) -> None:
    place, home = tmp_path / "vault", tmp_path / "home"
    kit = found(home, place)
    (tmp_path / "kit.txt").write_text(kit.text(), "utf-8")
    working = open_core(home)
    new = [NewAccount(name, device="phone") for name in ("anna", "ben", "cleo")]
    anna, ben, cleo = (made.account for made in working.store.accounts.create_many(new))
    working.eraser.erase(anna, "anna")
    keep_erasure(working.vault, working.signer, Erasure(ben, 1, []))  # and no further
    working.close()
    stranger = Signer(kit.vault, 1, Ed25519PrivateKey.generate())
    keep_erasure(working.vault, stranger, Erasure(cleo, 1, []))
    for _ in range(2):
        done = run(place, tmp_path / "kit.txt", "list")
        assert done.returncode == 0, done.stderr
        lines = [line.split("  ") for line in done.stdout.splitlines()]
        assert sorted(line[0] for line in lines if line[1] == "erased") == sorted(
            [anna.hex(), ben.hex()]
        )
        assert {line[0] for line in lines if line[1] != "erased"} == {cleo.hex()}
        for name in ("anna", anna.hex(), ben.hex()):
            shown = run(place, tmp_path / "kit.txt", "show", name, "contacts")
            assert (shown.returncode, shown.stdout) == (2, "")
        recovery = Recovery(tmp_path / "new", place, kit, lambda event, **facts: None)
        recovery.begin().close()  # the next epoch lists both
        for path in place.glob("erasures/??/*"):
            path.unlink()


def change(working: Working, account: bytes, fn: Callable) -> None:
    working.store.write(account, "contacts", fn, device="phone").result()


def roll(working: Working) -> None:
    writer, identity = working.journal.writer, working.identity
    assert writer is not None
    upto = working.journal.written
    key = identity.journal_key
    assert roll_up(working.vault, key, identity.epoch, writer, after=0, upto=upto, least=2) == upto


def test_each_copy_is_read_alone_and_says_the_same(tool: ModuleType, service: Service) -> None:
    places = (service.vault, service.second)
    told = [run(place, service.kit, "list") for place in places]
    assert told[0].returncode == told[1].returncode == 0
    assert told[0].stdout == told[1].stdout
    for name in service.accounts:
        shown = [
            run(p, service.kit, "show", name, "contacts") for p in (service.vault, service.second)
        ]
        assert shown[0].stdout == shown[1].stdout


@pytest.fixture
def copy(service: Service, tmp_path: Path) -> Path:
    """The vault, to be damaged."""
    return Path(shutil.copytree(service.vault, tmp_path / "vault"))


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("read_vault", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-X", "utf8", str(TOOL), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, check=False)


def read(tool: ModuleType, vault: Path, service: Service) -> dict:
    """Every shelf as the tool reads it."""
    opened = tool.Vault(vault, service.kit.read_text("utf-8"))
    shelves = {key: tool.Shelf(opened, *key) for key in service.rows}
    return shelves | {"troubles": opened.troubles}


def assert_all_there(shelves: dict, service: Service) -> None:
    for key, rows in service.rows.items():
        shelf = shelves[key]
        assert shelf.problems == []
        assert (shelf.last, shelf.chain) == service.positions[key]
        theirs = [(*record[:10], body, *record[10:]) for record, body in rows]
        assert [tuple(item) for _, item in sorted(shelf.items.items())] == theirs


def test_it_stands_alone_and_in_one_screenful_of_files() -> None:
    tree = ast.parse(TOOL.read_text("utf-8"))
    modules = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
    }
    assert modules - sys.stdlib_module_names == {"cryptography", "msgspec", "zstandard"}
    assert len(TOOL.read_text("utf-8").splitlines()) <= 302


def test_reads_what_the_core_had(tool: ModuleType, service: Service) -> None:
    shelves = read(tool, service.vault, service)
    assert shelves["troubles"] == []
    assert_all_there(shelves, service)


def test_lists_every_shelf(service: Service) -> None:
    listed = run(service.vault, service.kit, "list")
    assert (listed.returncode, listed.stderr) == (0, "")
    for name, account in service.accounts.items():
        for kind in KINDS:
            present = sum(record.state == 0 for record, _ in service.rows[account, kind])
            line = f"{account.hex()}  {kind}  {name}  {present} present, 0 held\n"
            assert line in listed.stdout


def test_shows_one_shelf_by_name_or_id(service: Service) -> None:
    by_name = run(service.vault, service.kit, "show", "Zoë", "contacts")
    by_id = run(service.vault, service.kit, "show", service.accounts["Zoë"].hex(), "contacts")
    assert by_name.returncode == by_id.returncode == 0
    assert by_name.stdout == by_id.stdout
    assert "deleted" in next(line for line in by_name.stdout.splitlines() if "/4.vcf" in line)
    assert len(by_name.stdout.splitlines()) == 1 + len(
        service.rows[service.accounts["Zoë"], "contacts"]
    )


def test_extracts_bodies_byte_for_byte(service: Service, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(service.vault, service.kit, "extract", "Zoë", "contacts", out).returncode == 0
    rows = service.rows[service.accounts["Zoë"], "contacts"]
    theirs = {r.href: body for r, body in rows if r.collection and body is not None}
    safe = {"é/ü.vcf": "é%2Fü.vcf", ".hidden": "%2Ehidden", "100%.vcf": "100%25.vcf"}
    ours = {path.name: path.read_bytes() for path in (out / "contacts").iterdir()}
    assert ours == {safe.get(href, href): body for href, body in theirs.items()}
    assert {path.name for path in (out / "collections").iterdir()} == {"contacts"}


def test_says_when_there_is_no_such_shelf(service: Service) -> None:
    for asked in (("show", "nobody", "contacts"), ("show", "Zoë"), ("view",), ()):
        refused = run(service.vault, service.kit, *asked)
        assert refused.returncode == 2
        assert "read_vault.py VAULT KIT list" in refused.stderr


def test_the_format_refuses_only_what_it_must(
    tool: ModuleType, service: Service, copy: Path
) -> None:
    for format_copy in (copy / "format.json", copy / "format.json.twin"):
        format_copy.write_text("{")  # whatever else is there proves itself
        assert_all_there(read(tool, copy, service), service)
    format_copy.write_text('{"stillhere": 2, "vault": "' + "0" * 32 + '"}')
    refused = run(copy, service.kit, "list")
    assert refused.returncode == 2
    assert "is not a vault of format 1" in refused.stderr


def test_a_lost_manifest_leaves_its_shelves_unproven(
    tool: ModuleType, service: Service, copy: Path
) -> None:
    for path in (*copy.glob("manifest/contacts/*/*"), *copy.glob("journal/*/*/*.roll")):
        path.write_bytes(b"broken")  # a roll-up that begins before the cut would do as well
    listed = run(copy, service.kit, "list")
    assert listed.returncode == 1
    assert "manifest/contacts/" in listed.stderr
    lines = [line.split("  ") for line in listed.stdout.splitlines()]
    assert {line[0] for line in lines if line[1] == "contacts" and len(line) > 4} == {
        account.hex() for account in service.accounts.values()
    }
    assert all(len(line) == 4 for line in lines if line[1] == "account")


def test_an_account_whose_key_is_lost_is_named(service: Service, copy: Path) -> None:
    anna = service.accounts["anna"].hex()
    for path in copy.glob(f"keys/??/{anna}*"):
        path.unlink()
    listed = run(copy, service.kit, "list")
    assert listed.returncode == 1
    lost = [line for line in listed.stdout.splitlines() if line.startswith(anna)]
    assert len(lost) == 2
    assert all("neither copy of its key can be opened" in line for line in lost)


def test_an_epoch_that_is_broken_is_not_passed_over(service: Service, copy: Path) -> None:
    for path in copy.glob("epochs/000002/epoch*"):
        path.write_bytes(b"broken")
    refused = run(copy, service.kit, "list")
    assert refused.returncode == 2
    assert "epochs/000002/epoch" in refused.stderr
    for path in copy.glob("epochs/000002/epoch*"):
        path.unlink()  # a recovery that was cut short, as far as anybody can tell
    assert run(copy, service.kit, "list").returncode == 0


def test_a_roster_of_other_rows_is_not_taken(tool: ModuleType) -> None:
    def item(name: str, uid: str) -> tuple:
        return tool.Item("contacts", name, 7, 0, uid, "VCARD", "text/vcard", 3, bytes(32), 9, None)

    roster = Roster(
        ["contacts"] * 3,
        ["a.vcf", "b.vcf", "c"],
        [7] * 3,
        bytes(3),
        ["a", "b", "u"],
        ["VCARD"] * 3,
        ["text/vcard"] * 3,
        [3] * 3,
        bytes(96),
        [9] * 3,
    )
    rows = [item("a.vcf", "a"), item("b.vcf", "b"), item("c", "u")]
    assert tool.digest_rows(rows) == build_roster(roster)[1]
    for other in ([rows[1], rows[0], rows[2]], rows[:2], [*rows[:2], item("c", "c")]):
        assert tool.digest_rows(other) != build_roster(roster)[1]


def test_a_lost_writer_s_slot_hides_nothing(tool: ModuleType, service: Service, copy: Path) -> None:
    for slot in copy.glob("epochs/*/writers/*"):
        slot.unlink()
    assert_all_there(read(tool, copy, service), service)


def test_refuses_a_kit_with_a_mistake_another_kit_and_no_vault(
    service: Service, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.txt"
    text = service.kit.read_text("utf-8")
    at = text.index("key:") + 9
    for said in (
        text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :],
        Kit.make().text(),
        "a shopping list",
    ):
        wrong.write_text(said, "utf-8")
        refused = run(service.vault, wrong, "list")
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr.startswith("error: ")
    assert run(tmp_path, service.kit, "list").returncode == 2


@pytest.mark.parametrize(
    "pattern",
    [
        "epochs/*/epoch",
        "manifest/*/*/*[0-9]",
        "manifest/root/*[0-9]",
        "keys/*/*[0-9a-f]",
        "wraps/*[0-9a-f]",
        "ledger/*/*-??????r-*.pack",
    ],
)
def test_one_copy_of_what_is_kept_twice_is_enough(
    tool: ModuleType, service: Service, copy: Path, pattern: str
) -> None:
    broken = [path for path in copy.glob(pattern) if not path.name.endswith(".twin")]
    assert broken
    for path in broken:
        path.write_bytes(path.read_bytes()[:-5] + b"xxxxx" if path.suffix != ".pack" else b"gone")
    assert_all_there(read(tool, copy, service), service)


def test_one_end_of_a_segment_is_enough(tool: ModuleType, service: Service, copy: Path) -> None:
    segments = sorted(copy.glob("journal/*/*/*.seg"))
    for number, path in enumerate(segments):
        data = bytearray(path.read_bytes())
        if data[:8] == b"STHJRNL1":
            at = 20 if number % 2 else len(data) - 60
            data[at] ^= 1
            path.write_bytes(data)
    assert_all_there(read(tool, copy, service), service)


def test_an_older_root_serves_and_so_does_none(
    tool: ModuleType, service: Service, copy: Path
) -> None:
    roots = sorted(copy.glob("manifest/root/*"))
    for path in roots[-2:]:
        path.write_bytes(b"broken")
    shelves = read(tool, copy, service)
    assert len(shelves["troubles"]) == 1
    assert_all_there(shelves, service)
    shutil.rmtree(copy / "manifest")
    assert_all_there(read(tool, copy, service), service)


@pytest.mark.parametrize("said", [1, 2])
def test_a_root_that_a_sealed_epoch_signed_is_none(
    tool: ModuleType, service: Service, copy: Path, said: int
) -> None:
    number = int(max(copy.glob("manifest/root/*[0-9]")).name) + 1
    body = msgspec.msgpack.encode([number, said, 0, {}, {}, bytes(32), []])
    name = f"manifest/root/{number:08d}"
    (copy / name).write_bytes(service.old_signer.sign(name, body))
    assert_all_there(read(tool, copy, service), service)
    older = copy / f"manifest/root/{number - 1:08d}"
    assert (
        tool.Vault(copy, service.kit.read_text("utf-8")).cut
        == msgspec.msgpack.decode(msgspec.msgpack.decode(older.read_bytes()[8:])[1])[3]
    )


def test_lost_bodies_are_held_by_name(tool: ModuleType, service: Service, copy: Path) -> None:
    for path in copy.glob("ledger/contacts/*-??????b-*.pack"):
        path.unlink()
    shelves = read(tool, copy, service)
    for key, rows in service.rows.items():
        items = shelves[key].items
        assert set(items) == {(record.collection, record.href) for record, _ in rows}
        held = [item for item in items.values() if item.state == tool.HELD]
        assert bool(held) == (key[1] == "contacts")
        assert all(item.body is None for item in held)
    assert run(copy, service.kit, "list").returncode == 1


def test_a_lost_segment_is_told(tool: ModuleType, service: Service, copy: Path) -> None:
    last = max(path for path in copy.glob("journal/000002/*/*.seg"))
    last.with_name(f"{int(last.stem) - 1:012d}.seg").unlink()
    listed = run(copy, service.kit, "list")
    assert listed.returncode == 1
    assert "are lost" in listed.stderr


def test_the_lost_end_of_an_epoch_is_told(service: Service, copy: Path) -> None:
    seal = max(copy.glob("journal/000001/*/*.seg"))
    seal.with_name(f"{int(seal.stem) - 1:012d}.seg").unlink()
    seal.unlink()
    listed = run(copy, service.kit, "list")
    assert listed.returncode == 1
    assert "of journal/000001/000000 are lost" in listed.stderr
