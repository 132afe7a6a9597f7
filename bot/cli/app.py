"""The commands of `threadkeeper`, put together."""

import sys
from typing import Annotated

import typer

from bot.cli.chat import chat, chat_as_myself
from bot.cli.doctor import doctor
from bot.cli.export import export
from bot.cli.history import history
from bot.cli.import_file import import_file
from bot.cli.migrate import migrate
from bot.cli.options import show_version
from bot.cli.start import configure_logging

app = typer.Typer(
    name="threadkeeper",
    help="A chat bot that keeps every person's conversations separate, private and lasting.",
    epilog="Without a command it starts a conversation with you.",
    rich_markup_mode=None,  # Rich's help takes three times as long to appear
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[  # noqa: FBT002 (a flag)
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version and leave.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log what is done, never what is said.")] = False,  # noqa: FBT002
) -> None:
    """Prepare what all commands share."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        # Text that the terminal's encoding lacks shows as a question mark; it is no reason to fail.
        stream.reconfigure(errors="replace")
    configure_logging(verbose=verbose)
    if context.invoked_subcommand is None:
        chat_as_myself()


app.command("chat")(chat)
app.command("history")(history)
app.command("export")(export)
app.command("import")(import_file)
app.command("migrate")(migrate)
app.command("doctor")(doctor)
