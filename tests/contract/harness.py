"""What the contract suite asks of each platform: what people do there, and what they see.

Every platform has the same people and places: `ana`, `ben` and `cleo` are members, `gil` is an outsider; `general` is
public, `secret` is a private channel of ana and ben, `guests` a private one of ana and gil; `@ana` is where ana and the
bot talk alone. To add a platform, implement `Harness` beside `LocalHarness` and name it in `conftest.HARNESSES`.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bot.chat import Adapter, File, PersonRef, PlaceRef
from bot.storage.store import Store


@dataclass(frozen=True, slots=True)
class Seen:
    """A post as somebody sees it."""

    id: str
    by_bot: bool
    text: str
    #: Still growing.
    streaming: bool
    buttons: tuple[str, ...]
    files: tuple[tuple[str, bytes], ...]
    fields: tuple[str, ...]


class Harness(Protocol):
    """One platform with its people, and an adapter to it."""

    @property
    def store(self) -> Store:
        """The database of the bot that is to run on the platform."""
        ...

    @property
    def adapter(self) -> Adapter:
        """The adapter."""
        ...

    def now(self) -> datetime:
        """The platform's time."""
        ...

    def pass_time(self, time: timedelta) -> None:
        """Let the clock jump."""
        ...

    def person(self, name: str) -> PersonRef:
        """Somebody, as the bot knows her; a name that nobody has is allowed."""
        ...

    def place(self, channel: str, root: str = "") -> PlaceRef:
        """A place, as the bot knows it; a channel that does not exist is allowed."""
        ...

    async def say(self, person: str, channel: str, text: str, *, root: str = "", files: Sequence[File] = ()) -> str:
        """Let a person say something; its utterance id. The bot is mentioned as `@keeper`."""
        ...

    async def edit(self, person: str, utterance_id: str, text: str) -> None:
        """Let a person change what she said."""
        ...

    async def delete(self, person: str, utterance_id: str) -> None:
        """Let a person delete what she said."""
        ...

    async def stop(self, person: str, channel: str, *, root: str = "") -> None:
        """Let a person stop the answer that she is being given."""
        ...

    async def command(self, person: str, channel: str, command: str, arguments: Mapping[str, str]) -> None:
        """Let a person run a command."""
        ...

    async def press(self, person: str, post_id: str, label: str, *, forged: bool = False) -> bool:
        """Let a person press a button, or one that looks like it; whether the platform let it through."""
        ...

    async def submit(self, person: str, post_id: str, fields: Mapping[str, str]) -> bool:
        """Let a person send a form; whether it was let through."""
        ...

    async def seen(self, person: str, channel: str, *, root: str | None = None) -> list[Seen]:
        """What a person sees in a channel, or in one of its threads, in order; nothing where she may not look."""
        ...

    async def shown(self, channel: str, *, root: str = "") -> tuple[str, str]:
        """The status and the title of a place."""
        ...

    async def archive(self, channel: str) -> None:
        """Let a channel take no more posts."""
        ...

    def broken(self) -> AbstractContextManager[None]:
        """The platform cannot be reached, within this block."""
        ...
