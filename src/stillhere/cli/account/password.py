"""Where a chosen password comes from: standard input, or a question on the terminal."""

import sys

from stillhere.errors import BadInput


def read() -> str:
    """The password on standard input, without the end of its line. Raises BadInput for none."""
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise BadInput(
            "standard input holds no password",
            safe="nothing was changed",
            hint="echo PASSWORD | stillhere account … --password-stdin",
        )
    return password


def ask() -> str:
    """The password that somebody types twice. Raises BadInput where nobody can."""
    if not sys.stdin.isatty():
        raise BadInput(
            "no password was given",
            safe="nothing was changed",
            hint="add --password-stdin and write it to standard input",
        )
    import typer

    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
