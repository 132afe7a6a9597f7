"""All commands of the bot, in the order in which help shows them."""

from bot.commands.admin.all import ADMIN_COMMANDS
from bot.commands.conversation import OPEN, RENAME, RESUME
from bot.commands.declaration import Registry
from bot.commands.export import EXPORT
from bot.commands.forget import FORGET, FORGET_CONVERSATION, FORGET_EVERYTHING, FORGET_MESSAGE
from bot.commands.help import HELP
from bot.commands.history import HISTORY, HISTORY_SEARCH
from bot.commands.later import LINK, MEMORY
from bot.commands.new import NEW
from bot.commands.privacy import ASK as ASK_ABOUT_READING
from bot.commands.privacy import CONTACT, KEEP, PRIVACY, READINGS
from bot.commands.supervision.export import ASK
from bot.commands.supervision.export import EXPORT as EXPORT_OF
from bot.commands.supervision.reading import FORM as FORM_OF
from bot.commands.supervision.reading import LIST as LIST_OF
from bot.commands.supervision.reading import OPEN as OPEN_OF
from bot.commands.usage import USAGE
from bot.commands.welcome import CONTINUE, DECLINE, WELCOME


def all_commands() -> Registry:
    """Every command that there is."""
    return Registry(
        (
            HELP,
            NEW,
            *(HISTORY, HISTORY_SEARCH, OPEN, RESUME, RENAME),
            *(FORM_OF, LIST_OF, OPEN_OF, EXPORT_OF, ASK),
            *(PRIVACY, KEEP, READINGS, ASK_ABOUT_READING, CONTACT),
            *(FORGET, FORGET_MESSAGE, FORGET_CONVERSATION, FORGET_EVERYTHING),
            EXPORT,
            MEMORY,
            LINK,
            USAGE,
            *(WELCOME, CONTINUE, DECLINE),
            *ADMIN_COMMANDS,
        )
    )
