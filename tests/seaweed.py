"""A real S3 store: SeaweedFS as PyPI has it, on this machine's loopback alone, and for one run."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from stillhere.vault.backends.access import Access, read_access
from stillhere.vault.backends.versions import request

HOST = "127.0.0.1"
KEY_ID, SECRET = "stillhere-test", "a-key-of-this-test-run"
SERVERS = ("master", "volume", "filer", "s3")
WAIT_S = 60
FSYNC = "fs.configure -locationPrefix=/buckets/ -fsync -apply\n"


class Seaweed:
    """One store and its disk. It can be killed and started again, and has the same address."""

    def __init__(self, folder: Path, key_id: str = KEY_ID, secret: str = SECRET) -> None:
        self.folder = folder
        self._keys = key_id, secret
        names = [f"{server}.{port}" for server in SERVERS for port in ("port", "port.grpc")]
        self._ports = dict(zip(names, _free_ports(len(names)), strict=True))
        self.port = self._ports["s3.port"]
        (folder / "data").mkdir(parents=True)
        (folder / "sockets").mkdir()
        who = {
            "name": "test",
            "credentials": [{"accessKey": key_id, "secretKey": secret}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        (folder / "s3.json").write_text(json.dumps({"identities": [who]}))

    @property
    def variables(self) -> dict[str, str]:
        """What tells a program where the store is, and who asks."""
        return {
            "AWS_ENDPOINT_URL": f"http://{HOST}:{self.port}",
            "AWS_ACCESS_KEY_ID": self._keys[0],
            "AWS_SECRET_ACCESS_KEY": self._keys[1],
            "AWS_REGION": "us-east-1",
        }

    def start(self) -> None:
        """Come up, with what was durable before."""
        chosen = [f"-{name}={port}" for name, port in self._ports.items()]
        ends_with_us = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()
        command = [
            *ends_with_us,
            *(weed(), "-logtostderr", "server", "-filer", "-s3", f"-dir={self.folder / 'data'}"),
            *(f"-ip={HOST}", f"-ip.bind={HOST}", "-volume.max=200"),
            *("-master.volumeSizeLimitMB=64", "-master.electionTimeout=100ms"),
            *("-s3.autoCreateBucket=false", "-s3.port.iceberg=0", "-s3.port.lance=0"),
            *(f"-s3.config={self.folder / 's3.json'}", *chosen),
            f"-s3.localSocket={self.folder / 'sockets' / 's3'}",
            f"-filer.localSocket={self.folder / 'sockets' / 'filer'}",
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + WAIT_S
        while not self._is_up():
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = (self.folder / "log").read_text("utf-8", "replace")[-1000:]
                raise RuntimeError(f"the store did not come up: {said}")
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a power cut of its process does: SIGKILL."""
        self.process.kill()
        self.process.wait(WAIT_S)

    def sync_all(self) -> None:
        """Have it sync what it acknowledges."""
        master, filer = (
            f"{HOST}:{self._ports[f'{server}.port']}.{self._ports[f'{server}.port.grpc']}"
            for server in ("master", "filer")
        )
        done = subprocess.run(
            [weed(), "shell", f"-master={master}", f"-filer={filer}"],
            input=FSYNC,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=True,
        )
        assert '"fsync":  true' in done.stdout, done.stdout

    def make_bucket(self, name: str, *, locking: bool = False) -> None:
        """An empty bucket; one that is ``locking`` keeps versions and takes locks."""
        headers = {"x-amz-bucket-object-lock-enabled": "true"} if locking else {}
        answer = request(self.access(name), "PUT", "", {}, headers)
        assert answer.status == 200, answer

    def access(self, bucket: str, prefix: str = "") -> Access:
        """The way into a bucket, for what a test looks at itself."""
        with environment(self.variables):
            return read_access(f"s3://{bucket}/{prefix}")

    def _is_up(self) -> bool:
        try:
            address = f"http://{HOST}:{self.port}/healthz"
            with urllib.request.urlopen(address, timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def weed() -> Path:
    """The program, which lies beside Python."""
    return Path(sys.executable).parent / "weed"


@contextmanager
def running(folder: Path, *keys: str) -> Iterator[Seaweed]:
    """A store that syncs, ended at the end; the id of a key and the key, if not the usual ones."""
    store = Seaweed(folder, *keys)
    store.start()
    try:
        store.sync_all()
        yield store
    finally:
        store.kill()


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """These variables and no other ``AWS_*`` ones, for this process and those it starts."""
    before = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    for name in before:
        del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            os.environ.pop(name, None)
        os.environ.update(before)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
