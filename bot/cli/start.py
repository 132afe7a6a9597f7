"""The composition: how a command gets its settings and its database, and where logs go."""

import logging
import sys
from typing import TYPE_CHECKING

from bot.terminal.screen import Screen

if TYPE_CHECKING:
    from bot.memory.memory import Memory
    from bot.settings import Settings
    from bot.storage.store import Migration, Purpose


def configure_logging(*, verbose: bool) -> None:
    """Send logs to standard error, for people: warnings, or with `verbose` also what is done. They hold no words of people."""
