"""All commands of the bot, in the order in which help shows them."""

from bot.commands.conversation import DELETE, OPEN, RENAME, RESUME
from bot.commands.declaration import Registry
from bot.commands.export import EXPORT
from bot.commands.forget import FORGET, FORGET_CONVERSATION, FORGET_EVERYTHING, FORGET_MESSAGE
from bot.commands.help import HELP
from bot.commands.history import HISTORY, HISTORY_SEARCH
from bot.commands.later import LINK, MEMORY
from bot.commands.new import NEW
from bot.commands.usage import USAGE
from bot.commands.welcome import CONTINUE, DECLINE, WELCOME


def all_commands() -> Registry:
    """Every command that there is."""
    return Registry(
        (
            HELP,
            NEW,
            *(HISTORY, HISTORY_SEARCH, OPEN, RESUME, RENAME, DELETE),
            *(FORGET, FORGET_MESSAGE, FORGET_CONVERSATION, FORGET_EVERYTHING),
            EXPORT,
            MEMORY,
            LINK,
            USAGE,
            *(WELCOME, CONTINUE, DECLINE),
        )
    )
