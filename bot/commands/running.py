"""Runs an invocation: finds its command, asks whether this person may, reads the arguments."""

from bot.access.audit import Act
from bot.access.role_rows import read_standing
from bot.chat import Invocation, Reply
from bot.commands.admin.taking_over import TakingOver
from bot.commands.context import Context, Services
from bot.commands.declaration import Command
from bot.commands.pace import Pace, too_many
from bot.memory.workspace_rows import ensure_workspace, workspace_key

_UNKNOWN = "There is no such command here; `help` lists what I can do."


class Commands:
    """What `bot.app.App` runs invocations with.

    Args:
        services: what commands are run with, and which there are.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._take_over_roles = TakingOver(services)
        self._pace = Pace(services.bench.options.commands_per_minute)

    async def __call__(self, invocation: Invocation) -> None:
        """Run a command for whoever invoked it; whether she may is decided now, whoever was shown its button.

        Raises:
            InvalidArgument: an argument has a value that it cannot have; the sentence is for her.
            BotError: the command failed with a sentence for her.
        """
        person, bench = invocation.person, self._services.bench
        wait = self._pace.wait(f"{person.workspace_id} {person.resource_id}", bench.now())
        if wait:
            await invocation.responder.private(Reply(too_many(bench.options.commands_per_minute, wait)))
            return
        command = self._services.registry.find(invocation.command)
        if command is None or invocation.person.is_bot:
            await invocation.responder.private(Reply(_UNKNOWN))
            return
        context = await self._context(invocation, command)
        if not context.may(command):
            await self._note_refusal(context, command)
            await invocation.responder.private(Reply(_UNKNOWN))
            return
        await command.run(context, command.read(invocation.arguments))

    async def _context(self, invocation: Invocation, command: Command) -> Context:
        bench = self._services.bench
        workspace_id = invocation.person.workspace_id
        key = await bench.store.read(workspace_key, workspace_id)
        if key is None:
            key = await bench.store.write(ensure_workspace, workspace_id, bench.now())
        await self._take_over_roles(invocation, key)
        standing = await bench.store.read(read_standing, key, invocation.person.resource_id)
        return Context(self._services, invocation, key, standing, command.private)

    async def _note_refusal(self, context: Context, command: Command) -> None:
        """Record that somebody tried what is not hers to do; if that cannot be recorded she hears of a failure."""
        act = Act(context.now(), context.person.resource_id, "person", command.name, outcome="refused")
        await self._services.recorder.note(self._services.bench.store, context.scope, act)
