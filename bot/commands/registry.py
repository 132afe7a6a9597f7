"""All commands of the bot, in the order in which help shows them."""

from bot.commands.conversation import DELETE, OPEN, RENAME, RESUME
from bot.commands.declaration import Registry
from bot.commands.help import HELP
from bot.commands.history import HISTORY, HISTORY_SEARCH
from bot.commands.new import NEW


def all_commands() -> Registry:
    """Every command that there is."""
    return Registry((HELP, NEW, HISTORY, HISTORY_SEARCH, OPEN, RESUME, RENAME, DELETE))
