"""The command line: one file per command, and each parses, calls one function and prints.

Only the command that was asked for is imported, and it imports its rooms when it runs:
`stillhere recover --serve` is timed from the start of its process to its first answer.
"""

import sys
from collections.abc import Sequence
from importlib import import_module

import typer

from stillhere.cli.output import fail
from stillhere.errors import BadInput, StillhereError

COMMANDS = {
    "init": "init",
    "serve": "serve",
    "account": "account",
    "import": "import_",
    "export": "export",
    "status": "status",
    "verify": "verify",
    "compact": "compact",
    "drill": "drill",
    "survey": "survey",
    "vault": "vault",
    "recover": "recover",
    "heal": "heal",
    "accept": "accept",
    "report": "report",
    "incident": "incident",
    "demo": "demo",
}
"""Commands in the order of the help page, and the module of each."""

ABOUT = (
    "Stillhere keeps people's contacts, calendars, to-do lists and notes, and brings them back"
    " when the server is lost."
)
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 0, or the one of the error that stopped it."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    try:
        return run(given)
    except StillhereError as error:
        return fail(error, as_json=as_json)
    except BrokenPipeError:
        return _hang_up()
    except KeyboardInterrupt:
        return INTERRUPTED


def run(given: list[str]) -> int:
    """Parses and runs. Raises StillhereError for what stops the command, wrong usage included."""
    command = typer.main.get_command(build(given))
    try:
        result = command(given or ["--help"], prog_name="stillhere", standalone_mode=False)
        sys.stdout.flush()
    except typer.Abort:
        return INTERRUPTED
    except typer.TyperException as error:
        raise _usage(error) from None
    return result if isinstance(result, int) else 0


def build(given: Sequence[str]) -> typer.Typer:
    """The command tree with the command that `given` starts with, or else with all of them."""
    app = typer.Typer(
        help=ABOUT,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(_start)
    asked = given[0] if given else ""
    for name in [asked] if asked in COMMANDS else COMMANDS:
        module = import_module(f"stillhere.cli.{COMMANDS[name]}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(module.run)
    return app


def _start(
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
) -> None:
    if version:
        from importlib.metadata import version as installed

        print(f"stillhere {installed('stillhere')}")
        raise typer.Exit


def _usage(error: typer.TyperException) -> BadInput:
    """Wrong usage in the three lines of every other error."""
    where = getattr(error, "ctx", None)
    path = where.command_path if where else "stillhere"
    return BadInput(
        error.format_message().rstrip("."),
        safe="nothing was read or changed",
        hint=f"{path} --help lists what it takes",
    )


def _hang_up() -> int:
    """Whoever read the output has left (`stillhere … | head`): nobody is told."""
    sys.stdout = open("/dev/null", "w", encoding="utf-8")  # noqa: SIM115  the exit flushes it
    return 1
