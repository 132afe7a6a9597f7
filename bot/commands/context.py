"""What a running command works with: who asks, where, and what it may reach with her rights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.access.actor import Actor
from bot.chat import Adapter, Button, Form, Invocation, PersonRef, PlaceRef, Reply
from bot.commands.declaration import Registry
from bot.memory.memory import Memory
from bot.memory.values import MemoryOptions
from bot.memory.view import MemoryView
from bot.memory.workspace_rows import workspace_key
from bot.settings import Settings
from bot.storage.store import Store
from bot.turns.options import TurnOptions


@dataclass(frozen=True, slots=True)
class Services:
    """What commands are run with."""

    store: Store
    settings: Settings
    options: TurnOptions
    now: Callable[[], datetime]
    adapters: Mapping[str, Adapter]
    registry: Registry


@dataclass(frozen=True, slots=True)
class Context:
    """One invocation, being carried out."""

    services: Services
    invocation: Invocation
    #: Whether the command answers its asker alone.
    private: bool

    @property
    def person(self) -> PersonRef:
        """Who asks."""
        return self.invocation.person

    @property
    def place(self) -> PlaceRef:
        """Where she asks."""
        return self.invocation.place

    async def view(self) -> MemoryView:
        """The memory as she sees it."""
        services = self.services
        key = await services.store.read(workspace_key, self.person.workspace_id)
        memory = Memory(services.store, key or 0, MemoryOptions(), services.now)
        return memory.as_actor(Actor.person(self.person.resource_id))

    async def answer(self, reply: Reply) -> None:
        """Answer, as privately as the command is declared."""
        responder = self.invocation.responder
        await (responder.private(reply) if self.private else responder.public(reply))

    async def show(self, form: Form) -> None:
        """Show a form."""
        await self.invocation.responder.form(form)

    def button(self, label: str, command: str, **arguments: object) -> Button:
        """A button that she alone may press; what is None is left out."""
        given = {name: str(value) for name, value in arguments.items() if value is not None}
        return Button(label, command, given, person=self.person.resource_id)

    def danger(self, label: str, command: str, confirm: str, **arguments: object) -> Button:
        """As `button`, for what cannot be undone: it asks before."""
        given = {name: str(value) for name, value in arguments.items() if value is not None}
        return Button(label, command, given, "danger", confirm, self.person.resource_id)
