"""What `status` remembers of a vault is asked when there is nothing else to ask."""

import json
import shutil
from pathlib import Path

import pytest
from tests.server.processes import ask, command, running
from tests.server.test_recover import arguments, fails

from stillhere.config import state_folder
from stillhere.errors import BadInput
from stillhere.replication.witness import find_shortfall
from stillhere.server.core import opened
from stillhere.server.figures import read_status
from stillhere.server.found import found
from stillhere.server.people import find
from stillhere.server.witness import recall, shortfall_of
from stillhere.vault.epochs import read_epochs
from stillhere.vault.kit import read_kit
from stillhere.vault.layout import erasure_name, twin


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return state_folder()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A core that went on after its vault and home were copied."""
    home = tmp_path / "core"
    kit = found(home, tmp_path / "vault", None).kit
    (tmp_path / "kit.txt").write_text(kit.text())
    with opened(home) as core:
        ana = core.store.accounts.create("ana")
    shutil.copytree(tmp_path / "vault", tmp_path / "yesterday")
    shutil.copytree(home, tmp_path / "yesterday's core")
    with opened(home) as core:
        core.store.write(ana, "contacts", lambda s: s.put("contacts", "bo.vcf", b"x")).result()
    return home


def put_back(place: Path, name: str, old: str) -> None:
    shutil.rmtree(place / name)
    (place / old).rename(place / name)


def vault_of(place: Path) -> bytes:
    return read_kit((place / "kit.txt").read_text()).vault


def test_status_remembers_and_compares(home: Path, tmp_path: Path, state: Path) -> None:
    first = read_status(home)
    assert (first.protection.seen_at, first.protection.missing) == (None, "")
    (file,) = state.iterdir()
    assert file == Path(first.protection.witness)
    kept = recall(file, vault_of(tmp_path))
    assert kept is not None
    assert read_status(home).protection.seen_at == kept.at
    put_back(tmp_path, "vault", "yesterday")
    put_back(tmp_path, "core", "yesterday's core")
    before = file.read_bytes()
    behind = read_status(home).protection
    assert behind.missing == "it had 2 segments of writer 0, and has 1"
    assert file.read_bytes() == before, "it goes on knowing better"


def test_the_witness_is_where_the_settings_or_the_command_say(
    home: Path, tmp_path: Path, state: Path
) -> None:
    settings = home / "stillhere.toml"
    settings.write_text(f'{settings.read_text()}\nwitness = "{tmp_path}/third/seen.json"\n')
    read_status(home)
    read_status(home, tmp_path / "said.json")
    assert not state.exists()
    for file in (tmp_path / "third/seen.json", tmp_path / "said.json"):
        assert recall(file, vault_of(tmp_path))


def test_a_witness_that_cannot_be_kept_is_told(home: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    protection = read_status(home, tmp_path / "file" / "seen.json").protection
    assert "seen.json cannot be read" in protection.unkept
    assert protection.trouble == ""
    (tmp_path / "seen.json.new").mkdir()
    protection = read_status(home, tmp_path / "seen.json").protection
    assert "seen.json can't be kept" in protection.unkept


@pytest.mark.parametrize("content", ["", "{", "[]", '{"witness": null}', '{"vault": "00"}'])
def test_a_file_that_is_no_witness_is_refused(home: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "seen.json").write_text(content)
    with pytest.raises(BadInput):
        recall(tmp_path / "seen.json", bytes(16))
    with pytest.raises(BadInput):
        recall(tmp_path / "nowhere.json", bytes(16), named=True)


def test_core_and_vault_of_yesterday_are_not_served(home: Path, tmp_path: Path) -> None:
    """A listing of yesterday would make phones delete what is newer."""
    read_status(home)
    vault = shutil.copytree(tmp_path / "vault", tmp_path / "newest")
    core = shutil.copytree(home, tmp_path / "newest core")
    put_back(tmp_path, "vault", "yesterday")
    put_back(tmp_path, "core", "yesterday's core")
    with running("serve", "--home", home, "--listen", "127.0.0.1:0") as server:
        url = server.wait_for("refusing")["url"]
        assert ask(url + "/dav/", "PROPFIND")[0] == 503
        server.stop()
        assert "behind what was seen" in server.said[0]
    code, said = fails("verify", "--home", home)
    assert (code, "behind what was seen" in said) == (5, True)
    put_back(tmp_path, "vault", vault.name)
    put_back(tmp_path, "core", core.name)
    with running("serve", "--home", home, "--listen", "127.0.0.1:0") as server:
        server.wait_for("serving")
    command("verify", "--home", home)


class TestARecovery:
    """The core is gone, and so may be the end of the vault."""

    @pytest.fixture
    def seen(self, home: Path, tmp_path: Path) -> Path:
        """What `status --json` printed goes as a witness; the machine's own state is lost too."""
        printed = tmp_path / "printed.json"
        printed.write_text(command("status", "--json", "--home", home))
        shutil.rmtree(state_folder())
        shutil.rmtree(home)
        return printed

    def test_of_a_vault_that_has_all_that_was_seen_says_so(
        self, seen: Path, tmp_path: Path
    ) -> None:
        told = command(*arguments(tmp_path, "--witness", seen)).splitlines()[-1]
        assert "nothing is missing that a witness saw on" in told
        report = command("report", "--home", tmp_path / "new")
        assert "nothing is missing that a witness saw on" in report

    def test_without_a_witness_says_as_of_when(self, seen: Path, tmp_path: Path) -> None:
        put_back(tmp_path, "vault", "yesterday")
        told = command(*arguments(tmp_path)).splitlines()[-1]
        assert ", as of " in told
        assert "no witness says whether there was more" in told
        report = command("report", "ana", "--home", tmp_path / "new")
        assert "no witness says whether there was more" in report.splitlines()[0]

    def test_of_an_old_vault_is_refused_before_it_is_sealed(
        self, seen: Path, tmp_path: Path
    ) -> None:
        put_back(tmp_path, "vault", "yesterday")
        before = sorted(tmp_path.glob("vault/**/*"))
        for more in ((), ("--serve", "--listen", "127.0.0.1:0")):
            code, said = fails(*arguments(tmp_path, "--witness", seen, *more))
            assert code == 5
            assert "it had 2 segments of writer 0, and has 1" in said
            assert "the old core is not sealed" in said
        assert sorted(tmp_path.glob("vault/**/*")) == before
        assert not (tmp_path / "new").exists()

    def test_of_an_old_vault_goes_on_when_there_is_no_other(
        self, seen: Path, tmp_path: Path, state: Path
    ) -> None:
        put_back(tmp_path, "vault", "yesterday")
        state.mkdir(parents=True)
        own = state / f"{vault_of(tmp_path).hex()}.json"
        own.write_text(json.dumps(json.loads(seen.read_text())["witness"]))
        assert fails(*arguments(tmp_path))[0] == 5
        told = command(*arguments(tmp_path, "--behind", "--json")).splitlines()[-1]
        assert json.loads(told)["end"]["missing"] == "it had 2 segments of writer 0, and has 1"
        home = tmp_path / "new"
        assert "a witness saw more on" in command("report", "--home", home)
        assert read_status(home).protection.missing == "", "it was accepted"
        with running("serve", "--home", home, "--listen", "127.0.0.1:0") as server:
            server.wait_for("serving")


def test_a_core_that_knows_its_erasures_is_not_behind(home: Path, state: Path) -> None:
    """What a vault has lost of them is kept again by the next verification."""
    with opened(home) as core:
        ana = find(core.working.core, "ana")
        core.working.eraser.erase(ana, "ana")
    read_status(home)
    (file,) = state.iterdir()
    with opened(home) as core:
        vault = core.working.vault
        seen = recall(file, vault.id)
        assert seen is not None
        assert seen.erased == 1
        for copy in (erasure_name(ana), twin(erasure_name(ana))):
            vault.backend.delete(copy)
        keys = core.working.identity.journal_keys
        assert find_shortfall(vault, read_epochs(vault), keys, seen), "a recovery would be"
        assert shortfall_of(core.working, seen) is None
    read_status(home)
    again = recall(file, vault.id)
    assert again is not None
    assert again.erased == 1, "the witness forgets nothing"
