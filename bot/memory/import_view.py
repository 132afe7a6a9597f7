"""The part of the memory's face that takes over conversations from elsewhere."""

from uuid import uuid4

from bot.access.actor import Actor
from bot.access.door import Door
from bot.errors import NotAllowed
from bot.memory.import_rows import ImportBatch, Imported, import_messages


class ImportMethods:
    """Importing: for the program alone, at its operator's order."""

    _door: Door

    @property
    def actor(self) -> Actor:
        """Who imports."""
        return self._door.actor

    async def import_batch(self, batch: ImportBatch) -> Imported:
        """Store a batch in one transaction, or nothing of it. What is there already is passed over.

        Raises:
            ImportConflict: ids stand in another thread or belong to another person, or a thread is somebody else's.
            NotAllowed: the actor is a person.
        """
        if self.actor.kind != "system":
            raise NotAllowed("Only an operator can import conversations.")
        people = {one.resource_id for one in batch.threads} | {one.resource_id for one in batch.drafts}
        subjects = {person: str(uuid4()) for person in people}
        return await self._door.write(import_messages, batch, subjects, self._door.now())
