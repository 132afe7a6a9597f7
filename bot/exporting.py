"""Conversations as documents: JSON with everything, Markdown for reading. Pure: values in, text out.

Both are made piece by piece, one conversation at a time, so that no export is too large.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from bot.commonmark import inline, quoted
from bot.memory.values import Message, Thread
from bot.visible import visible_json

#: The version of the JSON document's form; it changes when a reader would have to.
VERSION = 1


@dataclass(frozen=True, slots=True)
class Whose:
    """What an export says about itself."""

    person: str
    workspace: str
    at: datetime
    bot_name: str


class Form(Protocol):
    """A form of export: a beginning, conversations, an end."""

    def begin(self, whose: Whose) -> str:
        """How the document begins."""
        ...

    def conversation(self, thread: Thread, messages: Sequence[Message], names: Mapping[str, str]) -> str:
        """One conversation; `names` are display names by resource id."""
        ...

    def end(self) -> str:
        """How the document ends."""
        ...


class Json:
    """Everything that is stored, for programs."""

    def __init__(self) -> None:
        self._first = True

    def begin(self, whose: Whose) -> str:
        head = {
            "format": "threadkeeper-export",
            "version": VERSION,
            "exported_at": iso(whose.at),
            "workspace": whose.workspace,
            "person": whose.person,
        }
        return json_text(head).removesuffix("\n}") + ',\n  "conversations": ['

    def conversation(self, thread: Thread, messages: Sequence[Message], names: Mapping[str, str]) -> str:
        comma = "" if self._first else ","
        self._first = False
        named = {person: names[person] for person in thread.participants if names.get(person, person) != person}
        value = {**thread_value(thread), "names": named, "messages": [message_value(one) for one in messages]}
        return comma + "\n    " + json_text(value).replace("\n", "\n    ")

    def end(self) -> str:
        return "\n  ]\n}\n"


class Markdown:
    """What was said, for people. Text stands in quotations that nothing inside it can end."""

    def __init__(self) -> None:
        self._bot_name = ""

    def begin(self, whose: Whose) -> str:
        self._bot_name = whose.bot_name
        return f"# Conversations of {inline(whose.person)}\n\nExported {iso(whose.at)}.\n"

    def conversation(self, thread: Thread, messages: Sequence[Message], names: Mapping[str, str]) -> str:
        title = inline(thread.title or thread.place_name or "(no title)")
        about = f"{thread.place_kind} conversation" + (f" in {inline(thread.place_name)}" if thread.place_name else "")
        parts = [f"\n## {title}\n\nA {about}, begun {iso(thread.created_at)}. Id: {inline(thread.id)}\n"]
        for message in messages:
            parts.append(f"\n### {iso(message.created_at)}, {inline(self._speaker(message, names))}\n\n")
            parts.append(quoted(message.text))
        return "".join(parts)

    def end(self) -> str:
        return ""

    def _speaker(self, message: Message, names: Mapping[str, str]) -> str:
        if message.role == "assistant":
            return self._bot_name
        return names.get(message.resource_id, message.resource_id) if message.role == "user" else message.role


def own_head(
    whose: Whose,
    person: Mapping[str, Any],
    facts: Sequence[str],
    lists: Mapping[str, Sequence[Mapping[str, Any]]],
) -> str:
    """How a person's own data begins in Markdown: what is kept of her beside her conversations."""
    parts = [f"# What is kept about {inline(whose.person)}\n\nExported {iso(whose.at)}.\n\n## You\n\n"]
    parts += [f"- {inline(name)}: {inline(str(value))}\n" for name, value in person.items()]
    parts.append("\n## Facts\n\n" + ("".join(f"{quoted(text)}\n" for text in facts) or "None.\n"))
    for name, rows in lists.items():
        lines = ("; ".join(f"{key}: {value}" for key, value in row.items()) for row in rows)
        parts.append(f"\n## {name.capitalize()}\n\n" + ("".join(f"- {inline(line)}\n" for line in lines) or "None.\n"))
    return "".join(parts)


def own_conversation(thread: Thread, messages: Sequence[Message], whose: Whose) -> str:
    """A conversation in a person's own data in Markdown; of what others wrote it says only that they did."""
    title = inline(thread.title or thread.place_name or "(no title)")
    about = f"{thread.place_kind} conversation" + (f" in {inline(thread.place_name)}" if thread.place_name else "")
    parts = [f"\n## Conversation: {title}\n\nA {about}, begun {iso(thread.created_at)}. Id: {inline(thread.id)}\n"]
    for message in messages:
        own = message.resource_id == whose.person
        who = (whose.bot_name if message.role == "assistant" else "You") if own else message.resource_id
        parts.append(f"\n### {iso(message.created_at)}, {inline(who)}\n\n")
        parts.append(quoted(message.text) if own else "(left out)\n")
    return "".join(parts)


def thread_value(thread: Thread) -> dict[str, Any]:
    """A conversation without its messages, as JSON."""
    return {
        "id": thread.id,
        "title": thread.title,
        "owner": thread.resource_id,
        "participants": list(thread.participants),
        "place": {"kind": thread.place_kind, "name": thread.place_name},
        "created_at": iso(thread.created_at),
        "updated_at": iso(thread.updated_at),
        "last_message_at": None if thread.last_message_at is None else iso(thread.last_message_at),
        "message_count": thread.message_count,
        "metadata": dict(thread.metadata),
    }


def message_value(message: Message) -> dict[str, Any]:
    """A message as JSON. `person` is who speaks or, for an answer, whom it answers."""
    return {
        "id": message.id,
        "conversation": message.thread_id,
        "seq": message.seq,
        "role": message.role,
        "person": message.resource_id,
        "created_at": iso(message.created_at),
        "edited_at": None if message.edited_at is None else iso(message.edited_at),
        "outcome": message.outcome,
        "text": message.text,
        "metadata": dict(message.metadata),
    }


def json_text(value: Any) -> str:
    """A value as readable JSON that no terminal obeys."""
    return visible_json(json.dumps(value, ensure_ascii=False, indent=2))


def iso(moment: datetime) -> str:
    """A moment in UTC as ISO 8601 writes it."""
    return moment.isoformat().replace("+00:00", "Z")
