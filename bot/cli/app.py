"""The commands of `threadkeeper` and their options. What a command does is loaded when it runs, being slow to load."""

import sys
from enum import StrEnum
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from bot.errors import BotError

#: As `bot.memory.workspace_rows.LIBRARY_WORKSPACE`, which is slow to load; a test compares them.
WORKSPACE = "local:default"

app = typer.Typer(
    help="A chat bot that keeps every person's conversations separate, private and lasting. "
    "Without a command it runs the bot: see run.",
    rich_markup_mode=None,  # Rich's help takes three times as long to appear
    pretty_exceptions_enable=False,
    add_completion=False,
)

Name = Annotated[str, typer.Option("--as", metavar="NAME", help="Who you are: the name under which you talk.")]
Workspace = Annotated[
    str, typer.Option("--workspace", metavar="ID", help="The workspace. What is imported from Slack has its own.")
]


class ExportFormat(StrEnum):
    """How an export is written."""

    JSON = "json"
    MARKDOWN = "markdown"


def run() -> None:
    """Run the command line. A failure with a sentence is that sentence, never a traceback."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        # What the terminal's encoding lacks shows as a question mark; it is no reason to fail.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app(prog_name="threadkeeper")
    except BotError as error:
        from bot.terminal.screen import Screen

        Screen().sorry(str(error))
        sys.exit(1)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 (Typer's call-back)
    if wanted:
        from importlib.metadata import version

        typer.echo(f"threadkeeper {version('threadkeeper')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and leave.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log what is done; never what is said.")] = False,
) -> None:
    """Set up what all commands share."""
    from bot.cli.logs import configure_logging

    del version  # its call-back has done the work
    configure_logging(verbose=verbose)
    if context.invoked_subcommand is None:
        from bot.cli.run import run as run_bot

        run_bot()


@app.command(name="run")
def run_command() -> None:
    """Run the bot on every platform that is set up; with none, in the playground in your browser."""
    from bot.cli.run import run as run_bot

    run_bot()


@app.command()
def chat(
    name: Name,
    *,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with your last conversation.")] = False,
) -> None:
    """Talk with the bot; /help inside shows more."""
    from bot.cli.chat import chat as run_chat

    run_chat(name, resume=resume)


@app.command()
def history(
    name: Name,
    *,
    person: Annotated[
        str, typer.Option("--of", metavar="PERSON", help="Whose conversations to read instead of yours, on the record.")
    ] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why you read them; recorded.")] = "",
    search: Annotated[str, typer.Option("--search", metavar="WORDS", help="Search instead of listing.")] = "",
    opened: Annotated[str, typer.Option("--open", metavar="ID", help="Read the conversation with this id.")] = "",
    page: Annotated[int, typer.Option("--page", min=1, help="Which page.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    workspace: Workspace = WORKSPACE,
) -> None:
    """List, search and read conversations.

    With --of, and in any other workspace than the usual one, they are somebody else's: --reason says why, the act is
    recorded, the person sees it, and what she was told limits what is shown.
    """
    from bot.cli.history import Look
    from bot.cli.history import history as run_history

    run_history(Look(name, person, reason, search, opened, page - 1, workspace), as_json=as_json)


@app.command()
def export(
    name: Name,
    *,
    form: Annotated[ExportFormat, typer.Option("--format", help="json holds everything.")] = ExportFormat.JSON,
    output: Annotated[Path | None, typer.Option("--output", help="The file; without, standard output.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    reason: Annotated[
        str, typer.Option("--reason", help="In another workspace than the usual one: why you do that; recorded.")
    ] = "",
    workspace: Workspace = WORKSPACE,
) -> None:
    """Write all your conversations to a file.

    In any other workspace than the usual one they are somebody else's: --reason says why, the act is recorded, the
    person sees it, and what she was told limits what is written.
    """
    from bot.cli.export import export as run_export

    run_export(name, form.value, output, force=force, workspace=workspace, reason=reason)


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="JSON lines, or the .zip that Slack exports; see docs/import.md.")],
    *,
    whole_channels: Annotated[
        bool, typer.Option("--whole-channels", help="Also conversations in which the bot does not speak.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether --whole-channels is meant.")] = False,
    bot_user: Annotated[str | None, typer.Option("--bot-user", help="Slack: the bot's user id, U0123ABCD.")] = None,
    team: Annotated[str | None, typer.Option("--team", help="Slack: the workspace's id, T0123ABCD.")] = None,
    workspace: Annotated[
        str | None,
        typer.Option("--workspace", metavar="ID", help=f"Where to; without, {WORKSPACE}, or Slack's own: slack:T…"),
    ] = None,
    told: Annotated[
        bool,
        typer.Option("--told", help="The people were told that supervisors may read this; otherwise none ever does."),
    ] = False,
) -> None:
    """Take over conversations from elsewhere.

    The same file again adds nothing, so an import that was interrupted is just repeated.
    """
    from bot.cli.import_file import Wish
    from bot.cli.import_file import import_file as run_import

    run_import(Wish(file, whole_channels, bot_user, team, workspace, told), confirmed=yes)


@app.command()
def migrate(
    *, check: Annotated[bool, typer.Option("--check", help="Change nothing; fail where something is to do.")] = False
) -> None:
    """Bring the database up to date.

    A SQLite file is copied before; what restores it is said.
    """
    from bot.cli.migrate import check as run_check
    from bot.cli.migrate import migrate as run_migrate

    (run_check if check else run_migrate)()


@app.command("verify-audit")
def verify_audit(
    *,
    anchor: Annotated[
        list[Path] | None,
        typer.Option("--anchor", help="Where an end of the audit was written down; once for each machine."),
    ] = None,
    sweep: Annotated[bool, typer.Option("--sweep", help="If all is whole, delete what is older than a year.")] = False,
) -> None:
    """Verify the record of who read other people's conversations; fail where it is not whole."""
    from bot.cli.verify_audit import verify_audit as run_verify_audit

    run_verify_audit(anchor or [], sweep=sweep)


@app.command()
def doctor() -> None:
    """Check settings, database and model."""
    from bot.cli.doctor import doctor as run_doctor

    run_doctor()
