"""Options that several commands take, spelled and explained the same everywhere."""

from pathlib import Path
from typing import Annotated

import typer

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
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]
