"""Storage functions that read a person's messages over all conversations, and search them."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam

from bot.access.scope import Scope, message_in_workspace
from bot.memory.message_pages import Found, MessageList, as_message, count_messages, read_messages, visible_select
from bot.memory.paging import Slice
from bot.memory.search_rows import find_messages
from bot.memory.values import Message
from bot.storage.tables import messages


def list_person_messages(connection: Connection, scope: Scope, wanted: MessageList, part: Slice) -> Found:
    """A part of a person's messages, in chronological order."""
    return read_messages(connection, scope, wanted, part, count_messages(connection, scope, wanted))


def search_messages(
    connection: Connection, scope: Scope, terms: Sequence[str], wanted: MessageList, part: Slice
) -> Found:
    """A part of what is found, the best first."""
    return find_messages(connection, scope, terms, wanted, part)


def messages_by_ids(connection: Connection, scope: Scope, ids: Sequence[str]) -> list[Message]:
    """The visible ones of the messages with these ids."""
    statement = visible_select(scope.kind).where(
        message_in_workspace(), messages.c.id.in_(bindparam("ids", expanding=True))
    )
    return [as_message(row) for row in connection.execute(statement, {**scope.values(), "ids": list(ids)})]
