"""All commands of admins, in the order in which help shows them."""

from bot.commands.admin import audit, roles, scope, settings, setup, usage
from bot.commands.declaration import Command

ADMIN_COMMANDS: tuple[Command, ...] = (
    *setup.COMMANDS,
    *settings.COMMANDS,
    *roles.COMMANDS,
    *scope.COMMANDS,
    *audit.COMMANDS,
    *usage.COMMANDS,
)
