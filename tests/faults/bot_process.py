"""The bot as a program for the loopback platform: the real store, turns, model client and signals.

    python -m tests.faults.bot_process DATABASE_URL PLATFORM MODEL_URL --name one --point between-parts --nth 2

What is named by `--point` (of `crash_points.POINTS`) kills it, or stops it. `--jobs` queues so many jobs, each once for
all processes that ever run on the database.
"""

import argparse
import asyncio
import signal
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from bot.access.scope import Scope
from bot.errors import WorkerRunning
from bot.memory.values import MemoryOptions
from bot.memory.workspace_rows import ensure_workspace
from bot.models.openai_compatible import OpenAICompatibleModel
from bot.serve import compose, serve, stopped_by_signals
from bot.settings import Settings
from bot.storage.store import Store, open_store
from bot.turns.job_rows import Job, NewJob, queue_job
from bot.turns.jobs import KINDS, JobKinds, Progress
from bot.turns.options import TurnOptions
from bot.turns.place_rows import lock_place
from bot.turns.working import Bench
from tests.faults.answers import answer_to
from tests.faults.crash_points import POINTS, Moment, WatchedAdapter, WatchedModel, WatchedStore
from tests.faults.wire_adapter import WORKSPACE, place_of

#: Where jobs report.
JOB_PLACE = "reports"
_LOCK_SECONDS = 10
#: Jobs that a test waits for have this kind.
_COUNTING = "count"


def now() -> datetime:
    return datetime.now(UTC)


async def main(arguments: argparse.Namespace) -> None:
    moment = Moment(arguments.point, arguments.nth, signal.Signals[f"SIG{arguments.signal}"])
    store = WatchedStore(await _opened(arguments.url), moment)
    # The key tells the model's server which process asks.
    client = OpenAICompatibleModel("some-model", base_url=arguments.model, api_key=arguments.name)
    settings = Settings(_env_file=None, bot_name="Tess")
    options = TurnOptions(
        disclose=False,
        messages_per_minute=None,
        messages_per_day=None,
        workspace_tokens_per_day=None,
        haste=None,
        queue_per_person=1_000,
        lease=timedelta(seconds=arguments.lease),
        settling=timedelta(seconds=arguments.settling),
        backoff=timedelta(milliseconds=50),
        poll=timedelta(milliseconds=200),
        whole=timedelta(milliseconds=20),
        grace=timedelta(seconds=arguments.grace),
        accept=timedelta(seconds=3),
    )
    try:
        bench = Bench(store, WatchedModel(client, moment), settings, MemoryOptions(), options, now)
        await store.write(_queue_jobs, arguments.jobs, now())
        adapter = WatchedAdapter(arguments.platform, arguments.name, moment)
        stop = asyncio.Event()
        with stopped_by_signals(stop.set):
            await serve(compose(bench, {"wire": adapter}, kinds=_kinds(moment)), stop)
    finally:
        await client.close()
        await store.close()


async def _opened(url: str) -> Store:
    """Open the database; where the process before this one is not quite dead, wait for its lock."""
    end = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            return await open_store(url, purpose="worker")
        except WorkerRunning:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(0.05)


def _queue_jobs(connection: Connection, count: int, at: datetime) -> None:
    if not count:
        return
    workspace_key = ensure_workspace(connection, WORKSPACE, at)
    place = lock_place(connection, Scope("system", workspace_key, ()), place_of(JOB_PLACE), at)
    for number in range(1, count + 1):
        name = f"job{number}"
        queue_job(connection, NewJob(name, _COUNTING, {"name": name}, workspace_key, place_key=place.key), at)


def _kinds(moment: Moment) -> JobKinds:
    async def count(_bench: Bench, job: Job, progress: Progress) -> str:
        for step in range(3):
            await progress(f"{step} of 3")
            moment.passed("in-a-job")
        return answer_to([job.arguments["name"]])

    return {**KINDS, _COUNTING: count}


def read_arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="the database")
    parser.add_argument("platform", help="host:port")
    parser.add_argument("model", help="http://host:port/v1")
    parser.add_argument("--name", default="one", help="how platform and model know this process")
    parser.add_argument("--point", default="", choices=("", *POINTS))
    parser.add_argument("--nth", type=int, default=1, help="at which passing of the point")
    parser.add_argument("--signal", default="KILL", choices=("KILL", "STOP"))
    parser.add_argument("--jobs", type=int, default=0)
    parser.add_argument("--lease", type=float, default=1.5)
    parser.add_argument("--settling", type=float, default=0.1)
    parser.add_argument("--grace", type=float, default=5.0)
    return parser.parse_args(given)


if __name__ == "__main__":
    asyncio.run(main(read_arguments()))
