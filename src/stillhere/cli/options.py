"""Options that several commands take, spelled and explained the same everywhere."""

from pathlib import Path
from typing import Annotated

import typer

from stillhere.errors import BadInput

Home = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", help="The core's directory [or STILLHERE_HOME]."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Name of the account.")]
Vault = Annotated[
    str,  # not a path of Typer's, which looks at once whether it is there: a vault may hang
    typer.Option("--vault", metavar="PLACE", help="The vault: a directory, or s3://BUCKET/PREFIX."),
]
Place = Annotated[str, typer.Argument(metavar="PLACE", help="A directory, or s3://BUCKET/PREFIX.")]
Kit = Annotated[Path, typer.Option("--kit", metavar="FILE", help="The recovery kit.")]
Listen = Annotated[
    str | None,
    typer.Option("--listen", metavar="HOST:PORT", help="Where to answer; port 0 picks a free one."),
]
Witness = Annotated[
    Path | None,
    typer.Option("--witness", metavar="FILE", help="What `status` remembered of the vault."),
]
Salvage = Annotated[
    list[Path] | None,
    typer.Option(
        "--salvage",
        metavar="FILE",
        help="A damaged core to search for what no vault has; again for more of them.",
    ),
]
State = Annotated[
    Path | None,
    typer.Option("--state", metavar="DIR", help="What is told is kept there [the state folder]."),
]
Kinds = Annotated[
    list[str] | None,
    typer.Option("--kind", metavar="KIND", help="Only this kind; again for more of them."),
]
First = Annotated[
    list[str] | None,
    typer.Option(
        "--first",
        metavar="KIND",
        help="This kind before the others [contacts]; again for the one after it.",
    ),
]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]


def read_kinds(named: list[str] | None) -> tuple[str, ...]:
    """The kinds that were named, each once and in the order of the service, or all. Raises
    BadInput."""
    from stillhere.kinds import KINDS

    for name in named or ():
        if name not in KINDS:
            raise BadInput(
                f"there is no kind {name!r}",
                safe="nothing was changed",
                hint=f"the kinds are {', '.join(KINDS)}",
            )
    return tuple(kind for kind in KINDS if kind in (named or KINDS))
