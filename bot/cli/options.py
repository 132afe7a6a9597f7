"""Options that several commands have, declared once."""

from typing import Annotated

import typer

#: As whom somebody talks or looks.
Name = Annotated[str, typer.Option("--as", metavar="NAME", help="Who you are: the name under which you talk.")]
#: The tenant; people of one workspace are unknown in another.
Workspace = Annotated[
    str, typer.Option("--workspace", metavar="ID", help="The workspace; imported Slack exports have their own.")
]
#: As `bot.memory.memory.LIBRARY_WORKSPACE`, which is slow to load.
WORKSPACE = "local:default"


def show_version(wanted: bool) -> None:  # noqa: FBT001 (Typer's call-back)
    """Say which version this is, and leave."""
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 (for this alone)

        typer.echo(f"threadkeeper {version('threadkeeper')}")
        raise typer.Exit
