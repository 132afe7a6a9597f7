"""The memory as one actor may see and change it: the methods of docs/memory.md, in four parts."""

from bot.memory.import_view import ImportMethods
from bot.memory.message_view import MessageMethods
from bot.memory.thread_view import ThreadMethods
from bot.memory.turn_view import TurnMethods


class MemoryView(ThreadMethods, MessageMethods, TurnMethods, ImportMethods):
    """What `Memory.as_actor` gives. What the actor may not see does not exist for it."""
