"""What a running command works with: who asks, where, in which roles, and what it may reach with her rights."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from bot.access.actor import Actor
from bot.access.recorder import Recorder
from bot.access.scope import Scope
from bot.access.standing import Standing
from bot.chat import Adapter, Button, Form, Invocation, PersonRef, PlaceRef, Reply
from bot.commands.declaration import Command, Registry
from bot.memory.memory import Memory
from bot.memory.view import MemoryView
from bot.storage.signals import Signals
from bot.supervision.readings import news
from bot.turns.working import Bench


@dataclass(frozen=True, slots=True)
class Services:
    """What commands are run with."""

    bench: Bench
    adapters: Mapping[str, Adapter]
    registry: Registry
    #: Records privileged acts before anything comes of them.
    recorder: Recorder
    #: Where workers hear of what a command queued.
    signals: Signals


@dataclass(frozen=True, slots=True)
class Context:
    """One invocation, being carried out."""

    services: Services
    invocation: Invocation
    #: The workspace's key, and what the asker may do in it, as it was when she asked.
    workspace_key: int
    standing: Standing
    #: Whether the command answers its asker alone.
    private: bool

    @property
    def bench(self) -> Bench:
        """Database, settings, options, clock."""
        return self.services.bench

    @property
    def person(self) -> PersonRef:
        """Who asks."""
        return self.invocation.person

    @property
    def place(self) -> PlaceRef:
        """Where she asks."""
        return self.invocation.place

    @property
    def scope(self) -> Scope:
        """The program's own scope in her workspace, for what is no reading of anybody's words."""
        return Scope("system", self.workspace_key, ())

    def may(self, command: Command) -> bool:
        """Whether a command exists for her; what does not is unknown to her."""
        return {"everyone": True, "supervisor": self.standing.supervisor, "admin": self.standing.admin}[command.who]

    def now(self) -> datetime:
        """The time."""
        return self.bench.now()

    def view(self) -> MemoryView:
        """The memory as she sees it."""
        return self.view_as(Actor.person(self.person.resource_id))

    def view_as(self, actor: Actor) -> MemoryView:
        """The memory of her workspace as an actor sees it."""
        bench, recorder = self.bench, self.services.recorder
        return Memory(bench.store, self.workspace_key, bench.memory_options, bench.now, recorder).as_actor(actor)

    def wake(self, *words: str) -> None:
        """Let this process's workers hear at once of what was queued; the others hear of it by the database."""
        for word in words:
            if word:
                self.services.signals.say(word)

    async def answer(self, reply: Reply) -> None:
        """Answer, as privately as the command is declared.

        Above a private answer stands who has read her conversations, where she was not told of it yet.
        """
        responder = self.invocation.responder
        if not self.private:
            await responder.public(reply)
            return
        told = await news(self.bench.store, self.scope, self.person.resource_id)
        if told is None:
            await responder.private(reply)
            return
        await responder.private(replace(reply, text=f"{told.text}\n\n---\n\n{reply.text}"))
        await self.bench.store.write(told.note)

    async def show(self, form: Form) -> None:
        """Show a form."""
        await self.invocation.responder.form(form)

    def button(self, label: str, command: str, **arguments: object) -> Button:
        """A button that she alone may press; what is None is left out."""
        return Button(label, command, _given(arguments), person=self.person.resource_id)

    def danger(self, label: str, command: str, confirm: str, **arguments: object) -> Button:
        """As `button`, for what cannot be undone: it asks before."""
        return Button(label, command, _given(arguments), "danger", confirm, self.person.resource_id)


def _given(arguments: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in arguments.items() if value is not None}
