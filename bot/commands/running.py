"""Runs an invocation: finds its command, asks whether this person may, reads the arguments."""

from bot.chat import Invocation, Reply
from bot.commands.context import Context, Services

_UNKNOWN = "There is no such command here; `help` lists what I can do."


class Commands:
    """What `bot.app.App` runs invocations with.

    Args:
        services: what commands are run with, and which there are.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, invocation: Invocation) -> None:
        """Run a command for whoever invoked it; whether she may is decided now, whoever was shown its button.

        Raises:
            InvalidArgument: an argument has a value that it cannot have; the sentence is for her.
            BotError: the command failed with a sentence for her.
        """
        command = self._services.registry.find(invocation.command)
        # Roles come with the commands that need them: until then those do not exist.
        if command is None or command.who != "everyone":
            await invocation.responder.private(Reply(_UNKNOWN))
            return
        context = Context(self._services, invocation, command.private)
        await command.run(context, command.read(invocation.arguments))
