# ruff: noqa: T201 (it prints what it found)
"""The long run: thousands of messages, hundreds of kills, a platform that misbehaves; and what the history shows.

    python -m tests.faults.long_run --messages 10000 --kills 200 --engine both

On SQLite one bot runs and is started again after each kill; on PostgreSQL `--processes` of them, any of which is killed
at any time. Each kill comes after a random pause, wherever the bot happens to be.
"""

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.storage.store import open_store
from tests.faults.history import Verdict
from tests.faults.platform_server import HARD
from tests.faults.server import Server
from tests.faults.stage import Stage, stage

_NAMES = ("one", "two", "three", "four")
_PEOPLE = [f"p{number}" for number in range(12)]
#: Direct conversations, and rooms in which three people talk.
_TALKS = [
    *((f"dm/{person}", person) for person in _PEOPLE),
    *((f"room{room}", _PEOPLE[(3 * room + place) % 12]) for room in range(8) for place in range(3)),
]
#: Messages that may be without an answer before the next one waits.
_MOST_OPEN = 60
#: Longer than any pause of a bot that has something to do.
_QUIET_SECONDS = 5.0


async def run(url: str, folder: Path, arguments: argparse.Namespace, names: tuple[str, ...]) -> Verdict:
    """One run on one database, to its end."""
    chance = random.Random(arguments.seed)
    jobs = 10
    async with stage(url, folder, "--jobs", str(jobs), faults=HARD, pause=0.002, seed=arguments.seed) as on:
        on.owe_jobs(jobs)
        for name in names:
            on.start(name)
        asking = asyncio.create_task(_ask(on, chance, arguments.messages))
        for number in range(1, arguments.kills + 1):
            # Spread over the messages, at a moment of its own.
            await on.platform.acknowledged_at_least(number * arguments.messages // (arguments.kills + 1))
            await asyncio.sleep(chance.uniform(0, 0.3))
            dying = chance.choice([bot for bot in on.bots if bot.running])
            await dying.kill()
            on.start(dying.name)
        await asking
        # Not until all is answered: what is ambiguous never will be.
        await on.all_quiet(_QUIET_SECONDS, 300)
        # Nothing is left over that a fresh process would do.
        for bot in [bot for bot in on.bots if bot.running]:
            await bot.terminate()
        on.start("last")
        await on.until(lambda: "last" in on.platform.listening)
        await on.all_quiet(_QUIET_SECONDS, 300)
        return await on.end()


async def _ask(on: Stage, chance: random.Random, messages: int) -> None:
    for _number in range(messages):
        while on.platform.unanswered > _MOST_OPEN:  # noqa: ASYNC110 (about so many)
            await asyncio.sleep(0.01)
        on.platform.ask(*chance.choice(_TALKS))
        await asyncio.sleep(chance.uniform(0, 0.01))


@contextmanager
def database(engine: str, folder: Path) -> Iterator[str]:
    """A fresh database: a file, or one of a PostgreSQL of our own."""
    if engine == "sqlite":
        yield f"sqlite:///{folder / 'run.db'}"
        return
    (folder / "postgresql").mkdir()
    server = Server(folder / "postgresql")
    server.start()
    try:
        yield server.url(server.database())
    finally:
        server.stop()


async def _prepare(url: str) -> None:
    await (await open_store(url)).close()


def _print(engine: str, processes: int, verdict: Verdict, seconds: float) -> None:
    print(f"{engine}, {processes} process(es), {seconds:.0f} s")
    lines = {
        "accepted": verdict.acknowledged,
        "answered once (with the reports of jobs)": verdict.answered_once,
        "lost": len(verdict.lost),
        "answered twice": len(verdict.twice),
        "broken": len(verdict.broken),
        "out of order": len(verdict.out_of_order),
        "ambiguous": verdict.ambiguous,
        "posts that are no answer": len(verdict.foreign),
        "asked again though nobody died": len(verdict.asked_again),
        "answers": verdict.answers,
        "model calls for each answer": f"{verdict.model_calls / max(1, verdict.answers):.3f}",
        "kills": verdict.kills,
    }
    for what, number in lines.items():
        print(f"  {what:42} {number}")
    for kind, found in verdict.problems.items():
        print(f"  {kind}: {found[:5]}")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--engine", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--processes", type=int, default=3, choices=(1, 2, 3, 4), help="on PostgreSQL")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    bad = False
    for engine in ("sqlite", "postgresql") if arguments.engine == "both" else (arguments.engine,):
        folder = Path(tempfile.mkdtemp(prefix="tk-long-"))
        names = _NAMES[: arguments.processes if engine == "postgresql" else 1]
        begun = time.monotonic()
        with database(engine, folder) as url:
            asyncio.run(_prepare(url))
            verdict = asyncio.run(run(url, folder, arguments, names))
        _print(engine, len(names), verdict, time.monotonic() - begun)
        if verdict.problems:
            bad = True
            print(f"  the history and the logs: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
