"""What the core asks of a platform."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol

from bot.chat.events import Event
from bot.chat.values import (
    Attachment,
    Audience,
    EarlierMessage,
    Finding,
    PersonRef,
    PlaceRef,
    PostKey,
    Profile,
    Reply,
    Status,
)


class Receive(Protocol):
    """Where an adapter hands its events to: `App.receive`."""

    async def __call__(self, event: Event) -> None:
        """Take in an event. When this returns the event is durable and the platform may be told so.

        Raises:
            StorageError: it was not taken in; the platform must deliver it again. Never acknowledge then.
        """
        ...


class Conversation(Protocol):
    """One place, to speak in. Opened from a stored `PlaceRef`, on any machine, after any restart.

    Each method that posts raises: `PlatformBusy` (nothing was sent; after `retry_after` it may be),
    `PlatformUnreachable` (nothing was sent), `PostRefused` (the platform will never take this), `PostUncertain` (it may
    have been taken), `TurnLost` (from `PostKey.check`).
    """

    def split(self, text: str) -> tuple[str, ...]:
        """The posts that a text takes here, in order: each within the platform's limit, code fences whole, none empty.

        Of a text that grows, all but the last stay as they are.
        """
        ...

    async def answer(self, reply: Reply, key: PostKey) -> str:
        """Post once, and return the post's id. The text is one of `split`. Nothing here is tried a second time."""
        ...

    async def stream(
        self, replies: AsyncIterator[Reply], key: PostKey, opened: Callable[[str], Awaitable[None]]
    ) -> str:
        """Post a reply that grows, and return the post's id when it is whole.

        Args:
            replies: each is all of this post so far, the last one final, its text one of `split`; what comes faster
                than the platform takes it is passed over, but never the last.
            key: as for `answer`; to be checked before each change too.
            opened: awaited with the post's id as soon as there is a post, before anything is added to it.
        """
        ...

    async def edit(self, post_id: str, reply: Reply) -> None:
        """Let a post say something else; the end of a stream that a crash left open."""
        ...

    async def delete(self, post_id: str) -> None:
        """Remove a post; one that is gone already is no error."""
        ...

    async def find(self, key: PostKey) -> Finding:
        """Whether the post with this key was made. Never raises: what goes wrong is `Unknown`."""
        ...

    async def earlier(self, before: str, limit: int) -> Sequence[EarlierMessage]:
        """What was said here before an utterance, oldest first; empty where it cannot be read."""
        ...

    async def status(self, status: Status) -> None:
        """Show that the bot is at work, waits for the person, or neither. Never raises."""
        ...

    async def rename(self, title: str) -> None:
        """Give the place a title, where the platform has such. Never raises."""
        ...


class Adapter(Protocol):
    """A platform."""

    @property
    def platform(self) -> str:
        """Its name: what the ids of its workspaces begin with."""
        ...

    async def run(self, receive: Receive) -> None:
        """Receive events until cancelled. Returns early only where the platform cannot be served any more."""
        ...

    def conversation(self, place: PlaceRef, person: PersonRef | None = None) -> Conversation:
        """Open a place to speak in; nothing is sent by that.

        Args:
            place: the place.
            person: who is answered there, for platforms that show it to her first; None where the bot begins by itself.
        """
        ...

    async def audience(self, place: PlaceRef) -> Audience:
        """Who can read a place now; `unknown` where the platform does not say."""
        ...

    async def profile(self, person: PersonRef) -> Profile:
        """What the platform knows of a person.

        Raises:
            NotFound: it knows nobody like that.
        """
        ...

    async def open_dm(self, person: PersonRef) -> PlaceRef:
        """The place where the bot talks to one person alone.

        Raises:
            PostRefused: the person or the platform does not allow it.
        """
        ...

    def channel(self, place: PlaceRef) -> PlaceRef:
        """The channel in which a place lies, to be spoken in as a whole; what lies in none is its own.

        Pure: all that it takes stands in the place.
        """
        ...

    async def publish_home(self, person: PersonRef, view: Sequence[Reply]) -> None:
        """Show a person her home page, section by section, where the platform has one.

        A home page that somebody opens comes in as an `Invocation` of the command `home` in her direct conversation.
        """
        ...

    async def fetch(self, attachment: Attachment) -> bytes:
        """The content of a file.

        Raises:
            NotFound: it is gone, or the bot may not read it.
        """
        ...
