"""Who this is at an S3 store, and where the store is: a bucket's address, and the AWS_* variables.

Keys come from the environment alone. They are in no address, setting, message or log.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from stillhere.errors import BadInput

MOST_DAYS = 3650
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_FORM = "s3://BUCKET/PREFIX, perhaps with ?lock-days=N after it"


@dataclass(frozen=True)
class Access:
    """A bucket, the folder in it, and whose keys open it. ``lock_days``: how long what is
    written there can't be deleted (object lock); 0 for none."""

    bucket: str
    prefix: str
    lock_days: int
    endpoint: str
    region: str
    key_id: str = field(repr=False)
    secret: str = field(repr=False)
    token: str = field(repr=False)


class Address(NamedTuple):
    """What ``s3://BUCKET/PREFIX?lock-days=N`` says."""

    bucket: str
    prefix: str
    lock_days: int

    def __str__(self) -> str:
        query = f"?lock-days={self.lock_days}" if self.lock_days else ""
        return f"s3://{self.bucket}/{self.prefix}{query}"


def read_address(place: str) -> Address:
    """What an address says, whether or not its keys are there. Raises BadInput."""
    parts = urlsplit(place)
    prefix = parts.path.strip("/")
    if parts.scheme != "s3" or not _BUCKET.fullmatch(parts.netloc) or parts.fragment:
        raise _refuse("that is not the address of a bucket")  # it may have keys in it: not shown
    if prefix and not _PREFIX.fullmatch(prefix):
        raise _refuse(f"a folder of a bucket can't be called {prefix!r} here")
    return Address(parts.netloc, prefix, _lock_days(parts.query))


def read_access(place: str) -> Access:
    """What an address and the environment say. Raises BadInput."""
    return Access(
        *read_address(place),
        _endpoint(),
        _region(),
        _needed("AWS_ACCESS_KEY_ID"),
        _needed("AWS_SECRET_ACCESS_KEY"),
        os.environ.get("AWS_SESSION_TOKEN", ""),
    )


def _lock_days(query: str) -> int:
    options = dict(parse_qsl(query, keep_blank_values=True))
    days = options.pop("lock-days", "0")
    if options or not re.fullmatch("[0-9]{1,4}", days) or int(days) > MOST_DAYS:
        raise _refuse(f"?{query} says nothing to a bucket; lock-days has 0 to {MOST_DAYS}")
    return int(days)


def _endpoint() -> str:
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    named = next((os.environ[name] for name in names if os.environ.get(name)), "")
    endpoint = named.rstrip("/") or f"https://s3.{_region()}.amazonaws.com"
    parts = urlsplit(endpoint)
    plain = not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain:
        raise BadInput(
            "AWS_ENDPOINT_URL is not the address of a store",
            safe="nothing was read or changed",
            hint="it looks like https://s3.example.org or http://127.0.0.1:8333",
        )
    return endpoint


def _region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def _needed(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise BadInput(
            f"{name} is not set, and a vault on S3 can't be opened without it",
            safe="nothing was read or changed",
            hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; AWS_ENDPOINT_URL and"
            " AWS_REGION say where the store is",
        )
    return value


def _refuse(why: str) -> BadInput:
    return BadInput(
        f"the vault's place: {why}",
        safe="nothing was read or changed",
        hint=f"name it {_FORM}; keys and the store's address come from AWS_* variables",
    )
