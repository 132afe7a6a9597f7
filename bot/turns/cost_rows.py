"""Storage functions of what is paid for and stands in no answer."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, exists, insert, select

from bot.memory.turn_rows import Cost
from bot.storage.columns import Instant
from bot.storage.signals import announce
from bot.storage.tables import messages, people, usage
from bot.turns.options import TurnOptions
from bot.turns.rate_rows import warn_of_budget
from bot.turns.turn_values import Turn

_COLUMNS = ("model", "prompt_tokens", "completion_tokens", "estimated", "model_calls")
_here = people.c.workspace_key == bindparam("in_workspace")
_stored = exists().where(messages.c.workspace_key == people.c.workspace_key, messages.c.id == bindparam("answer_id"))
_PAY = insert(usage).from_select(
    ["workspace_key", "resource_key", "at", *_COLUMNS],
    select(
        people.c.workspace_key,
        people.c.key,
        bindparam("paid_at", type_=Instant()),
        *(bindparam(f"of_{name}", type_=usage.c[name].type) for name in _COLUMNS),
    ).where(_here, people.c.resource_id == bindparam("of_person"), ~_stored),
)


def pay_unanswered(
    connection: Connection, turn: Turn, answer_id: str, cost: Cost, options: TurnOptions, now: datetime
) -> None:
    """Note what the model cost for an answer that was given up. Whoever has the lease: it was paid for.

    Args:
        connection: in a transaction.
        turn: what was to be answered. A person who is gone pays nothing.
        answer_id: the id that the answer was to have; where it is stored after all, it is paid for already.
        cost: what it cost.
        options: from where on the operator is warned.
        now: the time.
    """
    values = {f"of_{name}": getattr(cost, name) for name in _COLUMNS}
    who = {"in_workspace": turn.workspace_key, "of_person": turn.person.resource_id}
    connection.execute(_PAY, {**values, **who, "answer_id": answer_id, "paid_at": now})
    if word := warn_of_budget(connection, turn.workspace_key, turn.place.workspace_id, options, now):
        announce(connection, word)
