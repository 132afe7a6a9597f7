"""One's own history, and somebody else's on the record."""

import json
import sqlite3
from contextlib import closing

from tests.end_to_end.program import Program


def talk(program: Program, name: str, *questions: str) -> None:
    assert program.run("chat", "--as", name, said="\n".join(questions)).code == 0


def audit_of(program: Program) -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(program.database)) as connection:
        return connection.execute(
            "SELECT p.resource_id, a.action, a.note FROM audit a JOIN people p ON p.subject_id = a.actor_id "
            "WHERE a.actor_kind = 'operator' ORDER BY a.key"
        ).fetchall()


def test_a_list_fits_eighty_columns_and_leads_to_its_conversations(program: Program) -> None:
    talk(program, "ada", "How do I change the address to which all of my invoices are sent every month?")

    listed = program.run("history", "--as", "ada")
    thread = program.conversations("ada")[0][0].thread_id
    opened = program.run("history", "--as", "ada", "--open", thread)

    assert all(len(line) <= 80 for line in listed.out.splitlines())
    assert thread in listed.out
    assert "  How do I change the address" in opened.out
    assert audit_of(program) == []


def test_search_finds_and_says_where(program: Program) -> None:
    talk(program, "ada", "Where is the teapot?", "/new", "Where is the coffee?")

    found = program.run("history", "--as", "ada", "--search", "teapots")

    assert "Where is the teapot?" in found.out
    assert program.conversations("ada")[0][0].thread_id in found.out
    assert program.run("history", "--as", "ada", "--search", "elephant").out == "Nothing was found.\n"


def test_pages(program: Program) -> None:
    talk(program, "ada", *[part for number in range(21) for part in (f"Question {number}", "/new")])

    pages = [program.run("history", "--as", "ada", "--page", number).out for number in ("1", "2", "3")]

    assert pages[0].endswith("Page 1 of 2.\n")
    assert "Question 20" in pages[0]
    assert "Question 0" in pages[1]
    assert pages[2] == "There is nothing on this page.\n"


def test_json_is_for_programs(program: Program) -> None:
    talk(program, "ada", "Tea?")

    listed = json.loads(program.run("history", "--as", "ada", "--json").out)
    thread = listed["conversations"][0]
    opened = json.loads(program.run("history", "--as", "ada", "--open", thread["id"], "--json").out)

    assert (listed["page"], listed["pages"], listed["total"]) == (1, 1, 1)
    assert (thread["title"], thread["message_count"]) == ("Tea?", 2)
    assert [one["role"] for one in opened["messages"]] == ["user", "assistant"]
    assert opened["messages"][0]["created_at"].endswith("Z")


def test_somebody_elses_history_is_recorded_before_it_is_shown(program: Program) -> None:
    talk(program, "ada", "Tea?")
    talk(program, "bob", "Coffee?")
    thread = program.conversations("ada")[0][0].thread_id
    other = program.conversations("bob")[0][0].thread_id
    look = ("history", "--as", "operator", "--of", "ada", "--reason", "She asked for help.")

    listed = program.run(*look)
    found = program.run(*look, "--search", "tea coffee")
    opened = program.run(*look, "--open", thread)
    foreign = program.run(*look, "--open", other)

    assert "Tea?" in listed.out
    assert "Tea?" in found.out
    assert "  Tea?" in opened.out
    assert "Coffee" not in listed.out + found.out + opened.out
    assert (foreign.code, foreign.out) == (1, "")
    actions = [action for _, action, _ in audit_of(program)]
    assert actions == ["list", "search", "open", "open"]
    assert {(actor, reason) for actor, _, reason in audit_of(program)} == {("operator", "She asked for help.")}


def test_without_a_reason_nothing_is_shown(program: Program) -> None:
    talk(program, "ada", "Tea?")

    ran = program.run("history", "--as", "operator", "--of", "ada")
    odd = program.run("history", "--as", "ada", "--reason", "why not")

    assert (ran.code, ran.out) == (1, "")
    assert "--reason" in ran.err
    assert (odd.code, odd.out) == (1, "")


def test_beside_a_running_bot(program: Program) -> None:
    with program.start("chat", "--as", "ada") as chat:
        chat.say("Tea?\n")
        chat.wait_for("(kept)")

        own = program.run("history", "--as", "ada")
        others = program.run("history", "--as", "boss", "--of", "ada", "--reason", "test")

        assert "Tea?" in own.out
        assert "Tea?" in others.out
        assert chat.end() == 0
