"""Tells open pages that there is something new, and sends them what of it they do not have. Server-sent events."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from bot.errors import NotAllowed, NotFound, StorageError

#: Without news a page is looked at anew so often: another process may have changed something.
LOOK_SECONDS = 5.0
#: News that come faster are sent together.
_PACE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Sight:
    """What a page shows, in pieces of HTML that change each for itself."""

    #: By the id of its element.
    regions: dict[str, str] = field(default_factory=dict)
    #: Lists of pieces, each with the id of its element, by the id of the list's element.
    lists: dict[str, dict[str, str]] = field(default_factory=dict)


Look = Callable[[], Awaitable[Sight]]


class News:
    """Wakes open pages.

    `tell` is what `World.changed` has to be; `close` ends all streams, so that a server can end.
    """

    def __init__(self) -> None:
        self._waiting: set[asyncio.Event] = set()
        self._closed = False

    def tell(self, workspace: str, channel: str) -> None:
        """Something can be seen in a channel. Pages look for themselves whether it concerns them."""
        del workspace, channel
        for one in self._waiting:
            one.set()

    def close(self) -> None:
        """Let every page's stream end."""
        self._closed = True
        self.tell("", "")

    async def stream(self, look: Look, now: Callable[[], datetime], until: datetime) -> AsyncGenerator[bytes]:
        """The events of one page, until its session ends or it may see its place no longer.

        Args:
            look: what the page shows now; raises `NotFound` or `NotAllowed` where it may show nothing any more.
            now: the clock.
            until: when the session ends.
        """
        wake = asyncio.Event()
        self._waiting.add(wake)
        before: Sight | None = None
        try:
            # Browsers come back after three seconds by themselves: here the server is near.
            yield b"retry: 700\n\n"
            while not self._closed and now() < until:
                wake.clear()
                try:
                    sight = await look()
                except (NotFound, NotAllowed):
                    yield _event("gone", {})
                    return
                except StorageError:
                    yield _event("trouble", {})
                else:
                    yield _event("sight", changes(before, sight)) if sight != before else b": still here\n\n"
                    before = sight
                await asyncio.sleep(_PACE_SECONDS)
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await wake.wait()
        finally:
            self._waiting.discard(wake)


def changes(before: Sight | None, after: Sight) -> dict[str, object]:
    """What has to be sent to who has seen `before`. Pure."""
    known = before or Sight()
    lists = {}
    for name, pieces in after.lists.items():
        had = known.lists.get(name, {})
        if before is None or list(had.items()) != list(pieces.items()):
            new = {key: html for key, html in pieces.items() if had.get(key) != html}
            lists[name] = {"order": list(pieces), "pieces": new}
    regions = {key: html for key, html in after.regions.items() if known.regions.get(key) != html}
    return {"regions": regions, "lists": lists}


def _event(name: str, data: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
