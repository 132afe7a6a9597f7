"""A person's own export: all that is kept of her as JSON and as Markdown, in one file, and nothing of others."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from bot.access.actor import Actor
from bot.access.scope import Scope
from bot.chat import File, Reply
from bot.exporting import Whose, iso, json_text, message_value, own_conversation, own_head, thread_value
from bot.limits import EXPORT_BYTES
from bot.memory.fact_rows import Fact
from bot.memory.memory import Memory
from bot.memory.values import ANOTHER_PARTICIPANT, Message, Thread
from bot.memory.whole import all_messages, all_threads
from bot.supervision.own_rows import OwnData, kept_under, own_data
from bot.turns.job_rows import Job
from bot.turns.jobs import Progress
from bot.turns.working import Bench

#: The version of the document's form; it changes when a reader would have to.
VERSION = 1
FORMAT = "threadkeeper-own-data"
#: Characters of both documents beyond which nothing more is gathered: packed, they would be too large anyway.
_CHARACTERS = 8 * EXPORT_BYTES

_NOTHING = "Nothing is kept about you, so there is nothing to export."
_TOO_LARGE = (
    "Your export is too large to be sent as a file here. `history` shows all of it, page by page; whoever runs me can"
    " write what she may read of it into a file, with `threadkeeper export`, on the record."
)


async def export(bench: Bench, job: Job, progress: Progress) -> str | Reply:
    """Make a person's export. After a crash it is made anew, for its file stands nowhere."""
    workspace = "" if job.place is None else job.place.workspace_id
    whose = Whose(job.resource_id, workspace, bench.now(), bench.settings.bot_name)
    scope = Scope("system", job.workspace_key or 0, ())
    found = await bench.store.read(own_data, scope, job.resource_id)
    if found is None:
        return _NOTHING
    view = Memory(bench.store, scope.workspace_key, bench.memory_options, bench.now).as_actor(
        Actor.person(job.resource_id)
    )
    facts = await view.list_facts(job.resource_id)
    conversations, readable, characters = [], [], 0
    async for thread in all_threads(view):
        messages = [_own_message(one, job.resource_id) async for one in all_messages(view, thread.id)]
        extra = await bench.store.read(kept_under, scope, job.resource_id, [one.id for one in messages if one.id])
        own = _own_thread(thread, job.resource_id)
        conversations.append(json_text(_conversation(own, messages, extra)))
        readable.append(own_conversation(own, messages, whose))
        characters += len(conversations[-1]) + len(readable[-1])
        if characters > _CHARACTERS:
            return _TOO_LARGE
        await progress(f"{len(conversations)} conversations")
    documents = {
        "my-data.json": _json(whose, found, facts, conversations),
        "my-data.md": _markdown(whose, found, facts, readable),
    }
    packed = await asyncio.to_thread(_packed, documents, whose.at)
    if len(packed) > EXPORT_BYTES:
        return _TOO_LARGE
    number = len(conversations)
    said = (
        f"This is what is kept about you: {number:,} {'conversation' if number == 1 else 'conversations'} and"
        f" {len(facts):,} {'fact' if len(facts) == 1 else 'facts'}, once for programs (JSON) and once for reading"
        " (Markdown). What others wrote is left out. Whoever has this file can read it."
    )
    return Reply(said, files=(File(f"my-data-{whose.at:%Y-%m-%d}.zip", "application/zip", packed),))


def _own_thread(thread: Thread, person: str) -> Thread:
    """A conversation without what is others': who they are, and what whoever began it called it and wrote on it."""
    company = tuple(one if one == person else ANOTHER_PARTICIPANT for one in thread.participants)
    if thread.resource_id == person:
        return replace(thread, participants=company)
    return replace(thread, resource_id=ANOTHER_PARTICIPANT, participants=company, title="", metadata={})


def _own_message(message: Message, person: str) -> Message:
    """Her words, or an answer to her; of everything else only that it was said."""
    if message.resource_id == person:
        return message
    return replace(message, id="", resource_id=ANOTHER_PARTICIPANT, text="", metadata={}, outcome="", edited_at=None)


def _conversation(thread: Thread, messages: Sequence[Message], extra: Mapping[str, Any]) -> dict[str, Any]:
    said = []
    for one in messages:
        value = message_value(one)
        disclosure, stored_at = extra.get(one.id, (None, None))
        said.append(value | {"disclosure": disclosure, "stored_at": None if stored_at is None else iso(stored_at)})
    return {**thread_value(thread), "messages": said}


def _json(whose: Whose, found: OwnData, facts: Sequence[Fact], conversations: Sequence[str]) -> str:
    head = {
        "format": FORMAT,
        "version": VERSION,
        "exported_at": iso(whose.at),
        "workspace": whose.workspace,
        "person": _plain(found.person),
        "facts": [_plain({name: getattr(one, name) for name in one.__slots__}) for one in facts],
        **{name: [_plain(row) for row in rows] for name, rows in found.lists.items()},
    }
    # Put together of texts: the conversations are not held twice.
    return json_text(head).removesuffix("\n}") + ',\n"conversations": [\n' + ",\n".join(conversations) + "\n]}\n"


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: iso(value) if isinstance(value, datetime) else list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
    }


def _markdown(whose: Whose, found: OwnData, facts: Sequence[Fact], conversations: Sequence[str]) -> str:
    return own_head(whose, _plain(found.person), [one.text for one in facts], _lists(found)) + "".join(conversations)


def _lists(found: OwnData) -> dict[str, list[dict[str, Any]]]:
    return {name: [_plain(row) for row in rows] for name, rows in found.lists.items()}


def _packed(documents: Mapping[str, str], at: datetime) -> bytes:
    """Documents as a ZIP archive; the same documents make the same bytes."""
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
        for name, text in documents.items():
            entry = ZipInfo(name, date_time=at.timetuple()[:6])
            entry.compress_type = ZIP_DEFLATED
            archive.writestr(entry, text.encode())
    return buffer.getvalue()
