"""Storage functions of posts: each is recorded before it is sent and after it was accepted."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, exists, or_, select, update
from sqlalchemy.dialects import postgresql

from bot.errors import NotFound, TurnLost
from bot.storage.turn_tables import OPEN_STATES, posts, turns
from bot.turns.lease_rows import require_lease
from bot.turns.options import TurnOptions
from bot.turns.turn_values import Post, PostState, Turn

#: Whether something of a turn's answer may be posted.
BEGUN = exists().where(posts.c.turn_key == turns.c.key, posts.c.state != "planned").correlate(turns)
_POSTS = select(posts.c.part, posts.c.value, posts.c.state, posts.c.post_id, posts.c.sent_at)
_OF_TURN = _POSTS.where(posts.c.turn_key == bindparam("turn_key")).order_by(posts.c.part)
_OF_JOB = _POSTS.where(posts.c.job_key == bindparam("job_key")).order_by(posts.c.part)
_NEW = postgresql.insert(posts).on_conflict_do_nothing(index_elements=["value"])
_at = bindparam("at", type_=posts.c.sent_at.type)
# The same record again: a commit whose success got lost on the way.
_just_recorded = and_(posts.c.state == "sending", posts.c.sent_at == _at)
_SENDING = (
    update(posts)
    .where(posts.c.value == bindparam("of_value"), or_(posts.c.state == "planned", _just_recorded))
    .values(state="sending", sent_at=_at)
    .returning(posts.c.part, posts.c.value, posts.c.state, posts.c.post_id, posts.c.sent_at)
)
_of_value = posts.c.value == bindparam("of_value")
_ACCEPT = (
    update(posts)
    .where(_of_value, posts.c.state.in_(("planned", "sending", "ambiguous")))
    .values(state="accepted", post_id=bindparam("platforms_id"))
)
_GIVE_UP = (
    update(posts)
    .where(_of_value, posts.c.state == "sending", posts.c.sent_at == _at)
    .values(state=bindparam("new_state"))
)
_FINISH = update(posts).where(posts.c.state == "accepted").values(state="finished")
_FINISH_OF_TURN = _FINISH.where(posts.c.turn_key == bindparam("owner_key"))
_FINISH_OF_JOB = _FINISH.where(posts.c.job_key == bindparam("owner_key"))
_earlier = posts.c.part < bindparam("before_part")
_FINISH_EARLIER_OF_TURN, _FINISH_EARLIER_OF_JOB = _FINISH_OF_TURN.where(_earlier), _FINISH_OF_JOB.where(_earlier)
_FORGET = delete(posts).where(_of_value)
_LOCK = (
    select(turns.c.revision, turns.c.state, turns.c.answer_key)
    .where(turns.c.key == bindparam("turn_key"))
    .with_for_update()
)


def read_posts(connection: Connection, *, turn_key: int | None = None, job_key: int | None = None) -> dict[int, Post]:
    """The recorded posts of a turn or of a job, by part."""
    if turn_key is not None:
        rows = connection.execute(_OF_TURN, {"turn_key": turn_key})
    else:
        rows = connection.execute(_OF_JOB, {"job_key": job_key})
    return {row.part: _post(row) for row in rows}


def require_unchanged(connection: Connection, turn: Turn) -> int | None:
    """Lock a turn's row.

    Returns:
        The key of its stored answer, if there is one.

    Raises:
        NotFound: its question was changed, or it was closed: what was made for it is out of date.
    """
    row = connection.execute(_LOCK, {"turn_key": turn.key}).one_or_none()
    if row is None or row.state not in OPEN_STATES or row.revision != turn.revision:
        raise NotFound("The question has changed.")
    answer_key: int | None = row.answer_key
    return answer_key


def begin_post(connection: Connection, turn: Turn, part: int, value: str, options: TurnOptions, now: datetime) -> Post:
    """Move a post from planned to sending: right after this it is sent, by whoever still has the lease.

    The posts before it are whole. Whoever may not send it learns so here, and nothing is recorded.

    Raises:
        TurnLost: another process has taken the turn over.
        NotFound: its question was changed: this answer is out of date.
    """
    require_lease(connection, turn.thread_key, turn.lease, options, now)
    if require_unchanged(connection, turn) is not None:
        # Before the answer is stored, what its posts are to say in the end is not known.
        finish_posts(connection, turn_key=turn.key, before=part)
    return start_sending(connection, turn.workspace_key, part, value, now, turn_key=turn.key)


def start_sending(
    connection: Connection,
    workspace_key: int,
    part: int,
    value: str,
    now: datetime,
    *,
    turn_key: int | None = None,
    job_key: int | None = None,
) -> Post:
    """Record that a post is about to be sent. The caller has made sure of the lease.

    The same again, with the same time, changes nothing.

    Raises:
        TurnLost: it is no longer planned: somebody else sent it.
    """
    row: dict[str, Any] = {
        "workspace_key": workspace_key,
        "value": value,
        "turn_key": turn_key,
        "job_key": job_key,
        "part": part,
        "state": "planned",
        "sent_at": now,
    }
    connection.execute(_NEW, row)
    found = connection.execute(_SENDING, {"of_value": value, "at": now}).one_or_none()
    if found is None:
        raise TurnLost
    return _post(found)


def _post(row: Any) -> Post:
    return Post(row.part, row.value, row.state, row.post_id, row.sent_at)


def accept_post(connection: Connection, value: str, post_id: str) -> None:
    """Note that the platform took a post. No lease is asked for: it is true whoever learns it."""
    connection.execute(_ACCEPT, {"of_value": value, "platforms_id": post_id})


def give_up_post(connection: Connection, post: Post, state: PostState) -> None:
    """Note that a post was not sent, or that nobody can say whether it was: unless somebody else sends it by now."""
    connection.execute(_GIVE_UP, {"of_value": post.value, "at": post.sent_at, "new_state": state})


def finish_posts(
    connection: Connection, *, turn_key: int | None = None, job_key: int | None = None, before: int | None = None
) -> None:
    """Note that accepted posts say what they are to say in the end."""
    if before is None:
        finish = _FINISH_OF_JOB if turn_key is None else _FINISH_OF_TURN
        connection.execute(finish, {"owner_key": job_key if turn_key is None else turn_key})
    elif before > 0:
        finish = _FINISH_EARLIER_OF_JOB if turn_key is None else _FINISH_EARLIER_OF_TURN
        connection.execute(finish, {"owner_key": job_key if turn_key is None else turn_key, "before_part": before})


def forget_post(connection: Connection, value: str) -> None:
    """Note that a post was deleted on the platform: its row is gone."""
    connection.execute(_FORGET, {"of_value": value})
