"""Storage functions of the commands about roles: who is meant, what changes, who is told."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, func, or_, select, union

from bot.access.role_rows import (
    ScopeChange,
    grant_role,
    lock_settings,
    read_standing,
    require_admin,
    revoke_role,
    set_scope,
    take_all_roles,
    take_over_roles,
)
from bot.access.scope import Scope
from bot.access.standing import ReadScope, Role
from bot.commands.admin.announcing import Listener, tell_admins
from bot.commands.admin.role_words import shut_out_words, taken_over
from bot.errors import Conflict
from bot.memory.people_rows import ensure_person
from bot.memory.turn_rows import name_person
from bot.storage.tables import people, roles, threads
from bot.storage.turn_tables import places
from bot.supervision.others_rows import names_of
from bot.turns.turn_values import Notice, Word


@dataclass(frozen=True, slots=True)
class Known:
    """A person as the platform knows her, who is made known here where she is not."""

    resource_id: str
    name: str
    #: Random; the audit's name for her, if she was unknown.
    subject_id: str


_SUBJECTS = select(people.c.resource_id, people.c.subject_id).where(
    people.c.workspace_key == bindparam("in_workspace"),
    people.c.resource_id.in_(bindparam("persons", expanding=True)),
)


def subjects_of(connection: Connection, scope: Scope, resource_ids: Collection[str]) -> dict[str, str]:
    """How the audit names these people, as far as they are known."""
    values = {"in_workspace": scope.workspace_key, "persons": list(resource_ids)}
    return {row.resource_id: row.subject_id for row in connection.execute(_SUBJECTS, values)}


_NAMES_OF_SUBJECTS = select(people.c.subject_id, people.c.name, people.c.resource_id).where(
    people.c.workspace_key == bindparam("in_workspace"),
    people.c.subject_id.in_(bindparam("subjects", expanding=True)),
)


def names_of_subjects(connection: Connection, scope: Scope, subject_ids: Collection[str]) -> dict[str, str]:
    """How those are called whom the audit names so, as far as they were not erased."""
    values = {"in_workspace": scope.workspace_key, "subjects": list(subject_ids)}
    return {row.subject_id: row.name or row.resource_id for row in connection.execute(_NAMES_OF_SUBJECTS, values)}


_CHANNEL_OF_PLACE = func.coalesce(func.nullif(places.c.within, ""), places.c.id)
_WORDS: Any = bindparam("words", expanding=True)
_CHANNELS = union(
    select(_CHANNEL_OF_PLACE.label("id"), places.c.name).where(
        places.c.workspace_key == bindparam("in_workspace"),
        places.c.kind != "direct",
        or_(_CHANNEL_OF_PLACE.in_(_WORDS), places.c.name.in_(_WORDS)),
    ),
    select(threads.c.channel_id, threads.c.place_name).where(
        threads.c.workspace_key == bindparam("in_workspace"),
        threads.c.channel_id != "",
        or_(threads.c.channel_id.in_(_WORDS), threads.c.place_name.in_(_WORDS)),
    ),
)


def channels_of(connection: Connection, scope: Scope, words: Collection[str]) -> dict[str, set[str]]:
    """The channels that bear one of these names or ids: their ids, each with the names that it bears."""
    if not words:
        return {}
    # A name is stored with its # or without it, as the platform gives it.
    spelled = {spelling for word in words for spelling in (word, f"#{word}", word.removeprefix("#"))}
    rows = connection.execute(_CHANNELS, {"in_workspace": scope.workspace_key, "words": sorted(spelled)})
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row.id, set()).add(row.name or row.id)
    return found


_COUNTS = (
    select(roles.c.role, func.count(roles.c.resource_key.distinct()).label("people"))
    .join(people, people.c.key == roles.c.resource_key)
    .where(roles.c.workspace_key == bindparam("in_workspace"), people.c.left_at.is_(None))
    .group_by(roles.c.role)
)


def count_roles(connection: Connection, scope: Scope) -> tuple[int, int]:
    """How many admins and how many supervisors a workspace has."""
    found = {row.role: row.people for row in connection.execute(_COUNTS, {"in_workspace": scope.workspace_key})}
    return found.get("admin", 0), found.get("supervisor", 0)


def give_role(
    connection: Connection, scope: Scope, known: Known, role: Role, reach: ReadScope, by: str, now: datetime
) -> None:
    """Give a person a role; a supervisor's scope is widened by `reach`.

    Raises:
        NotAllowed: `by` is no admin, now.
        Conflict: she has the role, and the scope, already.
    """
    lock_settings(connection, scope)
    require_admin(connection, scope, by)
    ensure_person(connection, scope, known.resource_id, known.subject_id, now)
    if known.name:
        name_person(connection, scope, known.resource_id, known.name)
    given: Sequence[object] = grant_role(connection, scope, known.resource_id, role, by, now)
    if role == "supervisor" and not reach.empty:
        given = (*given, *_widened(connection, scope, known.resource_id, reach, by, now))
    if not given:
        raise Conflict("That is so already.")


def _widened(
    connection: Connection, scope: Scope, resource_id: str, reach: ReadScope, by: str, now: datetime
) -> tuple[ScopeChange, ...]:
    before = read_standing(connection, scope.workspace_key, resource_id).scope
    wanted = ReadScope(
        before.everyone or reach.everyone, (*before.persons, *reach.persons), (*before.channels, *reach.channels)
    )
    change = set_scope(connection, scope, resource_id, wanted, by, now)
    return () if change is None else (change,)


def widen_scope(
    connection: Connection, scope: Scope, resource_id: str, reach: ReadScope, by: str, now: datetime
) -> None:
    """Let a supervisor read more than before.

    Raises:
        NotAllowed: `by` is no admin, now; or the person is no supervisor.
        NotFound: nobody is known under this id, or she left.
        Conflict: she may read that already.
    """
    lock_settings(connection, scope)
    require_admin(connection, scope, by)
    if not _widened(connection, scope, resource_id, reach, by, now):
        raise Conflict("That is so already.")


def narrow_scope(
    connection: Connection,
    scope: Scope,
    resource_id: str,
    kind: Literal["everyone", "person", "channel"],
    value: str,
    by: str,
    now: datetime,
) -> None:
    """Let a supervisor read less than before.

    Raises:
        NotAllowed: `by` is no admin, now; or the person is no supervisor.
        NotFound: nobody is known under this id, or she left.
        Conflict: that was not in her scope.
    """
    lock_settings(connection, scope)
    require_admin(connection, scope, by)
    before = read_standing(connection, scope.workspace_key, resource_id).scope
    after = replace(
        before,
        everyone=before.everyone and kind != "everyone",
        persons=tuple(one for one in before.persons if (kind, value) != ("person", one)),
        channels=tuple(one for one in before.channels if (kind, value) != ("channel", one)),
    )
    if set_scope(connection, scope, resource_id, after, by, now) is None:
        raise Conflict("That is so already.")


def take_role(connection: Connection, scope: Scope, resource_id: str, role: Role, by: str) -> None:
    """Take a role away that an admin gave.

    Raises:
        NotAllowed: `by` is no admin, now; the role comes from elsewhere; or nobody would be admin any more.
        NotFound: nobody is known under this id, or she left.
        Conflict: she does not have it.
    """
    if not revoke_role(connection, scope, resource_id, role, by):
        raise Conflict("That is so already.")


def take_over(
    connection: Connection,
    scope: Scope,
    known: Known,
    administrator: bool | None,  # noqa: FBT001 (three answers)
    admins: Collection[str],
    notice_id: str,
    listeners: Sequence[Listener],
    now: datetime,
) -> Word:
    """Bring a person's roles up to what platform and settings say, and tell the admins and her of it.

    Args:
        connection: in a transaction.
        scope: the program's own.
        known: the person.
        administrator: whether the platform calls her owner or administrator; None where it did not say.
        admins: the setting ADMINS.
        notice_id: of what they are told.
        listeners: who can be told.
        now: the time.

    Raises:
        Conflict: they are; nothing changes.
    """
    ensure_person(connection, scope, known.resource_id, known.subject_id, now)
    if known.name:
        name_person(connection, scope, known.resource_id, known.name)
    changes = take_over_roles(connection, scope, known.resource_id, administrator, admins, now)
    if not changes:
        raise Conflict("That is so already.")
    name = names_of(connection, scope, (known.resource_id,))[known.resource_id]
    news = Notice(notice_id, taken_over(name, changes))
    return tell_admins(connection, scope, news, listeners, now, also=(known.resource_id,))


def shut_out(
    connection: Connection,
    scope: Scope,
    resource_id: str,
    notice_id: str,
    listeners: Sequence[Listener],
    now: datetime,
) -> Word:
    """Take away all roles of a person who is a guest or a bot now, and tell the admins and her of it.

    Raises:
        Conflict: she has none; nothing changes.
    """
    if not take_all_roles(connection, scope, resource_id):
        raise Conflict("That is so already.")
    news = Notice(notice_id, shut_out_words(names_of(connection, scope, (resource_id,))[resource_id]))
    return tell_admins(connection, scope, news, listeners, now, also=(resource_id,))


@dataclass(frozen=True, slots=True)
class Presence:
    """What is known of a person who comes to the bot: whether she left, her roles, what makes her an admin."""

    left: bool
    sources: frozenset[str]
    any_role: bool


_PRESENCE = (
    select(people.c.left_at, roles.c.source, roles.c.role)
    .outerjoin(roles, roles.c.resource_key == people.c.key)
    .where(people.c.workspace_key == bindparam("in_workspace"), people.c.resource_id == bindparam("of_person"))
)


def presence_of(connection: Connection, scope: Scope, resource_id: str) -> Presence:
    """What is known of a person; somebody unknown did not leave, and is nothing."""
    rows = connection.execute(_PRESENCE, {"in_workspace": scope.workspace_key, "of_person": resource_id}).all()
    left = any(row.left_at is not None for row in rows)
    sources = frozenset(row.source for row in rows if row.role == "admin")
    return Presence(left, sources, any(row.role is not None for row in rows))
