"""Storage functions of the notice to a person whose conversations were read."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, select, update

from bot.access.readings import Reading, readings_of
from bot.access.scope import Scope
from bot.access.settings_rows import chosen_settings
from bot.chat import PlaceRef
from bot.storage.columns import EPOCH, microseconds
from bot.storage.signals import announce
from bot.storage.tables import people
from bot.storage.turn_tables import WAITING_STATES, jobs, posts
from bot.turns.job_rows import NewJob, queue_job
from bot.turns.place_rows import lock_place
from bot.turns.turn_values import Word

#: The kind of the job, and of one that is queued where nobody is to be told.
READINGS = "readings"
NO_READINGS = "no readings"
#: Nobody is written to more often, unasked.
_BETWEEN = timedelta(days=1)
#: Most rows of the audit that one notice looks at, grouped by reader, day and deed.
_MOST = 50
_MICROSECOND = timedelta(microseconds=1)

_PERSON: Any = select(people.c.key, people.c.told_readings, people.c.left_at).where(
    people.c.workspace_key == bindparam("in_workspace"), people.c.resource_id == bindparam("of_person")
)
_LOCKED = _PERSON.with_for_update(key_share=True)


def untold_readings(connection: Connection, scope: Scope, resource_id: str) -> list[Reading]:
    """What a person was not told yet of who read her conversations, the newest first.

    Nothing where the workspace chose not to tell people unasked: `privacy` shows it all the same.
    """
    person = connection.execute(_PERSON, _values(scope, resource_id)).one_or_none()
    wanted = chosen_settings(connection, scope).settings.notice_of_readings
    # Asked of somebody unknown too: whether a person is known is not to be told from what is asked.
    after = 0 if person is None else person.told_readings
    found = readings_of(connection, scope, resource_id, _MOST, after=after)
    return found if wanted and person is not None else []


def _values(scope: Scope, resource_id: str) -> dict[str, Any]:
    return {"in_workspace": scope.workspace_key, "of_person": resource_id}


_TOLD = (
    update(people)
    .where(
        people.c.workspace_key == bindparam("in_workspace"),
        people.c.resource_id == bindparam("of_person"),
        people.c.told_readings < bindparam("told"),
    )
    .values(told_readings=bindparam("told"))
)


def note_told(connection: Connection, scope: Scope, resource_id: str, seq: int) -> None:
    """Note that a person was told of the readings up to this row of the audit."""
    connection.execute(_TOLD, _values(scope, resource_id) | {"told": seq})


_of_her = and_(jobs.c.kind == READINGS, jobs.c.resource_key == bindparam("person_key"))
_OPEN = select(jobs.c.state, jobs.c.arguments).where(_of_her, jobs.c.state.in_(WAITING_STATES))
_LAST = select(func.max(posts.c.sent_at)).select_from(jobs).join(posts, posts.c.job_key == jobs.c.key).where(_of_her)


def _is_waiting(connection: Connection, person_key: int, now: datetime) -> bool:
    """Whether there is a notice that will know of what was read until now: one that nobody has begun to write."""
    rows = connection.execute(_OPEN, {"person_key": person_key}).all()
    return any(row.state == "queued" or until_due(row.arguments["due"], now) > timedelta() for row in rows)


def queue_readings(
    connection: Connection,
    scope: Scope,
    resource_id: str,
    place: PlaceRef | None,
    quiet: timedelta,
    empty_id: str,
    now: datetime,
) -> Word:
    """Queue the notice to a person: soon, but not within a day of the last one.

    Where nobody is to be told, a job that does nothing is queued in its stead: whether there is such a person, and
    whether she may be read, is not to be told from what was done.

    Args:
        connection: in a transaction.
        scope: the program's own.
        resource_id: who is to be told.
        place: where the bot writes to her alone; None where it cannot: her next private answer tells her.
        quiet: how long is waited, so that one notice tells of all that a reader opens in a row.
        empty_id: random; names the job that does nothing.
        now: the time.
    """
    person = connection.execute(_LOCKED, _values(scope, resource_id)).one_or_none()
    # All of it is asked of everybody.
    untold = untold_readings(connection, scope, resource_id)
    waiting = _is_waiting(connection, 0 if person is None else person.key, now)
    last: Any = connection.execute(_LAST, {"person_key": 0 if person is None else person.key}).scalar()
    new = NewJob(f"{NO_READINGS}:{empty_id}", NO_READINGS, {}, scope.workspace_key)
    if person is not None and person.left_at is None and place is not None and untold and not waiting:
        due = now + quiet if last is None else max(now + quiet, last + _BETWEEN)
        place_key = lock_place(connection, scope, place, now).key
        new = NewJob(
            f"{READINGS}:{person.key}:{microseconds(due)}",
            READINGS,
            {"due": microseconds(due)},
            scope.workspace_key,
            person.key,
            place_key,
        )
    word = queue_job(connection, new, now)
    if word:
        announce(connection, word)
    return word


def until_due(due: int, now: datetime) -> timedelta:
    """How long a notice still waits; nothing or less where it is due."""
    return (EPOCH - now) + due * _MICROSECOND
