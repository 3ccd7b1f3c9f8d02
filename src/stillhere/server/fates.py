"""What a place depends on, as far as this machine can see: its disk, and whose machine that is in.

A directory is on a disk of this machine, or comes from another one over the network, as a bucket
does. Whoever holds this machine can write there in either case, so the credentials are shared
unless the operator says that they are not; nobody but the operator knows whose a server is.
"""

import ipaddress
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from stillhere.status.fates import Fate
from stillhere.vault.backends.access import read_access
from stillhere.vault.backends.place import Place, is_remote, resolve

HERE = "this machine"
REGISTRIES = frozenset(("ac", "co", "com", "edu", "go", "gov", "ne", "net", "or", "org"))
"""Below a country's domain these are everybody's: example.co.uk is somebody, co.uk is nobody."""
NETWORK = frozenset(
    (
        *("9p", "afs", "ceph", "cifs", "davfs", "davfs2", "glusterfs", "lustre", "nfs", "nfs4"),
        *("rclone", "s3fs", "smb3", "sshfs", "virtiofs"),
    )
)
_MOUNTS = Path("/proc/self/mountinfo")
_DEVICES = Path("/sys/dev/block")
_OCTAL = re.compile(r"\\([0-7]{3})")


class Mount(NamedTuple):
    """Where a file system is mounted, what it is, and what it comes from."""

    point: str
    kind: str
    source: str


def fate_of(place: Place, apart: Iterable[str] = ()) -> Fate:
    """What a place shares its fate with. `apart` is what the operator has said: "credentials
    PLACE" or "provider PLACE" for what this machine does not share with it.

    Raises OSError for a folder that can't be looked at, BadInput for what is no bucket."""
    name = resolve(place)
    fate = _fate_of_bucket(name) if is_remote(name) else _fate_of_folder(Path(name))
    said = {tuple(one.split(" ", 1)) for one in apart}
    own = {what: name for what in ("credentials", "provider") if (what, name) in said}
    return replace(fate, **own)


def _fate_of_bucket(place: str) -> Fate:
    """A lock (`lock-days`) is no help: it is not on the keys, and without them all is noise."""
    access = read_access(place)
    host = urlsplit(access.endpoint).hostname or ""
    if _is_here(host):
        return Fate(place, "", HERE, HERE, HERE)
    return Fate(place, f"{host}/{access.bucket}", host, HERE, _provider_of(host))


def _is_here(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _provider_of(host: str) -> str:
    """The domain that a server's name is in; "" for an address in numbers, which says nothing of
    whose it is."""
    with suppress(ValueError):
        ipaddress.ip_address(host)
        return ""
    labels = host.rstrip(".").split(".")
    country = len(labels[-1]) == 2 and labels[-2:-1] and labels[-2] in REGISTRIES
    return ".".join(labels[-3 if country else -2 :])


def _fate_of_folder(place: Path) -> Fate:
    device = place.stat().st_dev
    mount = find_mount(place, read_mounts())
    if mount is not None and mount.kind.removeprefix("fuse.") in NETWORK:
        disk, host, provider = mount.source, server_of(mount.source), ""
    else:
        disk, host, provider = _disk(device, mount), HERE, HERE
    return Fate(str(place), disk, host, HERE, provider)


def read_mounts() -> list[Mount]:
    """What is mounted here; nothing where that can't be read."""
    try:
        text = _MOUNTS.read_text("utf-8", "surrogateescape")
    except OSError:
        return []
    mounts = []
    for line in text.splitlines():
        front, _, back = line.partition(" - ")
        if len(front.split()) > 4 and len(back.split()) > 1:
            point, (kind, source) = front.split()[4], back.split()[:2]
            mounts.append(Mount(_plain(point), kind, _plain(source)))
    return mounts


def find_mount(place: Path, mounts: Iterable[Mount]) -> Mount | None:
    """The mount that a resolved path is in: the deepest, and of those the last."""
    found = [mount for mount in mounts if place.is_relative_to(mount.point)]
    return max(reversed(found), key=lambda mount: len(Path(mount.point).parts), default=None)


def server_of(source: str) -> str:
    """The machine that a network file system comes from, as it was named; "" if it was not."""
    if source.startswith("//"):
        return source[2:].partition("/")[0]
    if source.startswith("["):
        return source.partition("]")[0][1:]
    host, colon, _ = source.partition(":")
    return host.rpartition("@")[2] if colon else ""


def _disk(device: int, mount: Mount | None) -> str:
    """The disks under a file system: partitions, volumes and arrays are taken apart."""
    if mount is not None and mount.source.startswith("/dev/"):
        with suppress(OSError):
            device = os.stat(mount.source).st_rdev or device
    disks = _disks_under(_DEVICES / f"{os.major(device)}:{os.minor(device)}")
    return "+".join(sorted(disks)) or f"file system {os.major(device)}:{os.minor(device)}"


def _disks_under(device: Path) -> set[str]:
    if not device.exists():
        return set()
    device = device.resolve()
    slaves = list((device / "slaves").iterdir()) if (device / "slaves").is_dir() else []
    if slaves:
        return set().union(*map(_disks_under, slaves))
    return {device.parent.name if (device / "partition").exists() else device.name}


def _plain(field: str) -> str:
    return _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), field)
