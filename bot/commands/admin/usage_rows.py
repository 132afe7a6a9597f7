"""Storage functions that count what a workspace uses, without saying who."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import BigInteger, Connection, bindparam, func, literal, select, type_coerce

from bot.access.scope import Scope
from bot.storage.columns import EPOCH, Instant
from bot.storage.tables import messages, usage

_MICROSECONDS = 86_400_000_000
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Day:
    """One day, UTC."""

    day: date
    #: Messages of people that are still kept.
    messages: int
    answers: int
    tokens: int
    #: How many different people were answered.
    people: int


@dataclass(frozen=True, slots=True)
class WorkspaceUse:
    """Some days of a workspace, the newest first, each of them also where nothing happened."""

    days: Sequence[Day]
    #: How many different people were answered in all of them.
    people: int


_since = bindparam("since", type_=Instant())
_ANSWERED = (usage.c.workspace_key == bindparam("in_workspace"), usage.c.at >= _since)
_DAY_OF_ANSWER = type_coerce(usage.c.at, BigInteger) // literal(_MICROSECONDS, BigInteger)
_ANSWERS = (
    select(
        _DAY_OF_ANSWER.label("day"),
        func.count().label("answers"),
        func.sum(usage.c.prompt_tokens + usage.c.completion_tokens).label("tokens"),
        func.count(usage.c.resource_key.distinct()).label("people"),
    )
    .where(*_ANSWERED)
    .group_by(_DAY_OF_ANSWER)
)
_PEOPLE = select(func.count(usage.c.resource_key.distinct())).where(*_ANSWERED)
_DAY_OF_MESSAGE = type_coerce(messages.c.stored_at, BigInteger) // literal(_MICROSECONDS, BigInteger)
_MESSAGES = (
    select(_DAY_OF_MESSAGE.label("day"), func.count().label("messages"))
    .where(
        messages.c.workspace_key == bindparam("in_workspace"),
        messages.c.stored_at >= _since,
        messages.c.role == "user",
    )
    .group_by(_DAY_OF_MESSAGE)
)


def workspace_use(connection: Connection, scope: Scope, days: int, now: datetime) -> WorkspaceUse:
    """What a workspace used on each of the last `days` days, UTC, today among them."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since = today - (days - 1) * _DAY
    values = {"in_workspace": scope.workspace_key, "since": since}
    answers = {row.day: row for row in connection.execute(_ANSWERS, values)}
    said = {row.day: row.messages for row in connection.execute(_MESSAGES, values)}
    found = []
    for back in range(days):
        day = today - back * _DAY
        number = (day - EPOCH) // _DAY
        row = answers.get(number)
        counts = (0, 0, 0) if row is None else (int(row.answers), int(row.tokens), int(row.people))
        found.append(Day(day.date(), said.get(number, 0), *counts))
    return WorkspaceUse(found, int(connection.execute(_PEOPLE, values).scalar_one()))
