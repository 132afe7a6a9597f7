"""What others said in a shared conversation: shown to whoever can read along there now.

The memory knows who took part, not who is still there. Whoever left a channel, or was removed from it, keeps her own
words and the answers to her.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace

import structlog

from bot.chat import PersonRef, PlaceRef
from bot.commands.context import Context
from bot.commands.direct import adapter_of
from bot.errors import NotFound, PlatformError
from bot.memory.values import ANOTHER_PARTICIPANT, Message, Thread
from bot.turns.place_rows import place_of_thread

_log = structlog.get_logger(__name__)

#: Nobody waits longer for a platform that does not say who reads a place.
_PATIENCE_SECONDS = 3.0
#: Places that are asked for one answer; what lies in further ones counts as closed.
_MOST_PLACES = 20


class ReadingAlong:
    """Whether the asker may see what others said, for one answer. A place that nobody can tell of is closed.

    Args:
        context: who asks.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[str, bool] = {}
        self._threads: dict[str, bool] = {}

    async def may(self, thread: Thread) -> bool:
        """Whether she may see this conversation, which is hers, whole."""
        if thread.id not in self._threads:
            self._threads[thread.id] = thread.participants == (self._me,) or await self._can_read(thread)
        return self._threads[thread.id]

    async def shown(self, thread: Thread, said: Iterable[Message]) -> tuple[Message, ...]:
        """Messages of it, in which what she may not see stands without words, as another participant's."""
        if await self.may(thread):
            return tuple(said)
        return tuple(
            one if self.is_hers(one) else replace(one, resource_id=ANOTHER_PARTICIPANT, text="") for one in said
        )

    async def title(self, thread: Thread) -> str:
        """What it is called: by its owner, where the asker may see what others said."""
        seen = thread.resource_id == self._me or await self.may(thread)
        return (thread.title if seen else "") or thread.place_name or "(no title)"

    def is_hers(self, message: Message) -> bool:
        """Whether these are her words, or an answer to her."""
        return message.resource_id == self._me

    @property
    def _me(self) -> str:
        return self._context.person.resource_id

    async def _can_read(self, thread: Thread) -> bool:
        if thread.place_kind == "direct":
            return True
        found = await self._context.bench.store.read(place_of_thread, self._context.scope, thread.id)
        if found is None:
            return False
        place = replace(found, workspace_id=self._context.person.workspace_id)
        if place.place_id not in self._known:
            asked = len(self._known) < _MOST_PLACES and await self._reads(place)
            self._known[place.place_id] = asked
        return self._known[place.place_id]

    async def _reads(self, place: PlaceRef) -> bool:
        """Whether she can read a place now."""
        adapter = adapter_of(self._context)
        if adapter is None:
            return False
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                audience = await adapter.audience(place)
                if audience.reach == "unknown":
                    return False
                if self._me in audience.members or audience.reach != "workspace":
                    return self._me in audience.members
                # A public place is open to the workspace's own people, who need not be in it.
                who = await adapter.profile(PersonRef(self._context.person.workspace_id, self._me))
                return who.active and not who.outsider
        except (PlatformError, NotFound, TimeoutError) as error:
            _log.warning("a platform did not say who can read a place", error=type(error).__name__)
            return False
