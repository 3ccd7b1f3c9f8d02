"""What an operator may set for a core: `HOME/stillhere.toml`, read once, checked strictly.

`init` and `recover` write the file with `save`; every command reads it with `load`.
Rooms never see it: the assembly in `stillhere.server` passes them plain arguments.
"""

import json
import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from stillhere.durable import replace_file
from stillhere.errors import BadInput, NotFound
from stillhere.vault.backends.place import absolute

FILE = "stillhere.toml"
VARIABLE = "STILLHERE_HOME"

_HEAD = """\
# The settings of this Stillhere core. `stillhere serve` reads them once, at start.
# A line that starts with "# " shows a default; take the "# " away to change it.
"""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The settings of one core. Sizes in bytes, times in seconds.

    What is said about each is also written into the file.
    """

    vault: Annotated[
        str,
        Meta(
            description="the vault: a directory (a relative one starts here), or s3://BUCKET/PREFIX",
            min_length=1,
        ),
    ]
    copies: Annotated[
        list[str],
        Meta(
            description="where further copies of the vault are: a change is acknowledged"
            " when all have it"
        ),
    ] = []
    listen: Annotated[str, Meta(description="HOST:PORT to answer on; port 0 picks a free one")] = (
        "127.0.0.1:8080"
    )
    ack: Annotated[
        Literal["vault", "core"],
        Meta(
            description='a change is acknowledged when it is durable in the "vault" (a loss costs'
            ' nothing), or in the "core", which ships it to the vault at once'
        ),
    ] = "vault"
    write_within_s: Annotated[
        int,
        Meta(description="how long a change may wait for the vault, seconds", ge=1, le=600),
    ] = 30
    ack_window_s: Annotated[
        int,
        Meta(
            description='with ack = "core", what a loss may cost (the RPO), seconds: nothing is'
            " acknowledged while the vault is further behind, or has not answered for longer",
            ge=3,
            le=3600,
        ),
    ] = 30
    spool_bytes: Annotated[
        int,
        Meta(description='with ack = "core", how much may wait for the vault, bytes', ge=1 << 20),
    ] = 256 << 20
    max_item_bytes: Annotated[
        int,
        Meta(
            description="largest contact, event, to-do or note that is taken, bytes",
            ge=1024,
            le=64 << 20,
        ),
    ] = 1_000_000
    rollup_segments: Annotated[
        int, Meta(description="journal segments that may wait for a roll-up", ge=2, le=512)
    ] = 256
    tail_bytes: Annotated[
        int,
        Meta(description="journal that may wait for compaction, bytes", ge=1 << 20, le=64 << 20),
    ] = 32 << 20
    compact_every_s: Annotated[
        int,
        Meta(
            description="longest time from a change to its compaction, seconds",
            ge=1,
            le=31 * 86_400,
        ),
    ] = 3600
    fence_check_s: Annotated[
        int,
        Meta(description="how often to look whether another core took over, seconds", ge=1, le=30),
    ] = 2
    witness: Annotated[
        str,
        Meta(description='file where "status" remembers the vault; "": one in the state folder'),
    ] = ""
    apart: Annotated[
        list[str],
        Meta(
            description="what the core does not share with a copy, and can't know: \"credentials"
            ' PLACE" or "provider PLACE"; status tells what one failure would take'
        ),
    ] = []
    trusted_proxies: Annotated[
        list[str],
        Meta(description="proxies whose X-Forwarded-For is believed, for log-in throttling"),
    ] = []


def find_home(option: Path | None) -> Path:
    """The home that a command works on: `--home`, else STILLHERE_HOME.

    Raises BadInput when neither is given. The directory need not exist yet.
    """
    named = option if option is not None else os.environ.get(VARIABLE)
    if not named:
        raise BadInput(
            "no home was named",
            safe="nothing was read or changed",
            hint=f"add --home DIR, or set {VARIABLE}",
        )
    return Path(named).expanduser().absolute()


def state_folder() -> Path:
    """Where commands remember what belongs neither to a core nor to a vault (XDG)."""
    state = os.environ.get("XDG_STATE_HOME") or os.environ.get("HOME", "/") + "/.local/state"
    return Path(state) / "stillhere"


def load(home: Path) -> Settings:
    """Settings of the core at `home`, with `vault` made absolute.

    Raises NotFound when there is no core, BadInput for a file that says something it may not.
    """
    path = home / FILE
    try:
        text = path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(
            f"no Stillhere core at {home}",
            safe="nothing was read or changed",
            hint="stillhere init makes a new one, stillhere recover brings a lost one back",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise _refuse(path, f"cannot be read ({error})") from error
    try:
        settings = msgspec.convert(tomllib.loads(text), Settings)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise _refuse(path, _plain(str(error))) from None
    try:
        split_listen(settings.listen)
    except BadInput as error:
        raise _refuse(path, error.what) from None
    vault, *copies = [absolute(place, home) for place in places_of(settings)]
    return msgspec.structs.replace(settings, vault=vault, copies=copies)


def name_places(home: Path, vault: str, copies: Sequence[str]) -> None:
    """Says in the file where the vault is; every other line stays as it is.

    Raises NotFound, OSError."""
    path = home / FILE
    lines = path.read_text("utf-8").splitlines(keepends=True)
    for name, value in (("vault", vault), ("copies", list(copies))):
        told = f"{name} = {_toml(value)}\n"
        at = [n for n, line in enumerate(lines) if re.match(rf"(# )?{name} = ", line)]
        if at:
            lines[at[0]] = told
        else:
            lines.append(f"\n{told}")
    replace_file(path, "".join(lines).encode())


def places_of(settings: Settings) -> list[str]:
    """Where the vault is: every copy of it, the first one first."""
    return [settings.vault, *settings.copies]


def save(home: Path, settings: Settings) -> None:
    """Writes the file: `vault`, `listen` and what differs from the defaults, the rest as comments.

    The file is replaced whole, or not at all, whenever the power goes.
    """
    text = [_HEAD]
    for field in msgspec.json.schema(Settings)["$defs"]["Settings"]["properties"].items():
        name, about = field
        value = getattr(settings, name)
        mark = "" if name in ("vault", "listen") or value != about["default"] else "# "
        text.append(f"\n# {about['description']}\n{mark}{name} = {_toml(value)}\n")
    replace_file(home / FILE, "".join(text).encode())


def split_listen(listen: str) -> tuple[str, int]:
    """("127.0.0.1", 8080) of "127.0.0.1:8080"; IPv6 in brackets: "[::1]:8080".

    Raises BadInput for anything else; port 0 is allowed.
    """
    host, colon, port = listen.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not (host and colon and port.isascii() and port.isdigit() and int(port) < 65536):
        raise BadInput(
            f"{listen!r} is not HOST:PORT",
            safe="nothing was changed",
            hint="for example 127.0.0.1:8080, or [::1]:8080",
        )
    return host, int(port)


def _toml(value: object) -> str:
    # A JSON string, number or list of strings is also a TOML one, DEL apart.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _plain(message: str) -> str:
    """msgspec's "Expected `int`, got `str` - at `$.tail_bytes`" with the name in front."""
    said, at, where = message.partition(" - at `$.")
    said = said.replace("Object contains unknown field", "no such setting:").replace("`", "")
    said = said.replace("Object missing required field", "this setting is missing:")
    said = said.replace("Expected", "expected")
    return f"{where.rstrip('`')}: {said}" if at else said


def _refuse(path: Path, why: str) -> BadInput:
    return BadInput(
        f"{path}: {why}",
        safe="nothing was changed",
        hint="correct that line, or take it out to have the default",
    )
