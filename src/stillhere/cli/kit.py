"""The recovery kit on paper and on a terminal: its text, what it is for, and a QR code of it."""

import os
from pathlib import Path

from stillhere.durable import make_folder, sync_folder
from stillhere.errors import BadInput
from stillhere.vault.kit import Kit

_ABOUT = """
Whoever has this and the vault can read everything in it; without it, nobody can.
Keep it away from both, on paper in a safe for example. When the core is lost, on a blank machine:

    stillhere recover --vault DIR --kit FILE --home NEW --serve

"""
_BLACK_ON_WHITE, _PLAIN = "\x1b[30;107m", "\x1b[0m"


def reserve(path: Path) -> None:
    """Takes the name of the kit's file, readable by its owner only. Raises BadInput.

    Done before the vault is made: a vault whose kit could not be written is a vault for nobody.
    """
    try:
        make_folder(path.parent)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise BadInput(
            f"{path} exists, and a kit never replaces a file",
            safe="nothing was changed",
            hint="name a file that does not exist",
        ) from None
    except OSError as error:
        raise BadInput(
            f"{path} cannot be written: {error.strerror}", safe="nothing was changed"
        ) from error


def write(path: Path, kit: Kit) -> None:
    """Writes the kit into the file that `reserve` made, durably."""
    with path.open("r+", encoding="utf-8") as file:
        file.write(page(kit))
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def page(kit: Kit) -> str:
    """The kit as it is printed: what `recover --kit` reads, with words and a code around it."""
    return kit.text() + _ABOUT + "\n".join(draw(kit.uri())) + "\n"


def show(kit: Kit) -> str:
    """The kit for a terminal, whatever its colours are."""
    code = "\n".join(f"{_BLACK_ON_WHITE}{row}{_PLAIN}" for row in draw(kit.uri()))
    return f"{kit.text()}\n{code}\n"


def draw(text: str) -> list[str]:
    """A QR code in half blocks, two rows of modules a line, dark on light."""
    import segno

    rows = [list(row) for row in segno.make(text, error="m", micro=False).matrix_iter(border=4)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    blocks = " ▄▀█"
    return [
        "".join(blocks[2 * bool(upper) + bool(lower)] for upper, lower in zip(*pair, strict=True))
        for pair in zip(rows[::2], rows[1::2], strict=True)
    ]
