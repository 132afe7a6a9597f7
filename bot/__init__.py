"""Threadkeeper: every person's conversations with the bot, kept separate, private and lasting.

The library face is these names: open a `Memory`, look at it as an `Actor`, talk through an `Agent`. They are loaded
when first used, so that importing one module of the bot costs only that module.
"""

from importlib import import_module
from typing import Any

_FACE = {
    "Actor": "bot.access.actor",
    "Agent": "bot.agent.agent",
    "Memory": "bot.memory.memory",
    "MemoryOptions": "bot.memory.values",
    "Message": "bot.memory.values",
    "MessageChange": "bot.memory.values",
    "NewMessage": "bot.memory.values",
    "Page": "bot.memory.values",
    "Thread": "bot.memory.values",
}

__all__ = [
    "Actor",
    "Agent",
    "Memory",
    "MemoryOptions",
    "Message",
    "MessageChange",
    "NewMessage",
    "Page",
    "Thread",
]


def __getattr__(name: str) -> Any:
    """Load a name of the library face on first use (PEP 562)."""
    if name not in _FACE:
        raise AttributeError(f"module 'bot' has no attribute {name!r}")
    return getattr(import_module(_FACE[name]), name)
