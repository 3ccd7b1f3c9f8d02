"""Who this is at an S3 store, and where the store is: a bucket's address, and the AWS_* variables
or the profile that it names.

Keys come from the environment or from a profile's files. They are in no address, setting, message
or log.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from stillhere.errors import BadInput
from stillhere.vault.backends import profiles

MOST_DAYS = 3650
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_FORM = "s3://BUCKET/PREFIX, perhaps with ?lock-days=N or ?profile=NAME after it"


@dataclass(frozen=True)
class Access:
    """A bucket, the folder in it, and whose keys open it. ``lock_days``: how long what is
    written there can't be deleted (object lock); 0 for none. ``profile``: where the rest comes
    from; "" for the environment."""

    bucket: str
    prefix: str
    lock_days: int
    profile: str
    endpoint: str
    region: str
    key_id: str = field(repr=False)
    secret: str = field(repr=False)
    token: str = field(repr=False)

    @property
    def keys(self) -> str:
        """Which keys these are, in words."""
        if self.profile:
            return f"the keys of profile {self.profile}"
        return "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"


class Address(NamedTuple):
    """What ``s3://BUCKET/PREFIX?lock-days=N&profile=NAME`` says."""

    bucket: str
    prefix: str
    lock_days: int
    profile: str

    def __str__(self) -> str:
        options = [f"lock-days={self.lock_days}"] if self.lock_days else []
        options += [f"profile={self.profile}"] if self.profile else []
        return f"s3://{self.bucket}/{self.prefix}{'?' if options else ''}{'&'.join(options)}"


def read_address(place: str) -> Address:
    """What an address says, whether or not its keys are there. Raises BadInput."""
    parts = urlsplit(place)
    prefix = parts.path.strip("/")
    if parts.scheme != "s3" or not _BUCKET.fullmatch(parts.netloc) or parts.fragment:
        raise _refuse("that is not the address of a bucket")  # it may have keys in it: not shown
    if prefix and not _PREFIX.fullmatch(prefix):
        raise _refuse(f"a folder of a bucket can't be called {prefix!r} here")
    return Address(parts.netloc, prefix, *_options(parts.query))


def read_access(place: str) -> Access:
    """What an address says, and the environment, or the profile that it names instead.

    Raises BadInput."""
    address = read_address(place)
    if address.profile:
        return _by_profile(address, profiles.read_profile(address.profile))
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    named = next((os.environ[name] for name in names if os.environ.get(name)), "")
    return Access(
        *address,
        _endpoint(named, region, "AWS_ENDPOINT_URL"),
        region,
        _needed("AWS_ACCESS_KEY_ID"),
        _needed("AWS_SECRET_ACCESS_KEY"),
        os.environ.get("AWS_SESSION_TOKEN", ""),
    )


def _by_profile(address: Address, said: Mapping[str, str]) -> Access:
    """Nothing of the environment counts beside a profile: it may be another store's."""
    for name in ("aws_access_key_id", "aws_secret_access_key"):
        if not said.get(name):
            raise BadInput(
                f"the profile {address.profile} has no {name}, and a bucket can't be opened"
                " without it",
                safe="nothing was read or changed",
                hint="write it into the file of keys, ~/.aws/credentials; roles are not asked for",
            )
    region = said.get("region") or "us-east-1"
    return Access(
        *address,
        _endpoint(said.get("endpoint_url", ""), region, f"endpoint_url of {address.profile}"),
        region,
        said["aws_access_key_id"],
        said["aws_secret_access_key"],
        said.get("aws_session_token", ""),
    )


def _options(query: str) -> tuple[int, str]:
    """The days of a lock (0: none), and the profile ("": none)."""
    options = dict(parse_qsl(query, keep_blank_values=True))
    days, profile = options.pop("lock-days", "0"), options.pop("profile", None)
    if options or not re.fullmatch("[0-9]{1,4}", days) or int(days) > MOST_DAYS:
        raise _refuse(
            f"lock-days has 0 to {MOST_DAYS}; of other things a bucket's address says"
            " only its profile"
        )
    if profile is not None and not profiles.NAME.fullmatch(profile):
        raise _refuse("a profile's name has letters, digits, dots, dashes and underscores")
    return int(days), profile or ""


def _endpoint(named: str, region: str, whence: str) -> str:
    endpoint = named.rstrip("/") or f"https://s3.{region}.amazonaws.com"
    parts = urlsplit(endpoint)
    plain = not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain:
        raise BadInput(
            f"{whence} is not the address of a store",
            safe="nothing was read or changed",
            hint="it looks like https://s3.example.org or http://127.0.0.1:8333",
        )
    return endpoint


def _needed(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise BadInput(
            f"{name} is not set, and a bucket can't be opened without it",
            safe="nothing was read or changed",
            hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; AWS_ENDPOINT_URL and"
            " AWS_REGION say where the store is. Or name a profile of ~/.aws/credentials:"
            " s3://BUCKET/PREFIX?profile=NAME",
        )
    return value


def _refuse(why: str) -> BadInput:
    return BadInput(
        f"the vault's place: {why}",
        safe="nothing was read or changed",
        hint=f"name it {_FORM}; keys and the store's address come from AWS_* variables, or from"
        " the profile",
    )
