"""Platform, model and the bots that run between them: what tests of kills start, kill and watch."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.faults.answers import questions_in, sentences_of
from tests.faults.bot_process import JOB_PLACE
from tests.faults.history import History, Verdict, judge, open_questions, read_history
from tests.faults.platform_server import Faults, Platform
from tests.model_server import Exchange, ModelServer, Stream, frame, text
from tests.processes import ROOT

#: A busy machine takes half a minute to start a program.
_SECONDS = 120
#: What is asked slowly takes so long to answer.
_SLOW_SECONDS = 3.0
_TITLE = text("A title")


class Bot:
    """A bot process of ours."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", log: IO[bytes], history: History) -> None:
        self.name = name
        self._process = process
        self._log = log
        self._history = history
        #: As `subprocess` has it; None while it runs.
        self.code: int | None = None

    @property
    def running(self) -> bool:
        self._look()
        return self.code is None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_stopped(self) -> bool:
        """Whether a signal holds it."""
        status = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii")
        return status.rpartition(")")[2].split()[0] == "T"

    def _look(self) -> None:
        if self.code is None and (code := self._process.poll()) is not None:
            self.code = code
            self._log.close()
            self._history.note("killed" if code == -signal.SIGKILL else "ended", process=self.name, code=code)

    async def ended(self, seconds: float = _SECONDS) -> int:
        """Wait for its end; its exit code, minus the signal that killed it."""
        async with asyncio.timeout(seconds):
            while self.running:  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.01)
        assert self.code is not None
        return self.code

    async def stopped(self, seconds: float = _SECONDS) -> None:
        """Wait until a signal holds it."""
        async with asyncio.timeout(seconds):
            while not self.is_stopped:  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.01)
        self._history.note("stopped", process=self.name)

    def send(self, number: signal.Signals) -> None:
        if self.running:
            os.kill(self._process.pid, number)

    def wake(self) -> None:
        """Let it go on from where a signal held it."""
        self._history.note("stopped", process=self.name)
        self.send(signal.SIGCONT)

    async def kill(self) -> None:
        self.send(signal.SIGKILL)
        await self.ended()

    async def terminate(self) -> int:
        """End it as an operator does; its exit code."""
        self._history.note("stopped", process=self.name)
        self.send(signal.SIGTERM)
        return await self.ended()


@dataclass
class Stage:
    """What is between a database and its people."""

    url: str
    folder: Path
    history: History
    platform: Platform
    model: ModelServer
    options: Sequence[str] = ()
    bots: list[Bot] = field(default_factory=list)

    def start(self, name: str = "one", *options: str, before: Sequence[str] = ()) -> Bot:
        """Start a bot, with options of `bot_process`; `before` is what it runs under."""
        log = (self.folder / f"{name}.log").open("ab")
        program = (*before, sys.executable, "-m", "tests.faults.bot_process", self.url, self.platform.address)
        given = (*program, self.model.base_url, "--name", name, *self.options, *options)
        process = subprocess.Popen(given, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self.bots.append(Bot(name, process, log, self.history))
        return self.bots[-1]

    def owe_jobs(self, count: int) -> None:
        """Expect the reports of so many jobs, which are queued by a bot with `--jobs`."""
        for number in range(1, count + 1):
            self.history.note("job", name=f"job{number}", place=JOB_PLACE)

    async def until(self, holds: Callable[[], bool], seconds: float = _SECONDS) -> None:
        """Wait until something holds; fails, with what is open, where all bots have ended."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"still open: {self.open()}; {self.logs()}"
            assert any(bot.running for bot in self.bots), f"no bot runs; open: {self.open()}; {self.logs()}"
            await asyncio.sleep(0.02)

    def asking(self) -> dict[str, str]:
        """What each process asked the model last."""
        asked = (one for one in read_history(self.history.path) if one["what"] == "asked")
        return {one["process"]: one["names"][-1] for one in asked}

    def refusals(self, since: float = 0.0) -> list[str]:
        """With which errors bots did not take something in, from a time on."""
        found = (one for one in read_history(self.history.path) if one["what"] == "refused")
        return [one["error"] for one in found if one["at"] >= since]

    def refused_at_least(self, count: int, since: float) -> bool:
        """Whether bots did not take in so many things from a time on."""
        return len(self.refusals(since)) >= count

    def was_asked(self, count: int) -> bool:
        """Whether so many calls of the model have begun."""
        return len([one for one in read_history(self.history.path) if one["what"] == "asked"]) >= count

    def open(self) -> set[str]:
        return open_questions(read_history(self.history.path))

    async def all_answered(self, seconds: float = _SECONDS) -> None:
        """Wait until nothing is on its way and nothing is owed."""
        await self.until(lambda: self.platform.undelivered == 0 and not self.open(), seconds)

    async def all_quiet(self, seconds: float, longest: float) -> None:
        """Wait until nothing is on its way and, for so many seconds, nothing was said or posted."""

        def quiet() -> bool:
            return self.platform.undelivered == 0 and time.monotonic() - self.history.last_at > seconds

        await self.until(quiet, longest)

    async def end(self) -> Verdict:
        """End the bots in order, and judge what happened."""
        codes = [await bot.terminate() for bot in self.bots if bot.running]
        assert codes == [0] * len(codes), self.logs()
        return judge(read_history(self.history.path))

    def logs(self) -> str:
        """The last lines of what the bots wrote."""
        texts = {path.stem: path.read_text(encoding="utf-8")[-2_000:] for path in self.folder.glob("*.log")}
        return "\n".join(f"--- {name}\n{written}" for name, written in texts.items())


@dataclass
class Speaking:
    """The model: it answers each question by its number, sentence by sentence."""

    history: History
    pause: float

    async def __call__(self, exchange: Exchange) -> None:
        prompt = exchange.request.body["messages"]
        if str(prompt[0]["content"]).startswith("Name the conversation"):
            await _TITLE(exchange)
            return
        names, slowly = questions_in(prompt)
        self.history.note("asked", names=names, process=exchange.request.headers["authorization"].split(" ")[-1])
        pieces = (frame(content=f"{sentence} ") for sentence in sentences_of(names))
        frames = (frame(role="assistant", content=""), *pieces, frame("stop"))
        await Stream(frames, pause=_SLOW_SECONDS / len(frames) if slowly else self.pause)(exchange)


@asynccontextmanager
async def stage(
    url: str, folder: Path, *options: str, faults: Faults | None = None, pause: float = 0.005, seed: int = 0
) -> AsyncIterator[Stage]:
    """A platform and a model; `options` are for every bot. Whatever still runs in the end is killed."""
    history = History(folder / "history.jsonl")
    try:
        async with (
            ModelServer(Speaking(history, pause)) as model,
            Platform(history, faults, seed=seed) as platform,
        ):
            made = Stage(url, folder, history, platform, model, options)
            try:
                yield made
            finally:
                for bot in made.bots:
                    await bot.kill()
    finally:
        history.close()
