"""What the bot says, as the local platform stores it: text, and beside it what is no text. Pure."""

from base64 import b64encode
from datetime import datetime
from typing import Any

from adapters.buttons import seal
from bot.chat import File, Form, Reply, Table

#: Longest text of one post, in characters, as Slack's: what is split there is split here.
POST_CHARACTERS = 4_000


def extras_of(reply: Reply, place: str, now: datetime, secret: bytes) -> dict[str, Any]:
    """All of a reply but its text, as JSON.

    Args:
        reply: what the bot says.
        place: the workspace and the channel that it is said in, which its buttons are bound to.
        now: the time from which the buttons' life counts.
        secret: the key of the buttons' signatures.
    """
    found: dict[str, Any] = {}
    if reply.buttons:
        found["buttons"] = [
            {
                "label": button.label,
                "style": button.style,
                "confirm": button.confirm,
                "token": seal(button, place, now, secret),
            }
            for button in reply.buttons
        ]
    if reply.rateable:
        found["rateable"] = True
    files = [*reply.files, *([] if reply.chart is None else [File(reply.chart.title, "image/png", reply.chart.image)])]
    if files:
        found["files"] = [
            {"name": file.name, "media_type": file.media_type, "content": b64encode(file.content).decode()}
            for file in files
        ]
    tables = [
        table for table in (reply.table, None if reply.chart is None else reply.chart.numbers) if table is not None
    ]
    if tables:
        found["tables"] = [_table(table) for table in tables]
    return found


def _table(table: Table) -> dict[str, Any]:
    return {"headings": list(table.headings), "rows": [list(row) for row in table.rows]}


def form_of(form: Form, token: str) -> dict[str, Any]:
    """A form, as JSON. `token` is what makes it an invocation when it is sent."""
    fields = [
        {
            "name": field.name,
            "label": field.label,
            "kind": field.kind,
            "required": field.required,
            "value": field.value,
            "hint": field.hint,
            "choices": [list(choice) for choice in field.choices],
            "most_characters": field.most_characters,
        }
        for field in form.fields
    ]
    return {"title": form.title, "submit": form.submit, "fields": fields, "token": token}
