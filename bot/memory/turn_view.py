"""The part of the memory's face that the agent uses: a turn's question, context and answer."""

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from bot.access.actor import Actor, checked_id
from bot.access.door import Door
from bot.errors import NotAllowed
from bot.memory.apart import apart
from bot.memory.drafts import checked_title, draft
from bot.memory.thread_rows import NewThread
from bot.memory.turn_rows import Context, Cost, close_turn, name_person, open_turn, read_context
from bot.memory.values import Message, NewMessage


class TurnMethods:
    """A turn: open it with the question, read its context, close it with the answer."""

    _door: Door

    @property
    def actor(self) -> Actor:
        """Whose turn it is."""
        return self._door.actor

    async def open_turn(
        self, thread_id: str, text: str, *, title: str = "", created_at: datetime | None = None
    ) -> Message:
        """Save the actor's question, in a thread that is made where it is missing.

        Args:
            thread_id: the conversation.
            text: the question.
            title: what the conversation is called if this is its first message and nobody named it.
            created_at: the sender's time; without, now.

        Raises:
            InvalidArgument: the text or an id cannot be stored.
            NotFound: the thread is somebody else's; it looks like a missing one.
        """
        now = self._door.now()
        person = self._person()
        message = NewMessage(checked_id("thread_id", thread_id), person, text, created_at=created_at)
        question = await apart(len(text), lambda: draft(message, str(uuid4())))
        new = NewThread(
            id=thread_id,
            resource_id=person,
            title="",
            title_source="",
            metadata={},
            place_kind="direct",
            place_name="",
            at=created_at or now,
            subject_id=str(uuid4()),
        )
        return await self._door.write(open_turn, new, question, checked_title(title), now)

    async def read_context(self, thread_id: str, most: int) -> Context:
        """The newest `most` messages of a thread with what a prompt must know beside them.

        Raises:
            NotAllowed: the actor is no person; what a supervisor reads never enters a prompt.
        """
        self._person()
        return await self._door.read("open", None, read_context, checked_id("thread_id", thread_id), most)

    async def close_turn(
        self, answer: NewMessage, cost: Cost, question_id: str | None = None, shown: Sequence[str] = ()
    ) -> Message:
        """Save the answer to the actor with what it cost; where the question is named, only if that still stands.

        `shown` are the ids of the messages that stood in its prompt, which the ledger keeps.

        Raises:
            NotFound: the thread or the question was deleted meanwhile.
        """
        checked = await apart(len(answer.text), lambda: draft(answer, str(uuid4())))
        return await self._door.write(close_turn, checked, cost, self._door.now(), question_id, shown)

    async def name_person(self, resource_id: str, name: str) -> None:
        """Remember how the platform calls a person: for an adapter or the person herself.

        Raises:
            NotAllowed: the actor is another person.
        """
        person = checked_id("resource_id", resource_id)
        if self.actor.kind == "person" and person != self.actor.id:
            raise NotAllowed("You can name only yourself.")
        await self._door.write(name_person, person, checked_title(name))

    def _person(self) -> str:
        if self.actor.kind != "person":
            raise NotAllowed("A turn is a person's.")
        return self.actor.id
