"""Bringing a database up to date, and going back."""

import re
import subprocess

from tests.bot.cli.databases import make_newer, make_old
from tests.end_to_end.program import Program


def test_check_says_that_all_is_done(program: Program) -> None:
    ran = program.run("migrate", "--check")

    assert (ran.code, ran.err) == (0, "")
    assert "up to date" in ran.out


def test_check_says_what_is_to_do_and_changes_nothing(new_program: Program) -> None:
    make_old(new_program.database)
    before = new_program.database.read_bytes()

    ran = new_program.run("migrate", "--check")

    assert ran.code == 1
    assert "threadkeeper migrate" in ran.out
    assert new_program.database.read_bytes() == before


def test_check_of_no_database_makes_none(new_program: Program) -> None:
    ran = new_program.run("migrate", "--check")

    assert ran.code == 1
    assert "no database" in ran.out
    assert not new_program.database.exists()


def test_check_refuses_what_a_newer_version_wrote(program: Program) -> None:
    make_newer(program.database)

    for arguments in (("migrate", "--check"), ("migrate",), ("chat", "--as", "ada"), ("history", "--as", "ada")):
        ran = program.run(*arguments)

        assert ran.code == 1
        assert "newer version of Threadkeeper" in ran.out + ran.err
        assert "Traceback" not in ran.err


def test_migrating_says_what_was_done_and_how_to_go_back(new_program: Program) -> None:
    make_old(new_program.database)

    ran = new_program.run("migrate")
    again = new_program.run("migrate")
    restore = re.search(r"stop the bot and run: (.*)", ran.out)
    assert restore is not None
    subprocess.run(restore[1], shell=True, check=True, cwd="/")

    assert ran.code == 0
    assert "brought up to date (schema 0001 to " in ran.out
    assert "threadkeeper.db.before-migrating-0001.1" in ran.out
    assert again.out.startswith("The database is up to date")
    assert new_program.run("migrate", "--check").code == 1


def test_migrating_makes_a_database_that_is_not_there(new_program: Program) -> None:
    ran = new_program.run("migrate")

    assert ran.code == 0
    assert ran.out.startswith("The database was made")


def test_every_command_that_migrates_says_so(new_program: Program) -> None:
    make_old(new_program.database)

    ran = new_program.run("chat", "--as", "ada", said="Tea?\n")

    assert ran.code == 0
    assert "stop the bot and run: rm -f " in ran.err
    assert "(kept)" in ran.out
