"""Storage functions that count what a person and a workspace used, and say when it is too much."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, bindparam, func, select

from bot.access.scope import Scope
from bot.storage.columns import Instant
from bot.storage.tables import people, usage
from bot.storage.turn_tables import is_open, turns, utterances
from bot.turns.job_rows import NewJob, queue_job
from bot.turns.notices import budget_spent, queue_full, too_fast, too_many
from bot.turns.options import TurnOptions
from bot.turns.turn_values import Notice, Word

#: The kind of a job that warns the operator of a budget that comes to its end.
BUDGET = "workspace budget"
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)

_since = bindparam("since", type_=Instant())
_lately = utterances.c.received_at > bindparam("lately", type_=Instant())
_QUEUED = (
    select(func.count())
    .select_from(turns)
    .where(turns.c.resource_key == bindparam("of_person"), is_open(turns))
    .scalar_subquery()
)
# One statement: a message waits for its database, and each is asked on every message.
_SAID = (
    select(
        func.count().filter(_lately).label("lately"),
        func.min(utterances.c.received_at).filter(_lately).label("oldest"),
        func.count().label("today"),
        _QUEUED.label("waiting"),
    )
    .select_from(utterances)
    .where(utterances.c.resource_key == bindparam("of_person"), utterances.c.received_at > _since)
)
_SPENT = select(func.coalesce(func.sum(usage.c.prompt_tokens + usage.c.completion_tokens), 0)).where(
    usage.c.workspace_key == bindparam("in_workspace"), usage.c.at >= _since
)


_SUBJECT = select(people.c.subject_id).where(people.c.key == bindparam("of_person"))


def subject_of(connection: Connection, resource_key: int) -> str:
    """Under which name a person stands in the ids of notices; her key may be somebody else's once she was erased."""
    return str(connection.execute(_SUBJECT, {"of_person": resource_key}).scalar_one())


def refusal(
    connection: Connection, scope: Scope, resource_key: int, options: TurnOptions, now: datetime
) -> Notice | None:
    """Why a message, whose utterance is counted already, is not taken in; None where it is.

    A person is told once in each minute, or day, that she is over a limit; what she says meanwhile is passed over.
    """
    minute, day = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M}", f"{now.astimezone(UTC):%Y-%m-%d}"
    since = now - (_MINUTE if options.messages_per_day is None else _DAY)
    said = connection.execute(_SAID, {"of_person": resource_key, "since": since, "lately": now - _MINUTE}).one()

    def notice(kind: str, when: str, text: str) -> Notice:
        return Notice(f"{kind}:{subject_of(connection, resource_key)}:{when}", text)

    if options.messages_per_minute is not None and said.lately > options.messages_per_minute:
        wait = said.oldest + _MINUTE - now
        return notice("too fast", minute, too_fast(options.messages_per_minute, wait))
    if options.messages_per_day is not None and said.today > options.messages_per_day:
        return notice("too many", day, too_many(options.messages_per_day))
    if said.waiting >= options.queue_per_person:
        return notice("queue", minute, queue_full(said.waiting))
    if (
        options.workspace_tokens_per_day is not None
        and spent(connection, scope, now) >= options.workspace_tokens_per_day
    ):
        return notice("budget", day, budget_spent())
    return None


def spent(connection: Connection, scope: Scope, now: datetime) -> int:
    """The tokens that a workspace's answers have cost since midnight, UTC."""
    since = _midnight(now)
    return int(connection.execute(_SPENT, {"in_workspace": scope.workspace_key, "since": since}).scalar_one())


@dataclass(frozen=True, slots=True)
class Used:
    """What a person and her workspace used: messages of the last minute and 24 hours, tokens since midnight, UTC."""

    lately: int
    today: int
    tokens: int
    workspace_tokens: int


_PERSON = select(people.c.key).where(
    people.c.workspace_key == bindparam("in_workspace"), people.c.resource_id == bindparam("of_resource")
)
_SPENT_BY = select(func.coalesce(func.sum(usage.c.prompt_tokens + usage.c.completion_tokens), 0)).where(
    usage.c.resource_key == bindparam("of_person"), usage.c.at >= _since
)


def used_by(connection: Connection, scope: Scope, resource_id: str, now: datetime) -> Used:
    """What a person has used; nothing where she is unknown."""
    who = {"in_workspace": scope.workspace_key, "of_resource": resource_id}
    key = connection.execute(_PERSON, who).scalar()
    if key is None:
        return Used(0, 0, 0, spent(connection, scope, now))
    said = connection.execute(_SAID, {"of_person": key, "since": now - _DAY, "lately": now - _MINUTE}).one()
    own = connection.execute(_SPENT_BY, {"of_person": key, "since": _midnight(now)}).scalar_one()
    return Used(said.lately, said.today, int(own), spent(connection, scope, now))


def _midnight(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def warn_of_budget(
    connection: Connection, workspace_key: int, workspace_id: str, options: TurnOptions, now: datetime
) -> Word:
    """Queue the day's warning for the operator, where a workspace has used most of its budget; "" where not."""
    budget = options.workspace_tokens_per_day
    if budget is None:
        return ""
    used = spent(connection, Scope("system", workspace_key, ()), now)
    if used < options.budget_warning * budget:
        return ""
    said = {"workspace": workspace_id, "share": round(used / max(1, budget), 2)}
    return queue_job(connection, NewJob(f"{BUDGET}:{workspace_key}:{now.astimezone(UTC):%Y-%m-%d}", BUDGET, said), now)
