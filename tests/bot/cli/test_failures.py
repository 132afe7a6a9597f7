"""What goes wrong is one sentence and exit code 1, never a traceback; wrong usage is exit code 2."""

import contextlib
import sqlite3

import pytest

from tests.end_to_end.program import Program

COMMANDS = [("chat", "--as", "ada"), ("history", "--as", "ada"), ("export", "--as", "ada"), ("migrate",)]
commands = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])


def assert_sorry(program: Program, *command: str, sentence: str, **settings: str) -> None:
    ran = program.run(*command, **settings)
    assert (ran.code, ran.out) == (1, "")
    assert sentence in ran.err
    assert len(ran.err.splitlines()) == 1


@commands
def test_a_wrong_setting(program: Program, command: tuple[str, ...]) -> None:
    sentence = "WINDOW_MESSAGES: Input should be greater than or equal to 0"
    assert_sorry(program, *command, sentence=sentence, WINDOW_MESSAGES="-1")


@commands
def test_an_address_that_is_none(program: Program, command: tuple[str, ...]) -> None:
    assert_sorry(program, *command, sentence="the engines are", DATABASE_URL="mysql://root:secret@localhost/x")


@commands
def test_a_file_that_is_no_database(program: Program, command: tuple[str, ...]) -> None:
    program.database.write_text("These are no tables. " * 100)

    assert_sorry(program, *command, sentence="cannot be read")


def test_a_locked_database(program: Program) -> None:
    with contextlib.closing(sqlite3.connect(program.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        ran = program.run("chat", "--as", "ada", said="Tea?\n")

    assert ran.code == 1
    assert "Another program keeps the database locked" in ran.err
    assert "Traceback" not in ran.err


def test_a_server_that_is_not_there(program: Program) -> None:
    address = "postgresql://keeper:SECRET@127.0.0.1:1/keeper"

    assert_sorry(program, "history", "--as", "ada", sentence="cannot be reached", DATABASE_URL=address)
    assert "SECRET" not in program.run("history", "--as", "ada", DATABASE_URL=address).err


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 1_000, "\x1b[2J"])
def test_a_name_that_nobody_has(program: Program, name: str) -> None:
    for command in ("chat", "history", "export"):
        ran = program.run(command, "--as", name)

        assert ran.code == 1
        assert ran.err.startswith("--as must ")
        assert "\x1b" not in ran.err


def test_a_settings_file_that_is_no_text(program: Program) -> None:
    (program.folder / ".env").write_bytes(b"MODEL=\xff\xfe")

    assert_sorry(program, "history", "--as", "ada", sentence=".env cannot be read")


def test_a_file_to_import_that_is_not_there(program: Program) -> None:
    assert_sorry(program, "import", "nothing.jsonl", sentence="nothing.jsonl is no file")


def test_wrong_usage(program: Program) -> None:
    for arguments in (("chat",), ("frobnicate",), ("history", "--as", "ada", "--page", "0")):
        ran = program.run(*arguments)

        assert ran.code == 2
        assert "Usage: threadkeeper" in ran.err


def test_help_loads_nothing_slow(program: Program) -> None:
    ran = program.run("--help", PYTHONPROFILEIMPORTTIME="1")

    assert ran.code == 0
    assert "doctor" in ran.out
    loaded = {line.rpartition("|")[2].strip() for line in ran.err.splitlines()}
    assert "typer" in loaded
    assert loaded.isdisjoint({"sqlalchemy", "structlog", "pydantic", "openai", "rich.console", "alembic"})


def test_the_version_is_that_of_the_package(program: Program) -> None:
    from importlib.metadata import version

    assert program.run("--version").out == f"threadkeeper {version('threadkeeper')}\n"


def test_the_workspace_is_the_librarys() -> None:
    from bot.cli.app import WORKSPACE
    from bot.memory.workspace_rows import LIBRARY_WORKSPACE

    assert WORKSPACE == LIBRARY_WORKSPACE


def test_no_ones_words_stand_in_the_log(program: Program) -> None:
    ran = program.run("--verbose", "chat", "--as", "ada", said="SWORDFISH\n")

    assert ran.code == 0
    assert "SWORDFISH" not in ran.err


def test_a_terminal_without_unicode_shows_question_marks(program: Program) -> None:
    ran = program.run("chat", "--as", "ada", said="Grüße 日本語\n/history\n/open 1\n", PYTHONIOENCODING="ascii")

    assert (ran.code, ran.err) == (0, "")
    assert "(kept)" in ran.out
