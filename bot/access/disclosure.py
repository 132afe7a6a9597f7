"""What people are told about what is kept of them and who may read it, in words made of what holds now. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

from bot.access.standing import ReadScope
from bot.access.workspace_settings import Supervision, WorkspaceSettings, kept_days
from bot.commonmark import inline
from bot.settings import Settings

#: Who gets the text where no model is set.
NOBODY = "nobody"
#: The server of the openai package, where no other is named.
_USUAL_SERVER = "api.openai.com"
#: Names that one sentence lists.
_NAMES = 5


@dataclass(frozen=True, slots=True)
class Operator:
    """What the operator of this installation chose, as far as people are told of it."""

    bot_name: str
    #: Who runs it; "" where the operator did not say.
    name: str
    #: Whose model writes the answers: the name of its server, or `NOBODY`.
    provider: str
    #: 0 is until they are deleted.
    retention_days: int


def operator_of(settings: Settings) -> Operator:
    """What people are told of the operator's settings."""
    server = urlsplit(settings.openai_base_url).hostname if settings.openai_base_url else _USUAL_SERVER
    provider = NOBODY if settings.model is None else server or _USUAL_SERVER
    return Operator(settings.bot_name, settings.operator_name, provider, settings.retention_days)


@dataclass(frozen=True, slots=True)
class DisclosureFacts:
    """What holds now, and people are to be told."""

    bot_name: str
    operator: str
    provider: str
    #: 0 is until they are deleted.
    retention_days: int
    supervision: Supervision
    #: How the supervisors are called who may read some of what the person says.
    supervisors: tuple[str, ...] = ()
    #: Whether she is told, unasked, that somebody read it.
    notice_of_readings: bool = True


def facts_of(operator: Operator, chosen: WorkspaceSettings, supervisors: Sequence[str] = ()) -> DisclosureFacts:
    """What holds in a workspace."""
    return DisclosureFacts(
        operator.bot_name,
        operator.name,
        operator.provider,
        kept_days(operator.retention_days, chosen.retention_days),
        chosen.supervision,
        tuple(supervisors),
        chosen.notice_of_readings,
    )


@dataclass(frozen=True, slots=True)
class Disclosure:
    """A version of what people are told; each message bears the one that its author knew."""

    version: int
    supervision: Supervision
    retention_days: int
    provider: str

    def says(self, facts: DisclosureFacts) -> bool:
        """Whether it is still true."""
        held = (self.supervision, self.retention_days, self.provider)
        return held == (facts.supervision, facts.retention_days, facts.provider)


def first_contact(facts: DisclosureFacts) -> str:
    """What a person is told before anything of hers is kept, as CommonMark."""
    kept = f"for {_days(facts.retention_days)}" if facts.retention_days else "until you delete it"
    company = "whoever talks with us there"
    supervisors = _supervisors(facts.supervisors)
    if facts.supervision == "off":
        readers, direct = f"you and, in channels, {company}", "you only"
    elif facts.supervision == "channels":
        readers, direct = f"you and, in channels, {company} and {supervisors}", "you only"
    else:
        readers, direct = f"you, {supervisors} and, in channels, {company}", f"you and {supervisors}"
    hello = f"Hi, I'm {inline(facts.bot_name)}, an AI, and I can be wrong."
    keeping = f"I keep what you write to me {kept}, so that you can come back to it."
    reading = f"Our conversations can be read by: {readers}. Your direct messages: {direct}.{_notice(facts)}"
    return "\n\n".join((f"{hello} {keeping}", reading, _makers(facts)))


def _notice(facts: DisclosureFacts) -> str:
    if facts.supervision == "off":
        return ""
    if facts.notice_of_readings:
        return " You will be told when a supervisor reads them."
    return " `privacy` shows which supervisor has read them."


def _supervisors(names: Sequence[str]) -> str:
    if not names:
        return "supervisors (nobody is one yet)"
    return f"{'the supervisor' if len(names) == 1 else 'the supervisors'} {_listed(names)}"


def _listed(names: Sequence[str]) -> str:
    """Names in a sentence, as text: no name is markup."""
    shown = [inline(name) for name in names[:_NAMES]]
    if more := len(names) - len(shown):
        shown.append(f"{more:,} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _makers(facts: DisclosureFacts) -> str:
    runs = f"{inline(facts.operator)} runs me" if facts.operator.strip() else "Whoever installed me here runs me"
    if facts.provider == NOBODY:
        return f"{runs}. No model is set: I answer without one, and nothing you write is sent to anybody."
    return f"{runs}, and {inline(facts.provider)} writes my answers: what you write is sent there."


def _date(at: datetime) -> str:
    return f"{at.day} {at:%b %Y}"


def _days(number: int) -> str:
    return _counted(number, "day")


def _counted(number: int, one: str, several: str = "") -> str:
    return f"{number:,} {one if number == 1 else several or one + 's'}"


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a person."""

    conversations: int
    facts: int
    #: Since when; None where there is nothing.
    since: datetime | None
    #: Whether she wants her words kept.
    keeps: bool = True


@dataclass(frozen=True, slots=True)
class SupervisorLine:
    """A supervisor whose scope concerns a person."""

    name: str
    scope: ReadScope
    since: datetime
    #: Whether it reaches all that the person says; otherwise what she says in some channels.
    whole: bool = True


@dataclass(frozen=True, slots=True)
class ReadingLine:
    """That somebody read a person's conversations."""

    name: str
    at: datetime
    category: str
    conversations: int


def privacy_text(
    facts: DisclosureFacts,
    kept: Kept,
    supervisors: Sequence[SupervisorLine],
    readings: Sequence[ReadingLine],
    *,
    memory: Literal["on", "off", "later"] = "later",
) -> str:
    """What a person may know about what is kept of her and who may read it, as CommonMark."""
    deleted = f"deleted after {_days(facts.retention_days)}" if facts.retention_days else "kept until you delete it"
    since = f" since {_date(kept.since)}" if kept.since is not None else ""
    amount = f"{_counted(kept.conversations, 'conversation')} and {_counted(kept.facts, 'fact')}{since}, {deleted}"
    if not kept.keeps:
        amount += ". You asked me not to keep what you write: I answer it, and keep nothing of it"
    sent = "nobody: I answer without a model" if facts.provider == NOBODY else inline(facts.provider)
    company = "in channels, whoever talks with us there"
    server = "whoever runs the server can technically reach the data"
    lines = [
        f"- **Kept:** {amount}.",
        f"- **May read:** you; {_may_read(facts, supervisors)}; {company}; {server}.",
        f"- **Has read:** {_has_read(readings)}.",
        f"- **Sent to:** {sent}.",
        f"- **Memory of other conversations:** {'comes later' if memory == 'later' else memory}.",
    ]
    return "\n".join(lines)


def _may_read(facts: DisclosureFacts, supervisors: Sequence[SupervisorLine]) -> str:
    if facts.supervision == "off":
        return "no supervisor"
    if not supervisors:
        return "supervisors, of whom there is none"
    where = "channels only" if facts.supervision == "channels" else "direct messages included"
    each = [f"{inline(one.name)}{'' if one.whole else _places(one)}, since {_date(one.since)}" for one in supervisors]
    return f"{'the supervisor' if len(each) == 1 else 'the supervisors'} {'; '.join(each)} ({where})"


def _places(one: SupervisorLine) -> str:
    return f" in {_counted(len(one.scope.channels), 'channel')}"


def _has_read(readings: Sequence[ReadingLine]) -> str:
    if not readings:
        return "nobody"
    return "; ".join(
        f"{inline(one.name)}, {_date(one.at)} {one.at:%H:%M} UTC, {inline(one.category) or 'no category'}, "
        f"{_counted(one.conversations, 'conversation')}"
        for one in readings
    )
