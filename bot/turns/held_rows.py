"""Storage functions of messages that wait, unread, until their author has been told what is kept of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from bot.access.scope import Scope
from bot.chat import Message
from bot.storage.tables import disclosures, held, people
from bot.turns.held_events import as_document, from_document


@dataclass(frozen=True, slots=True)
class Author:
    """Who speaks: her key, the newest disclosure that she was told of, and whether she wants her words kept."""

    key: int
    told_version: int | None
    keeps: bool


_BREADTH = {"off": 0, "channels": 1, "all": 2}

_PERSON = (
    select(people.c.key, people.c.told_version, people.c.keeps)
    .where(people.c.workspace_key == bindparam("in_workspace"), people.c.resource_id == bindparam("of_person"))
    .with_for_update(key_share=True)
)
_TOLD_AND_NEWEST = (
    select(disclosures)
    .where(
        disclosures.c.workspace_key == bindparam("in_workspace"),
        (disclosures.c.version == bindparam("told"))
        | (
            disclosures.c.version
            == select(func.max(disclosures.c.version))
            .where(disclosures.c.workspace_key == bindparam("in_workspace"))
            .scalar_subquery()
        ),
    )
    .order_by(disclosures.c.version)
)


def untold(connection: Connection, scope: Scope, author: Author) -> bool:
    """Whether a person has to be told anew before anything of hers is taken in."""
    if author.told_version is None:
        return True
    values = {"in_workspace": scope.workspace_key, "told": author.told_version}
    rows = connection.execute(_TOLD_AND_NEWEST, values).all()
    return not rows or must_tell(rows[0], rows[-1], keeps=author.keeps)


def must_tell(told: Row[Any], newest: Row[Any], *, keeps: bool) -> bool:
    """Whether what holds now goes beyond what she was told: more readers, a longer time, another provider.

    Of whoever wants nothing kept there is nothing to read, and nothing to keep longer.
    """
    if not keeps:
        return bool(newest.provider != told.provider)
    longer = told.retention_days != 0 and (newest.retention_days == 0 or newest.retention_days > told.retention_days)
    wider = _BREADTH[newest.supervision] > _BREADTH[told.supervision]
    return wider or longer or newest.provider != told.provider


_HOLD = insert(held)
_COUNT = select(func.count()).select_from(held).where(held.c.resource_key == bindparam("of_person"))


def hold_message(connection: Connection, scope: Scope, resource_key: int, message: Message, now: datetime) -> None:
    """Let a message wait."""
    row = {
        "workspace_key": scope.workspace_key,
        "resource_key": resource_key,
        "utterance_id": message.utterance_id,
        "event": as_document(message),
        "received_at": now,
    }
    connection.execute(_HOLD, row)


def count_held(connection: Connection, resource_key: int) -> int:
    """How many messages of a person wait."""
    return int(connection.execute(_COUNT, {"of_person": resource_key}).scalar_one())


_OF_PERSON = (
    select(held.c.event)
    .join(people, people.c.key == held.c.resource_key)
    .where(people.c.workspace_key == bindparam("in_workspace"), people.c.resource_id == bindparam("of_person"))
    .order_by(held.c.key)
)


def read_held(connection: Connection, scope: Scope, resource_id: str) -> Sequence[Message]:
    """What waits of a person, oldest first."""
    values = {"in_workspace": scope.workspace_key, "of_person": resource_id}
    return [from_document(event) for event in connection.execute(_OF_PERSON, values).scalars()]


_TAKE = (
    delete(held)
    .where(held.c.workspace_key == bindparam("in_workspace"), held.c.utterance_id == bindparam("said"))
    .returning(held.c.resource_key)
)


def take_held(connection: Connection, scope: Scope, utterance_id: str) -> int | None:
    """Let a message wait no longer, whatever becomes of it; its author's key, None where it did not wait."""
    return connection.execute(_TAKE, {"in_workspace": scope.workspace_key, "said": utterance_id}).scalar()


_EVENT = select(held.c.event).where(
    held.c.workspace_key == bindparam("in_workspace"), held.c.utterance_id == bindparam("said")
)
_CHANGE = (
    update(held)
    .where(held.c.workspace_key == bindparam("in_workspace"), held.c.utterance_id == bindparam("said"))
    .values(event=bindparam("new_event", type_=held.c.event.type))
)


def edit_held(connection: Connection, scope: Scope, utterance_id: str, resource_id: str, text: str) -> bool:
    """Let a message that waits say something else; whether there is one, and it is hers."""
    said = {"in_workspace": scope.workspace_key, "said": utterance_id}
    event = connection.execute(_EVENT, said).scalar()
    if event is None or event["person"]["resource_id"] != resource_id:
        return False
    changed = as_document(replace(from_document(event), text=text))
    # It may have been taken in meanwhile.
    return connection.execute(_CHANGE, said | {"new_event": changed}).rowcount > 0


_OLD = select(held.c.key).where(held.c.received_at < bindparam("before", type_=held.c.received_at.type)).limit(500)


def sweep_held(connection: Connection, before: datetime) -> int:
    """Delete a portion of what waited too long; how many they were."""
    keys = connection.execute(_OLD, {"before": before}).scalars().all()
    connection.execute(delete(held).where(held.c.key.in_(keys)))
    return len(keys)


def author_of(connection: Connection, scope: Scope, resource_id: str) -> Author | None:
    """A person who speaks; her row is locked."""
    values = {"in_workspace": scope.workspace_key, "of_person": resource_id}
    row = connection.execute(_PERSON, values).one_or_none()
    return None if row is None else Author(row.key, row.told_version, row.keeps)
