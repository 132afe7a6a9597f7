"""Storage functions that see to it that a person whose message waits is told why, and not too often."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, exists, func, or_, select

from bot.access.scope import Scope
from bot.storage.signals import announce
from bot.storage.tables import disclosures
from bot.storage.turn_tables import is_waiting, jobs, places, posts
from bot.turns.job_rows import NewJob, queue_job
from bot.turns.turn_values import Word

#: The kind of the job that tells a person what is kept before anything is.
WELCOME = "welcome"
#: In one place she is told of one version once a day; in one channel, whose threads are places, once in this time.
_DAILY, _IN_CHANNEL = timedelta(days=1), timedelta(minutes=10)

_NEWEST = select(func.max(disclosures.c.version)).where(disclosures.c.workspace_key == bindparam("in_workspace"))
_TOLD: Any = (
    select(jobs.c.key)
    .join(places, places.c.key == jobs.c.place_key)
    .where(
        jobs.c.resource_key == bindparam("of_person"),
        jobs.c.kind == WELCOME,
        or_(
            jobs.c.place_key == bindparam("in_place"),
            (places.c.within == bindparam("in_channel"))
            & (places.c.within != "")
            & (jobs.c.queued_at > bindparam("lately", type_=jobs.c.queued_at.type)),
        ),
        # One that waits will tell what holds then; one that posted nothing told her nothing.
        or_(
            is_waiting(jobs),
            (jobs.c.arguments["version"].as_integer() == bindparam("version"))
            & (jobs.c.queued_at > bindparam("today", type_=jobs.c.queued_at.type))
            & exists().where(posts.c.job_key == jobs.c.key),
        ),
    )
    .limit(1)
)


def queue_welcome(
    connection: Connection, scope: Scope, resource_key: int, place: Row[Any], utterance_id: str, now: datetime
) -> Word:
    """Let a person be told what is kept, in a locked place; "" where she is being told, or was a moment ago."""
    version = connection.execute(_NEWEST, {"in_workspace": scope.workspace_key}).scalar()
    values = {
        "of_person": resource_key,
        "in_place": place.key,
        "in_channel": place.within,
        "lately": now - _IN_CHANNEL,
        "today": now - _DAILY,
        "version": version,
    }
    if connection.execute(_TOLD, values).scalar() is not None:
        return ""
    new = NewJob(
        f"{WELCOME}:{scope.workspace_key}:{place.key}:{utterance_id}",
        WELCOME,
        {"version": version},
        workspace_key=scope.workspace_key,
        resource_key=resource_key,
        place_key=place.key,
    )
    word = queue_job(connection, new, now)
    if word:
        announce(connection, word)
    return word
