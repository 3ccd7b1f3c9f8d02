"""A settings file says only what it may, and what is written reads back the same."""

from pathlib import Path

import pytest

from stillhere import config
from stillhere.errors import BadInput, NotFound


def test_what_is_saved_is_what_loads(tmp_path: Path) -> None:
    settings = config.Settings(
        vault='/srv/vä"u\\lt\x7f', listen="[::1]:0", tail_bytes=2 << 20, trusted_proxies=["::1"]
    )
    config.save(tmp_path, settings)
    assert config.load(tmp_path) == settings


def test_a_fresh_file_shows_every_setting(tmp_path: Path) -> None:
    config.save(tmp_path, config.Settings(vault="/v"))
    text = (tmp_path / config.FILE).read_text()
    for name in config.Settings.__struct_fields__:
        assert f"{name} = " in text


def test_a_relative_vault_starts_at_the_home(tmp_path: Path) -> None:
    (tmp_path / config.FILE).write_text('vault = "../vault"\n')
    assert Path(config.load(tmp_path).vault) == tmp_path / "../vault"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("vault", "expected '='"),
        ("", "this setting is missing: vault"),
        ("vault = 3", "vault: expected str, got int"),
        ('vault = ""', "vault: expected str of length >= 1"),
        ('vault = "v"\ntypo = 1', "no such setting: typo"),
        ('vault = "v"\nack = "disk"', "ack: Invalid enum value 'disk'"),
        ('vault = "v"\ntail_bytes = 3', "tail_bytes: expected int >= 1048576"),
        ('vault = "v"\nlisten = "::1:80"', "'::1:80' is not HOST:PORT"),
        ('vault = "v"\ntrusted_proxies = [1]', "trusted_proxies[0]: expected str"),
    ],
)
def test_a_wrong_file_is_refused_with_its_reason(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / config.FILE).write_text(text)
    with pytest.raises(BadInput) as refusal:
        config.load(tmp_path)
    assert said in refusal.value.what
    assert str(tmp_path / config.FILE) in refusal.value.what


def test_no_core_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        config.load(tmp_path / "nowhere")


def test_the_home_comes_from_the_option_then_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(config.VARIABLE, "/from/environment")
    assert config.find_home(tmp_path) == tmp_path
    assert config.find_home(None) == Path("/from/environment")
    monkeypatch.delenv(config.VARIABLE)
    with pytest.raises(BadInput, match="no home was named"):
        config.find_home(None)


@pytest.mark.parametrize(
    ("listen", "address"),
    [("127.0.0.1:8080", ("127.0.0.1", 8080)), ("[::1]:0", ("::1", 0)), ("host:1", ("host", 1))],
)
def test_an_address_is_split(listen: str, address: tuple[str, int]) -> None:
    assert config.split_listen(listen) == address


@pytest.mark.parametrize("listen", ["", "8080", ":80", "h:", "h:65536", "h:-1", "::1:80", "h:８"])
def test_what_is_no_address_is_refused(listen: str) -> None:
    with pytest.raises(BadInput, match="is not HOST:PORT"):
        config.split_listen(listen)
