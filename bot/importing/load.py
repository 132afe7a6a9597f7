"""Loading checked records into the memory: batch by batch, each in one transaction, so that it can go on after any end.

Nothing remembers how far an import came. What is stored already is found by its id, and passed over.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import structlog

from bot.access.actor import Actor
from bot.agent.titles import title_of_question
from bot.errors import ImportConflict, ImportFailed, InvalidArgument
from bot.importing.records import ImportedMessage, ImportedThread, ImportRecord
from bot.memory.drafts import Draft, checked_title, draft
from bot.memory.import_rows import ImportBatch, Imported
from bot.memory.memory import Memory
from bot.memory.thread_rows import NewThread
from bot.memory.values import NewMessage

_log = structlog.get_logger(__name__)

#: Most messages, and about how many characters of them, that one transaction takes.
_MESSAGES = 500
_CHARACTERS = 4_000_000


@dataclass(frozen=True, slots=True)
class Batch:
    """What is stored together, and where each of its messages stands in the file, by id."""

    rows: ImportBatch
    places: Mapping[str, str]


@dataclass(slots=True)
class Loaded:
    """What an import did so far. Conversations and people are those that gained a message."""

    added: int = 0
    corrected: int = 0
    known: int = 0
    threads: set[str] = field(default_factory=set)
    people: set[str] = field(default_factory=set)

    @property
    def messages(self) -> int:
        """How many messages of the file are now stored."""
        return self.added + self.corrected + self.known

    def count(self, batch: ImportBatch, imported: Imported) -> None:
        """Add what became of a batch."""
        new = set(imported.added)
        self.added += len(new)
        self.corrected += len(imported.corrected)
        self.known += len(batch.drafts) - len(new) - len(imported.corrected)
        self.threads |= {one.thread_id for one in batch.drafts if one.id in new}
        self.people |= {one.resource_id for one in batch.drafts if one.id in new}


async def load(
    records: Iterable[ImportRecord], memory: Memory, progress: Callable[[Loaded], None], *, told: bool = False
) -> Loaded:
    """Store records. The next batch is prepared, in a thread, while one is written.

    Args:
        records: each thread before its first message, as `bot.importing.select.Import` gives them.
        memory: where to.
        progress: called after each batch that is durably stored.
        told: the people were told that supervisors may read this; otherwise no supervisor ever sees it, unless the
            workspace is the library's own.

    Raises:
        ImportFailed: names the line that cannot be imported; of its batch nothing was stored.
    """
    view = memory.as_actor(Actor.system("import"))
    prepared = batches(records)
    loaded = Loaded()
    upcoming = asyncio.create_task(asyncio.to_thread(next, prepared, None))
    try:
        while (batch := await upcoming) is not None:
            upcoming = asyncio.create_task(asyncio.to_thread(next, prepared, None))
            try:
                imported = await view.import_batch(replace(batch.rows, told=told))
            except ImportConflict as error:
                raise _misplaced(batch, error) from error
            loaded.count(batch.rows, imported)
            _log.info("batch stored", messages=loaded.messages, new=loaded.added)
            progress(loaded)
    finally:
        upcoming.cancel()
        await asyncio.gather(upcoming, return_exceptions=True)
    return loaded


def _misplaced(batch: Batch, error: ImportConflict) -> ImportFailed:
    place = batch.places[error.ids[0]]
    return ImportFailed(
        f"{place}: its id is another message's already (of another conversation, person or role), or its conversation "
        "is somebody else's; give it an id of its own"
    )


def batches(records: Iterable[ImportRecord]) -> Iterator[Batch]:
    """Put records together into batches, checked and ready to be stored. Pure.

    Raises:
        ImportFailed: a message cannot be stored; names its line.
    """
    gathered = _Gathered()
    untitled: set[str] = set()
    for record in records:
        if isinstance(record, ImportedThread):
            gathered.begun[record.id] = record
            if not record.title:
                untitled.add(record.id)
            continue
        if gathered.full or record.id in gathered.places:
            yield gathered.batch()
            gathered = _Gathered(begun=gathered.begun)
        gathered.add(record)
        if record.thread_id in untitled and record.role == "user":
            untitled.remove(record.thread_id)
            gathered.titles[record.thread_id] = title_of_question(record.text)
    if gathered.drafts:
        yield gathered.batch()


@dataclass(slots=True)
class _Gathered:
    """A batch in the making."""

    #: Threads whose first message has yet to come.
    begun: dict[str, ImportedThread] = field(default_factory=dict)
    threads: list[NewThread] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    titles: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    characters: int = 0

    @property
    def full(self) -> bool:
        return len(self.drafts) >= _MESSAGES or self.characters >= _CHARACTERS

    def add(self, message: ImportedMessage) -> None:
        """Take a message, with its thread where it is the first of it."""
        thread = self.begun.pop(message.thread_id, None)
        if thread is not None:
            self.threads.append(_new_thread(thread, message))
        self.drafts.append(_drafted(message))
        self.places[message.id] = message.where
        self.characters += len(message.text)
        if message.person_name:
            self.names[message.resource_id] = checked_title(message.person_name)

    def batch(self) -> Batch:
        return Batch(ImportBatch(self.threads, self.drafts, self.titles, self.names), self.places)


def _new_thread(thread: ImportedThread, first: ImportedMessage) -> NewThread:
    """A thread as it began: with its first message. A title that the file gives counts as given by a person."""
    return NewThread(
        id=thread.id,
        resource_id=thread.owner,
        title=checked_title(thread.title),
        title_source="person" if thread.title else "",
        metadata={},
        place_kind=thread.place_kind,
        place_name=checked_title(thread.place_name),
        at=first.created_at,
        subject_id="",
        channel_id=thread.channel_id,
    )


def _drafted(message: ImportedMessage) -> Draft:
    new = NewMessage(
        message.thread_id,
        message.resource_id,
        message.text,
        role=message.role,
        id=message.id,
        created_at=message.created_at,
        metadata=message.metadata,
        outcome="answered" if message.role == "assistant" else "",
    )
    try:
        return draft(new, message.id)
    except InvalidArgument as error:
        raise ImportFailed(f"{message.where}: {error}") from error
