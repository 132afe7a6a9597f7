"""The doctor: one line for each check, and what to do."""

import asyncio
from pathlib import Path

from tests.bot.cli.databases import execute, make_newer, make_old
from tests.end_to_end.program import Program, Ran
from tests.model_server import ModelServer, Status


def lines(ran: Ran) -> dict[str, str]:
    """Level and sentence by subject."""
    found = {}
    for line in ran.out.splitlines():
        subject, _, sentence = line[8:].partition(": ")
        found[subject] = f"{line[:8].strip()}: {sentence}"
    return found


def test_all_is_well_but_for_the_model(program: Program) -> None:
    ran = program.run("doctor")

    found = lines(ran)
    assert (ran.code, ran.err) == (0, "")
    assert {subject for subject, line in found.items() if not line.startswith("ok")} == {"model"}
    assert "set MODEL" in found["model"]


def test_before_the_first_start_it_makes_nothing(new_program: Program) -> None:
    ran = new_program.run("doctor")

    assert ran.code == 0
    assert "none yet" in lines(ran)["database"]
    assert list(new_program.folder.iterdir()) == []


def test_a_settings_file_that_others_can_read(program: Program) -> None:
    path = program.folder / ".env"
    path.write_text("BOT_NAME=Keeper\n")
    path.chmod(0o644)

    open_to_all = lines(program.run("doctor"))[".env"]
    path.chmod(0o600)
    private = lines(program.run("doctor"))[".env"]

    assert open_to_all.startswith("warning")
    assert "chmod 600 .env" in open_to_all
    assert private.startswith("ok")


def test_a_database_that_others_can_read(program: Program) -> None:
    program.database.chmod(0o644)

    assert "chmod 600 data/threadkeeper.db" in lines(program.run("doctor"))["database file"]


def test_a_secret_that_others_can_read(program: Program) -> None:
    path = program.database.with_name(f"{program.database.name}.secret")
    path.unlink(missing_ok=True)
    assert "when it is first needed" in lines(program.run("doctor"))["secret"]

    path.write_text("0" * 64)
    path.chmod(0o644)

    assert lines(program.run("doctor"))["secret"].startswith("warning")
    assert lines(program.run("doctor", SECRET_KEY="1" * 64))["secret"] == "ok: SECRET_KEY is set."


def test_a_wrong_setting_is_a_problem(program: Program) -> None:
    ran = program.run("doctor", WINDOW_MESSAGES="many")

    assert ran.code == 1
    assert "WINDOW_MESSAGES" in lines(ran)["settings"]


def test_ambiguous_posts_are_counted(program: Program) -> None:
    post = "INSERT INTO posts (workspace_key, value, part, state, sent_at) VALUES (1, 'k', 0, 'ambiguous', 0)"
    assert lines(program.run("doctor"))["turns"] == "ok: 0 wait, 0 failed, 0 posts are ambiguous."

    execute(program.database, post)

    assert lines(program.run("doctor"))["turns"].startswith("warning: 0 wait, 0 failed, 1 posts are ambiguous.")


def test_a_schema_that_is_old_or_newer(new_program: Program) -> None:
    make_old(new_program.database)
    old = new_program.run("doctor")
    make_newer(new_program.database)
    newer = new_program.run("doctor")

    assert lines(old)["database"].startswith("warning")
    assert "threadkeeper migrate" in lines(old)["database"]
    assert newer.code == 1
    assert lines(newer)["database"].startswith("problem")


def test_a_damaged_file_is_a_problem(program: Program) -> None:
    execute(program.database, "CREATE TABLE filler (words TEXT)")
    execute(program.database, f"INSERT INTO filler VALUES ('{'x' * 400_000}')")
    damage(program.database)

    ran = program.run("doctor")

    assert ran.code == 1
    assert lines(ran)["integrity"].startswith("problem")
    assert "restore a backup" in lines(ran)["integrity"]


def damage(path: Path) -> None:
    """Overwrite pages in the middle of the big value at the file's end."""
    with path.open("r+b") as file:
        file.seek(-200_000, 2)
        file.write(b"\xff" * 100_000)


def test_a_running_bot_is_named(program: Program) -> None:
    with program.start("chat", "--as", "ada") as chat:
        chat.wait_for("You are ada.")

        assert f"process {chat.pid} works" in lines(program.run("doctor"))["worker"]
        assert chat.end() == 0
    assert "none is running" in lines(program.run("doctor"))["worker"]


async def test_the_model_is_asked_and_its_key_never_shown(program: Program) -> None:
    async with ModelServer() as server:
        given = {"MODEL": "some-model", "OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "SECRET-KEY"}

        answers = await asyncio.to_thread(program.run, "doctor", **given)
        server.default = Status(401)
        refuses = await asyncio.to_thread(program.run, "doctor", **given)

        assert server.violations == []
    assert answers.code == 0
    assert lines(answers)["model"] == "ok: some-model answers."
    assert refuses.code == 1
    assert lines(refuses)["model"].startswith("problem: some-model does not answer")
    assert "SECRET" not in answers.out + answers.err + refuses.out + refuses.err


def test_a_server_that_is_not_there_is_a_problem(program: Program) -> None:
    address = "postgresql://keeper:HIDDENWORD@127.0.0.1:1/keeper"

    ran = program.run("doctor", DATABASE_URL=address, OPENAI_BASE_URL="http://127.0.0.1:1/v1", MODEL="some-model")

    assert ran.code == 1
    assert lines(ran)["database"].startswith("problem")
    assert lines(ran)["model"].startswith("problem")
    assert "HIDDENWORD" not in ran.out + ran.err
