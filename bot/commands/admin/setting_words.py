"""The settings of a workspace in plain words: what they are called, what they say, what changed. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.access.workspace_settings import DEFAULTS, WorkspaceSettings, kept_days
from bot.chat import Field
from bot.commands.admin.role_words import channel_name
from bot.commonmark import inline
from bot.errors import InvalidArgument
from bot.limits import CONTACT_CHARACTERS, ID_CHARACTERS, PERSONA_CHARACTERS

#: What stands for "as if nobody had chosen".
DEFAULT = "default"
_SHOWN = 80
_CHANNELS = 10

SUPERVISION = (
    ("off", "Nobody's"),
    ("channels", "Those in channels, no direct messages"),
    ("all", "All of them, direct messages included"),
)
YES = (("yes", "Yes"), ("no", "No"))
MODES = (
    ("mention", "It answers when it is mentioned"),
    ("all", "It answers everything"),
    ("off", "It does not answer"),
)

#: Posted in a channel when the bot begins to answer everything there.
ANSWERS_ALL = (
    "From now on I answer everything that is written in this channel, as an admin chose: each message here is taken as "
    "meant for me, and kept. `privacy` shows what I keep of you and who may read it; what begins with “off the "
    "record:” is answered and not kept, where that is allowed."
)
NOT_TOLD = (
    "Nothing was changed: I cannot post a notice in that channel, and whoever writes there has to know that I answer "
    "and keep everything. Please mention me there once, then try again."
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, as admins see it."""

    #: As it is typed: `retention:30`.
    option: str
    #: In `WorkspaceSettings`.
    name: str
    label: str
    field: Field


SETTINGS = (
    Setting(
        "supervision",
        "supervision",
        "Supervisors may read",
        Field("supervision", "Whose conversations may supervisors read?", "choice", choices=SUPERVISION),
    ),
    Setting(
        "notice",
        "notice_of_readings",
        "People are told, unasked, when they were read",
        Field("notice", "Are people told, unasked, when a supervisor read them?", "choice", choices=YES),
    ),
    Setting(
        "off_record",
        "off_record",
        "People may speak off the record",
        Field("off_record", "May people say something off the record?", "choice", choices=YES),
    ),
    Setting(
        "retention",
        "retention_days",
        "Messages are kept for",
        Field(
            "retention",
            "For how many days are messages kept?",
            required=False,
            hint="A number. Without one, as long as the operator keeps them.",
            most_characters=20,
        ),
    ),
    Setting(
        "contact",
        "contact",
        "Questions about data are answered by",
        Field(
            "contact",
            "Who answers people's questions about their data?",
            required=False,
            hint="A name, an address, or a person here.",
            most_characters=CONTACT_CHARACTERS,
        ),
    ),
    Setting(
        "persona",
        "persona",
        "What the bot should be like",
        Field(
            "persona",
            "What should the bot be like here?",
            "long_text",
            required=False,
            hint="Added to what the operator says. It can be read by whoever asks the bot for it.",
            most_characters=PERSONA_CHARACTERS,
        ),
    ),
)
BY_OPTION: Mapping[str, Setting] = {one.option: one for one in SETTINGS}
CHANNEL_FIELDS = (
    Field("channel", "Which channel", hint="Its name, such as #support.", most_characters=ID_CHARACTERS),
    Field("mode", "What does the bot do there?", "choice", choices=MODES, value="mention"),
)
#: The forms: as many fields as every platform can show.
GROUPS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "readers": ("Who may read", ("supervision", "notice", "off_record")),
    "keeping": ("Keeping, and questions", ("retention", "contact")),
    "persona": ("What the bot is like", ("persona",)),
}


def as_typed(settings: WorkspaceSettings, option: str) -> str:
    """The value of a setting as its field shows it; "" where it is empty."""
    value = getattr(settings, BY_OPTION[option].name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def as_value(option: str, written: str) -> Any:
    """What was written for a setting, as its value; "" and "default" are what holds where nobody chooses.

    Raises:
        InvalidArgument: it can be none. What is checked further, the settings check.
    """
    name = BY_OPTION[option].name
    default = getattr(DEFAULTS, name)
    if written in {"", DEFAULT}:
        return default
    if isinstance(default, bool):
        if written not in {"yes", "no"}:
            raise InvalidArgument(option, "It is yes or no.")
        return written == "yes"
    if name == "retention_days":
        if not written.isascii() or not written.isdecimal():
            raise InvalidArgument(option, "It is a number of days, or nothing.")
        return int(written)
    return written


def value_words(setting: Setting, settings: WorkspaceSettings, operator_days: int) -> str:
    """What a setting is now, and where that comes from."""
    value = getattr(settings, setting.name)
    source = "as nobody chose" if value == getattr(DEFAULTS, setting.name) else "chosen here"
    if setting.name == "retention_days":
        days = kept_days(operator_days, value)
        source = "chosen here" if value is not None and value == days else "the operator's settings"
        return f"{days_words(days)} ({source})"
    return f"{_said(setting.name, value)} ({source})"


def days_words(days: int) -> str:
    """How long messages are kept; 0 is until they are deleted."""
    return "ever, until people delete them" if not days else f"{days:,} {'day' if days == 1 else 'days'}"


def _said(name: str, value: Any) -> str:
    if name == "supervision":
        return {"off": "nobody's conversations", "channels": "conversations in channels", "all": "all conversations"}[
            value
        ]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "retention_days":
        return "as long as the operator says" if value is None else days_words(value)
    line = " ".join(str(value).split())
    if not line:
        return "nobody" if name == "contact" else "nothing in particular"
    return f"“{inline(line if len(line) <= _SHOWN else line[:_SHOWN] + '…')}”"


def channel_lines(settings: WorkspaceSettings, names: Mapping[str, set[str]]) -> list[str]:
    """The channels in which the bot does something else than elsewhere."""
    modes = sorted(settings.channels.items())
    said = {mode: f"{words[0].lower()}{words[1:]}" for mode, words in MODES}
    lines = [
        f"**In {inline(channel_name(names, one))}:** {said[mode]} (chosen here)" for one, mode in modes[:_CHANNELS]
    ]
    if more := len(modes) - len(lines):
        lines.append(f"and in {more:,} more channels something else than usual")
    return lines


def difference(before: WorkspaceSettings, after: WorkspaceSettings) -> list[str]:
    """What changed from one version to the next, one line each."""
    lines = [
        f"{one.label}: {_said(one.name, getattr(before, one.name))} → {_said(one.name, getattr(after, one.name))}"
        for one in SETTINGS
        if getattr(before, one.name) != getattr(after, one.name)
    ]
    lines += [
        f"In {inline(channel)}: {before.mode_of(channel)} → {after.mode_of(channel)}"
        for channel in sorted({*before.channels, *after.channels})
        if before.mode_of(channel) != after.mode_of(channel)
    ]
    if before.set_up != after.set_up:
        lines.append("The first choices were made" if after.set_up else "The first choices are to be made again")
    return lines


def merged(before: WorkspaceSettings, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes as the settings take them: a channel is named alone in a change, and the others stay as they are."""
    if "channels" not in changes:
        return dict(changes)
    return {**changes, "channels": {**before.channels, **changes["channels"]}}


def change_note(changes: Mapping[str, Any]) -> str:
    """A change for the audit: which settings, and their values but for those that are texts."""
    labels = {one.name: one.label for one in SETTINGS} | {"channels": "In channels", "set_up": "The first choices"}
    return "; ".join(f"{labels[name]}: {_plain(name, value)}" for name, value in sorted(changes.items()))


def _plain(name: str, value: Any) -> str:
    if name in {"persona", "contact"}:
        return "changed"
    if isinstance(value, Mapping):
        return ", ".join(f"{channel} {mode}" for channel, mode in sorted(value.items()))
    return "made" if name == "set_up" else _said(name, value)


def told_again(people: int) -> str:
    """How many people hear of a change before anything more of theirs is kept; "" where nobody has to."""
    if not people:
        return ""
    who = "1 person is" if people == 1 else f"{people:,} people are"
    return f"{who} told again what is kept and who may read it, before anything more of theirs is kept."


def needs_confirmation(before: WorkspaceSettings, changes: Mapping[str, Any], operator_days: int) -> Sequence[str]:
    """What has to be asked about before a change is made: what is deleted or kept by it, and who may read what."""
    asked = []
    supervision = changes.get("supervision", before.supervision)
    if supervision not in {before.supervision, "off"}:
        where = "direct messages included" if supervision == "all" else "direct messages left out"
        asked.append(
            f"Supervisors may read conversations then, {where}. Words that were written before stay unread, and "
            "everybody who was told less is told again before anything more of theirs is kept."
        )
    elif supervision != before.supervision:
        asked.append("Supervisors may read nothing then, not even what they may read now.")
    kept = kept_days(operator_days, before.retention_days)
    days = kept_days(operator_days, changes.get("retention_days", before.retention_days))
    if days and (days < kept or not kept):
        asked.append(f"Messages that are older than {days_words(days)} are deleted. That cannot be undone.")
    elif days != kept:
        asked.append("Messages are kept for longer then; everybody is told again before anything more is kept.")
    channels = changes.get("channels", {})
    if any(mode == "all" != before.mode_of(channel) for channel, mode in channels.items()):
        asked.append(
            "Everything that is written in that channel is taken as meant for me then: answered, and kept. A notice is "
            "posted there."
        )
    return asked
