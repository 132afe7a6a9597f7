"""An event loop in a thread of its own: it goes on while the main thread waits for a key."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")


class Background:
    """Runs coroutines for the main thread, which can be interrupted; titles and connections live on between them."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="threadkeeper-loop", daemon=True)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` to its end and give its result. Ctrl-C cancels it and waits until it has cleaned up.

        Raises:
            KeyboardInterrupt: it was cancelled.
        """
        done: Future[T] = Future()
        begun: list[asyncio.Task[T]] = []

        def begin() -> None:
            task = self._loop.create_task(work)
            begun.append(task)
            task.add_done_callback(lambda ended: _hand_over(ended, done))

        def cancel() -> None:
            for task in begun:
                task.cancel()

        self._loop.call_soon_threadsafe(begin)
        while True:
            try:
                return done.result()
            except KeyboardInterrupt:
                self._loop.call_soon_threadsafe(cancel)
            except CancelledError:
                raise KeyboardInterrupt from None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _hand_over(ended: asyncio.Task[T], done: Future[T]) -> None:
    if ended.cancelled():
        done.cancel()
    elif (error := ended.exception()) is not None:
        done.set_exception(error)
    else:
        done.set_result(ended.result())
