"""Storage functions that count what a person and a workspace used, and say when it is too much."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, bindparam, func, select

from bot.access.scope import Scope
from bot.storage.columns import Instant
from bot.storage.tables import usage
from bot.storage.turn_tables import OPEN_STATES, turns, utterances
from bot.turns.notices import budget_spent, queue_full, too_fast, too_many
from bot.turns.options import TurnOptions
from bot.turns.turn_values import Notice

_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)

_since = bindparam("since", type_=Instant())
_SAID = (
    select(func.count(), func.min(utterances.c.received_at))
    .select_from(utterances)
    .where(utterances.c.resource_key == bindparam("of_person"), utterances.c.received_at > _since)
)
_QUEUED = (
    select(func.count())
    .select_from(turns)
    .where(turns.c.resource_key == bindparam("of_person"), turns.c.state.in_(OPEN_STATES))
)
_SPENT = select(func.coalesce(func.sum(usage.c.prompt_tokens + usage.c.completion_tokens), 0)).where(
    usage.c.workspace_key == bindparam("in_workspace"), usage.c.at >= _since
)


def refusal(
    connection: Connection, scope: Scope, resource_key: int, options: TurnOptions, now: datetime
) -> Notice | None:
    """Why a message, whose utterance is counted already, is not taken in; None where it is.

    A person is told once in each minute, or day, that she is over a limit; what she says meanwhile is passed over.
    """
    who, day = f"{scope.workspace_key}:{resource_key}", f"{now.astimezone(UTC):%Y-%m-%d}"
    if options.messages_per_minute is not None:
        said, oldest = connection.execute(_SAID, {"of_person": resource_key, "since": now - _MINUTE}).one()
        if said > options.messages_per_minute:
            wait = oldest + _MINUTE - now
            return Notice(
                f"too fast:{who}:{now.astimezone(UTC):%Y-%m-%dT%H:%M}", too_fast(options.messages_per_minute, wait)
            )
    if options.messages_per_day is not None:
        said, _oldest = connection.execute(_SAID, {"of_person": resource_key, "since": now - _DAY}).one()
        if said > options.messages_per_day:
            return Notice(f"too many:{who}:{day}", too_many(options.messages_per_day))
    waiting = connection.execute(_QUEUED, {"of_person": resource_key}).scalar_one()
    if waiting > options.queue_per_person:
        return Notice(f"queue:{who}:{now.astimezone(UTC):%Y-%m-%dT%H:%M}", queue_full(waiting))
    if (
        options.workspace_tokens_per_day is not None
        and spent(connection, scope, now) >= options.workspace_tokens_per_day
    ):
        return Notice(f"budget:{who}:{day}", budget_spent())
    return None


def spent(connection: Connection, scope: Scope, now: datetime) -> int:
    """The tokens that a workspace's answers have cost since midnight, UTC."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return int(connection.execute(_SPENT, {"in_workspace": scope.workspace_key, "since": midnight}).scalar_one())
