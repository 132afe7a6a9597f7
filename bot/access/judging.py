"""Whether an act that is about to be recorded is within its actor's scope."""

from dataclasses import replace

from sqlalchemy import Connection, and_, bindparam, exists, or_, select

from bot.access.actor import supervises
from bot.access.audit import Act
from bot.access.scope import Scope, visible_thread
from bot.storage.tables import people, roles, scopes, threads

_ACTING = (
    select(people.c.key)
    .where(
        people.c.workspace_key == bindparam("in_workspace"),
        people.c.resource_id == bindparam("for_supervisor"),
        people.c.left_at.is_(None),
        exists().where(roles.c.resource_key == people.c.key, roles.c.role == "supervisor").correlate(people),
    )
    .scalar_subquery()
)
_REACHES = select(
    exists().where(
        scopes.c.resource_key == _ACTING,
        or_(
            # A channel may hold words of anybody; which, the query itself decides.
            scopes.c.kind.in_(["everyone", "channel"]),
            and_(scopes.c.kind == "person", scopes.c.value.in_(bindparam("for_persons", expanding=True))),
        ),
    )
)
_OPENS = {kind: select(exists().where(visible_thread(kind)).select_from(threads)) for kind in ("supervisor", "scoped")}


def judged(connection: Connection, scope: Scope, act: Act) -> Act:
    """The act with the outcome that it will have: "refused" where nothing is there for this actor to see.

    What is refused and what is absent is recorded alike, as it is shown alike.
    """
    if not supervises(scope.kind):
        return act
    allowed = all(scope.includes(person) for person in act.persons)
    if act.thread_id:
        asked = {**scope.values(), "thread_id": act.thread_id}
        allowed &= bool(connection.execute(_OPENS[scope.kind], asked).scalar_one())
    elif scope.kind == "scoped":
        allowed &= bool(connection.execute(_REACHES, scope.values()).scalar_one())
    return act if allowed else replace(act, outcome="refused")
