"""Storage functions of the commands about settings: a change, and how many people are to hear of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, func, or_, select

from bot.access.disclosure import Operator
from bot.access.role_rows import lock_settings
from bot.access.scope import Scope
from bot.access.settings_rows import SettingsChange, change_settings, chosen_settings, roll_back
from bot.chat import PlaceRef
from bot.commands.admin.setting_words import ANSWERS_ALL, NOT_TOLD, merged
from bot.errors import Conflict, NotAvailable
from bot.storage.signals import announce
from bot.storage.tables import disclosures, people, workspaces
from bot.storage.turn_tables import places
from bot.turns.held_rows import must_tell
from bot.turns.job_rows import queue_notice
from bot.turns.place_rows import lock_place
from bot.turns.turn_values import Notice

_TOLD: Any = (
    select(disclosures, func.count(people.c.key).label("people"))
    .outerjoin(
        people,
        and_(
            people.c.workspace_key == disclosures.c.workspace_key,
            people.c.told_version == disclosures.c.version,
            people.c.left_at.is_(None),
        ),
    )
    .where(disclosures.c.workspace_key == bindparam("in_workspace"))
    .group_by(*disclosures.c)
    .order_by(disclosures.c.version)
)


def count_untold(connection: Connection, scope: Scope) -> int:
    """How many people were told of less than what holds now, and have to be told again."""
    rows = connection.execute(_TOLD, {"in_workspace": scope.workspace_key}).all()
    return sum(row.people for row in rows if must_tell(row, rows[-1], keeps=True))


@dataclass(frozen=True, slots=True)
class Made:
    """A change that was made."""

    change: SettingsChange
    #: How many people are to be told of it, who would not have been before.
    untold: int


def make_change(
    connection: Connection, scope: Scope, changes: Mapping[str, Any], operator: Operator, by: str, now: datetime
) -> Made:
    """Change settings; of the channels, those that are named.

    Raises:
        NotAllowed: `by` is no admin, now.
        InvalidArgument: there is no such setting, or it cannot have this value.
        Conflict: they are so already.
    """
    lock_settings(connection, scope)
    before = count_untold(connection, scope)
    wanted = merged(chosen_settings(connection, scope).settings, changes)
    return _made(connection, scope, change_settings(connection, scope, wanted, operator, by, now), before)


def go_back(connection: Connection, scope: Scope, version: int, operator: Operator, by: str, now: datetime) -> Made:
    """Let an earlier version hold again, as a new one.

    Raises:
        NotAllowed: `by` is no admin, now.
        NotFound: there is no such version.
        InvalidArgument: what held then cannot hold now.
        Conflict: it is what holds.
    """
    before = count_untold(connection, scope)
    return _made(connection, scope, roll_back(connection, scope, version, operator, by, now), before)


_IN_CHANNEL = (
    select(places, workspaces.c.id.label("workspace_id"))
    .join(workspaces, workspaces.c.key == places.c.workspace_key)
    .where(
        places.c.workspace_key == bindparam("in_workspace"),
        places.c.kind != "direct",
        places.c.state != "gone",
        or_(places.c.id == bindparam("channel"), places.c.within == bindparam("channel")),
    )
    .order_by(case((places.c.id == bindparam("channel"), 0), else_=1), places.c.key.desc())
    .limit(1)
)


def known_in(connection: Connection, scope: Scope, channel_id: str) -> PlaceRef | None:
    """A place in a channel: the channel itself, or the conversation there that became known last; None for none."""
    row = connection.execute(_IN_CHANNEL, {"in_workspace": scope.workspace_key, "channel": channel_id}).one_or_none()
    return (
        None if row is None else PlaceRef(row.workspace_id, row.id, row.kind, row.name, dict(row.address), row.within)
    )


def tell_channels(
    connection: Connection, scope: Scope, made: Made, channel_of: Callable[[PlaceRef], PlaceRef], now: datetime
) -> Made:
    """Queue a notice into each channel in which the bot answers everything from this change on.

    Args:
        connection: in the transaction of the change.
        scope: the program's own.
        made: the change.
        channel_of: the channel in which a place lies, as the platform knows it.
        now: the time.

    Raises:
        NotAvailable: there is no way to post into such a channel; then nothing is to be changed.
    """
    before, after = made.change.before.settings, made.change.after
    for channel in sorted(after.settings.channels):
        if after.settings.mode_of(channel) == "all" != before.mode_of(channel):
            place = known_in(connection, scope, channel)
            if place is None:
                raise NotAvailable(NOT_TOLD)
            key = lock_place(connection, scope, channel_of(place), now).key
            notice = Notice(f"mode:{scope.workspace_key}:{channel}:{after.version}", ANSWERS_ALL)
            if word := queue_notice(connection, scope, notice, key, now):
                announce(connection, word)
    return made


def _made(connection: Connection, scope: Scope, change: SettingsChange, before: int) -> Made:
    if not change.changed:
        raise Conflict("That is so already; nothing was changed.")
    return Made(change, max(0, count_untold(connection, scope) - before))
