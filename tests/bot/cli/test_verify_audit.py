"""`threadkeeper verify-audit`, as an operator runs it."""

import shutil
from pathlib import Path

from tests.bot.cli.databases import execute
from tests.end_to_end.program import Program

LOOK = ("history", "--as", "operator", "--of", "ada", "--reason", "She asked for help.")


def look(program: Program, times: int) -> None:
    program.run("chat", "--as", "ada", said="Tea?")
    for _ in range(times):
        assert program.run(*LOOK).code == 0


def beside(program: Program, suffix: str) -> Path:
    return program.database.with_name(f"{program.database.name}.{suffix}")


def test_nothing_recorded_is_nothing_wrong(program: Program) -> None:
    program.run("chat", "--as", "ada", said="Tea?")

    ran = program.run("verify-audit")

    assert (ran.code, ran.out) == (0, "No act was recorded yet.\n")
    assert not beside(program, "secret").exists()


def test_an_audit_that_is_whole(program: Program) -> None:
    look(program, 3)

    ran = program.run("verify-audit")

    assert (ran.code, ran.out) == (0, "local:default: OK, 3 rows.\n")
    for suffix in ("secret", "anchor"):
        assert beside(program, suffix).stat().st_mode & 0o777 == 0o600


def test_a_row_that_was_changed(program: Program) -> None:
    look(program, 3)
    execute(program.database, "UPDATE audit SET note = 'nothing' WHERE seq = 2")

    ran = program.run("verify-audit")

    assert ran.code == 1
    assert ran.out == "local:default: CHANGED after 1 rows: row 2 is not what was written.\n"


def test_an_old_file_that_was_put_back(program: Program) -> None:
    look(program, 1)
    shutil.copy(program.database, program.database.with_name("old"))
    look(program, 2)
    shutil.copy(program.database.with_name("old"), program.database)

    ran = program.run("verify-audit")

    assert ran.code == 1
    assert "OLDER after 1 rows" in ran.out


def test_the_anchors_of_several_machines(program: Program, tmp_path: Path) -> None:
    look(program, 1)
    elsewhere = tmp_path / "elsewhere"
    shutil.move(beside(program, "anchor"), elsewhere)
    look(program, 1)

    both = program.run("verify-audit", "--anchor", str(elsewhere), "--anchor", str(beside(program, "anchor")))
    missing = program.run("verify-audit", "--anchor", str(tmp_path / "nowhere"))
    beside(program, "anchor").unlink()
    none = program.run("verify-audit")

    assert (both.code, both.out) == (0, "local:default: OK, 2 rows.\n")
    assert (missing.code, missing.out) == (1, "")
    assert none.code == 0
    assert "There is no anchor" in none.err


def test_without_its_secret_nothing_is_said_to_be_whole(program: Program) -> None:
    look(program, 1)
    beside(program, "secret").unlink()

    ran = program.run("verify-audit")

    assert (ran.code, ran.out) == (1, "")
    assert "SECRET_KEY" in ran.err
    assert not beside(program, "secret").exists()


def test_without_its_anchor_nothing_is_shown(program: Program) -> None:
    look(program, 1)
    beside(program, "anchor").unlink()
    beside(program, "anchor").mkdir()

    ran = program.run(*LOOK)

    assert (ran.code, ran.out) == (1, "")
    assert "nothing is shown" in ran.err


def test_sweeping_after_verifying(program: Program) -> None:
    look(program, 1)
    execute(
        program.database,
        "INSERT INTO audit (workspace_key, seq, at, actor_id, actor_kind, action, digest) "
        "SELECT workspace_key, 0, 0, 'x', 'x', 'x', '' FROM audit",
    )

    refused = program.run("verify-audit", "--sweep")
    execute(program.database, "DELETE FROM audit WHERE seq = 0")
    done = program.run("verify-audit", "--sweep")

    assert refused.code == 1
    assert "INSERTED" in refused.out
    assert done.code == 0
    assert done.out.endswith("0 rows were older than a year and are deleted.\n")
