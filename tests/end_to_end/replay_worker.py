"""A bot with the local platform in a process of its own, to be killed: `url log first last pause`.

It works until it is told to end. Where lines are named, `first` to before `last`, it also says those that nobody said
yet, one every `pause` seconds, and ends when all is answered.
"""

import asyncio
import logging
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import Connection

from adapters.local.adapter import LocalAdapter
from adapters.local.conversation import World
from bot.memory.values import MemoryOptions
from bot.serve import compose, serve, stopped_by_signals
from bot.storage.store import Store, open_store
from bot.turns.options import TurnOptions
from bot.turns.working import Bench
from tests.bot.agent.talking import SETTINGS
from tests.end_to_end.replaying import CHANNEL, NAMED, WORKSPACE, Naming, Saying, counted, posts_of_channel, sayings
from tests.engines import DATA
from tests.support_chat import read_channel

OPTIONS = replace(
    TurnOptions(),
    disclose=False,
    messages_per_minute=None,
    messages_per_day=None,
    workspace_tokens_per_day=None,
    haste=None,
    queue_per_person=10_000,
    # Each kill is an attempt for all turns that were worked.
    attempts=1_000,
    lease=timedelta(seconds=2),
    settling=timedelta(milliseconds=200),
    poll=timedelta(seconds=1),
    # Another program waits for nobody: the machine may be busy.
    accept=timedelta(seconds=20),
)


def now() -> datetime:
    return datetime.now(UTC)


async def main(url: str, log: Path, first: int, last: int, pause: float) -> None:
    store = await open_store(url, purpose="worker")
    bench = Bench(store, Naming(log), SETTINGS, MemoryOptions(last_messages=400), OPTIONS, now)
    local = LocalAdapter(World(store, now, b"a secret of the tests", pace_seconds=0.05))
    serving = compose(bench, {"local": local})
    stop = asyncio.Event()
    with stopped_by_signals(stop.set):
        served = asyncio.create_task(serve(serving, stop))
        print("ready", flush=True)  # noqa: T201 (whoever started it waits for this)
        if last:
            await say_all(store, local, first, last, pause)
            # Another process may give the last answer, so it is looked for.
            while await store.read(owed, last - first):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            stop.set()
        await served
    await store.close()


async def say_all(store: Store, local: LocalAdapter, first: int, last: int, pause: float) -> None:
    """Say what was not said yet."""
    channel = read_channel(DATA / "support_chat", "stripe.1")
    everything = sayings(channel, channel.lines[first:last])
    await local.make_channel(WORKSPACE, CHANNEL, "public")
    for person in sorted({one.person for one in everything}):
        await local.settle(WORKSPACE, person)
    said = {int(NAMED.findall(row.text)[0]): row.id for row in await store.read(posts_of_channel) if row.author}
    loop = asyncio.get_running_loop()
    begun = loop.time()
    last_of: dict[int | None, asyncio.Task[None]] = {}
    async with asyncio.TaskGroup() as talking:
        for done, saying in enumerate(one for one in everything if one.number not in said):
            await asyncio.sleep(max(0.0, begun + done * pause - loop.time()))
            thread = saying.number if saying.root is None else saying.root
            # In other threads people talk meanwhile, however long this takes.
            last_of[thread] = talking.create_task(say(local, saying, said, last_of.get(thread)))


async def say(local: LocalAdapter, saying: Saying, said: dict[int, str], before: "asyncio.Task[None] | None") -> None:
    """Say something when what was said before it in its thread stands there."""
    if before is not None:
        await before
    root = "" if saying.root is None else said[saying.root]
    said[saying.number] = await local.say(WORKSPACE, CHANNEL, saying.person, saying.text, root=root)


def owed(connection: Connection, said: int) -> bool:
    """Whether an answer is owed, to one of so many messages."""
    answers = [row.text for row in posts_of_channel(connection) if not row.author]
    return counted(connection)["open"] > 0 or len(set(NAMED.findall(" ".join(answers)))) < said


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    url, log, first, last, pause = sys.argv[1:]
    asyncio.run(main(url, Path(log), int(first), int(last), float(pause)))
