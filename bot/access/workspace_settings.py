"""What a workspace's admins may choose, checked. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args

from bot.access.actor import checked_id
from bot.errors import InvalidArgument
from bot.limits import CHANNEL_MODES, CONTACT_CHARACTERS, PERSONA_CHARACTERS

#: Whose conversations supervisors may read: nobody's; those in channels; direct ones too.
Supervision = Literal["off", "channels", "all"]
#: How the bot behaves in a channel: answers when it is mentioned; answers everything; not at all.
ChannelMode = Literal["mention", "all", "off"]
#: Longest time of keeping that can be chosen, in days.
_LONGEST = 36_500


@dataclass(frozen=True, slots=True)
class WorkspaceSettings:
    """What a workspace's admins chose; each of these is what holds where they chose nothing."""

    supervision: Supervision = "off"
    #: An admin went through the first choices.
    set_up: bool = False
    #: How many days messages are kept; None is as long as the operator keeps them, and no choice is longer than that.
    retention_days: int | None = None
    #: Whether people are told, unasked, that somebody read their conversations. They can always look it up.
    notice_of_readings: bool = True
    #: Whether people may say something off the record.
    off_record: bool = True
    #: Whom people may ask about their data: a resource id, or words.
    contact: str = ""
    #: What the bot should be like here, beside what the operator says.
    persona: str = ""
    #: By channel id; in others it answers when it is mentioned.
    channels: Mapping[str, ChannelMode] = field(default_factory=dict)

    def mode_of(self, channel_id: str) -> ChannelMode:
        """How the bot behaves in a channel."""
        return self.channels.get(channel_id, "mention")


DEFAULTS = WorkspaceSettings()


def kept_days(operator_days: int, chosen: int | None) -> int:
    """How many days messages are kept, where 0 is until they are deleted: whichever of the two is shorter."""
    return min((days for days in (operator_days, chosen) if days), default=0)


def changed_settings(
    before: WorkspaceSettings, changes: Mapping[str, Any], *, operator_days: int = 0
) -> WorkspaceSettings:
    """Settings with changes, checked.

    Args:
        before: what holds.
        changes: by the settings' names, as `stored` gives them; a channel with the mode "mention" is as any other.
        operator_days: how long the operator keeps messages; 0 is until they are deleted. A longer time is refused.

    Raises:
        InvalidArgument: there is no such setting, or it cannot have this value.
    """
    unknown = sorted(set(changes) - {one.name for one in fields(WorkspaceSettings)})
    if unknown:
        raise InvalidArgument(str(unknown[0]), f"There is no setting {unknown[0]}.")
    checked = {name: _CHECKS[name](name, value) for name, value in changes.items()}
    days = checked.get("retention_days")
    if days is not None and operator_days and days > operator_days:
        raise InvalidArgument("retention_days", f"retention_days can be at most {operator_days:,}, the operator's own.")
    return replace(before, **checked)


def stored(settings: WorkspaceSettings) -> dict[str, Any]:
    """Settings as they are kept: only what differs from the defaults, so that a better default reaches everybody."""
    every = ((one.name, getattr(settings, one.name)) for one in fields(settings))
    chosen = {name: value for name, value in every if value != getattr(DEFAULTS, name)}
    return chosen | {"channels": dict(settings.channels)} if settings.channels else chosen


def from_stored(values: Mapping[str, Any]) -> WorkspaceSettings:
    """Settings that were kept. What this version does not know, or no longer allows, counts as not chosen."""
    settings = DEFAULTS
    for name, value in values.items():
        try:
            settings = changed_settings(settings, {name: value})
        except InvalidArgument:
            continue
    return settings


def _one_of(choices: tuple[str, ...]) -> Any:
    def check(name: str, value: object) -> object:
        if value not in choices:
            raise InvalidArgument(name, f"{name} must be one of {', '.join(choices)}")
        return value

    return check


def _truth(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidArgument(name, f"{name} must be true or false")
    return value


def _days(name: str, value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _LONGEST:
        raise InvalidArgument(name, f"{name} must be a number of days from 1 to {_LONGEST:,}")
    return value


def _text(most: int) -> Any:
    def check(name: str, value: object) -> str:
        if not isinstance(value, str) or "\0" in value:
            raise InvalidArgument(name, f"{name} must be a text")
        if len(value.strip()) > most:
            raise InvalidArgument(name, f"{name} must have at most {most:,} characters")
        # Lone surrogates, which no database takes.
        return value.strip().encode(errors="replace").decode()

    return check


def _channels(name: str, value: object) -> dict[str, ChannelMode]:
    if not isinstance(value, Mapping):
        raise InvalidArgument(name, f"{name} must say a mode for each channel")
    modes: dict[str, ChannelMode] = {}
    for channel, mode in value.items():
        if mode not in get_args(ChannelMode):
            raise InvalidArgument(name, f"A channel's mode must be one of {', '.join(get_args(ChannelMode))}")
        if mode != "mention":
            modes[checked_id(name, channel)] = mode
    if len(modes) > CHANNEL_MODES:
        raise InvalidArgument(name, f"{name} must be at most {CHANNEL_MODES:,}")
    return modes


_CHECKS: dict[str, Any] = {
    "supervision": _one_of(get_args(Supervision)),
    "set_up": _truth,
    "retention_days": _days,
    "notice_of_readings": _truth,
    "off_record": _truth,
    "contact": _text(CONTACT_CHARACTERS),
    "persona": _text(PERSONA_CHARACTERS),
    "channels": _channels,
}
