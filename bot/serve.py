"""Runs the platforms and the worker in one process, from the start to an orderly end. Sole owner of the signals."""

import asyncio
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.app import App, Invoke, no_commands
from bot.chat import Adapter
from bot.storage.signals import Signals
from bot.supervision.kinds import JOB_KINDS
from bot.turns.intake import Intake
from bot.turns.jobs import JobKinds
from bot.turns.worker import Worker
from bot.turns.working import Bench

_log = structlog.get_logger(__name__)

_RESTART_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Serving:
    """A composed bot: what receives, and what works."""

    app: App
    worker: Worker
    adapters: Mapping[str, Adapter]
    signals: Signals
    #: How long what runs may finish.
    grace: timedelta


def compose(
    bench: Bench,
    adapters: Mapping[str, Adapter],
    *,
    invoke: Invoke = no_commands,
    kinds: JobKinds = JOB_KINDS,
    signals: Signals | None = None,
) -> Serving:
    """Put a bot together.

    Args:
        bench: database, model and options; the caller closes them in the end.
        adapters: the platforms, by their names.
        invoke: runs commands.
        kinds: what jobs there are.
        signals: the store's, where others hear them too.
    """
    signals = signals or bench.store.signals()
    intake = Intake(bench.store, signals, bench.options, bench.now)
    worker = Worker(bench, signals, adapters, kinds)
    return Serving(App(intake, invoke), worker, adapters, signals, bench.options.grace)


async def serve(serving: Serving, stop: asyncio.Event) -> None:
    """Receive and work until `stop` is set; then receive nothing more, finish what runs, give back the rest.

    Raises:
        StorageError: the database cannot be worked on at all.
    """
    working = asyncio.create_task(serving.worker.run())
    receiving = [asyncio.create_task(_keep_running(adapter, serving.app)) for adapter in serving.adapters.values()]
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (*receiving, stopping):
            task.cancel()
        await asyncio.gather(*receiving, stopping, return_exceptions=True)
        serving.worker.drain()
        await serving.app.finish(serving.grace.total_seconds())
        try:
            await working
        finally:
            await serving.signals.close()


async def _keep_running(adapter: Adapter, app: App) -> None:
    """Run a platform; one that fails does not end the others, and begins anew."""
    while True:
        try:
            await adapter.run(app.receive)
        except Exception as error:  # noqa: BLE001 (an adapter's failure is its own)
            _log.error("a platform failed and begins anew", platform=adapter.platform, error=type(error).__name__)
            await asyncio.sleep(_RESTART_SECONDS)
        else:
            _log.error("a platform cannot be served any more", platform=adapter.platform)
            return


@contextmanager
def stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Let SIGTERM and SIGINT call `stop`, within this block; the second SIGINT is Python's own again."""
    loop = asyncio.get_running_loop()

    def hear(number: signal.Signals) -> None:
        _log.info("told to end", signal=number.name)
        if number == signal.SIGINT:
            let_go(number)
        stop()

    def let_go(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)
        signal.signal(number, before[number])

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        loop.add_signal_handler(number, hear, number)
    try:
        yield
    finally:
        for number in before:
            let_go(number)
