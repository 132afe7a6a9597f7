"""Talking in the terminal, as people do it: over a pipe, in a terminal, several on one database."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from tests.end_to_end.program import Program
from tests.engines import Postgres
from tests.model_server import Exchange, ModelServer, Stream, frame, text

KEPT = "(kept)"


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as started:
        yield started


def settings(server: ModelServer) -> dict[str, str]:
    return {"MODEL": "some-model", "OPENAI_BASE_URL": server.base_url}


def messages_of(program: Program, person: str) -> list[tuple[str, str, str]]:
    """All that is stored for a person: role, outcome and text, in order."""
    return [(one.role, one.outcome, one.text) for each in program.conversations(person) for one in each]


def test_a_pipe_is_answered_line_by_line(program: Program) -> None:
    ran = program.run("chat", "--as", "ada", said="What is tea?\n\nAnd coffee?\n")

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.count(KEPT) == 2
    assert ran.out.count("Threadkeeper: ") == 2
    assert [text for role, _, text in messages_of(program, "ada") if role == "user"] == ["What is tea?", "And coffee?"]


def test_the_last_line_needs_no_end(program: Program) -> None:
    assert program.run("chat", "--as", "ada", said="What is tea?").out.count(KEPT) == 1


def test_it_says_first_where_it_is_and_who_one_is(new_program: Program) -> None:
    shown = new_program.run("chat", "--as", "ada").out

    assert "data/threadkeeper.db" in shown
    assert "No model is configured" in shown
    assert "You are ada." in shown
    assert "/help" in shown


async def test_an_answer_is_streamed_and_shown_once(program: Program, server: ModelServer) -> None:
    server.script(text("Green **tea** is tea.", pieces=5))

    ran = await asyncio.to_thread(program.run, "chat", "--as", "ada", said="What is tea?\n", **settings(server))

    assert ran.out.count("Green **tea** is tea.") == 1
    assert "Model: some-model" in ran.out
    assert messages_of(program, "ada") == [
        ("user", "", "What is tea?"),
        ("assistant", "answered", "Green **tea** is tea."),
    ]


async def test_commands_never_reach_the_model(program: Program, server: ModelServer) -> None:
    said = "/history\n/help\n/frobnicate\n/new\n/open 7\n/more\n/ \n/quit\nnever read\n"

    ran = await asyncio.to_thread(program.run, "chat", "--as", "ada", said=said, **settings(server))

    assert ran.code == 0
    assert "There is no command /frobnicate" in ran.out
    assert server.requests == []
    assert messages_of(program, "ada") == []


def test_a_question_may_begin_with_a_slash(program: Program) -> None:
    program.run("chat", "--as", "ada", said="//etc/passwd is what?\n")

    assert messages_of(program, "ada")[0] == ("user", "", "/etc/passwd is what?")


def test_history_opens_and_goes_on(program: Program) -> None:
    program.run("chat", "--as", "ada", said="Tea?\n/new\nCoffee?\n")

    ran = program.run("chat", "--as", "ada", said="/history tea\n/open 1\nMilk?\n/history\n")

    assert "You go on with “Tea?”" in ran.out
    assert "  Tea?" in ran.out
    asked = [[one.text for one in each if one.role == "user"] for each in program.conversations("ada")]
    assert asked == [["Tea?", "Milk?"], ["Coffee?"]]


def test_long_lists_go_on_with_more(program: Program) -> None:
    program.run("chat", "--as", "ada", said="".join(f"Question {number}\n/new\n" for number in range(12)))

    ran = program.run("chat", "--as", "ada", said="/history\n/more\n/open 12\n/more\n/history 2\n/history 9\n")

    assert "Page 1 of 2." in ran.out
    assert ran.out.count("Page 2 of 2.") == 2
    assert "You go on with “Question 0”" in ran.out
    assert "There is nothing more." in ran.out
    assert "There are no conversations on this page." in ran.out


def test_resume_goes_on_where_one_was(program: Program) -> None:
    program.run("chat", "--as", "ada", said="Tea?\n")

    ran = program.run("chat", "--as", "ada", "--resume", said="Milk?\n")

    assert "You go on with “Tea?”" in ran.out
    assert len(program.conversations("ada")) == 1


def test_everybody_sees_only_the_own_conversations(program: Program) -> None:
    program.run("chat", "--as", "ada", said="The password of the attic is swordfish\n")
    bob = program.run("chat", "--as", "bob", said="What is the password of the attic?\n/history\n/history swordfish\n")
    thread = program.conversations("ada")[0][0].thread_id

    assert "swordfish" not in bob.out.replace("/history swordfish", "")
    assert "Nothing was found." in bob.out
    assert "swordfish" not in program.run("export", "--as", "bob").out
    foreign = program.run("history", "--as", "bob", "--open", thread)
    absent = program.run("history", "--as", "bob", "--open", thread[::-1])
    assert (foreign.code, foreign.out) == (absent.code, absent.out) == (1, "")
    assert foreign.err.replace(thread, "") == absent.err.replace(thread[::-1], "")


def test_a_line_that_fails_is_said_and_the_next_one_answered(program: Program) -> None:
    ran = program.run("chat", "--as", "ada", said="x" * 1_100_000 + "\nTea?\n")

    assert ran.code == 1
    assert ran.err == "text must have at most 1,048,576 bytes\n"
    assert ran.out.count(KEPT) == 1


def test_a_second_chat_on_the_same_file_names_the_first(program: Program) -> None:
    with program.start("chat", "--as", "ada") as first:
        first.wait_for("You are ada.")
        second = program.run("chat", "--as", "bob", said="Hello\n")
        reading = program.run("history", "--as", "bob")

        assert second.code == 1
        assert f"process {first.pid}" in second.err
        assert "Traceback" not in second.err
        assert reading.code == 0
        assert first.end() == 0


async def test_nothing_said_or_stored_moves_the_terminal(program: Program, server: ModelServer) -> None:
    hostile = "\x1b[31mred\x1b]0;title\x07\x9b2J\u202etxt\r\nline [bold]not bold[/bold]"
    server.script(text(hostile, pieces=7), text("A \x1b[2J title"))

    ran = await asyncio.to_thread(
        program.run, "chat", "--as", "ada", said="Tea \x1b[2J?\n/history\n/open 1\n/history tea\n", **settings(server)
    )
    others = [
        program.run(*arguments)
        for arguments in (
            ("history", "--as", "ada"),
            ("history", "--as", "ada", "--search", "red"),
            ("history", "--as", "ada", "--json", "--search", "red"),
            ("export", "--as", "ada"),
            ("export", "--as", "ada", "--format", "markdown"),
        )
    ]

    assert messages_of(program, "ada")[1][2] == hostile
    for one in (ran, *others):
        assert one.code == 0
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", one.out + one.err)
    assert "[bold]not bold[/bold]" in ran.out


async def test_a_terminal_has_a_prompt_and_ctrl_c_stops_an_answer(program: Program, server: ModelServer) -> None:
    slow = Stream((frame(content="Once upon"), *(frame(content=" a time") for _ in range(600))), pause=0.1)
    server.script(slow)

    def talk() -> str:
        with program.start_in_terminal("chat", "--as", "ada", **settings(server)) as chat:
            chat.wait_for("Threadkeeper> ")
            chat.say("Tell me a story\n")
            chat.wait_for("Once upon a time")
            chat.say("\x03")
            chat.wait_for("(stopped; what was said so far is kept)")
            chat.wait_for("Threadkeeper> ", times=2)
            chat.say("/history\n")
            chat.wait_for("Tell me a story", times=2)
            chat.wait_for("Threadkeeper> ", times=3)
            chat.say("\x04")
            assert chat.end() == 0
            return chat.shown

    shown = await asyncio.to_thread(talk)

    question, answer = messages_of(program, "ada")
    assert question == ("user", "", "Tell me a story")
    assert answer[:2] == ("assistant", "cut")
    assert answer[2].startswith("Once upon a time")
    assert shown.count("Once upon") == 1


def test_ctrl_c_at_the_prompt_leaves(program: Program) -> None:
    with program.start_in_terminal("chat", "--as", "ada") as chat:
        chat.wait_for("Threadkeeper> ")

        assert chat.end(pressing="\x03") == 0


def test_killed_after_an_answer_was_confirmed(program: Program) -> None:
    with program.start("chat", "--as", "ada") as chat:
        chat.say("Tea?\n")
        chat.wait_for(KEPT)
        chat.kill()

    ran = program.run("chat", "--as", "ada", "--resume", said="Milk?\n")

    assert ran.code == 0
    said = messages_of(program, "ada")
    assert [role for role, *_ in said] == ["user", "assistant", "user", "assistant"]
    assert [text for role, _, text in said if role == "user"] == ["Tea?", "Milk?"]


async def test_killed_while_an_answer_comes(program: Program, server: ModelServer) -> None:
    async def answer(exchange: Exchange) -> None:
        story = "story" in exchange.request.body["messages"][-1]["content"]
        begun = Stream((frame(content="Once upon"), frame(content=" a time")), ending="silence")
        await (begun if story else text("Yes."))(exchange)

    server.default = answer

    def talk() -> None:
        with program.start("chat", "--as", "ada", **settings(server)) as chat:
            chat.say("Tea?\n")
            chat.wait_for(KEPT)
            chat.say("Tell me a story\n")
            chat.wait_for("Once upon")
            chat.kill()

    await asyncio.to_thread(talk)
    ran = await asyncio.to_thread(program.run, "chat", "--as", "ada", "--resume", said="Go on\n", **settings(server))

    assert ran.code == 0
    assert messages_of(program, "ada") == [
        ("user", "", "Tea?"),
        ("assistant", "answered", "Yes."),
        ("user", "", "Tell me a story"),
        ("user", "", "Go on"),
        ("assistant", "answered", "Yes."),
    ]


def test_it_leaves_when_nobody_reads_any_more(program: Program) -> None:
    with program.start("chat", "--as", "ada") as chat:
        chat.wait_for("You are ada.")
        chat.stop_reading()
        chat.say("Tea?\n")

        assert chat.end() == 1


def test_the_same_on_postgresql(new_program: Program, postgres: Postgres) -> None:
    name = postgres.create("tk_terminal")
    there = {"DATABASE_URL": postgres.url(name)}
    (new_program.folder / "said.jsonl").write_text(
        '{"thread_id": "t1", "resource_id": "ada", "role": "assistant", "text": "A teapot is a pot.", '
        '"created_at": "2026-01-01T00:00:00Z"}\n'
    )

    imported = new_program.run("import", "said.jsonl", **there)
    chat = new_program.run("chat", "--as", "ada", said="What is a teapot?\n/history\n", **there)
    history = new_program.run("history", "--as", "boss", "--of", "ada", "--reason", "test", **there)
    check = new_program.run("migrate", "--check", **there)
    doctor = new_program.run("doctor", **there)
    postgres.drop(name)

    assert imported.out.startswith("Imported 1 message in 1 conversation of 1 person")
    assert KEPT in chat.out
    assert "What is a teapot?" in history.out
    assert [ran.code for ran in (imported, chat, history, check, doctor)] == [0] * 5
    # Nobody's words stand in a file: only the secret does, and where the audit ends.
    made = {path.name for path in new_program.folder.rglob("*") if path.is_file()}
    assert made - {"threadkeeper.secret", "threadkeeper.anchor"} == {"said.jsonl"}
