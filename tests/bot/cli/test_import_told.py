"""Whether people had been told that supervisors may read what is imported."""

import json
import sqlite3
from pathlib import Path

from tests.end_to_end.program import Program


def test_nobody_was_told_unless_the_operator_says_so(program: Program) -> None:
    place = {"kind": "public", "name": "#harbour"}
    for name in ("quiet", "told"):
        record = {"thread_id": name, "resource_id": "ada", "role": "assistant", "text": "words", "id": name}
        Path(program.folder / f"{name}.jsonl").write_text(
            json.dumps(record | {"created_at": "2026-01-01T00:00:00Z", "place": place})
        )

    quiet = program.run("import", "quiet.jsonl", "--workspace", "local:acme")
    told = program.run("import", "told.jsonl", "--workspace", "local:acme", "--told")

    assert (quiet.code, told.code) == (0, 0)
    with sqlite3.connect(program.folder / "data" / "threadkeeper.db") as database:
        found = database.execute("SELECT id, disclosure FROM messages ORDER BY id").fetchall()
        channels = database.execute("SELECT DISTINCT channel_id FROM threads").fetchall()
    database.close()
    assert found == [("quiet", 0), ("told", 1)]
    assert channels == [("harbour",)]
