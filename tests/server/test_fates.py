"""What this machine can see of a place's fate."""

import os
from pathlib import Path

import pytest

from stillhere.server import fates
from stillhere.server.fates import HERE, Mount, fate_of, find_mount, read_mounts, server_of

MOUNTS = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
40 22 0:50 / /mnt/nas rw,relatime shared:9 - nfs4 nas.example.org:/export/vault rw,vers=4.2
41 22 0:51 / /mnt/nas/with\\040space rw - cifs //box/share rw
42 22 0:52 / /mnt/over rw - ext4 /dev/vdb rw
43 22 0:53 / /mnt/over rw - fuse.sshfs me@far:/srv rw
"""


@pytest.fixture
def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Mount]:
    (tmp_path / "mountinfo").write_text(MOUNTS)
    monkeypatch.setattr(fates, "_MOUNTS", tmp_path / "mountinfo")
    return read_mounts()


@pytest.mark.parametrize(
    ("place", "kind", "server"),
    [
        ("/home/core", "ext4", ""),
        ("/mnt/nas/vault", "nfs4", "nas.example.org"),
        ("/mnt/nasty", "ext4", ""),
        ("/mnt/nas/with space/vault", "cifs", "box"),
        ("/mnt/over/vault", "fuse.sshfs", "far"),
    ],
)
def test_a_place_is_in_the_deepest_mount_and_that_comes_from_somewhere(
    mounts: list[Mount], place: str, kind: str, server: str
) -> None:
    mount = find_mount(Path(place), mounts)
    assert mount is not None
    assert (mount.kind, server_of(mount.source)) == (kind, server)


def test_addresses_of_the_sixth_version_are_servers_too() -> None:
    assert server_of("[fe80::1]:/export") == "fe80::1"


def test_what_is_mounted_from_another_machine_shares_credentials_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fates, "read_mounts", lambda: [Mount(str(tmp_path), "nfs", "nas:/export")])
    core, copy = fate_of(Path("/")), fate_of(tmp_path)
    assert core.host == HERE
    assert (copy.disk, copy.host, copy.credentials) == ("nas:/export", "nas", core.credentials)
    assert copy.provider == ""
    said = fate_of(tmp_path, [f"credentials {tmp_path}", f"provider {tmp_path}", "provider /else"])
    assert said.credentials == said.provider == str(tmp_path)


def test_folders_of_one_file_system_share_their_disk(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert fate_of(tmp_path / "a").disk == fate_of(tmp_path / "b").disk != ""


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="there is no disk in memory")
def test_another_file_system_of_this_machine_is_another_disk() -> None:
    assert fate_of(Path("/dev/shm")).disk != fate_of(Path("/proc")).disk
    assert fate_of(Path("/dev/shm")).host == fate_of(Path("/proc")).host


def test_partitions_and_volumes_are_of_the_disks_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A volume over two partitions of two disks, as /sys shows it."""
    for disk in ("sda", "sdb"):
        (tmp_path / "block" / disk / f"{disk}1").mkdir(parents=True)
        (tmp_path / "block" / disk / f"{disk}1" / "partition").write_text("1")
    volume = tmp_path / "block" / "dm-0" / "slaves"
    volume.mkdir(parents=True)
    for disk in ("sda", "sdb"):
        (volume / f"{disk}1").symlink_to(tmp_path / "block" / disk / f"{disk}1")
    devices = tmp_path / "dev"
    devices.mkdir()
    device = os.stat(tmp_path).st_dev
    (devices / f"{os.major(device)}:{os.minor(device)}").symlink_to(volume.parent)
    monkeypatch.setattr(fates, "_DEVICES", devices)
    monkeypatch.setattr(fates, "read_mounts", list)
    assert fate_of(tmp_path).disk == "sda+sdb"


def test_a_bucket_is_its_host_s_and_the_lock_is_not_on_the_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://s3.example.org")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "something")
    fate = fate_of("s3://bucket/vault?lock-days=30")
    assert (fate.disk, fate.host, fate.provider) == (
        "s3.example.org/bucket",
        "s3.example.org",
        "example.org",
    )
    assert fate.credentials == HERE
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:8333")
    assert fate_of("s3://bucket/vault").host == HERE


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("192.0.2.10", ""),
        ("[2001:db8::2:10]", ""),
        ("s3.eu.example.org", "example.org"),
        ("s3.one.co.uk", "one.co.uk"),
        ("s3.co.uk", "s3.co.uk"),
        ("objects.co", "objects.co"),
        ("nas", "nas"),
        ("127.0.0.2", HERE),
        ("[::1]", HERE),
    ],
)
def test_a_provider_is_a_domain_that_is_somebody_s(
    monkeypatch: pytest.MonkeyPatch, host: str, provider: str
) -> None:
    """Two addresses that end alike are nobody's; two firms of one country are two."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://{host}:9000")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "something")
    assert fate_of("s3://bucket/vault").provider == provider


def test_a_place_that_is_not_there_has_no_fate(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        fate_of(tmp_path / "nowhere")
