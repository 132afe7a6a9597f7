"""Reading and importing in a workspace where people talk on a platform: always the operator's act, on the record."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.bot.cli.databases import execute
from tests.end_to_end.program import Program

THERE = ("--workspace", "local:acme")
REASON = ("--reason", "She asked for help.")


def audit(program: Program) -> list[tuple[str, str, str, str]]:
    with closing(sqlite3.connect(program.database)) as database:
        return database.execute(
            "SELECT a.actor_kind, a.action, coalesce(p.resource_id, ''), a.note FROM audit a"
            " LEFT JOIN people p ON p.subject_id = a.subject_id ORDER BY a.key"
        ).fetchall()


@pytest.fixture
def imported(program: Program) -> Program:
    """Words of ada and bob, of which they were told that supervisors may read them."""
    for name in ("ada", "bob"):
        record = {"thread_id": f"of {name}", "resource_id": name, "role": "assistant", "text": f"Tea for {name}?"}
        place = {"kind": "public", "name": "#harbour"}
        line = record | {"id": name, "created_at": "2026-01-01T00:00:00Z", "place": place}
        Path(program.folder / f"{name}.jsonl").write_text(json.dumps(line))
        assert program.run("import", f"{name}.jsonl", *THERE, "--told").code == 0
    execute(program.database, "UPDATE disclosures SET supervision = 'all'")
    return program


def test_each_import_is_recorded_with_the_file_s_name_and_its_number_of_messages(imported: Program) -> None:
    folder = imported.folder / "a folder"
    folder.mkdir()
    (folder / "own.jsonl").write_text((imported.folder / "ada.jsonl").read_text())
    quiet = imported.run("import", "a folder/own.jsonl", *THERE)
    own = imported.run("import", "ada.jsonl")

    assert (quiet.code, own.code) == (0, 0)
    told = "1 message, people were told of supervisors"
    assert audit(imported) == [
        ("operator", "import", "", f"ada.jsonl: {told}"),
        ("operator", "import", "", f"bob.jsonl: {told}"),
        ("operator", "import", "", "own.jsonl: 1 message"),
    ]


@pytest.mark.parametrize("look", [(), ("--search", "tea"), ("--open", "of ada")], ids=["list", "search", "open"])
def test_reading_as_somebody_is_reading_her(imported: Program, look: tuple[str, ...]) -> None:
    ran = imported.run("history", "--as", "ada", *look, *THERE, *REASON)

    assert "of ada" in ran.out or "Tea for ada?" in ran.out
    assert "bob" not in ran.out
    action = look[0].removeprefix("--") if look else "list"
    assert audit(imported)[2:] == [("operator", action, "ada", "She asked for help.")]


@pytest.mark.parametrize("command", ["history", "export"])
def test_without_a_reason_nothing_is_shown(imported: Program, command: str) -> None:
    for reason in ((), ("--reason", " ")):
        ran = imported.run(command, "--as", "ada", *THERE, *reason)

        assert (ran.code, ran.out) == (1, "")
        assert "--reason" in ran.err
    assert len(audit(imported)) == 2


@pytest.mark.parametrize("command", ["history", "export"])
def test_one_s_own_need_no_reason_and_take_none(imported: Program, command: str) -> None:
    assert imported.run(command, "--as", "ada").code == 0
    refused = imported.run(command, "--as", "ada", *REASON)

    assert (refused.code, refused.out) == (1, "")
    assert len(audit(imported)) == 2


def test_an_export_is_one_act_and_holds_that_person_s(imported: Program) -> None:
    document = json.loads(imported.run("export", "--as", "ada", *THERE, *REASON).out)

    assert [one["id"] for one in document["conversations"]] == ["of ada"]
    assert [one["text"] for one in document["conversations"][0]["messages"]] == ["Tea for ada?"]
    assert audit(imported)[2:] == [("operator", "export", "ada", "She asked for help.")]


def test_what_she_was_told_limits_what_is_shown(imported: Program) -> None:
    execute(imported.database, "UPDATE disclosures SET supervision = 'off'")

    listed = imported.run("history", "--as", "ada", *THERE, *REASON)
    document = json.loads(imported.run("export", "--as", "ada", *THERE, *REASON).out)

    assert listed.out == "Nothing was found.\n"
    assert document["conversations"] == []
    assert [row[1] for row in audit(imported)[2:]] == ["list", "export"]
