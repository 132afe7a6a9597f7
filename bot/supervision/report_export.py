"""A supervisor's export: made in a job, delivered in her own direct conversation."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

from bot.access.actor import Actor
from bot.access.scope import Scope, scope_of
from bot.chat import File, Reply
from bot.commonmark import inline
from bot.limits import EXPORT_BYTES
from bot.memory.paging import Slice, parse_cursor
from bot.memory.recall_rows import Recall, recall
from bot.memory.thread_pages import ThreadList, list_threads
from bot.memory.thread_rows import find_thread
from bot.memory.values import Message, Thread
from bot.storage.columns import EPOCH
from bot.supervision.others_rows import names_of, person_of_report
from bot.supervision.report_text import Watermark, beginning, cells, conversation, table
from bot.turns.job_rows import Job
from bot.turns.jobs import Progress
from bot.turns.working import Bench

_PAGE = 500
_MICROSECOND = timedelta(microseconds=1)
_NOTHING = "Nothing to export: there are no such conversations any more, or they are outside what you can read now."
_TOO_LARGE = "This export is too large to be sent as a file here. Choose fewer days, a channel, or one conversation."


async def report(bench: Bench, job: Job, progress: Progress) -> str | Reply:
    """Make an export. It was recorded when it was ordered; what is in it, the supervisor's role says now.

    After a crash it is made anew, for its file stands nowhere.
    """
    arguments, store = job.arguments, bench.store
    own = Scope("system", job.workspace_key or 0, ())
    person = await store.read(person_of_report, own, arguments["person"])
    if person is None:
        return _NOTHING
    scope = scope_of(Actor.scoped(job.resource_id, person, arguments["category"]), own.workspace_key)
    names = await store.read(names_of, own, [person, job.resource_id])
    mark = Watermark(
        names.get(job.resource_id, job.resource_id),
        names.get(person, person),
        person,
        bench.now(),
        arguments["category"],
        bench.settings.bot_name,
    )
    readable, rows, characters, number = [beginning(mark)], [], 0, 0
    async for thread in _threads(bench, scope, job):
        messages = [one async for one in _messages(bench, scope, thread.id)]
        readable.append(conversation(thread, messages, mark))
        rows += cells(thread, messages, mark)
        characters += len(readable[-1])
        number += 1
        if characters > EXPORT_BYTES:
            return _TOO_LARGE
        await progress(f"{number} conversations")
    if not number:
        return _NOTHING
    # With a mark at its beginning, without which some spreadsheets read UTF-8 as something else.
    spread = (await asyncio.to_thread(table, rows)).encode("utf-8-sig")
    text = "".join(readable).encode()
    if len(text) + len(spread) > EXPORT_BYTES:
        return _TOO_LARGE
    name = f"conversations-{mark.at:%Y-%m-%d}"
    files = (File(f"{name}.md", "text/markdown", text), File(f"{name}.csv", "text/csv", spread))
    counted = f"{number:,} {'conversation' if number == 1 else 'conversations'}"
    said = f"{inline(str(mark))} {counted}. Whoever has these files can read them: delete them when you are done."
    return Reply(said, files=files)


async def _threads(bench: Bench, scope: Scope, job: Job) -> AsyncIterator[Thread]:
    arguments, store = job.arguments, bench.store
    if arguments["thread"] is not None:
        found = await store.read(find_thread, scope, arguments["thread"])
        if found is not None:
            yield found
        return
    start, end = (
        None if arguments[name] is None else EPOCH + arguments[name] * _MICROSECOND for name in ("start", "end")
    )
    wanted = ThreadList(channel_id=arguments["channel"], start=start, end=end, direction="ASC")
    cursor: str | None = None
    while True:
        part = Slice(0, _PAGE, None if cursor is None else parse_cursor(cursor))
        page = await store.read(list_threads, scope, wanted, part)
        for thread in page.threads:
            yield thread
        cursor = page.next_cursor
        if cursor is None or len(page.threads) < _PAGE:
            return


async def _messages(bench: Bench, scope: Scope, thread_id: str) -> AsyncIterator[Message]:
    cursor: str | None = None
    while True:
        part = Slice(0, _PAGE, None if cursor is None else parse_cursor(cursor))
        page = await bench.store.read(recall, scope, Recall((thread_id,), None, part, "ASC"))
        for message in page.messages:
            yield message
        cursor = page.next_cursor
        if cursor is None:
            return
