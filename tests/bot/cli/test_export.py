"""The file with all of a person's conversations."""

import json
import stat
from pathlib import Path

from tests.end_to_end.program import Program


def test_json_holds_everything(program: Program) -> None:
    program.run("chat", "--as", "ada", said="Tea?\nGrüße, 日本語\n")
    program.run("chat", "--as", "bob", said="Coffee?\n")

    document = json.loads(program.run("export", "--as", "ada").out)

    assert (document["format"], document["version"], document["person"]) == ("threadkeeper-export", 1, "ada")
    (thread,) = document["conversations"]
    assert thread["owner"] == "ada"
    assert thread["place"] == {"kind": "direct", "name": ""}
    assert [one["text"] for one in thread["messages"] if one["role"] == "user"] == ["Tea?", "Grüße, 日本語"]
    assert thread["messages"][1]["metadata"] == {"model": "offline"}
    assert thread["messages"][1]["outcome"] == "answered"


def test_nobody_has_an_empty_export(program: Program) -> None:
    assert json.loads(program.run("export", "--as", "nobody").out)["conversations"] == []


def test_a_file_is_private_and_never_replaced_unasked(program: Program) -> None:
    program.run("chat", "--as", "ada", said="Tea?\n")
    path = program.folder / "ada.json"

    first = program.run("export", "--as", "ada", "--output", "ada.json")
    written = path.read_text()
    program.run("chat", "--as", "ada", said="Coffee?\n")
    refused = program.run("export", "--as", "ada", "--output", "ada.json")
    unchanged = path.read_text()
    forced = program.run("export", "--as", "ada", "--output", "ada.json", "--force")

    assert (first.code, first.out) == (0, "Exported 1 conversation of ada to ada.json.\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert refused.code == 1
    assert "--force" in refused.err
    assert unchanged == written
    assert forced.code == 0
    assert len(json.loads(path.read_text())["conversations"]) == 2
    assert sorted(one.name for one in program.folder.iterdir()) == ["ada.json", "data"]


def test_a_place_that_cannot_be_written(program: Program) -> None:
    for output in ("nowhere/ada.json", "data/threadkeeper.db/ada.json"):
        ran = program.run("export", "--as", "ada", "--output", output)

        assert ran.code == 1
        assert "cannot be written" in ran.err
        assert "Traceback" not in ran.err


def test_long_conversations_are_whole(program: Program) -> None:
    lines = (
        {"thread_id": "t1", "resource_id": "ada", "role": "assistant", "text": f"{number}", "id": f"m{number}"}
        | {"created_at": "2026-01-01T00:00:00Z"}
        for number in range(1_201)
    )
    Path(program.folder / "said.jsonl").write_text("\n".join(map(json.dumps, lines)))
    program.run("import", "said.jsonl")

    (thread,) = json.loads(program.run("export", "--as", "ada").out)["conversations"]

    assert [one["text"] for one in thread["messages"]] == [str(number) for number in range(1_201)]
