"""Importing as an operator does it: twice, killed in the middle, with mistakes in the file."""

import json
from collections.abc import Iterable
from typing import Any

from tests.bot.importing.exports import ADA, BARE, BOT, GRACE, said, write_export
from tests.end_to_end.program import Program


def line(number: int, thread: str = "t1", person: str = "ada", **more: Any) -> dict[str, Any]:
    role = "user" if number % 2 == 0 else "assistant"
    at = f"2026-01-01T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z"
    base = {"thread_id": thread, "resource_id": person, "role": role, "text": f"Words {number}", "created_at": at}
    return {**base, "id": f"m{number}", **more}


def write_lines(program: Program, lines: Iterable[dict[str, Any]]) -> str:
    (program.folder / "said.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    return "said.jsonl"


def texts(program: Program, person: str, workspace: str = "local:default") -> list[list[str]]:
    return [[one.text for one in each] for each in program.conversations(person, workspace)]


def test_lines_are_imported_once(program: Program) -> None:
    file = write_lines(program, [line(number, f"t{number // 4}", "ada") for number in range(10)])

    first = program.run("import", file)
    again = program.run("import", file)

    assert (first.code, first.err) == (0, "")
    assert first.out == (
        "Imported 10 messages in 3 conversations of 1 person (0 were there already); left out nothing.\n"
    )
    assert again.out == (
        "Imported 0 messages in 0 conversations of 0 people (10 were there already); left out nothing.\n"
    )
    assert texts(program, "ada") == [
        [f"Words {number}" for number in numbers] for numbers in (range(4), range(4, 8), range(8, 10))
    ]


def test_what_is_left_out_is_counted(program: Program) -> None:
    file = write_lines(program, [line(0), line(1), line(2, "t2", "bob")])

    ran = program.run("import", file)

    assert "left out 1 message in 1 conversation in which the bot does not speak." in ran.out


def test_a_slack_export_is_imported_once_into_its_own_workspace(program: Program) -> None:
    day = [
        said(ADA, "1000000000.000001", "<@UBOT> tea?"),
        said(BOT, "1000000001.000001", "Green.", thread="1000000000.000001"),
        said(GRACE, "1000000002.000001", "And for me?", thread="1000000000.000001"),
        said(GRACE, "1000000003.000001", "not for the bot"),
    ]
    write_export(program.folder, {**BARE, "general/2001-09-09.json": day})

    first = program.run("import", "export.zip", "--bot-user", BOT)
    again = program.run("import", "export.zip", "--bot-user", BOT)

    assert "Imported 3 messages in 1 conversation of 2 people (0 were there already)" in first.out
    assert "left out 1 message" in first.out
    assert "slack:T1" in first.out
    assert "Imported 0 messages" in again.out
    for person in (ADA, GRACE):
        assert texts(program, f"slack:T1:{person}", "slack:T1") == [["<@UBOT> tea?", "Green.", "And for me?"]]
    # Nobody there was told that others may read it.
    look = ("history", "--as", f"slack:T1:{GRACE}", "--workspace", "slack:T1", "--reason", "test")
    assert program.run(*look, "--search", "tea").out == "Nothing was found.\n"
    assert program.run("history", "--as", f"slack:T1:{GRACE}").out == "Nothing was found.\n"


def test_whole_channels_are_imported_only_when_confirmed(program: Program) -> None:
    file = write_lines(program, [line(0)])

    refused = program.run("import", file, "--whole-channels")
    confirmed = program.run("import", file, "--whole-channels", "--yes")

    assert (refused.code, refused.out) == (1, "")
    assert "--yes" in refused.err
    assert "Imported 1 message" in confirmed.out


def test_in_a_terminal_whole_channels_are_asked_about(program: Program) -> None:
    file = write_lines(program, [line(0)])

    with program.start_in_terminal("import", file, "--whole-channels") as importing:
        importing.wait_for("Go on? [y/N]")
        importing.say("n\n")
        assert importing.end() == 1
    assert texts(program, "ada") == []

    with program.start_in_terminal("import", file, "--whole-channels") as importing:
        importing.wait_for("Go on? [y/N]")
        importing.say("y\n")
        assert importing.end() == 0
    assert texts(program, "ada") == [["Words 0"]]
    assert "100%" in importing.shown


def test_a_mistake_names_its_line_and_nothing_is_stored(program: Program) -> None:
    file = write_lines(program, [line(0), line(1), line(2, created_at="2026-01-01T00:00:00")])

    ran = program.run("import", file)

    assert ran.code == 1
    assert ran.err.startswith('line 3: "created_at" has no time zone')
    assert "Traceback" not in ran.err
    assert texts(program, "ada") == []


def test_an_id_of_another_conversation_names_its_line(program: Program) -> None:
    program.run("import", write_lines(program, [line(0), line(1)]))
    file = write_lines(program, [line(3, "t2"), line(4, "t2"), line(1, "t2")])

    ran = program.run("import", file)

    assert ran.code == 1
    assert ran.err.startswith("line 3: its id is another message's already")
    assert texts(program, "ada") == [["Words 0", "Words 1"]]


def test_names_in_a_file_do_not_move_the_terminal(program: Program) -> None:
    hostile = "Ada\x1b[2J\u202e"
    lines = [line(number, name=hostile, title=hostile, place={"kind": "private", "name": hostile}) for number in (0, 1)]
    program.run("import", write_lines(program, lines))

    shown = [
        program.run("history", "--as", "ada"),
        program.run("history", "--as", "ada", "--open", "t1"),
        program.run("export", "--as", "ada", "--format", "markdown"),
        program.run("chat", "--as", "ada", "--resume", said="/history\n/open 1\n"),
    ]

    for ran in shown:
        assert ran.code == 0
        assert "Ada" in ran.out
        assert "\x1b" not in ran.out
        assert "\u202e" not in ran.out


def test_killed_in_the_middle_and_run_again(program: Program) -> None:
    count = 15_000
    file = write_lines(program, (line(number, f"t{number // 100}", f"p{number // 100 % 7}") for number in range(count)))

    with program.start("--verbose", "import", file) as importing:
        importing.wait_for("batch stored", times=4)
        importing.kill()
    confirmed = max(int(word.removeprefix("messages=")) for word in importing.shown.split() if "messages=" in word)
    stored = sum(len(each) for person in range(7) for each in texts(program, f"p{person}"))
    again = program.run("import", file)

    assert 2_000 <= confirmed <= stored < count
    assert again.code == 0
    assert f"Imported {count - stored:,} messages" in again.out
    assert f"({stored:,} were there already)" in again.out
    everything = [text for person in range(7) for each in texts(program, f"p{person}") for text in each]
    assert sorted(everything) == sorted(f"Words {number}" for number in range(count))
    assert texts(program, "p0")[0] == [f"Words {number}" for number in range(100)]


def test_ctrl_c_says_how_far_it_came(program: Program) -> None:
    file = write_lines(program, (line(number, f"t{number // 100}") for number in range(15_000)))

    with program.start_in_terminal("--verbose", "import", file) as importing:
        importing.wait_for("batch stored", times=2)
        importing.say("\x03")
        code = importing.end()

    assert code == 130
    assert "the same command again goes on" in importing.shown
    assert "Traceback" not in importing.shown
