"""How every command answers: JSON on one line for programs, plain lines for people.

Results go to standard output, errors, warnings and progress to standard error.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from stillhere.errors import StillhereError, render


def answer(data: Mapping[str, Any], lines: Iterable[str], *, as_json: bool) -> None:
    """The result of a command: `data` as one line of JSON, or `lines` for a person."""
    if as_json:
        print(line(data), flush=True)
    else:
        for text in lines:
            print(text)
        sys.stdout.flush()


def line(data: Mapping[str, Any]) -> str:
    """One line of JSON; ids and other bytes in hex."""
    return json.dumps(data, ensure_ascii=False, default=_encode, separators=(", ", ": "))


def warn(text: str, *, hint: str = "") -> None:
    """Something that does not stop the command but should be known, on standard error."""
    print(f"warning: {text}", file=sys.stderr)
    if hint:
        print(f"hint:  {hint}", file=sys.stderr)
    sys.stderr.flush()


def fail(error: StillhereError, *, as_json: bool) -> int:
    """Prints what stopped the command and returns its exit code."""
    print_error(error, as_json=as_json)
    return error.exit_code


def print_error(error: StillhereError, *, as_json: bool) -> None:
    """An error on standard error: its three lines, or one JSON object."""
    if as_json:
        told = {"error": error.what, "safe": error.safe, "hint": error.hint}
        print(line({**told, "kind": type(error).__name__}), file=sys.stderr, flush=True)
    else:
        print(render(error), file=sys.stderr, flush=True)


def _encode(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    return str(value)
