"""Profiles: whose keys open which store, as the files say that other programs for S3 read too.

``~/.aws/credentials`` has keys under ``[NAME]``, ``~/.aws/config`` region and endpoint under
``[profile NAME]``; ``AWS_SHARED_CREDENTIALS_FILE`` and ``AWS_CONFIG_FILE`` name other files. Keys
that are not written there, but asked for (roles, single sign-on), are none here.
"""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Mapping
from pathlib import Path

from stillhere.errors import BadInput

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


def read_profile(name: str) -> Mapping[str, str]:
    """What a profile says, by the names of its lines: ``aws_access_key_id`` and so on. What the
    file of keys says comes first.

    Raises BadInput where there is no such profile; no line of a file is in the message."""
    keys = _file("AWS_SHARED_CREDENTIALS_FILE", "credentials")
    config = _file("AWS_CONFIG_FILE", "config")
    said = _read(config, name if name == "default" else f"profile {name}")
    said = said | _read(keys, name)
    if not said:
        raise BadInput(
            f"there is no profile {name} in {keys} or {config}, or they can't be read",
            safe="nothing was read or changed",
            hint=f"write [{name}] with aws_access_key_id and aws_secret_access_key into {keys},"
            f" and [profile {name}] with region and endpoint_url into {config}",
        )
    return said


def _file(variable: str, usual: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / ".aws" / usual).expanduser()


def _read(path: Path, section: str) -> dict[str, str]:
    parser = configparser.RawConfigParser(strict=False, default_section="")
    try:
        parser.read(path, "utf-8")
        return dict(parser[section]) if parser.has_section(section) else {}
    except (configparser.Error, UnicodeDecodeError):  # whose message has a line of the file
        raise BadInput(
            f"{path} is no file of profiles",
            safe="nothing was read or changed",
            hint="it has lines like [NAME], aws_access_key_id = ID, aws_secret_access_key = KEY",
        ) from None
