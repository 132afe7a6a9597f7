"""Storage functions of changes that come before their message: they wait for it, if it will be the bot's."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects import postgresql

from bot.access.scope import Scope
from bot.chat import Edit, Message
from bot.storage.turn_tables import pending_changes, utterances
from bot.turns.accept_rows import is_followed
from bot.turns.options import TurnOptions

_HEARD = select(utterances.c.id).where(
    utterances.c.workspace_key == bindparam("in_workspace"), utterances.c.id == bindparam("said")
)


def may_come(connection: Connection, scope: Scope, edit: Edit, now: datetime, options: TurnOptions) -> bool:
    """Whether the message of an edit may still come, and would be for the bot. Others' words are not kept."""
    said = {"in_workspace": scope.workspace_key, "said": edit.utterance_id}
    if connection.execute(_HEARD, said).scalar() is not None:
        return False  # it came, and is not kept
    if edit.addressing in {"mention", "direct"}:
        return True
    as_message = Message(
        delivery_id=edit.delivery_id,
        person=edit.person,
        place=edit.place,
        utterance_id=edit.utterance_id,
        text=edit.text,
        sent_at=edit.edited_at,
        addressing=edit.addressing,
        to_others=edit.to_others,
    )
    return is_followed(connection, scope, as_message, now, options)


_WORDS = select(pending_changes.c.utterance_id).where(
    pending_changes.c.workspace_key == bindparam("in_workspace"),
    pending_changes.c.utterance_id == bindparam("said"),
    pending_changes.c.text.is_not(None),
)


def words_wait(connection: Connection, scope: Scope, utterance_id: str) -> bool:
    """Whether an edit, with its words, waits for this message."""
    said = {"in_workspace": scope.workspace_key, "said": utterance_id}
    return connection.execute(_WORDS, said).scalar() is not None


_WAIT = postgresql.insert(pending_changes)


def keep_change(
    connection: Connection,
    scope: Scope,
    utterance_id: str,
    at: datetime,
    now: datetime,
    *,
    text: str | None = None,
    resource_id: str | None = None,
) -> None:
    """Keep a change that came too early: a deletion wins, then the newest edit.

    Args:
        connection: in a transaction.
        scope: the workspace.
        utterance_id: what was changed.
        at: when that was.
        now: the time.
        text: what an edit says; None for a deletion.
        resource_id: who edited it.
    """
    row = {
        "workspace_key": scope.workspace_key,
        "utterance_id": utterance_id,
        "text": text,
        "resource_id": resource_id,
        "changed_at": at,
        "received_at": now,
    }
    statement = _WAIT.on_conflict_do_update(
        index_elements=["workspace_key", "utterance_id"],
        set_={one: _WAIT.excluded[one] for one in ("text", "resource_id", "changed_at")},
        where=_WAIT.excluded.text.is_(None)
        | (pending_changes.c.text.is_not(None) & (pending_changes.c.changed_at < _WAIT.excluded.changed_at)),
    )
    connection.execute(statement, row)
