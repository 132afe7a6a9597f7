"""People of the local platform."""

from adapters.local.adapter import LocalAdapter
from adapters.local.conversation import World
from benchmarks.turns.bot import clock
from bot.storage.store import Store

_TEAM = "bench"


class LocalTalk:
    """A local workspace, whose platform is made when the bot has its database."""

    def __init__(self) -> None:
        self._local: LocalAdapter | None = None

    def adapter(self, store: Store) -> LocalAdapter:
        self._local = LocalAdapter(World(store, clock, b"a secret of the benchmark"))
        return self._local

    async def settle(self, number: int) -> None:
        """Let so many people live there."""
        for who in range(number):
            await self._there.settle(_TEAM, f"person{who}", f"Person {who}")

    async def say(self, who: int) -> None:
        """Let one of them say something to the bot."""
        await self._there.say(_TEAM, f"@person{who}", f"person{who}", "Where is the key?")

    @property
    def _there(self) -> LocalAdapter:
        if self._local is None:
            raise RuntimeError("The bot does not run.")
        return self._local
